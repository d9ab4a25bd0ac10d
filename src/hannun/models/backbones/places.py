"""Pictures go in, what mini's frozen picture network sees at 9 × 9 places comes out, as the tokens that a captioner reads.

Three layers of `image.onnx` that lie inside it: the last narrow map of the untouched EfficientNet-Lite2 (352 channels), the same of the
stage that mini has trained further (352), and textures and colours of 3 × 3 cells (200), which the deep layers forget. They are computed
once for each picture and kept.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
import numpy.typing as npt
import PIL.Image
import torch
from torch import Tensor, nn

from hannun import runtime
from hannun.errors import MissingError
from hannun.item import Image
from hannun.models.frozen import Kept, stamp

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

#: The values inside image.onnx, by name: [n, 352, 9, 9], [n, 81, 352], [n, 9, 200].
STILL, MOVED, LOOKS = "/body/_blocks.20/_project_conv/Conv_output_0", "/head/top/Add_1_output_0", "/body/Concat_6_output_0"
SIDE, GRID, FINE = 260, 3, 9
NARROW, CELL = 352, 200
VALUES = FINE * FINE * 2 * NARROW + GRID * GRID * CELL
_BATCH = 8

Halves = npt.NDArray[np.float16]


@final
class PictureTokens(nn.Module):  # type: ignore[misc]
    """The token source of pictures: `collate` gives the frozen network's values, `forward` makes tokens [n, 90, width] of them.

    Channels are standardised by `settle`, which is told training pictures. In training some tokens are hidden (`drop`) and half of the
    pictures are mirrored: a few thousand pictures are soon learned by heart.
    """

    kind = Image.kind
    side = SIDE

    def __init__(self, network: Path, width: int, drop: float = 0.1) -> None:
        super().__init__()
        if not network.exists():
            raise MissingError(f"{network}: no such weights, expected mini's picture network")
        self.path, self.drop, self.width = network, drop, width
        self.kept = Kept(None)
        self._session: Any = None
        for name, size in (("place", 2 * NARROW), ("cell", CELL)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_spread", torch.ones(size))
        self.enter, self.also = nn.Linear(2 * NARROW, width), nn.Linear(CELL, width)
        self.where = nn.Parameter(torch.randn(FINE * FINE + GRID * GRID, width) * 0.02)

    def remember(self, folder: Path) -> None:
        """Keep what the frozen network says in `folder`, under a name that other weights do not have."""
        self.kept = Kept(folder / stamp(nn.Module(), [self.path]))

    def settle(self, pictures: Sequence[Image | PIL.Image.Image]) -> None:
        """Take mean and deviation of each channel from these pictures."""
        values = self.collate(pictures)["places"].float()
        for name, part in zip(("place", "cell"), _parts(values), strict=True):
            flat = part.flatten(0, 1)
            getattr(self, f"{name}_mean").copy_(flat.mean(0))
            getattr(self, f"{name}_spread").copy_(flat.std(0).clamp(min=1e-3))

    def collate(self, pictures: Sequence[Image | PIL.Image.Image]) -> dict[str, Tensor]:
        """`places`, float16 [n, VALUES]: the frozen network's values of each picture, kept by the picture's bytes."""

        def compute(positions: Sequence[int]) -> list[Halves]:
            return self._see([pictures[n] for n in positions])

        keys = [f"p:{p.digest()}" if isinstance(p, Image) else f"-{n}" for n, p in enumerate(pictures)]
        found = self.kept.states(keys, compute)
        return {"places": torch.from_numpy(np.stack(found).astype(np.float16)) if found else torch.zeros(0, VALUES, dtype=torch.float16)}

    def _see(self, pictures: Sequence[Image | PIL.Image.Image]) -> list[Halves]:
        out: list[Halves] = []
        for at in range(0, len(pictures), _BATCH):
            pixels = np.stack([_pixels(p) for p in pictures[at : at + _BATCH]])
            still, moved, looks = self._open().run([STILL, MOVED, LOOKS], {"pixels": pixels})
            places = np.concatenate([still.reshape(len(still), NARROW, -1).transpose(0, 2, 1), moved], axis=2)
            out += list(np.concatenate([places.reshape(len(places), -1), looks.reshape(len(looks), -1)], axis=1).astype(np.float16))
        return out

    def _open(self) -> Any:
        if self._session is None:
            ort = runtime.onnxruntime()
            options = ort.SessionOptions()
            options.log_severity_level = 3
            threads = os.environ.get("OMP_NUM_THREADS")
            options.intra_op_num_threads = int(threads) if threads else torch.get_num_threads()
            model = runtime.with_outputs(self.path.read_bytes(), (STILL, MOVED, LOOKS))
            self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        return self._session

    def forward(self, inputs: Mapping[str, Tensor]) -> tuple[Float[Tensor, "n t width"], Bool[Tensor, "n t"]]:
        """Tokens of the places and of the cells, row by row, and which of them are to be read."""
        places, cells = _parts(inputs["places"].float())
        places = ((places - self.place_mean) / self.place_spread).clamp(-6, 6)
        cells = ((cells - self.cell_mean) / self.cell_spread).clamp(-6, 6)
        if self.training:
            turned = torch.rand(len(places), 1, 1, device=places.device) < 0.5
            places, cells = (torch.where(turned, _mirrored(x), x) for x in (places, cells))
        tokens = torch.cat([self.enter(places), self.also(cells)], dim=1) + self.where
        read = torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
        if self.training and self.drop:
            read = torch.rand(read.shape, device=tokens.device) >= self.drop
            read[:, -1] = True  # never nothing
        return tokens, read


def _parts(values: Tensor) -> tuple[Tensor, Tensor]:
    """[n, VALUES] → places [n, 81, 2 · NARROW] and cells [n, 9, CELL]."""
    return values[:, : -GRID * GRID * CELL].unflatten(1, (FINE * FINE, -1)), values[:, -GRID * GRID * CELL :].unflatten(
        1, (GRID * GRID, CELL)
    )


def _mirrored(x: Tensor) -> Tensor:
    """A square map [n, s², c], left and right exchanged."""
    side = round(x.shape[1] ** 0.5)
    return x.unflatten(1, (side, side)).flip(2).flatten(1, 2)


def _pixels(picture: Image | PIL.Image.Image) -> npt.NDArray[np.uint8]:
    """RGB values, uint8 [SIDE, SIDE, 3]: the whole picture scaled to a square, as mini reads it."""
    loaded = picture.load(SIDE) if isinstance(picture, Image) else picture
    if loaded.size != (SIDE, SIDE):
        loaded = loaded.resize((SIDE, SIDE), PIL.Image.Resampling.BICUBIC, reducing_gap=3.0)
    return np.asarray(loaded, dtype=np.uint8)
