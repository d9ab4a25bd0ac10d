"""A video goes in; an Item for each of its scenes comes out: a picture, and the second at which it is seen.

What decodes it runs in a process of its own (`scenes`), within bounds of processor, memory and time, with a closed list of containers and
without the network: a file that names others, as playlists do, is no video.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hannun.errors import InputError
from hannun.item import Image, Item, Problem

VIDEOS = frozenset({"mp4", "m4v", "mov", "3gp", "webm", "mkv", "avi"})
PACKAGE = "cv2"
REMEDY = "pip install -c constraints.txt '.[video]'"
MAX_SCENES = 100  # of one file
MAX_PIXELS = 40_000_000  # of one frame: 8K has 33 million
MAX_SECONDS = 60.0  # of the processor for one file
MAX_WAIT = 600.0  # seconds on the clock for one file
MAX_MEMORY = 4 * 2**30  # bytes
SIDE = 1_280  # pixels of a picture's longer side

_HEAD = 4096  # bytes
_ENDS = 2**20  # bytes at a file's beginning and end, where the description of its tracks mostly lies
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")  # what an ISO media file or QuickTime may begin with
_PICTURES = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1")  # brands of pictures in the same boxes
# FFmpeg's own: what it may open, of a file alone, and which containers it may take it for.
_OPTIONS = "protocol_whitelist;file|format_whitelist;mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi"


def items(file: Path, id: str, facts: Mapping[str, Any]) -> Iterator[Item | Problem]:
    """The scenes of a video, each with the id `ID#t=SECONDS`, and the facts given with "time" and "duration", both in seconds.

    Scenes that look like one before are left out. Where it is cut off, takes too long or has more than MAX_SCENES, what was seen stands
    and is told. Raises InputError where the file is no video, is encrypted or damaged, or where the package that reads it is not there,
    and OSError as opening a file does.
    """
    _require_video(file)
    found, pictures, end = 0, *_seen(file)
    duration = float(end.get("duration") or 0)
    for at, jpeg in pictures:
        found += 1
        yield Item(f"{id}#t={at:g}", (Image(jpeg),), {**facts, "time": at, **({"duration": duration} if duration else {})})
    match end.get("end"):
        case "large":
            raise InputError(f"{file}: has frames of {end['width']}×{end['height']} pixels, the limit is {MAX_PIXELS:,}; scale it down")
        case "unreadable" if _is_encrypted(file):
            raise InputError(f"{file}: is encrypted; save it without protection")
        case "unreadable":
            raise InputError(f"{file}: has no pictures that can be read; it may be damaged, sound alone, or of another kind")
        case "slow" | "crash" | "many":
            yield Problem(str(file), f"{_cut_short(end, found)}; cut it into shorter files, or save it again", id)
        case _ if not found and not end.get("reached"):
            raise InputError(f"{file}: has no frame that can be decoded; it may be truncated or damaged, copy it again")
        case _ if not found:
            raise InputError(f"{file}: shows nothing: all of its frames are of one colour")
        case _ if duration > 2 and end["reached"] < 0.8 * duration:
            yield Problem(str(file), f"says {duration:g} s and ends after {end['reached']:g}; it may be truncated, copy it again", id)


def _cut_short(end: Mapping[str, Any], found: int) -> str:
    """Why not all of a video is read, and what of it is."""
    why = {
        "slow": f"takes over {MAX_SECONDS:g} s to decode",
        "crash": "cannot be decoded to its end, it may be damaged",
        "many": f"has over {MAX_SCENES} scenes",
    }[end["end"]]
    return f"{why}; " + (f"what is seen up to {end['reached']:g} s is read" if found else "nothing of it is read")


def _seen(file: Path) -> tuple[list[tuple[float, bytes]], dict[str, Any]]:
    """The pictures of the scenes with their seconds, and how it ended."""
    bounds = (SIDE, MAX_SCENES, MAX_PIXELS, MAX_SECONDS, MAX_MEMORY)
    command = [sys.executable, "-I", str(Path(__file__).with_name("scenes.py")), os.path.abspath(file), *map(str, bounds)]
    environment = {**os.environ, "OPENCV_FFMPEG_CAPTURE_OPTIONS": _OPTIONS, "OPENCV_LOG_LEVEL": "OFF", "OPENCV_FFMPEG_LOGLEVEL": "-8"}
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=MAX_WAIT, env=environment, check=False)
        told = done.stdout
    except subprocess.TimeoutExpired as e:
        told = e.stdout or b""
    pictures: list[tuple[float, bytes]] = []
    at = 0
    while at + 8 <= len(told):
        length = int.from_bytes(told[at : at + 8], "big")
        plain = told[at + 8 : at + 8 + length]
        if len(plain) < length:
            break
        record: dict[str, Any] = json.loads(plain)
        at += 8 + length
        if "end" in record:
            return pictures, record
        jpeg = told[at : at + record["bytes"]]
        at += record["bytes"]
        if len(jpeg) == record["bytes"]:
            pictures.append((record["time"], jpeg))
    return pictures, {"end": "crash", "reached": pictures[-1][0] if pictures else 0}


def _require_video(file: Path) -> None:
    """Raises InputError for what is no video of these containers, and where the package that reads them is not there."""
    with file.open("rb") as f:
        head = f.read(_HEAD)
    if not head:
        raise InputError(f"{file}: is empty (0 bytes), expected a video; copy it again")
    boxes = head[4:8] in _BOXES and not (head[4:8] == b"ftyp" and head[8:12] in _PICTURES)
    if not (boxes or head.startswith(b"\x1a\x45\xdf\xa3") or (head.startswith(b"RIFF") and head[8:12] == b"AVI ")):
        raise InputError(f"{file}: is no video, or of another kind; expected MP4, MOV, 3GP, WebM, Matroska or AVI")
    if importlib.util.find_spec(PACKAGE) is None:
        raise InputError(f"{file}: is a video, which needs a reader; run `{REMEDY}`")


def _is_encrypted(file: Path) -> bool:
    """Whether a file says so in its description: the name that ISO 14496-12 has for a protected track's pictures."""
    with file.open("rb") as f:
        head = f.read(_ENDS)
        f.seek(max(0, os.fstat(f.fileno()).st_size - _ENDS))
        return b"encv" in head or b"encv" in f.read(_ENDS)
