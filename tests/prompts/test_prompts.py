"""Readers of prompts: windows and what is cut, folders saved and opened, what is remembered, and alignment by hand."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is in the [train] extra")

import torch

from hannun.errors import InputError, MissingError
from hannun.models.backbones import tiny
from hannun.models.state_head import StateHead, StateShape
from hannun.prompts.alignment import alignment
from hannun.prompts.clip import ClipTexts, open_clip_texts
from hannun.prompts.states import LENGTH, PromptStates, RememberingReader
from hannun.prompts.student import KeptStates, MiniStates, Student, open_student, padded
from hannun.recipes.korean_diffusion import begin_teacher
from tests.generate import models


@pytest.fixture(scope="module")
def teacher() -> ClipTexts:
    return begin_teacher(models.TEXTS, 16, 1, 0)


def test_a_clip_class_model_reads_77_states_and_says_what_it_left_out(teacher: ClipTexts) -> None:
    made = teacher.states(["a red dress", "a red dress " * 60 + "end"])
    assert made.tokens.shape == (2, LENGTH, 16) and made.pooled.shape == (2, teacher.pooled_width)
    assert made.cut[0] == "" and made.cut[1].startswith("read to 77 of") and not made.tokens.requires_grad
    with torch.no_grad():
        assert torch.allclose(made.tokens, teacher.forward(["a red dress", "a red dress " * 60 + "end"])[0])


def test_the_pooled_vector_is_read_at_the_end(teacher: ClipTexts) -> None:
    """transformers pools at the highest token where the end token is number 2; then words behind that one would not count."""
    made = teacher.states(["a red striped dress", "a red striped coat", "a blue striped dress"]).pooled
    assert len({tuple(v.round(decimals=4).tolist()) for v in made}) == 3
    ids = teacher.tokenizer("a red striped dress").input_ids
    assert teacher.network.config.eos_token_id == ids[-1] != 2
    with torch.no_grad():
        states = teacher.forward(["a red striped dress"])[0][0, len(ids) - 1]
        assert torch.allclose(teacher.network.text_projection(states), made[0], atol=1e-5)


def test_folders_of_clip_of_stable_diffusion_and_of_a_text_model(teacher: ClipTexts, tmp_path: Path) -> None:
    teacher.save(tmp_path / "text")
    again = open_clip_texts(str(tmp_path / "text"))
    # It is opened with fused attention, and was begun with products: the same to float32's rounding.
    torch.testing.assert_close(again.states(models.TEXTS).pooled, teacher.states(models.TEXTS).pooled, rtol=1e-5, atol=1e-5)
    assert again.version.startswith("text@")
    network, processor = tiny.clip(models.TEXTS, width=16)
    network.save_pretrained(tmp_path / "clip")
    processor.tokenizer.save_pretrained(tmp_path / "clip")
    whole = open_clip_texts(str(tmp_path / "clip"))
    ids = processor.tokenizer(["a blue coat"], padding="max_length", max_length=LENGTH, return_tensors="pt").input_ids
    with torch.no_grad():
        own = network.text_model(input_ids=ids)
        pooled = network.text_projection(own.pooler_output)
    assert whole.projected and torch.allclose(whole.states(["a blue coat"]).tokens, own.last_hidden_state, atol=1e-5)
    assert torch.allclose(whole.states(["a blue coat"]).pooled, pooled, atol=1e-5)


def test_other_models_are_refused(tmp_path: Path) -> None:
    from transformers import BertConfig, BertModel

    BertModel(BertConfig(vocab_size=50, hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8)).save_pretrained(
        tmp_path / "b"
    )
    with pytest.raises(InputError, match="is a bert model, expected a CLIP-class"):
        open_clip_texts(str(tmp_path / "b"))
    with pytest.raises(MissingError, match="no such folder"):
        open_clip_texts(str(tmp_path / "gone"))
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "config.json").write_text('{"model_type": "clip_text_model"}')
    with pytest.raises(MissingError, match="cannot be opened as a CLIP-class"):
        open_clip_texts(str(tmp_path / "half"))
    short = begin_teacher([], 16, 1, 0)
    short.network.config.max_position_embeddings = 50
    with pytest.raises(InputError, match="reads 50 tokens, expected the 77"):
        ClipTexts(short.network, short.tokenizer, "short")


def test_a_student_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    made = models.student(tmp_path / "s", 16, 12)
    student = open_student(made)
    texts = ["빨간 줄무늬 원피스", "a red striped dress", ""]
    read = student.states(texts)
    assert read.tokens.shape == (3, LENGTH, 16) and read.pooled.shape == (3, 12) and read.cut == ("", "", "")
    student.save(tmp_path / "again")
    assert torch.equal(open_student(tmp_path / "again").states(texts).tokens, read.tokens) and student.teacher == "a teacher"
    alone = student.states(texts[:1])
    assert torch.allclose(alone.tokens[0], read.tokens[0], atol=2e-3)  # what stands beside it is masked (mini computes in 8 bits)
    assert student.states(["빨간 옷 " * 60]).cut[0].startswith("read to 77 of")
    (made / "weights.safetensors").write_bytes(b"half")
    with pytest.raises(InputError, match="is damaged"):
        open_student(made)
    with pytest.raises(InputError, match="the head reads states of 8 values"):
        Student(MiniStates(), StateHead(StateShape(8, 4, 4, 8, 1, 1)), "t")


def test_padding_changes_nothing() -> None:
    torch.manual_seed(0)
    head = StateHead(StateShape(6, 4, 3, 8, 1, 2)).eval()
    short, long = np.random.default_rng(0).normal(size=(2, 6)).astype(np.float32), np.ones((9, 6), np.float32)
    with torch.no_grad():
        (tokens, pooled), (alone, one) = head(*padded([short, long])), head(*padded([short]))
    assert torch.allclose(tokens[0], alone[0], atol=1e-6) and torch.allclose(pooled[0], one[0], atol=1e-6)


def test_any_transformers_encoder_may_be_the_student_s(tmp_path: Path) -> None:
    from transformers import XLMRobertaConfig, XLMRobertaModel

    torch.manual_seed(0)
    made = tiny.tokenizer(models.TEXTS, ["<s>", "<pad>", "</s>"], pad="<pad>", bos="<s>", eos="</s>")
    config = XLMRobertaConfig(
        vocab_size=len(made),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=600,
        pad_token_id=1,
    )
    XLMRobertaModel(config).save_pretrained(tmp_path / "x")
    made.save_pretrained(tmp_path / "x")
    from hannun.prompts.student import text_states

    encoder = text_states(str(tmp_path / "x"))
    read, cut = encoder.read(["a red dress", "빨간 " * 100])
    assert encoder.width == 8 and len(read[0]) < len(read[1]) == LENGTH and cut[0] == "" and "77 of" in cut[1]
    assert np.allclose(encoder.read(["a red dress"])[0][0], read[0], atol=1e-5)


class Counted:
    """A reader that gives each text a state of its own and counts how often it reads."""

    version, width, pooled_width, name = "counted", 2, 2, "counted"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def states(self, texts: Sequence[str]) -> PromptStates:
        self.asked += texts
        values = torch.tensor([[float(len(t)), 1.0] for t in texts])
        return PromptStates(values[:, None].expand(-1, LENGTH, -1), values, ("",) * len(texts))

    def read(self, texts: Sequence[str]) -> tuple[list[np.ndarray], list[str]]:
        self.asked += texts
        return [np.full((1, 2), len(t), np.float32) for t in texts], [""] * len(texts)


def test_states_are_read_once_and_the_oldest_let_go() -> None:
    reader = Counted()
    kept = RememberingReader(reader, room=3 * 2 * (LENGTH * 2 + 2))
    assert kept.states(["a", "bb", "a"]).pooled[:, 0].tolist() == [1, 2, 1] and reader.asked == ["a", "bb"]
    assert kept.states(["bb", "ccc", "dddd"]).pooled[:, 0].tolist() == [2, 3, 4] and reader.asked == ["a", "bb", "ccc", "dddd"]
    kept.states(["a"])
    assert reader.asked[-1] == "a"  # it had been let go
    other = Counted()
    few = KeptStates(other, most=2)
    few.read(["a", "bb", "ccc"])
    few.read(["a"])
    assert other.asked == ["a", "bb", "ccc", "a"] and len(few.read(["a"])[0]) == 1


class Told:
    """A reader whose states are given."""

    version, width, pooled_width = "told", 2, 2

    def __init__(self, states: dict[str, tuple[float, float]]) -> None:
        self._states = states

    def states(self, texts: Sequence[str]) -> PromptStates:
        values = torch.tensor([self._states[t] for t in texts])
        return PromptStates(values[:, None].repeat(1, LENGTH, 1), values, ("",) * len(texts))


def test_alignment_by_hand() -> None:
    # The teacher's prompts lie at ±1 about (10, 0): what they have in common is most of them, and counts for nothing.
    teacher = Told({"red": (11.0, 0.0), "blue": (9.0, 0.0)})
    right = alignment(
        Told({"빨강": (12.0, 0.0), "파랑": (8.0, 0.0), "red": (11.0, 0.0), "blue": (9.0, 0.0)}),
        teacher,
        [("빨강", "red"), ("파랑", "blue")],
    )
    assert all(v.tolist() == pytest.approx([1, 1]) for v in right.values())
    mean = Told(dict.fromkeys(("빨강", "파랑", "red", "blue"), (10.0, 0.0)))
    nothing = alignment(mean, teacher, [("빨강", "red"), ("파랑", "blue")])
    assert nothing["ko tokens"].tolist() == [0, 0] and nothing["ko→en pooled"].tolist() == [0, 0]  # ties count against it
    assert nothing["ko tokens, not centred"].tolist() == pytest.approx([1, 1])  # which is why it is centred
    swapped = alignment(
        Told({"빨강": (9.0, 0.0), "파랑": (11.0, 0.0), "red": (11.0, 0.0), "blue": (9.0, 0.0)}),
        teacher,
        [("빨강", "red"), ("파랑", "blue")],
    )
    assert swapped["ko tokens"].tolist() == pytest.approx([-1, -1]) and swapped["en→en tokens"].tolist() == [1, 1]
    with pytest.raises(InputError, match="two or more"):
        alignment(teacher, teacher, [("red", "red")])
