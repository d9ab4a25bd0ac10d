"""Backbones of the real classes at a small random size, in bfloat16 checkpoints: begun by path, trained, saved, read without autocast."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch", reason="torch is in the [train] extra")
pytest.importorskip("transformers", reason="transformers is in the [train] extra")
pytest.importorskip("peft", reason="peft is in the [train] extra")

from hannun.errors import InputError, MissingError  # noqa: E402
from hannun.item import Image, Item, Pair, Text  # noqa: E402
from hannun.models import adapters  # noqa: E402
from hannun.models.adapters import CODE, RETRIEVAL  # noqa: E402
from hannun.models.backbones import tiny  # noqa: E402
from hannun.models.checkpoint import open_model, save  # noqa: E402
from hannun.models.one_sequence import Conventions, OneSequence  # noqa: E402
from hannun.models.two_tower import TwoTower  # noqa: E402
from hannun.train.batches import Mixture, from_pairs  # noqa: E402
from hannun.train.loop import train  # noqa: E402
from hannun.train.schedule import Schedule  # noqa: E402
from hannun.train.steps.contrastive import Contrast, ahead, contrastive  # noqa: E402
from tests.conftest import draw, encoded  # noqa: E402

TEXTS = ["빨간 줄무늬 원피스", "파란 가방 두 개", "a dog on the beach", "노란 우산"]
PAIRS = [
    Pair(Item(f"q{n}", (Text(t),)), Item(f"p{n}", (Image(encoded(draw((50 * n, 80, 200 - 40 * n), (40, 30)))), Text(f"{t} 사진"))))
    for n, t in enumerate(TEXTS)
]


def folder(make: Callable[..., Any], place: Path) -> Path:
    """A tiny network of a real class, as its authors would publish it: bfloat16, with tokenizer and processor."""
    network, tokenizer, processor = make(TEXTS)
    model = OneSequence(network.to(torch.bfloat16), tokenizer, processor, Conventions())
    model.save_network(place, model.template)
    return place


@pytest.mark.parametrize("make", [tiny.qwen, tiny.llava])
@pytest.mark.parametrize("adapted", [False, True])
def test_a_bf16_backbone_trains_and_reads(make: Callable[..., Any], adapted: bool, tmp_path: Path) -> None:
    place = folder(make, tmp_path / "backbone")
    tasks = (RETRIEVAL, CODE) if adapted else ()
    model = OneSequence.begin(
        str(place), dim=48, token_dim=16, dims=(24, 48), tasks=tasks, rank=4, alpha=4, dtype="bfloat16", attention="sdpa", recompute=True
    )
    assert {p.dtype for k, p in model.named_parameters() if k.startswith("_model.") and "lora_" not in k} == {torch.bfloat16}
    if adapted:
        adapters.train_adapters(model, ["retrieval"])
    before = {k: p.detach().clone() for k, p in model.named_parameters() if p.requires_grad}
    mixture = Mixture([from_pairs("s", PAIRS, task="retrieval" if adapted else "")], 4)
    settings = Contrast(chunk=2, late=1.0)
    stream = ahead(mixture, model, settings, 2)
    train(model, contrastive(stream, settings), Schedule(3, 1e-3, precision="bf16"), tmp_path / "run", lambda _: None, batches=stream)
    assert {p.dtype for p in model.parameters() if p.requires_grad} == {torch.float32}
    moved = [k for k, p in model.named_parameters() if k in before and not torch.equal(p.detach().float(), before[k].float())]
    assert len(moved) > len(before) / 2
    said = model.vectors([("빨간 줄무늬 원피스",)], "query", None, "retrieval" if adapted else "")  # no autocast here
    assert said.dense.shape == (1, 48) and abs(float((said.dense**2).sum()) - 1) < 1e-4
    if adapted:
        adapters.copied(model, "retrieval", ["code"])
        one, other = (adapters.state(model, n) for n in ("retrieval", "code"))
        assert all(torch.equal(v, other[k.replace(".retrieval.", ".code.")]) for k, v in one.items())
    save(model, tmp_path / "model")
    again: Any = open_model(tmp_path / "model")
    assert len(again.trained_on) == len(model.trained_on) > 4
    found = again.vectors([("빨간 줄무늬 원피스",)], "query", None, "retrieval" if adapted else "")
    assert float(abs(found.dense - said.dense).max()) < 0.05  # float32 on a CPU against bfloat16


def test_a_backbone_part_bf16_part_fp32_reads_without_autocast(tmp_path: Path) -> None:
    model = OneSequence.begin(str(folder(tiny.llava, tmp_path / "b")), dim=48, dtype="bfloat16")
    model._model.language_model.float()
    assert model.vectors([("빨간 원피스",)], "query", None).dense.shape == (1, 48)


def test_a_head_as_wide_as_the_state_is_none(tmp_path: Path) -> None:
    assert OneSequence.begin(str(folder(tiny.qwen, tmp_path / "b")), dim=64, dims=(16, 64)).dense_head is None


def test_attention_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="attention='flash_attention_9' came"):
        OneSequence.begin(str(folder(tiny.llava, tmp_path / "b")), attention="flash_attention_9")


def test_a_backbone_that_is_not_here_says_what_to_do() -> None:
    for begin in (lambda name: OneSequence.begin(name), lambda name: TwoTower.begin(name, dim=8)):
        with pytest.raises(MissingError, match=r"the backbone is not here: .*give its folder with --backbone FOLDER"):
            begin("/nowhere/model")


def test_two_towers_begin_at_two_folders_or_one(tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel

    network, processor = tiny.clip(TEXTS)
    network.to(torch.bfloat16).save_pretrained(tmp_path / "clip")
    processor.save_pretrained(tmp_path / "clip")
    words = tiny.tokenizer(TEXTS, ["<pad>", "<s>", "</s>"], pad="<pad>", eos="</s>", bos="<s>", length=64)
    BertModel(
        BertConfig(
            vocab_size=len(words),
            max_position_embeddings=64,
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=64,
        )
    ).save_pretrained(tmp_path / "bert")
    words.save_pretrained(tmp_path / "bert")
    both = TwoTower.begin(f"{tmp_path / 'bert'} + {tmp_path / 'clip'}", dim=24, dims=(12, 24), limit=32)
    one = TwoTower.begin(str(tmp_path / "clip"), dim=64)
    assert both.dim == 24 and both.dims == (12,) and one.dim == 64
    for name, model in (("both", both), ("one", one)):
        mixture = Mixture([from_pairs("s", PAIRS)], 4)
        train(model, contrastive(mixture, Contrast(chunk=2, crops=1)), Schedule(2, 1e-3), tmp_path / name, lambda _: None, batches=mixture)
        save(model, tmp_path / f"{name}-model")
        said = model.vectors([("파란 가방",)], "query", None).dense
        found = open_model(tmp_path / f"{name}-model").vectors([("파란 가방",)], "query", None).dense
        assert float(abs(found - said).max()) < 1e-5
        assert '"crop_0"' in (tmp_path / name / "log.jsonl").read_text()
