"""Models that are trained: collate, forward, heads, adapters, saving, stock exports. Tiny real classes with random weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

torch = pytest.importorskip("torch", reason="needs hannun[train]: torch")
pytest.importorskip("transformers", reason="needs hannun[train]: transformers")
sentence_transformers = pytest.importorskip("sentence_transformers", reason="needs hannun[train]: sentence-transformers")
pytest.importorskip("peft", reason="needs hannun[train]: peft")

from transformers.utils import is_torchvision_available  # noqa: E402

from hannun.errors import InputError, MissingError  # noqa: E402
from hannun.item import Item, item  # noqa: E402
from hannun.load import load  # noqa: E402
from hannun.models import adapters  # noqa: E402
from hannun.models.adapters import CODE, MATCHING, RETRIEVAL, TWO_SIDED  # noqa: E402
from hannun.models.backbones import tiny  # noqa: E402
from hannun.models.checkpoint import open_model, save  # noqa: E402
from hannun.models.features import Vectors  # noqa: E402
from hannun.models.one_sequence import Conventions, Heads, OneSequence  # noqa: E402
from hannun.models.pooling import pooled  # noqa: E402
from hannun.models.two_tower import Tower, TowerConfig, TwoTower, head, identity_head  # noqa: E402

TEXTS = ["빨간 줄무늬 원피스", "파란 가방 두 개", "a dog on the beach"]
Model = Any


def picture(width: int, height: int, seed: int) -> PIL.Image.Image:
    noise = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return PIL.Image.fromarray(noise)


A, B = picture(60, 40, 1), picture(31, 90, 2)
ITEMS: list[Item] = [
    item("빨간 줄무늬 원피스"),
    item({"text": "파란 가방", "image": A}, id="1"),
    item({"image": B}, id="2"),
    item({"text": "a", "image": [B, A]}, id="3"),
    item("아주 긴 글이다. " * 12),
]


def sequence(make: Callable[..., Any], **heads: Any) -> OneSequence:
    rules = Conventions(pooling=heads.pop("pooling", "lasttoken"), prompts=heads.pop("prompts", {}))
    return OneSequence(*make(TEXTS), rules, Heads(**heads)).eval()


def towers() -> TwoTower:
    """A text and a picture backbone of different classes: BERT and ViT."""
    from transformers import BertConfig, BertModel, ViTConfig, ViTImageProcessorPil, ViTModel

    torch.manual_seed(0)
    tok = tiny.tokenizer(TEXTS, ["<pad>", "<s>", "</s>"], pad="<pad>", eos="</s>", bos="<s>", length=64)
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    text = BertModel(BertConfig(vocab_size=len(tok), max_position_embeddings=64, **shape))
    image = ViTModel(ViTConfig(image_size=32, patch_size=8, **shape))
    plan = TowerConfig(prompts={"query": "q: ", "document": "d: "}, limit=48, dims=(16,))
    images = ViTImageProcessorPil(size={"height": 32, "width": 32})
    return TwoTower(Tower(text, head(32, 24)), Tower(image, head(32, 40, 24)), tok, images, plan).eval()


MODELS: dict[str, Callable[[], Model]] = {
    "llava": lambda: sequence(tiny.llava, dim=48, token_dim=16, dims=(24,), prompts={"query": "Find it."}),
    "llava-mean": lambda: sequence(tiny.llava, dim=48, pooling="mean"),
    "qwen": lambda: sequence(tiny.qwen, dim=48, token_dim=16, dims=(24,)),
    "qwen-vision": lambda: sequence(tiny.qwen, pooling="vision"),
    "qwen-tasks": lambda: adapted(sequence(tiny.qwen, dim=48, token_dim=16, tasks=(TWO_SIDED, CODE), prefixed=True, rank=4)),
    "llava-tasks": lambda: adapted(sequence(tiny.llava, dim=48, token_dim=16, tasks=(TWO_SIDED, MATCHING), prefixed=True, rank=4)),
    "clip": lambda: TwoTower.dual(*tiny.clip(TEXTS)).eval(),
    "siglip": lambda: TwoTower.dual(*tiny.siglip(TEXTS)).eval(),
    "towers": towers,
}


def adapted(model: OneSequence) -> OneSequence:
    """Adapters that say something: a new one's second matrix is zero."""
    torch.manual_seed(7)
    for _, parameter in adapters.parameters(model, adapters.adapters(model.tasks)):
        torch.nn.init.normal_(parameter, std=0.1)
    return model


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> Model:
    made = MODELS[request.param]()
    made.kind = request.param
    return made


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, model: Model) -> Path:
    folder: Path = tmp_path_factory.mktemp("trained") / "model"
    save(model, folder)
    return folder


def said(model: Model, items: list[Item], role: str = "query", task: str | None = None) -> Vectors:
    name = model.tasks[0].name if task is None and model.tasks else task or ""
    with torch.inference_mode():
        out: Vectors = model(model.collate(items, role, task=name))
    return out


def test_a_mixed_batch_equals_its_pieces_and_its_items(model: Model) -> None:
    features = model.collate(ITEMS, "query")
    with torch.inference_mode():
        whole, pieces = model(features), [model(f) for f in features.split(2)]
    assert whole.dense.shape == (5, model.dim) and whole.dense.dtype == torch.float32
    torch.testing.assert_close(whole.dense.norm(dim=1), torch.ones(5), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.cat([p.dense for p in pieces]), whole.dense, atol=2e-6, rtol=0)
    alone = torch.cat([said(model, [it], task="").dense for it in ITEMS])
    torch.testing.assert_close(alone, whole.dense, atol=1e-5, rtol=0)
    if model.token_dim:
        assert whole.tokens.shape == (*features.rows["input_ids"].shape, model.token_dim)
        torch.testing.assert_close(whole.tokens.norm(dim=-1), whole.mask.float(), atol=1e-5, rtol=0)  # unit rows, zero where masked
        torch.testing.assert_close(torch.cat([p.tokens for p in pieces]), whole.tokens, atol=2e-6, rtol=0)


def test_every_trained_parameter_gets_a_gradient(model: Model) -> None:
    task = model.tasks[0].name if model.tasks else ""
    with torch.enable_grad():
        query, document = (model(model.collate(ITEMS, role, task=task)) for role in ("query", "document"))
        loss = (query.dense @ document.dense.T).sum()
        if query.tokens is not None:
            loss = loss + query.tokens.sum() * document.tokens.sum()
        loss.backward()
    used = adapters.adapters([t for t in model.tasks if t.name == task])
    expected = adapters.parameters(model, used) if used else [(k, p) for k, p in model.named_parameters() if "logit" not in k]
    without = [k for k, p in expected if p.requires_grad and (p.grad is None or not p.grad.abs().sum() > 0)]
    idle = (
        "pooler",
        "log_scale",
        "last_hidden",
        "post_layernorm",
        "layers.1.self_attn",
        "layers.1.mlp",
        "layers.1.layer_norm",
        "k_proj.bias",
        "key.bias",
    )
    assert expected and not [k for k in without if not any(i in k for i in idle)]
    model.zero_grad(set_to_none=True)
    assert all(p.grad is None for p in model.parameters())


def test_a_saved_model_gives_the_same_vectors(model: Model, saved: Path) -> None:
    again = open_model(saved)
    expected = said(model, ITEMS)
    torch.testing.assert_close(said(again, ITEMS).dense, expected.dense, atol=1e-6, rtol=0)
    encoder = load(saved)
    made = encoder.encode_query(ITEMS)
    np.testing.assert_allclose(made.dense, expected.dense.numpy(), atol=1e-5)
    assert encoder.dims == (model.dim, *sorted(model.dims, reverse=True))
    if model.token_dim:
        assert made.tokens is not None and expected.mask is not None
        assert [len(t) for t in made.tokens] == expected.mask.sum(dim=1).tolist()
        np.testing.assert_allclose(made.tokens[3], expected.tokens[3][expected.mask[3]].numpy(), atol=1e-5)
    else:
        assert made.tokens is None


def test_stock_modules_give_the_same_vectors(model: Model, saved: Path) -> None:
    """Without Hannun: sentence-transformers alone loads what was saved, and nothing is run that the folder brings."""
    facts = json.loads((saved / "hannun.json").read_text())
    if model.kind.startswith("qwen") and not is_torchvision_available():
        assert facts["stock"] == {} and "torchvision" in facts["own_format"]["everything"]
        pytest.skip("a Qwen-VL class needs torchvision inside sentence-transformers")
    inputs = [{"text": "빨간 줄무늬 원피스"}, {"image": B}]
    if isinstance(model, OneSequence):
        inputs.insert(1, {"text": "파란 가방", "image": A})
    rows = [0, 1, 2] if isinstance(model, OneSequence) else [0, 2]
    alike = 1e-2 if model.kind.startswith("qwen") else 1e-5  # its stock processor makes pictures smaller by torchvision, ours by Pillow
    checked = 0
    for place, export in facts["stock"].items():
        for role in ("query", "document"):
            if role not in export.get("roles", [role]) and "any" not in export.get("roles", []):
                continue
            task = next((t.name for t in model.tasks if t.name in place), "")
            expected = said(model, ITEMS, role, task)
            if export["class"] == "SentenceTransformer":
                stock = sentence_transformers.SentenceTransformer(str(saved / place), device="cpu")
                encode = stock.encode_query if role == "query" else stock.encode_document
                found = np.concatenate([encode([x]) for x in inputs])
                np.testing.assert_allclose(found[0], expected.dense.numpy()[0], atol=1e-5)
                np.testing.assert_allclose(found, expected.dense.numpy()[rows], atol=alike)
            else:
                stock = sentence_transformers.MultiVectorEncoder(str(saved / place), device="cpu")
                encode = stock.encode_query if role == "query" else stock.encode_document
                for n, x in zip(rows, inputs, strict=True):
                    tokens = expected.tokens[n][expected.mask[n]].numpy()
                    np.testing.assert_allclose(np.asarray(encode([x])[0]), tokens, atol=alike)
            checked += 1
    assert checked >= {"llava-tasks": 6, "qwen-vision": 0}.get(model.kind, 1)  # no stock pooling reads the picture's tokens alone


def test_adapters_are_told_apart_and_saved_with_their_prompts(tmp_path: Path) -> None:
    model = MODELS["llava-tasks"]()
    query, key, matching = (
        said(model, ITEMS, "query").dense,
        said(model, ITEMS, "document").dense,
        said(model, ITEMS, "query", "matching").dense,
    )
    bare = said(model, ITEMS, "query", "").dense
    for a, b in ((query, key), (query, matching), (key, matching), (query, bare)):
        assert (a - b).abs().max() > 1e-2
    save(model, tmp_path / "m")
    facts = json.loads((tmp_path / "m" / "hannun.json").read_text())
    assert facts["heads"]["tasks"][0] == TWO_SIDED.to_json()  # which of the two ways was chosen
    encoder: Any = load(f"{tmp_path / 'm'}#matching")
    np.testing.assert_allclose(encoder.encode_query(ITEMS).dense, matching.numpy(), atol=1e-5)
    assert encoder.name.endswith("#matching") and encoder.fingerprint != load(tmp_path / "m").fingerprint
    with pytest.raises(InputError, match="no task 'matchin' in this model; did you mean 'matching'"):
        load(f"{tmp_path / 'm'}#matchin")


def test_a_merged_adapter_is_the_adapter(tmp_path: Path) -> None:
    model = MODELS["llava-tasks"]()
    whole = adapters.merged(model, "matching")
    assert not [k for k in whole.state_dict() if "lora_" in k]
    whole.heads = Heads(dim=48, token_dim=16, prefixed=True)
    with torch.inference_mode():
        features = model.collate(ITEMS, "query", task="matching")
        expected = model(features).dense
        bare = whole._features([("x",)], "query", None, "").rows  # a model without tasks still reads
        assert "input_ids" in bare
        rows = {k: v for k, v in features.rows.items()}
        from hannun.models.features import Features

        found = whole(Features(rows, features.pictures, features.pixels, features.patches)).dense
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_one_step_with_two_adapters_trains_both_and_no_other() -> None:
    model = sequence(tiny.llava, tasks=(TWO_SIDED, CODE), prefixed=True, rank=4)
    q, k = (model(model.collate(ITEMS[:2], role, task="retrieval")) for role in ("query", "document"))
    (q.dense * k.dense).sum().backward()
    changed = {n for n in ("query", "key", "code") if any(p.grad is not None for _, p in adapters.parameters(model, [n]))}
    assert changed == {"query", "key"}
    assert not [k for k, p in model.named_parameters() if p.requires_grad and "lora_" not in k]


def test_prompts_of_the_two_ways_are_the_papers_and_the_seeds() -> None:
    assert RETRIEVAL.prompts == {"query": "Query: ", "document": "Passage: "} and set(RETRIEVAL.adapters.values()) == {"retrieval"}
    assert TWO_SIDED.prompts == {"query": "query: ", "document": "key: "} and len(set(TWO_SIDED.adapters.values())) == 2
    model = sequence(tiny.llava, tasks=(RETRIEVAL,), prefixed=True, rank=4)
    written = model._tokenizer.decode(model.collate([item("빨간 원피스")], "query", task="retrieval").rows["input_ids"][0])
    assert "user: Query: 빨간 원피스" in written and written.endswith("</s>")


def test_an_adapters_size_by_hand() -> None:
    """Rank r on a linear layer of a inputs and b outputs is r·a + r·b parameters."""
    network = torch.nn.ModuleDict({"q_proj": torch.nn.Linear(10, 6), "other": torch.nn.Linear(4, 4)})
    adapters.attach(network, ["x", "y"], r"q_proj", rank=3)
    assert adapters.count(network, "x") == adapters.count(network, "y") == 3 * (10 + 6)
    with pytest.raises(InputError, match="no linear layer is called"):
        adapters.attach(torch.nn.ModuleDict({"a": torch.nn.Linear(2, 2)}), ["x"], "q_proj")


def test_pooling_by_hand_under_both_paddings() -> None:
    hidden = torch.arange(8.0).reshape(1, 4, 2).repeat(2, 1, 1)  # states [0,1] [2,3] [4,5] [6,7]
    mask = torch.tensor([[1, 1, 1, 0], [0, 1, 1, 1]])  # right, left
    pictured = torch.tensor([[0, 1, 0, 0], [0, 0, 0, 0]])
    assert pooled(hidden, mask, "lasttoken", pictured).tolist() == [[4, 5], [6, 7]]
    assert pooled(hidden, mask, "mean", pictured).tolist() == [[2, 3], [4, 5]]
    assert pooled(hidden, mask, "vision", pictured).tolist() == [[2, 3], [4, 5]]  # its picture's token; no picture: all tokens
    with pytest.raises(InputError, match="expected 'lasttoken', 'mean' or 'vision'"):
        pooled(hidden, mask, "first", pictured)


@pytest.mark.parametrize("make", [tiny.llava, tiny.qwen])
@pytest.mark.parametrize("pooling", ["lasttoken", "mean", "vision"])
def test_vectors_do_not_depend_on_the_padding_side(make: Callable[..., Any], pooling: str) -> None:
    model = sequence(make, pooling=pooling)
    features = model.collate([ITEMS[0], ITEMS[1]], "query")
    with torch.inference_mode():
        right = model(features).dense
        lengths = features.rows["attention_mask"].sum(dim=1).tolist()
        turned = {k: torch.stack([row.roll(-n % len(row), 0) for row, n in zip(v, lengths, strict=True)]) for k, v in features.rows.items()}
        left = model(type(features)(turned, features.pictures, features.pixels, features.patches)).dense
    assert turned["attention_mask"][:, -1].tolist() == [1, 1]
    torch.testing.assert_close(left, right, atol=1e-5, rtol=0)


@pytest.mark.parametrize("make", [tiny.llava, tiny.qwen])
def test_the_end_token_survives_truncation(make: Callable[..., Any]) -> None:
    model = sequence(make)
    features = model.collate([item({"text": "가나다 " * 2000, "image": A}, id="x"), item("짧다")], "document")
    ids, mask = features.rows["input_ids"], features.rows["attention_mask"]
    assert ids.shape[1] <= tiny.WINDOW
    assert [int(row[int(m.sum()) - 1]) for row, m in zip(ids, mask, strict=True)] == [model._tokenizer.eos_token_id] * 2


def test_an_instruction_changes_the_query(model: Model) -> None:
    with torch.inference_mode():
        plain = model(model.collate(ITEMS[:2], "query", task="")).dense
        told = model(model.collate(ITEMS[:2], "query", instruction="모양이 같은 것 찾기: ", task="")).dense
    assert (plain - told)[0].abs().max() > 1e-4


def test_two_towers_average_unit_vectors() -> None:
    model = towers()
    text, image, both = said(model, [item("a"), item({"image": A}, id="p"), item({"text": "a", "image": A}, id="b")]).dense
    torch.testing.assert_close(both, torch.nn.functional.normalize(text + image, dim=0), atol=1e-5, rtol=0)


def test_frozen_towers_keep_states_and_train_heads_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = towers()
    model = TwoTower(model.text, model.image, model.tokenizer, model.images, TowerConfig(("text", "image"))).train()
    plain = said(model.eval(), ITEMS).dense
    model.train()
    model.remember(tmp_path)
    first = said(model, ITEMS).dense
    torch.testing.assert_close(first, plain, atol=2e-3, rtol=0)  # kept in half precision
    assert not model.text.backbone.training and model.text.head.training
    assert {k.split(".")[1] for k, p in model.named_parameters() if p.requires_grad and k != "log_scale"} == {"head"}

    def refuse(*_: Any) -> Any:
        raise AssertionError("a frozen backbone ran twice")

    monkeypatch.setattr(TwoTower, "_states", refuse)
    torch.testing.assert_close(said(model, ITEMS).dense, first)


def test_an_identity_head_begins_as_the_identity() -> None:
    x = torch.randn(5, 8)
    made = identity_head(8, 20, 10)(x)
    torch.testing.assert_close(made, torch.cat([x, torch.zeros(5, 2)], dim=1), atol=1e-6, rtol=0)
    with pytest.raises(InputError, match="expected at least 16 and 8"):
        identity_head(8, 15, 8)


def test_a_text_of_each_kind_of_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="pooling 'first' came"):
        sequence(tiny.llava, pooling="first")
    with pytest.raises(InputError, match="frozen names \\['words'\\]"):
        TwoTower.dual(*tiny.clip(TEXTS), TowerConfig(("words",)))
    with pytest.raises(InputError, match="expected a dual class"):
        TwoTower.dual(tiny.llava(TEXTS)[0], None)
    with pytest.raises(MissingError, match="holds no trained model"):
        open_model(tmp_path)
    (tmp_path / "hannun.json").write_text('{"format": 9, "kind": "fused"}')
    with pytest.raises(InputError, match="is of format 9, expected 1"):
        load(tmp_path)
    (tmp_path / "hannun.json").write_text('{"format": 1, "kind": "poem"}')
    with pytest.raises(InputError, match="is of kind 'poem'"):
        load(tmp_path)


def test_a_full_disk_leaves_the_old_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hannun.errors import StorageError

    model = towers()
    save(model, tmp_path / "m")
    before = sorted(p.name for p in (tmp_path / "m").iterdir())

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hannun.models.checkpoint.write_facts", full)
    with pytest.raises(StorageError, match="free some space"):
        save(model, tmp_path / "m")
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == before and [p.name for p in tmp_path.iterdir()] == ["m"]
