"""M-BEIR's published form: read as it is, all eight tasks, instructions, local and global pools, and clear words for what is missing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hannun.embeddings import Embeddings
from hannun.errors import InputError, MissingError
from hannun.evaluate import suites
from hannun.evaluate.harness import Harness
from hannun.evaluate.suites import mbeir
from tests.conftest import draw
from tests.toy import Toy


class Spoken:
    """Texts are rows of a table; the instruction is noted."""

    name = fingerprint = "spoken"
    dims, kinds, side = (3,), ("text", "image"), 8

    def __init__(self) -> None:
        self.rows = {"Red.": [1.0, 0, 0], "a red dress": [0.9, 0.1, 0], "a blue dress": [0.2, 0.9, 0], "a red car": [0.95, 0, 0.3]}
        self.calibration = Toy().calibration
        self.told: list[str | None] = []

    def encode_query(self, contents: Sequence[Any], *, instruction: str | None = None) -> Embeddings:
        self.told.append(instruction)
        return self.encode_document(contents)

    def encode_document(self, contents: Sequence[Any], *, instruction: str | None = None) -> Embeddings:
        raw = np.array([self.rows.get(getattr(c, "text", None) or "", [0, 0, 1.0]) for c in contents], np.float32)
        return Embeddings((raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32))


def written(folder: Path, listed_as: type = str) -> Path:
    """One task (1: text → text) in the published form, with a union pool that holds a distractor of another task."""
    for kind in ("query/test", "cand_pool/local", "cand_pool/global", "qrels/test", "instructions"):
        (folder / kind).mkdir(parents=True)
    right: Any = "9:2" if listed_as is str else {"did": "9:2"}
    query = {
        "qid": "9:5",
        "query_txt": "Red.",
        "query_img_path": None,
        "query_modality": "text",
        "query_src_content": None,
        "pos_cand_list": [right],
    }
    pool = [
        {"did": "9:1", "txt": "a blue dress", "img_path": None, "modality": "text", "src_content": None},
        {"did": "9:2", "txt": "a red dress", "img_path": None, "modality": "text", "src_content": None},
    ]
    union = [*pool, {"did": "8:7", "txt": "a red car", "img_path": None, "modality": "image,text", "src_content": None}]
    (folder / "query/test/mbeir_mscoco_task1_test.jsonl").write_text(json.dumps({**query, "neg_cand_list": []}) + "\n")
    (folder / "cand_pool/local/mbeir_mscoco_task1_cand_pool.jsonl").write_text("".join(json.dumps(c) + "\n" for c in pool))
    (folder / "cand_pool/global/mbeir_union_test_cand_pool.jsonl").write_text("".join(json.dumps(c) + "\n" for c in union))
    (folder / "qrels/test/mbeir_mscoco_task1_test_qrels.txt").write_text("9:5 0 9:2 1 1\n")
    rows = [("query_modality", "cand_modality", "dataset_name", "dataset_id", "prompt_1", "prompt_2")]
    rows.append(("text", "text", "MSCOCO", "9", "Find a text.", "Get a sentence."))
    (folder / "instructions/query_instructions.tsv").write_text("".join("\t".join(r) + "\n" for r in rows))
    return folder


@pytest.mark.parametrize("listed_as", [str, dict])
def test_the_published_form_is_read_and_both_pools_are_searched(tmp_path: Path, listed_as: type) -> None:
    folder = written(tmp_path / "mbeir", listed_as)
    if listed_as is dict:  # as the data card writes it, and without a qrels file
        (folder / "qrels/test/mbeir_mscoco_task1_test_qrels.txt").unlink()
    spoken = Spoken()
    harness = Harness(spoken, tmp_path, tmp_path / "cache")  # type: ignore[arg-type]
    found = {f.name: f.value for f in suites.suite("mbeir").measure(harness).figures}
    assert found["mscoco task 1 (text -> text) local R@1"] == 1
    # The car of another task is nearer: cos (0.95, 0, 0.3) = 0.954 against (0.9, 0.1, 0) = 0.994? No: the dress has 0.994, and stays first.
    assert found["mscoco task 1 (text -> text) global R@1"] == 1
    assert found["mscoco task 1 (text -> text) global right modality first"] == 1
    assert spoken.told == ["Get a sentence."]  # 5 mod 2 prompts: the second


def test_another_task_s_candidate_may_come_first_in_the_global_pool(tmp_path: Path) -> None:
    written(tmp_path / "mbeir")
    spoken = Spoken()
    spoken.rows["a red car"] = [1.0, 0, 0]
    found = {f.name: f.value for f in suites.suite("mbeir").measure(Harness(spoken, tmp_path, tmp_path / "cache")).figures}  # type: ignore[arg-type]
    assert found["mscoco task 1 (text -> text) local R@1"] == 1 and found["mscoco task 1 (text -> text) global R@1"] == 0
    assert found["mscoco task 1 (text -> text) global R@5"] == 1 and found["mscoco task 1 (text -> text) global right modality first"] == 0


def test_ranks_in_blocks_equal_ranks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    queries, pool = random.normal(size=(7, 5)).astype(np.float32), random.normal(size=(50, 5)).astype(np.float32)
    pool[13] = pool[3]  # a tie: the other one counts as ahead
    right = [[n, n + 20] for n in range(7)]
    whole = mbeir.ranks(queries, pool, right)
    monkeypatch.setattr(mbeir, "_BLOCK", 8)
    blocks = mbeir.ranks(queries, pool, right)
    assert whole[0].tolist() == blocks[0].tolist() and whole[1].tolist() == blocks[1].tolist()
    scores = queries @ pool.T
    for n, r in enumerate(right):
        others = np.delete(scores[n], r)
        assert whole[0][n] == 1 + (others >= scores[n, r].max() - 1e-7).sum()


def test_a_candidate_that_is_missing_is_told(tmp_path: Path) -> None:
    folder = written(tmp_path / "mbeir")
    (folder / "qrels/test/mbeir_mscoco_task1_test_qrels.txt").write_text("9:5 0 9:99 1 1\n")
    harness = Harness(Spoken(), tmp_path, tmp_path / "cache")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="lacks right candidates of 1 queries"):
        mbeir.figures(harness, folder)
    (folder / "cand_pool/local/mbeir_mscoco_task1_cand_pool.jsonl").unlink()
    with pytest.raises(MissingError, match="candidate pool"):
        mbeir.figures(harness, folder)
    with pytest.raises(MissingError, match="M-BEIR as published"):
        mbeir.figures(harness, tmp_path / "nowhere")


def test_a_damaged_line_is_named(tmp_path: Path) -> None:
    folder = written(tmp_path / "mbeir")
    with (folder / "query/test/mbeir_mscoco_task1_test.jsonl").open("a") as f:
        f.write('{"qid": \n')
    with pytest.raises(InputError, match=r"test\.jsonl:2: is not JSON"):
        mbeir.figures(Harness(Spoken(), tmp_path, tmp_path / "cache"), folder)  # type: ignore[arg-type]


def test_the_small_set_has_every_task_and_is_in_the_form(small: None, tmp_path: Path) -> None:
    harness = Harness(Toy(), tmp_path, tmp_path / "cache")
    folder = mbeir.write_small(harness)
    assert [t.number for t in mbeir.tasks(folder)] == [0, 1, 2, 3, 4, 6, 7, 8]
    for task in mbeir.tasks(folder):
        asked, wanted = mbeir.TASKS[task.number].split(" -> ")
        queries, pool = mbeir.read_queries(folder, task), mbeir.read_pool(folder, task.pool)
        assert queries and all(q.modality == asked and len(q.right) == 1 for q in queries)
        assert all(c.modality == wanted for c in pool) and len({c.did for c in pool}) == len(pool)
    assert len(mbeir.read_instructions(folder)) == 8
    found = mbeir.figures(harness, folder)
    assert len(found) == 8 * (3 + 3 + 1) and all(0 <= f.value <= 1 for f in found)
    assert len(found[0].outcomes) == 9


def test_pictures_are_read_from_their_paths(tmp_path: Path) -> None:
    (tmp_path / "mbeir_images").mkdir()
    draw().save(tmp_path / "mbeir_images" / "a.png")
    both = mbeir._content(tmp_path, " red ", "mbeir_images/a.png", "here")
    assert both == {"text": "red", "image": tmp_path / "mbeir_images/a.png"}
    assert mbeir._content(tmp_path, None, "mbeir_images/a.png", "here") == tmp_path / "mbeir_images/a.png"
    with pytest.raises(InputError, match="neither"):
        mbeir._content(tmp_path, "  ", None, "here")
