"""A folder of ONNX files goes in; a Generator that draws by onnxruntime, without torch, comes out: what `korean_diffusion` trains.

The way from noise to a picture is the straight one that the network was trained on (`hannun.objectives.flow`): `euler` takes a step along
the velocity where it stands, `heun` the mean of that and the velocity where it arrives, at twice the cost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt
import PIL.Image

from hannun.errors import InputError, MissingError
from hannun.generate.generator import DrawnPicture, DrawSettings, Told, chosen
from hannun.generate.naming import KnownNames
from hannun.mini.model import HERE as MINI
from hannun.mini.session import open_session
from hannun.mini.text import TextTower

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

FACTS, LENGTH = "painter.json", 77
_TOGETHER = 16  # pictures of one pass
SCHEDULERS = ("euler", "heun")

Values = npt.NDArray[np.float32]
Words = tuple[Values, Values, list[str]]  # states [n, 77, d], pooled [n, e], what was cut off


@final
class OnnxPainter:
    """A painter's folder, opened. `english` reads prompts by the text model it was trained with, in place of the student."""

    def __init__(self, folder: Path, english: bool = False, threads: int | None = None) -> None:
        """Raises MissingError, InputError."""
        try:
            facts = json.loads((folder / FACTS).read_text("utf-8"))
            self._side, self._cells, self._channels = int(facts["side"]), int(facts["cells"]), int(facts["channels"])
            self._pad, reads = int(facts["pad"]), str(facts["reads"])
            self._guidance = float(facts.get("guidance", 1.0))
            self._draws = KnownNames([str(n) for n in facts.get("draws", ())])
        except (OSError, ValueError, KeyError, TypeError) as e:
            raise MissingError(f"{folder / FACTS}: cannot be read ({e}); `hannun train korean_diffusion` makes such a folder") from None
        if reads not in ("", "mini"):
            raise InputError(f"{folder}: its prompts are read by {reads}, expected mini or its own text model; open it with --text")
        self._folder, self._threads, self._reads = folder, threads, "" if english else reads
        if not self._reads and not (folder / "english.onnx").is_file():
            raise MissingError(f"{folder}: has no English text model of its own; leave out --english, or train one: `make painter`")
        self.name = folder.resolve().name
        self.version = f"{self.name}@{_hash(folder)}{'' if self._reads else '+english'}"
        self._sessions: dict[str, InferenceSession] = {}
        self._tower = TextTower(MINI, threads)
        self._tokenizer: Tokenizer | None = None

    @property
    def sides(self) -> tuple[int, int]:
        """The one size it draws."""
        return self._side, self._side

    @property
    def schedulers(self) -> tuple[str, ...]:
        """Euler first."""
        return SCHEDULERS

    @property
    def guidance(self) -> float:
        """What its maker chose."""
        return self._guidance

    def generate(
        self,
        texts: Sequence[str],
        seed: int,
        settings: DrawSettings,
        start: PIL.Image.Image | None = None,
        told: Told = lambda done, of: None,
    ) -> list[DrawnPicture]:
        """A picture for each text. Raises InputError for another size than its own."""
        scheduler = chosen("the scheduler", settings.scheduler, SCHEDULERS)
        for name, side in (("width", settings.width), ("height", settings.height)):
            if side not in (0, self._side):
                raise InputError(f"{name}={side} came, and {self.name} draws {self._side} × {self._side} pixels alone; leave the size out")
        shape = (self._channels, self._cells, self._cells)
        noise = np.stack([np.random.default_rng(seed + n).standard_normal(shape, np.float32) for n in range(len(texts))])
        begin = settings.strength if start is not None else 1.0
        x = (1 - begin) * self._latents(start) + begin * noise if start is not None else noise
        states, pooled, cut = self.words([*texts, settings.negative])
        times = np.linspace(begin, 0, settings.steps + 1, dtype=np.float32)
        size = settings.together or _TOGETHER
        rows = [list(range(n, min(n + size, len(texts)))) for n in range(0, len(texts), size)]
        out = np.empty((len(texts), 3, self._side, self._side), np.float32)
        for done, some in enumerate(rows):
            words = (states[some], pooled[some], states[-1:], pooled[-1:])

            def stepped(step: int, done: int = done) -> None:
                told(done * settings.steps + step, len(rows) * settings.steps)

            z = _walked(x[some], times, scheduler, self._velocity(words, settings.guidance), stepped)
            (out[some],) = self._run("decoder", {"latents": z})
        pixels = (out.transpose(0, 2, 3, 1) * 255).round().astype(np.uint8)
        return [
            DrawnPicture(PIL.Image.fromarray(p), t, seed + n, tuple(note for note in (cut[n], self._strange(t)) if note))
            for n, (p, t) in enumerate(zip(pixels, texts, strict=True))
        ]

    def _strange(self, text: str) -> str:
        """What to know of a prompt that names nothing of what the painter learned; "" for others."""
        if not self._draws.names or self._draws.named(text):
            return ""
        some = ", ".join(self._draws.names[:8])
        return f"names nothing that {self.name} learned to draw ({some} …, {len(self._draws.names)} names); for others give --model"

    def words(self, texts: Sequence[str]) -> Words:
        """States and pooled vectors of prompts, and what was cut off; "" is as the English model reads it, as in training."""
        by_student = [n for n, t in enumerate(texts) if t and self._reads]
        parts: dict[int, tuple[Values, Values, str]] = {}
        if by_student:
            read = self._tower.states([texts[n] for n in by_student], LENGTH)
            longest = max(len(r.states) for r in read)
            given, mask = np.zeros((len(read), longest, read[0].states.shape[1]), np.float32), np.zeros((len(read), longest), bool)
            for i, r in enumerate(read):
                given[i, : len(r.states)], mask[i, : len(r.states)] = r.states, True
            states, pooled = self._run("head", {"read": given, "mask": mask})
            for i, n in enumerate(by_student):
                left = texts[n][read[i].end :].strip() if read[i].tokens > LENGTH else ""
                parts[n] = states[i], pooled[i], _cut(read[i].tokens, left)
        rest = [n for n in range(len(texts)) if n not in parts]
        if self._reads and rest:
            with np.load(self._folder / "nothing.npz") as nothing:
                parts |= dict.fromkeys(rest, (nothing["states"], nothing["pooled"], ""))
        elif rest:
            ids, cut = self._ids([texts[n] for n in rest])
            states, pooled = self._run("english", {"ids": ids})
            parts |= {n: (states[i], pooled[i], cut[i]) for i, n in enumerate(rest)}
        every = [parts[n] for n in range(len(texts))]
        return np.stack([p[0] for p in every]), np.stack([p[1] for p in every]), [p[2] for p in every]

    def _ids(self, texts: Sequence[str]) -> tuple[npt.NDArray[np.int64], list[str]]:
        from tokenizers import Tokenizer

        if self._tokenizer is None:
            self._tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
            self._tokenizer.no_padding()
            self._tokenizer.no_truncation()
        ids, cut = np.full((len(texts), LENGTH), self._pad, np.int64), []
        for n, (text, e) in enumerate(zip(texts, self._tokenizer.encode_batch(list(texts)), strict=True)):
            kept = e.ids if len(e.ids) <= LENGTH else [*e.ids[: LENGTH - 1], e.ids[-1]]
            ids[n, : len(kept)] = kept
            cut.append(_cut(len(e.ids), text[e.offsets[LENGTH - 2][1] :].strip() if len(e.ids) > LENGTH else ""))
        return ids, cut

    def _velocity(self, words: tuple[Values, Values, Values, Values], guidance: float) -> Callable[[Values, float], Values]:
        states, pooled, none, nothing = words

        def at(z: Values, time: float) -> Values:
            if guidance == 1:
                alone = {"latents": z, "time": np.full(len(z), time, np.float32), "states": states, "pooled": pooled}
                return self._run("denoiser", alone)[0]
            both = {
                "latents": np.concatenate([z, z]),
                "time": np.full(2 * len(z), time, np.float32),
                "states": np.concatenate([states, np.repeat(none, len(z), 0)]),
                "pooled": np.concatenate([pooled, np.repeat(nothing, len(z), 0)]),
            }
            (v,) = self._run("denoiser", both)
            return v[len(z) :] + guidance * (v[: len(z)] - v[len(z) :])

        return at

    def _latents(self, picture: PIL.Image.Image) -> Values:
        pixels = np.asarray(picture.convert("RGB").resize(self.sides, PIL.Image.Resampling.LANCZOS), np.float32) / 255
        return self._run("encoder", {"pixels": pixels.transpose(2, 0, 1)[None]})[0]

    def _run(self, name: str, inputs: dict[str, Any]) -> list[Values]:
        if name not in self._sessions:
            self._sessions[name] = open_session(self._folder / f"{name}.onnx", self._threads)
        return list(self._sessions[name].run(None, inputs))


def _walked(x: Values, times: Values, scheduler: str, velocity: Callable[[Values, float], Values], told: Callable[[int], None]) -> Values:
    """From the first time to the last along the velocities."""
    for n, (now, then) in enumerate(pairwise(times)):
        v = velocity(x, float(now))
        there = x + (then - now) * v
        if scheduler == "heun" and then > 0:
            there = x + (then - now) * (v + velocity(there, float(then))) / 2
        x = there
        told(n + 1)
    return x


def _cut(tokens: int, left: str) -> str:
    return f"read to {LENGTH} of {tokens} tokens; left out: {left[:80]!r}" if left else ""


def _hash(folder: Path) -> str:
    digest = blake2b(digest_size=4)
    for file in sorted(folder.glob("*.onnx")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
