"""The code path of a vision-language model in this process, on a tiny one with random weights: what it says means nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from hannun.errors import HannunError, MissingError
from hannun.item import Image
from hannun.serve.ask import about
from tests.conftest import draw

pytest.importorskip("torch", reason="needs the extra train")
pytest.importorskip("transformers", reason="needs the extra train")

from hannun.serve.vlm import LocalModel
from tests.models.networks import llava


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return llava(tmp_path_factory.mktemp("vlm"))


def test_a_picture_and_words_are_answered(folder: Path) -> None:
    model = LocalModel(str(folder), tokens=4)
    messages = [{"role": "user", "content": "무엇?"}]
    assert isinstance(model.complete(messages), str)
    one, again = (about(Image(draw(size=(40, 40), seed=3)), "무엇이 보이나요?", model) for _ in range(2))
    assert one == again and one.sources == ()  # greedy


def test_what_cannot_be_loaded_or_answered_says_so(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(MissingError, match="serve it instead"):
        LocalModel(str(tmp_path))
    model = LocalModel(str(folder), tokens=2)
    long = [{"role": "user", "content": [{"type": "text", "text": "가"}, {"type": "image_url", "image_url": {"url": "data:,"}}]}]
    with pytest.raises((HannunError, OSError)):
        model.complete(long)
