"""Towers that no photo but those of clothes taught go in; a gate that trusts what is recognised in photos, and mini-free's files, come out.

The build without restricted sources sees drawings and clothes. What it *sees* in a photo of a street is worth little; what the frozen
network *recognises* there is not. So, when all else is trained, the gate between the two is fitted once more: drawings keep theirs, photos
are to have another one, a number that was chosen on dev.

The files are a difference to mini (`hannun.mini.heads`), as its bodies are mini's:
`python -m hannun.recipes.mini.free --from FOLDER --to FOLDER` writes them.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from hannun.mini.heads import FILE, HUBS, Array, HeadValues, fingerprint, plain, rounded
from hannun.mini.model import FREE
from hannun.mini.model import HERE as MINI
from hannun.recipes.mini.pools import Views
from hannun.recipes.mini.rows import axis, bodies, large
from hannun.recipes.mini.towers import Towers
from hannun.runtime import BYTE, HALF, SCALE

MOST = 6.0  # the gate's limit, where that of mini is 2
PHOTOS = 4.0  # the gate that photos are to have
PULL = 1e-3  # of the fitted gate's weights to zero
ROUNDS = 300


def gate(towers: Towers, views: Views, photos: Sequence[int], drawings: Sequence[int], aim: float = PHOTOS) -> None:
    """Fit the gate of trained towers anew, in place: `aim` for the photos, what they had for the drawings, both as rows of `views`."""
    head = towers.picture.eval()
    inputs, had = _before_gate(towers, views, [*photos, *drawings])
    wanted = torch.cat([torch.full((len(photos), 1), aim), had[len(photos) :]]) / MOST
    mean, spread = inputs.mean(0), inputs.std(0) + 1e-3
    weight = torch.zeros(inputs.shape[1], 1, requires_grad=True)
    bias = torch.zeros(1, requires_grad=True)
    share = torch.cat([torch.full((len(p), 1), 0.5 / len(p)) for p in (photos, drawings)])
    standard = (inputs - mean) / spread
    optimiser = torch.optim.Adam([weight, bias], lr=0.03)
    for _ in range(ROUNDS):
        told = torch.nn.functional.binary_cross_entropy_with_logits(standard @ weight + bias, wanted, reduction="none")
        loss = (share * told).sum() + PULL * (weight**2).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        head.gate.weight.copy_((weight[:, 0] / spread)[None])
        head.gate.bias.copy_(bias - (mean / spread) @ weight[:, 0])
    head.most = MOST


@torch.no_grad()  # type: ignore[untyped-decorator]
def _before_gate(towers: Towers, views: Views, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
    """What the gate's layer reads [n, width + 2], and the gate [n, 1], of views by their rows."""
    named, read, out = towers.classes(), list[Tensor](), list[Tensor]()
    held = towers.picture.gate.register_forward_hook(lambda _, given, __: read.append(given[0]))
    for at in range(0, len(rows), 128):
        maps, cells, share, classes = views.take(list(rows[at : at + 128]))
        out.append(towers.picture(maps, cells, share, named[classes])[2])
    held.remove()
    return torch.cat(read), torch.cat(out)


def heads(folder: Path, to: Path, base: Path = MINI) -> HeadValues:
    """What the ONNX files of a build have apart from the frozen bodies, as constants of the files in `base`; no hubs are moved.

    Raises ValueError where the constants are not stored as `rows` stores them, or where one of the base's heads would keep its value.
    """
    files: dict[str, dict[str, Array]] = {}
    for file in ("image.onnx", "text.onnx"):
        graph, other = (onnx.load(str(where / file)).graph for where in (folder, base))
        frozen = bodies(graph)
        own = files[file] = {t.name: numpy_helper.to_array(t) for t in graph.initializer if _head(t, frozen)}
        own |= _shared(graph, other, own)
        for tensor in graph.initializer:
            if tensor.name in own and large(tensor):  # mini keeps these in half precision; here every byte counts twice
                name, whole = plain(tensor.name), own.pop(tensor.name).astype(np.float32)
                own[name + BYTE], own[name + SCALE] = rounded(whole, axis(graph, name))
    files["image.onnx"][HUBS + "direction"] = np.zeros((1, 384), np.float32)
    return HeadValues(to / FILE, files)


def _shared(graph: Any, base: Any, own: Mapping[str, Array]) -> dict[str, Array]:
    """Values of the base's heads that the build's graph has under another name: equal constants (two biases of zeros) are exported as one.

    What one of the base's nodes reads there, the node of the same name reads here.
    """
    frozen, known = bodies(base), {plain(name) for name in own}
    readers = {given: (n.name, at) for n in base.node if n.op_type != "Cast" for at, given in enumerate(n.input)}
    nodes = {n.name: n for n in graph.node}
    found: dict[str, Array] = {}
    for tensor in base.initializer:
        if _head(tensor, frozen) and plain(tensor.name) not in known:
            reader, at = readers[plain(tensor.name)]
            given = nodes[reader].input[at] if reader in nodes else ""
            if given + HALF not in own:
                raise ValueError(f"{tensor.name}: the build has no value of its own for it, expected one for every weight of the heads")
            found[tensor.name] = own[given + HALF]
    return found


def _head(tensor: Any, frozen: frozenset[str]) -> bool:
    """Whether a constant is a weight of a head, rather than a body's or a number of the graph's own."""
    return tensor.name not in frozen and not tensor.name.startswith(HUBS) and tensor.data_type != onnx.TensorProto.INT64


def written(folder: Path, to: Path, base: Path = MINI) -> HeadValues:
    """mini-free's files in `to`, out of the build in `folder`, tried on the networks in `base`."""
    to.mkdir(parents=True, exist_ok=True)
    own = heads(folder, to, base)
    for name in own.files:
        own.over(base / name)
    own.save()
    facts: dict[str, Any] = json.loads((folder / "space.json").read_text(encoding="utf-8"))
    facts["fingerprint"] = fingerprint(to, base)
    (to / "space.json").write_text(json.dumps(facts, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return own


def main(argv: Sequence[str] | None = None) -> None:
    """See the module's first lines."""
    parser = argparse.ArgumentParser(prog="python -m hannun.recipes.mini.free")
    parser.add_argument("--from", dest="folder", type=Path, default=Path("build/mini/free"), help="the build's ONNX files and space.json")
    parser.add_argument("--to", type=Path, default=FREE)
    a = parser.parse_args(argv)
    written(a.folder, a.to)
    print(f"{a.to / FILE}: {(a.to / FILE).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
