"""The path or hub id of an embedding model goes in; an Encoder comes out (needs the `[train]` extra: torch, transformers).

Any sentence-transformers or transformers model whose classes are in those libraries: text only, two towers, or text and
pictures in one sequence. Code that a checkpoint brings along is never run.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hannun.embeddings import Embeddings, Floats, unit
from hannun.encoder import UNCALIBRATED, Calibration
from hannun.errors import DependencyError, HannunError, InputError, MissingError
from hannun.item import Content, Item, Text, item, require_content
from hannun.models import adapters
from hannun.models.network import Network, Role, Row, decoded
from hannun.models.saving import OWN, quiet

if TYPE_CHECKING:
    from hannun.models.fused import Fused
    from hannun.models.two_tower import TwoTower
    from hannun.models.vlm import Conventions, OneSequence

ROWS = 32  # rows in a batch of texts
PICTURES = 8  # rows in a batch with pictures, which are decoded a batch at a time
CHARACTERS = 65_536  # rows × longest text in a batch: one passage of 65,536 characters is a batch of its own
FORMAT = "1"  # part of every fingerprint: raised when this room changes how a sequence is written or pooled

READ = ("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "*.tiktoken", "*.codes")  # the files that make the vectors
OTHER_BACKENDS = ("onnx/*", "openvino/*", "original/*", "*.onnx", "*.msgpack", "*.h5")


class CheckpointEncoder:
    """An Encoder over a Network: keeps order, batches items of one kind and like length, decodes pictures, averages parts.

    `tasks` names what the network has adapters for; `task` gives the encoder of another one.
    """

    def __init__(self, name: str, network: Network, fingerprint: str, dims: tuple[int, ...], task: str = "") -> None:
        self.name = f"{name}#{task}" if task else name
        self.fingerprint = f"{fingerprint}#{task}" if task else fingerprint
        self.dims = dims
        self.tasks = tuple(t.name for t in network.tasks)
        self._made = (name, fingerprint, task)
        self.parts = network.parts
        self.side = network.side
        self.calibration: Calibration = UNCALIBRATED
        self._network = network

    def task(self, name: str) -> CheckpointEncoder:
        """The same model with a task's prompts and adapter: another encoder with another fingerprint. Raises InputError."""
        adapters.named(self._network.tasks, name)
        return CheckpointEncoder(self._made[0], self._network, self._made[1], self.dims, name)

    def encode_query(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """Unit rows [n, dim]; `instruction` replaces the model's own prompt for queries."""
        return self._encode(contents, "query", instruction)

    def encode_document(self, contents: Sequence[Content], *, instruction: str | None = None) -> Embeddings:
        """Unit rows [n, dim]; `instruction` replaces the model's own prompt for documents."""
        return self._encode(contents, "document", instruction)

    def _encode(self, contents: Sequence[Content], role: Role, instruction: str | None) -> Embeddings:
        if isinstance(contents, str | bytes):
            raise InputError(f"a single {type(contents).__name__} came, expected a list of contents; write [content]")
        items = [require_content(item(c, id="-")) for c in contents]
        for it in items:
            if it.images and not self._network.sees:
                raise InputError(
                    f"{self.name} reads text only, and a picture came ({it.images[0]}); use an encoder that sees, such as 'mini'"
                )
        slots = [(i, s) for i, it in enumerate(items) for s in (_split(it) if self.parts else [it])]
        vectors: Floats = np.zeros((len(slots), self.dims[0]), np.float32)
        tokens: dict[int, Floats] = {}
        for batch in _batches([s for _, s in slots]):
            rows = [self._row(slots[b][1]) for b in batch]
            made = self._network.vectors(rows, role, instruction, self._made[2])
            vectors[batch] = unit(made.dense)
            tokens |= dict(zip(batch, made.tokens or (), strict=False))
        if not self.parts:
            return Embeddings(vectors, tuple(tokens[n] for n in range(len(slots))) if tokens else None)
        texts: Floats = np.zeros((len(items), self.dims[0]), np.float32)
        pictures = np.zeros_like(texts)
        for (i, slot), vector in zip(slots, vectors, strict=True):
            (pictures if slot.images else texts)[i] += vector
        return Embeddings(unit(texts + unit(pictures)))  # normalise each, average, renormalise; a missing one adds nothing

    def _row(self, it: Item) -> Row:
        return tuple(p.value if isinstance(p, Text) else decoded(p.load(self.side)) for p in it.parts)


def open_checkpoint(name_or_path: str) -> CheckpointEncoder:
    """The encoder in a folder, or with an id of the model hub (fetched once, then read from its cache).

    `folder#task` is that task's encoder of a model with adapters; without it such a model speaks for its first task.

    Raises MissingError where there is no such model or it cannot be fetched, DependencyError without the `[train]`
    extra, and InputError for a model that gives no text or text-image embeddings.
    """
    try:
        import sentence_transformers  # noqa: F401
        import torch
        import transformers  # noqa: F401
    except ImportError:
        raise DependencyError(
            f"{name_or_path} needs torch and transformers, which the base install leaves out; pip install 'hannun[train]'"
        ) from None
    place, _, task = name_or_path.partition("#") if not Path(name_or_path).is_dir() else (name_or_path, "", "")
    folder = model_folder(place)
    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        with quiet():
            network, dims = _network(folder, device)
    except HannunError as e:
        raise type(e)(f"{name_or_path}: {e}") from None
    except ImportError as e:
        raise DependencyError(f"{name_or_path}: needs a package that is not installed ({_line(e)})") from None
    except Exception as e:  # a damaged or foreign folder makes the libraries raise anything, SafetensorError included
        remedy = "expected a complete folder of stock sentence-transformers or transformers classes"
        raise InputError(f"{name_or_path}: cannot be loaded ({_line(e)}); {remedy}") from None
    encoder = CheckpointEncoder(place, network, _fingerprint(folder), dims)
    return encoder.task(task or encoder.tasks[0]) if encoder.tasks else encoder.task(task) if task else encoder


def open_model(folder: str | Path) -> Fused | OneSequence | TwoTower:
    """The trainable model in a folder that a model's `save` wrote. Raises MissingError where it has no hannun.json."""
    path = Path(folder)
    if not (path / OWN).exists():
        raise MissingError(f"{folder}: holds no trained model of Hannun ({OWN} is not there); give the folder that `hannun train` wrote")
    with quiet():
        model: Fused | OneSequence | TwoTower = _own(path, "cpu")
    return model


def _line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]


def model_folder(name_or_path: str) -> Path:
    """The folder of a model by path or hub id, fetched where it is not in the hub's cache yet. Raises MissingError."""
    path = Path(name_or_path).expanduser()
    if path.is_dir():
        if not any((path / f).exists() for f in (OWN, "config.json", "modules.json")):
            raise MissingError(
                f"{name_or_path}: holds no model (neither config.json nor modules.json); give the folder that save_pretrained wrote"
            )
        return path
    if path.exists():
        raise InputError(f"{name_or_path}: is a file, expected the folder of a model")
    if not re.fullmatch(r"[\w-][\w.-]*(/[\w-][\w.-]*)?", name_or_path, flags=re.ASCII):
        raise MissingError(f"{name_or_path}: no such folder; check the path")
    from huggingface_hub import errors, snapshot_download

    try:
        folder = Path(snapshot_download(name_or_path, allow_patterns=list(READ), ignore_patterns=list(OTHER_BACKENDS)))
        if not any(folder.rglob("*.safetensors")):
            snapshot_download(name_or_path, allow_patterns=["*.bin"], ignore_patterns=list(OTHER_BACKENDS))
        return folder
    except errors.GatedRepoError:
        raise MissingError(f"{name_or_path}: is gated; accept its terms on the model hub, then `hf auth login`") from None
    except errors.RepositoryNotFoundError:
        raise MissingError(
            f"{name_or_path}: no such folder and no such model on the hub; check the name, or `hf auth login` if it is private"
        ) from None
    except Exception as e:  # the hub's client fails in many ways: no network, a time-out, a broken cache, an http error
        raise MissingError(
            f"{name_or_path}: no such folder, not in the hub's cache, and the hub cannot be reached ({type(e).__name__}); "
            "check the name and the connection, or give the path of a downloaded model"
        ) from None


def _fingerprint(folder: Path) -> str:
    """SHA-256 over names and bytes of the files that make the vectors; the commit for a snapshot of the hub."""
    if folder.parent.name == "snapshots" and re.fullmatch("[0-9a-f]{40}", folder.name):
        return f"{folder.parent.parent.name}@{folder.name}/{FORMAT}"
    h = hashlib.sha256(FORMAT.encode())
    own = ("*.onnx",) if (folder / OWN).exists() else ()  # there a part of the network, elsewhere another copy of it
    for path in sorted(p for pattern in (*READ, "*.bin", *own) for p in folder.rglob(pattern) if p.is_file()):
        relative = path.relative_to(folder)
        if relative.parts[0] in ("onnx", "openvino", "stock") or any(p.startswith(".") for p in relative.parts):
            continue
        with path.open("rb") as f:
            h.update(f"{relative.as_posix()}\0".encode() + hashlib.file_digest(f, "sha256").digest())
    return h.hexdigest()[:32]


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}


def _network(folder: Path, device: str) -> tuple[Network, tuple[int, ...]]:
    """The Network that fits the folder's configuration, and its dimensions, the full one first."""
    from transformers import MODEL_MAPPING, AutoConfig

    from hannun.models.stock import StockModules
    from hannun.models.vlm import Conventions, OneSequence

    facts = _json(folder / OWN)
    if facts and facts.get("kind") != "two_tower":
        trained: Any = _own(folder, device)
        return trained, _dims(trained.dim, trained.dims)
    stock = _json(folder / "config_sentence_transformers.json")
    kind = stock.get("model_type", "SentenceTransformer")
    if kind != "SentenceTransformer":
        raise InputError(f"is a {kind}, expected one vector for each input; give a SentenceTransformer")
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8")) if (folder / "modules.json").exists() else []
    inner = folder / modules[0]["path"] if modules else folder
    config: Any = None
    if (inner / "config.json").exists() and "model_type" in _json(inner / "config.json"):
        config = AutoConfig.from_pretrained(inner, local_files_only=True, trust_remote_code=False)
    vision = getattr(config, "vision_config", None)
    gridded = hasattr(vision, "spatial_merge_size") and hasattr(config, "image_token_id")  # the Qwen-VL class
    network: Network
    if gridded and modules:
        network = OneSequence.open(inner, device, _conventions(folder, inner, modules, stock))
    elif vision is not None and not modules and not hasattr(MODEL_MAPPING[type(config)], "get_text_features"):
        network = OneSequence.open(folder, device, Conventions())
    else:
        network = StockModules(folder, device)
    said = [getattr(config, k, None) or stock.get(k) for k in ("matryoshka_dims", "matryoshka_dimensions")]
    return network, _dims(network.dim, [int(d) for dims in (*said, facts.get("dims")) if dims for d in dims])


def _dims(full: int, nested: Sequence[int]) -> tuple[int, ...]:
    """The full dimension first, then the shorter ones."""
    return (full, *sorted({d for d in nested if 0 < d < full}, reverse=True))


def _own(folder: Path, device: str) -> Any:
    """The trained model in a folder of Hannun's own format."""
    facts = _json(folder / OWN)
    if facts.get("format") != 1:
        raise InputError(f"is of format {facts.get('format')}, expected 1; update hannun")
    match facts.get("kind"):
        case "fused":
            from hannun.models.fused import Fused

            return Fused.load(folder).to(device)
        case "one_sequence":
            from hannun.models.vlm import OneSequence

            return OneSequence.load(folder, device)
        case "two_tower":
            from hannun.models.two_tower import TwoTower

            return TwoTower.load(folder).to(device)
    raise InputError(f"is of kind {facts.get('kind')!r}, expected fused, one_sequence or two_tower; update hannun")


def _conventions(folder: Path, inner: Path, modules: list[dict[str, Any]], stock: dict[str, Any]) -> Conventions:
    """What a sentence-transformers folder says of a Qwen-VL-class model, whose stock processor needs torchvision."""
    from hannun.models.vlm import Conventions

    kinds = [m["type"].rsplit(".", 1)[-1] for m in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or kinds[2:] not in ([], ["Normalize"]):
        raise InputError(f"is of modules {kinds}, expected Transformer, Pooling and perhaps Normalize for a model with an image grid")
    pooling = _json(folder / modules[1]["path"] / "config.json")
    mode = pooling.get("pooling_mode") or next(
        (k.removeprefix("pooling_mode_") for k, on in pooling.items() if on is True and "mode" in k), "mean"
    )
    mode = "mean" if mode == "mean_tokens" else mode
    if mode not in ("lasttoken", "mean"):
        raise InputError(f"pools by {mode!r}, expected 'lasttoken' or 'mean' for a model with an image grid")
    written = dict(stock.get("prompts") or {})
    default = written.get(stock.get("default_prompt_name") or "", "")
    document = next((written[k] for k in ("document", "passage", "corpus") if k in written), default)
    template = (_json(inner / "sentence_bert_config.json").get("processing_kwargs") or {}).get("chat_template") or {}
    template = {k: v for k, v in template.items() if k not in ("padding", "truncation", "max_length", "return_tensors", "restore_suffix")}
    prompts = {"query": written.get("query", default), "document": document}
    return Conventions(mode, False, {k: v or "" for k, v in prompts.items()}, template, stock.get("truncate_dim"))


def _split(it: Item) -> list[Item]:
    """An item's text and each of its pictures as items of their own."""
    text = (Item("-", (Text(it.text),)),) if it.text else ()
    return [*text, *(Item("-", (p,)) for p in it.images)]


def _batches(items: Sequence[Item]) -> Iterator[list[int]]:
    """Positions of items in batches of one kind (texts, pictures, both), longest text first."""
    kinds: dict[tuple[bool, bool], list[int]] = {}
    for i, it in enumerate(items):
        kinds.setdefault((bool(it.text), bool(it.images)), []).append(i)
    for (_, pictured), members in kinds.items():
        members.sort(key=lambda i: -len(items[i].text or ""))
        start = 0
        while start < len(members):
            room = max(1, CHARACTERS // max(1, len(items[members[start]].text or "")))
            batch = members[start : start + min(room, PICTURES if pictured else ROWS)]
            yield batch
            start += len(batch)
