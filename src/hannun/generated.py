"""How a picture was made goes in, a PNG that says so comes out; and the other way round: bytes in, what they say of a generator out.

The mark is IPTC's digital source type `trainedAlgorithmicMedia` in an XMP packet, which other generators write and other readers know, and
beside it a text chunk of JSON with the words, the seed, the model and the settings. Both stand before the pixels, so that the head of a
file is enough. Whoever saves the picture anew without its metadata takes the mark away: it keeps honest pipelines honest, no more.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import PIL.Image
from PIL.PngImagePlugin import PngInfo

from hannun import decode
from hannun.errors import HannunError
from hannun.item import Image, Item, Member

KEY = "hannun"  # the text chunk
FACT = "made_by"  # of an item: the generator and its version; "made_by is null" is a search of the real
TYPE = "trainedAlgorithmicMedia"  # IPTC NewsCodes, digital source type
COMPOSITE = "compositeWithTrainedAlgorithmicMedia"  # a photo that a generator has changed
HEAD = 1 << 18  # bytes that are searched: metadata stand before the pixels, but for profiles and thumbnails first
_ADDRESS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_MARKS = tuple(m.encode() for m in (_ADDRESS + TYPE, _ADDRESS + COMPOSITE))
_LONGEST = 2_000  # characters of a word among the facts
_XMP = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    'xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    'Iptc4xmpExt:DigitalSourceType="{type}" xmp:CreatorTool={tool}/></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


def png(picture: PIL.Image.Image, told: Mapping[str, Any], *, changed: bool = False) -> bytes:
    """The picture as a PNG that says it was generated. `told` holds at least `made_by`; `changed` is for one made out of a photo."""
    info = PngInfo()
    kind = _ADDRESS + (COMPOSITE if changed else TYPE)
    info.add_itxt("XML:com.adobe.xmp", _XMP.format(type=kind, tool=quoteattr(str(told[FACT]))))
    info.add_itxt(KEY, json.dumps(dict(told), ensure_ascii=False))
    out = io.BytesIO()
    picture.convert("RGB").save(out, "PNG", pnginfo=info)
    return out.getvalue()


def marked(data: bytes) -> bool:
    """Whether the picture's bytes say that a generator made it, ours or another one."""
    head = data[:HEAD]
    return any(mark in head for mark in _MARKS) or (head.startswith(b"\x89PNG") and b"iTXt" + KEY.encode() + b"\0" in head)


def told(data: bytes) -> dict[str, Any]:
    """What the picture's bytes say of how it was made: `made_by`, and `prompt`, `seed` … where they are ours; {} of a real one.

    Nothing is raised: what cannot be read of a marked picture is left out, and the mark stays.
    """
    if not marked(data):
        return {}
    found: Any = None
    with contextlib.suppress(HannunError, ValueError, TypeError):
        found = json.loads(decode.examine(data, "picture", lambda picture: dict(picture.info)).get(KEY, ""))
    plain = found if isinstance(found, dict) else {}
    kept = {str(k): v[:_LONGEST] if isinstance(v, str) else v for k, v in plain.items() if isinstance(v, str | int | float)}
    return {**kept, FACT: str(kept.get(FACT) or "unknown")}


def of_picture(picture: Image) -> dict[str, Any]:
    """`told` of a picture, which is read whole only where its head has the mark. Raises PictureError, MissingError."""
    return told(picture.read()) if _says_so(picture) else {}


def is_generated(it: Item) -> bool:
    """Whether an item is no test of anything: its facts name a generator, or one of its pictures is marked. Unreadable ones are not."""
    return it.facts.get(FACT) not in (None, "") or any(_says_so(p) for p in it.images)


def _says_so(picture: Image) -> bool:
    if isinstance(picture.source, PIL.Image.Image):
        return KEY in picture.source.info or any(m.decode() in str(picture.source.info.get("XML:com.adobe.xmp", "")) for m in _MARKS)
    try:
        return marked(_head(picture))
    except (HannunError, OSError):
        return False


def _head(picture: Image) -> bytes:
    match picture.source:
        case Path() if picture.source.is_file():
            with picture.source.open("rb") as f:
                return f.read(HEAD)
        case Member(archive, offset, size):
            with archive.open("rb") as f:
                f.seek(offset)
                return f.read(min(size, HEAD))
    return picture.read()
