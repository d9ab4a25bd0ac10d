"""A trained model goes in; folders of stock sentence-transformers modules that give the same vectors come out.

Stock means: classes of the packages sentence-transformers and transformers alone, so that the folder loads without trust_remote_code
and without Hannun. What they cannot say is returned by name, with the reason.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import transformers
from sentence_transformers import MultiVectorEncoder, SentenceTransformer
from sentence_transformers.base.modules import Normalize, Router, Transformer
from sentence_transformers.base.modules.dense import Dense
from sentence_transformers.sentence_transformer.modules import Pooling
from torch import nn
from transformers import AutoImageProcessor, AutoTokenizer
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING_NAMES
from transformers.models.auto.video_processing_auto import VIDEO_PROCESSOR_MAPPING_NAMES
from transformers.utils import is_torchvision_available

from hannun.models import adapters
from hannun.models.adapters import Task
from hannun.models.one_sequence import OneSequence
from hannun.models.two_tower import Tower, TowerConfig, TwoTower

TORCHVISION = (
    "a Qwen-VL class needs torchvision inside sentence-transformers (its video processor), and it is not installed here; "
    "the network/ folder is plain transformers"
)
RESIZED = "torchvision makes a large picture smaller in another way than Pillow: vectors of such pictures differ by some thousandths"


def roles(tasks: tuple[Task, ...]) -> dict[str, tuple[str, dict[str, str]]]:
    """Export's name → (adapter, prompts by role): a task whose roles share an adapter is one export, else one for each role."""
    found: dict[str, tuple[str, dict[str, str]]] = {}
    for task in tasks:
        if len(set(task.adapters.values())) == 1:
            found[task.name] = (next(iter(task.adapters.values())), dict(task.prompts))
        else:
            found |= {f"{task.name}-{r}": (a, {r: task.prompts[r]}) for r, a in task.adapters.items()}
    return found or {"": ("", {})}


def stock_sequence(model: OneSequence, folder: Path) -> Mapping[str, Any]:
    """Write `folder`/stock/NAME/dense and …/tokens for each adapter or role; returns what was written and what is our own format."""
    own: dict[str, str] = {}
    if model.gridded:
        if not is_torchvision_available():
            return {"stock": {}, "own_format": {"everything": TORCHVISION}}
        own["resizing"] = RESIZED
    own["truncation"] = "a text beyond the window loses its end token in sentence-transformers, and keeps it here"
    if model.rules.pooling == "vision":
        own["dense"] = "no stock pooling reads the picture's tokens alone"
    if len(model.tasks) > 0:
        own["adapters"] = "one model with many adapters; each is merged into an export of its own"
    written: dict[str, Any] = {}
    for name, (adapter, prompts) in roles(model.tasks).items():
        whole = adapters.merged(model, adapter) if model.tasks else model
        place = Path("stock") / name if name else Path("stock")
        prompts = prompts or dict(model.rules.prompts)
        if model.rules.pooling != "vision":
            _dense(whole, folder / place / "dense", prompts)
            written[str(place / "dense")] = {"class": "SentenceTransformer", "adapter": adapter, "roles": sorted(prompts) or ["any"]}
        if whole.token_head is not None:
            _tokens(whole, folder / place / "tokens", prompts)
            written[str(place / "tokens")] = {"class": "MultiVectorEncoder", "adapter": adapter, "roles": sorted(prompts) or ["any"]}
    return {"stock": written, "own_format": own}


def _transformer(model: OneSequence) -> Any:
    """The stock Transformer module, its chat template saying all that we write around the content."""
    with tempfile.TemporaryDirectory() as place:
        model.save_network(Path(place), model.whole_template())
        if model.gridded:
            _processor(model, Path(place))
        module = Transformer(place, model_kwargs={"local_files_only": True}, processor_kwargs={"local_files_only": True})
    module.tokenizer.padding_side = "right"
    module.tokenizer.model_max_length = model.window
    return module


def _processor(model: OneSequence, folder: Path) -> None:
    """Write the stock processor over the image processor and tokenizer in the folder; that of a model with a grid wants one for videos."""
    kind = json.loads((folder / "config.json").read_text("utf-8"))["model_type"]
    named = VIDEO_PROCESSOR_MAPPING_NAMES[kind]  # a name, in newer versions one for each way of computing
    video = getattr(transformers, named if isinstance(named, str) else named["torchvision"])()
    whole = getattr(transformers, PROCESSOR_MAPPING_NAMES[kind])
    images, tokenizer = AutoImageProcessor.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    whole(images, tokenizer, video, chat_template=model.whole_template()).save_pretrained(folder)


def _linear(head: Any, key: str, source: str) -> Any:
    """A Dense module without bias or activation."""
    dense = Dense(
        head.in_features, head.out_features, bias=False, activation_function=nn.Identity(), module_input_name=source, module_output_name=key
    )
    dense.linear.weight.data.copy_(head.weight.data)
    return dense


def _dense(model: OneSequence, folder: Path, prompts: dict[str, str]) -> None:
    modules = [_transformer(model), Pooling(model.width, model.rules.pooling)]
    if model.dense_head is not None:
        modules.append(_linear(model.dense_head, "sentence_embedding", "sentence_embedding"))
    stock = SentenceTransformer(modules=[*modules, Normalize()], device="cpu", prompts=prompts or None)
    stock.save(str(folder), create_model_card=False)
    _nested(folder, model)


def _tokens(model: OneSequence, folder: Path, prompts: dict[str, str]) -> None:
    modules = [_transformer(model), _linear(model.token_head, "token_embeddings", "token_embeddings"), Normalize("token_embeddings")]
    MultiVectorEncoder(modules=modules, device="cpu", prompts=prompts or None).save(str(folder), create_model_card=False)


def _nested(folder: Path, model: OneSequence) -> None:
    """The nested dimensions, which sentence-transformers keeps no place for, in its configuration: it leaves unknown keys alone."""
    file = folder / "config_sentence_transformers.json"
    facts = json.loads(file.read_text("utf-8"))
    file.write_text(json.dumps({**facts, "matryoshka_dims": list(model.dims)}, indent=2, ensure_ascii=False) + "\n", "utf-8")


def stock_towers(model: TwoTower, folder: Path) -> None:
    """Write two towers as a SentenceTransformer: a dual class as one Transformer, two backbones as a Router by modality."""
    with tempfile.TemporaryDirectory() as place:
        here = {"model_kwargs": {"local_files_only": True}, "processor_kwargs": {"local_files_only": True}}
        if model.text.backbone is model.image.backbone:
            name = type(model.text.backbone).__name__.replace("Model", "Processor")
            model.text.backbone.save_pretrained(place)
            getattr(transformers, name)(model.images, model.tokenizer).save_pretrained(place)
            padded = {"padding": "max_length", "max_length": model.limit, "truncation": True}
            text = {"processing_kwargs": {"text": padded}} if model.pads else {}
            modules = [Transformer(place, **here, **text), Normalize()]
        else:
            routes: dict[str, list[Any]] = {}
            for name, tower, processor in (("text", model.text, model.tokenizer), ("image", model.image, model.images)):
                tower.backbone.save_pretrained(f"{place}/{name}")
                processor.save_pretrained(f"{place}/{name}")
                width = tower.head[0].in_features
                routes[name] = [Transformer(f"{place}/{name}", **here), Pooling(width, "mean"), *_layers(tower.head), Normalize()]
            routes["text"][0].max_seq_length = model.limit
            modules = [Router(routes, default_route="text", allow_empty_key=True)]
        stock = SentenceTransformer(modules=modules, device="cpu", prompts=dict(model.plan.prompts) or None)
        stock.save(str(folder), create_model_card=False)


def _layers(head: Any) -> list[Any]:
    """Linear layers and the GELUs between them as Dense modules."""
    made = []
    for n, layer in enumerate(head):
        if isinstance(layer, nn.Linear):
            after = nn.GELU() if n + 1 < len(head) else nn.Identity()
            dense = Dense(layer.in_features, layer.out_features, activation_function=after)
            dense.linear.load_state_dict(layer.state_dict())
            made.append(dense)
    return made


def towers(folder: Path, plan: TowerConfig) -> TwoTower:
    """The two towers in a folder that `stock_towers` wrote."""
    first: Any = SentenceTransformer(str(folder), device="cpu", local_files_only=True)[0]
    if not isinstance(first, Router):
        return TwoTower.dual(first.model.float(), first.processor, plan)
    made = {}
    for name in ("text", "image"):
        modules = first.sub_modules[name]
        layers: list[Any] = []
        for dense in (m for m in modules if isinstance(m, Dense)):
            layers += [dense.linear, dense.activation_function]
        made[name] = Tower(modules[0].model.float(), nn.Sequential(*layers[:-1]))
    return TwoTower(made["text"], made["image"], first.sub_modules["text"][0].tokenizer, first.sub_modules["image"][0].processor, plan)
