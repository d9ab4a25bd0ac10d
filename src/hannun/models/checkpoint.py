"""The path or hub id of an embedding model goes in; an Encoder comes out (needs the `[train]` extra: torch, transformers).

Any sentence-transformers or transformers model whose classes are in those libraries: text only, two towers, or text and
pictures in one sequence. Code that a checkpoint brings along is never run.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from hannun.continuation import Manner
from hannun.embeddings import Embeddings, Floats, unit
from hannun.encoder import UNCALIBRATED, Calibration, Caption, SeesCells
from hannun.errors import DependencyError, HannunError, InputError, MissingError
from hannun.item import Content, Image, Item, Text, item, require_content
from hannun.models import adapters
from hannun.models.backbones import e5
from hannun.models.backbones.mini_image import MiniImage
from hannun.models.captioner import folder as captioners
from hannun.models.captioner.network import Captioner
from hannun.models.captioner.speaking import captions
from hannun.models.fused import Fused, Shape
from hannun.models.hub import READ, model_folder
from hannun.models.network import Network, Role, content, decoded
from hannun.models.one_sequence import Conventions, Heads, OneSequence
from hannun.models.one_tower.folder import open_one_tower, save_one_tower
from hannun.models.one_tower.tower import OneTower
from hannun.models.saving import OWN, quiet, save_folder, whole, whole_tensor, write_facts
from hannun.models.sequence import folder as users
from hannun.models.sequence.network import UserNetwork
from hannun.models.two_tower import TowerConfig, TwoTower
from hannun.processes import once
from hannun.seen import Seen

ROWS = 32  # rows in a batch of texts
PICTURES = 8  # rows in a batch with pictures, which are decoded a batch at a time
CHARACTERS = 65_536  # rows × longest text in a batch: one passage of 65,536 characters is a batch of its own
_READS = (Text.kind, Image.kind)  # what a row of a Network holds that names no kinds
FORMAT = "1"  # part of every fingerprint: raised when this room changes how a sequence is written or pooled


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
        self.kinds = network.kinds
        self.side = network.side
        self.calibration: Calibration = UNCALIBRATED
        self._network = network
        self._others = bool(set(self.kinds) - set(_READS))  # parts that no picture decoder reads go to the network as they are

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

    @property
    def styles(self) -> tuple[str, ...]:
        """The styles of text that a captioner writes; none for any other network."""
        return tuple(self._network.shape.styles) if isinstance(self._network, Captioner) else ()

    def caption(self, pictures: Sequence[Any], style: str, language: str, manner: Manner) -> list[list[Caption]]:
        """Of each picture, or other part that a captioner reads, texts, the best first. Raises InputError for other networks."""
        if not isinstance(self._network, Captioner):
            raise InputError(f"{self.name} writes no texts; give a captioner, such as one that `hannun train prompt_coca` makes")
        said = captions(self._network, pictures, style, language, manner)
        return [[Caption(text, u.likelihood, u.ended) for text, u in each] for each in said]

    def _encode(self, contents: Sequence[Content], role: Role, instruction: str | None) -> Embeddings:
        if isinstance(contents, str | bytes):
            raise InputError(f"a single {type(contents).__name__} came, expected a list of contents; write [content]")
        reads = self.kinds or _READS
        items = [require_content(item(c, id="-"), reads).only(reads) for c in contents]
        for it in items:
            if it.images and not self._network.sees:
                raise InputError(
                    f"{self.name} reads text only, and a picture came ({it.images[0]}); use an encoder that sees, such as 'mini'"
                )
        slots = [(i, s) for i, it in enumerate(items) for s in (_split(it) if self.kinds else [it])]
        vectors: Floats = np.zeros((len(slots), self.dims[0]), np.float32)
        tokens: dict[int, Floats] = {}
        for batch in _batches([s for _, s in slots]):
            rows = [self._row(slots[b][1]) for b in batch]
            made = self._network.vectors(rows, role, instruction, self._made[2])
            vectors[batch] = unit(made.dense)
            tokens |= dict(zip(batch, made.tokens or (), strict=False))
        if not self.kinds:
            return Embeddings(vectors, tuple(tokens[n] for n in range(len(slots))) if tokens else None)
        texts: Floats = np.zeros((len(items), self.dims[0]), np.float32)
        pictures = np.zeros_like(texts)
        for (i, slot), vector in zip(slots, vectors, strict=True):
            (texts if slot.text else pictures)[i] += vector
        return Embeddings(unit(texts + unit(pictures)))  # normalise each, average, renormalise; a missing one adds nothing

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the cells that the network sees; (0, 0) for one that sees none."""
        return self._network.grid if isinstance(self._network, SeesCells) else (0, 0)

    def patches(self, pictures: Sequence[Image]) -> Floats:
        """Unit vectors [n, rows · columns, dim] of the cells of each picture, row by row. Raises InputError where it sees none."""
        if not isinstance(self._network, SeesCells):
            raise InputError(f"{self.name} sees no cells of pictures, expected a model with vectors of patches, such as 'mini'")
        found = [self._network.patches(pictures[at : at + PICTURES]) for at in range(0, len(pictures), PICTURES)]
        return np.concatenate(found) if found else np.zeros((0, self.grid[0] * self.grid[1], self.dims[0]), np.float32)

    def _row(self, it: Item) -> tuple[Any, ...]:
        if self._others:
            return tuple(p.value if isinstance(p, Text) else p for p in it.parts)
        return tuple(p if isinstance(p, str) else decoded(p.load(self.side)) for p in content(it))


def open_checkpoint(name_or_path: str) -> CheckpointEncoder:
    """The encoder in a folder, or with an id of the model hub (fetched once, then read from its cache).

    `folder#task` is that task's encoder of a model with adapters; without it such a model speaks for its first task.

    Raises MissingError where there is no such model or it cannot be fetched, DependencyError without the `[train]`
    extra, and InputError for a model that gives no text or text-image embeddings.
    """
    place, _, task = name_or_path.partition("#") if not Path(name_or_path).is_dir() else (name_or_path, "", "")
    folder = model_folder(place)
    device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        with quiet():
            network, dims = _network(folder, device)
    except HannunError as e:
        raise type(e)(f"{name_or_path}: {e}") from None
    except ImportError as e:
        raise DependencyError(
            f"{name_or_path}: needs a package that is not installed ({_line(e)}); "
            "pip install -c constraints.txt '.[train]' in Hannun's folder"
        ) from None
    except Exception as e:  # a damaged or foreign folder makes the libraries raise anything, SafetensorError included
        remedy = "expected a complete folder of stock sentence-transformers or transformers classes"
        raise InputError(f"{name_or_path}: cannot be loaded ({_line(e)}); {remedy}") from None
    encoder = CheckpointEncoder(place, network, _fingerprint(folder), dims)
    return encoder.task(task or encoder.tasks[0]) if encoder.tasks else encoder.task(task) if task else encoder


def open_model(folder: str | Path) -> Fused | OneSequence | OneTower | TwoTower | Captioner:
    """The trainable model in a folder that `save` wrote. Raises MissingError where it has no hannun.json."""
    path = Path(folder)
    if not (path / OWN).exists():
        raise MissingError(f"{folder}: holds no trained model of Hannun ({OWN} is not there); give the folder that `hannun train` wrote")
    with quiet():
        model: Fused | OneSequence | OneTower | TwoTower | Captioner = _own(path, "cpu")
    if (trained := Seen.of(path)) is not None:
        model.trained_on = trained  # what is trained further keeps what it has seen
    return model


def save(model: Fused | OneSequence | OneTower | TwoTower | UserNetwork | Captioner, folder: Path) -> None:
    """Everything of a trained model in `folder`, whole or not at all: what `open_model` and `open_checkpoint` read.

    Where stock sentence-transformers modules can say the same, they are there too (docs/models.md). Raises StorageError where the disk is
    full; what was there before stays.
    """
    if isinstance(model, UserNetwork):
        users.save_users(model, folder)
    elif isinstance(model, OneTower):
        save_one_tower(model, folder)
    elif isinstance(model, Captioner):
        captioners.save_captioner(model, folder)
    elif isinstance(model, Fused):
        _save_fused(model, folder)
    elif isinstance(model, OneSequence):
        _save_sequence(model, folder)
    else:
        _save_towers(model, folder)
    if (trained := getattr(model, "trained_on", None)) is not None:
        once(lambda: trained.save(folder))


def _save_fused(model: Fused, folder: Path) -> None:
    """hannun.json, weights.safetensors, the tokenizer, image.onnx."""
    state = {**model.state_dict(), **{f"untrained.{k}": v for k, v in model.start().state_dict().items()}}
    config = model.words.config.to_dict() | {"num_hidden_layers": model.shape.cut + len(model.top)}
    facts = {"kind": "fused", "shape": model.shape.to_json(), "words": config, "projection": len(model.projection.inner.bias)}
    why = "words read alone by the lower layers, and mini's picture network in onnxruntime, are no classes of transformers"

    def write(part: Path) -> None:
        model.tokenizer.save_pretrained(part)
        shutil.copyfile(model.sight.path, part / "image.onnx")

    save_folder(folder, facts, state, write, lambda _: {"stock": {}, "own_format": {"everything": why}})


def _save_sequence(model: OneSequence, folder: Path) -> None:
    """The backbone as transformers writes it, heads and adapters in weights.safetensors, facts in hannun.json; `stock/` beside.

    There is a stock folder for each adapter or role.
    """
    from hannun.models.export.sentence_transformers import stock_sequence

    own = {k.replace(".base_layer.", "."): v for k, v in model.state_dict().items() if "lora_" in k or not k.startswith("_model.")}
    heads = {**asdict(model.heads), "tasks": [t.to_json() for t in model.heads.tasks]}
    rules = {**asdict(model.rules), "prompts": dict(model.rules.prompts), "template": dict(model.rules.template)}
    network = {k: whole_tensor(v) for k, v in model.network_state().items()}  # of every process, before one of them writes
    save_folder(
        folder,
        {"kind": "one_sequence", "conventions": rules, "heads": heads},
        own,
        lambda part: model.save_network(part / "network", model.template, network),
        lambda part: stock_sequence(model, part),
    )


def _save_towers(model: TwoTower, folder: Path) -> None:
    """A folder that stock sentence-transformers loads as it is; hannun.json beside holds the plan and the scale."""
    from hannun.models.export.sentence_transformers import stock_towers

    def write(part: Path) -> None:
        stock_towers(model, part)
        facts = {"kind": "two_tower", "plan": {**asdict(model.plan), "prompts": dict(model.plan.prompts)}, "dims": list(model.dims)}
        own = {"average": "an item of text and picture; sentence-transformers gives a vector for each and no average"}
        write_facts(
            part, {**facts, "log_scale": model.log_scale.item(), "stock": {".": {"class": "SentenceTransformer"}}, "own_format": own}
        )

    whole(folder, write)


def _load_fused(folder: Path) -> Fused:
    from transformers import AutoTokenizer, BertConfig, BertModel

    facts = _json(folder / OWN)
    shape = Shape.from_json(facts["shape"])
    words = BertModel(BertConfig.from_dict(facts["words"]), add_pooling_layer=False)
    projection = e5.Projection(words.config.hidden_size, facts["projection"])
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    model = Fused(words, tokenizer, projection, MiniImage(folder / "image.onnx"), shape)
    state = load_file(folder / "weights.safetensors")
    untrained = {k.removeprefix("untrained."): state.pop(k) for k in [*state] if k.startswith("untrained.")}
    model.start().load_state_dict(untrained)
    model.load_state_dict(state)
    model.eval()
    return model


def _load_sequence(folder: Path, device: str) -> OneSequence:
    facts = _json(folder / OWN)
    model = OneSequence.open(folder / "network", device, Conventions(**facts["conventions"]), Heads.from_json(facts["heads"]))
    state = load_file(folder / "weights.safetensors", device=device)
    known = model.state_dict()
    state = {k if k in known else ".".join([k.rpartition(".")[0], "base_layer", k.rpartition(".")[2]]): v for k, v in state.items()}
    absent = [k for k in known if (not k.startswith("_model.") or "lora_" in k) and k not in state]
    if absent or (strange := [k for k in state if k not in known]):
        raise InputError(f"weights.safetensors lacks {absent[:1]} or has unknown {[] if absent else strange[:1]}; save the model again")
    model.load_state_dict(state, strict=False)
    model.eval()
    return model


def _load_towers(folder: Path) -> TwoTower:

    from hannun.models.export.sentence_transformers import towers

    facts = _json(folder / OWN)
    model = towers(folder, TowerConfig.from_json(facts["plan"]))
    with torch.no_grad():
        model.log_scale.fill_(facts["log_scale"])
    model.eval()
    return model


def _line(error: Exception) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)[:200]


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
            return _load_fused(folder).to(device)
        case "one_sequence":
            return _load_sequence(folder, device)
        case "one_tower":
            return open_one_tower(folder).to(device)
        case "two_tower":
            return _load_towers(folder).to(device)
        case captioners.KIND:
            return captioners.load_captioner(folder, facts).to(device)
    raise InputError(f"is of kind {facts.get('kind')!r}, expected captioner, fused, one_sequence, one_tower or two_tower; update hannun")


def _conventions(folder: Path, inner: Path, modules: list[dict[str, Any]], stock: dict[str, Any]) -> Conventions:
    """What a sentence-transformers folder says of a Qwen-VL-class model, whose stock processor needs torchvision."""
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
    """An item's text and each of its other parts as items of their own."""
    text = (Item("-", (Text(it.text),)),) if it.text else ()
    return [*text, *(Item("-", (p,)) for p in it.parts if not isinstance(p, Text))]


def _batches(items: Sequence[Item]) -> Iterator[list[int]]:
    """Positions of items in batches of one kind (texts, pictures, both), longest text first."""
    kinds: dict[tuple[bool, bool], list[int]] = {}
    for i, it in enumerate(items):
        kinds.setdefault((bool(it.text), any(not isinstance(p, Text) for p in it.parts)), []).append(i)
    for (_, pictured), members in kinds.items():
        members.sort(key=lambda i: -len(items[i].text or ""))
        start = 0
        while start < len(members):
            room = max(1, CHARACTERS // max(1, len(items[members[start]].text or "")))
            batch = members[start : start + min(room, PICTURES if pictured else ROWS)]
            yield batch
            start += len(batch)
