"""Where the content of a log's items comes from: a collection's vectors as they are, or files, and what has none is zero and told."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from hannun import collection
from hannun.embeddings import unit
from hannun.errors import InputError, MissingError
from hannun.sources import Reading
from hannun.users import content
from hannun.users.content import content_of
from tests.conftest import draw, encoded
from tests.toy import Toy


def test_a_collection_gives_its_vectors(tmp_path: Path) -> None:
    with collection.open(tmp_path / "c.hannun", Toy()) as shop:
        shop.add([{"id": "a", "text": "캠핑 텐트"}, {"id": "b", "text": "침낭", "image": encoded(draw(seed=1))}, {"id": "z", "text": "남"}])
        stored = {i: dict(v) for i, v in shop.vectors(["a", "b"]).items()}
        made_by = shop.settings.encoder
    rows, reads, said = content_of(("b", "x", "a"), tmp_path / "c.hannun")
    assert reads == made_by and said == [f"1 of 3 items of the log have no content in {tmp_path / 'c.hannun'}: their ids count alone"]
    assert np.allclose(rows[2], stored["a"]["text"]) and not rows[1].any()
    assert np.allclose(rows[0], unit(stored["b"]["text"] + stored["b"]["image"]), atol=1e-6)


def test_a_table_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "load", lambda name: Toy())
    rows = [{"id": "a", "text": "캠핑 텐트"}, {"id": "z", "text": "남"}]
    (tmp_path / "t.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    done: list[int] = []
    made, reads, said = content_of(("a",), tmp_path / "t.jsonl", progress=done.append)
    assert np.allclose(made[0], Toy().encode_document(["캠핑 텐트"]).dense[0]) and (reads, said, sum(done)) == ("mini", [], 1)
    with pytest.raises(InputError, match="has none of the 1 items of the log"):
        content_of(("x",), tmp_path / "t.jsonl")
    with pytest.raises(MissingError):
        content_of(("x",), tmp_path / "nothing.jsonl")
    (tmp_path / "k.csv").write_text("상품번호,상품명\na,캠핑 텐트\n", "utf-8")
    with pytest.raises(
        InputError, match=r"row 1: has the columns 상품명, 상품번호, .*run again with `--item-columns text=상품명,id=상품번호`"
    ):
        content_of(("a",), tmp_path / "k.csv")
    again, _, _ = content_of(("a",), tmp_path / "k.csv", reading=Reading({"text": "상품명", "id": "상품번호"}))
    assert np.allclose(again[0], made[0])
