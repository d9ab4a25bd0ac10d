"""One text from a raw row to a search: curate → mine → train → eval → search, and every text on the way is the one that was written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("daft", reason="daft is in hannun[curate]")
pytest.importorskip("ko_pii", reason="ko-pii is in hannun[curate]")
pytest.importorskip("torch", reason="torch is in hannun[train]")

import hannun
from hannun import shards
from hannun.curate import run as factory
from hannun.curate.stages.plan import RunPlan
from hannun.item import Pair
from hannun.models.backbones import tiny
from hannun.models.two_tower import TwoTower
from hannun.recipe import Recipe
from hannun.recipes import skeleton
from hannun.serve.cli.main import run
from hannun.train import own, pairs
from tests.curate import world
from tests.toy import Toy

TINY = Recipe("toy", {"own": 1.0}, frozenset(), 3, 8, 1e-3, (8,), size="tiny", warmup=0.3)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("texts")


@pytest.fixture(scope="module")
def curated(place: Path) -> list[Path]:
    """The training shards of a small world's raw rows."""
    source = world.make(place / "raw")
    plan = RunPlan(place / "out", rules=world.rules(), model=None, ocr=False, watermark=None)
    factory.run([source], plan)
    return sorted((place / "out" / "shards").glob("train-*.tar"))


@pytest.fixture(scope="module")
def written(curated: list[Path]) -> dict[str, set[str]]:
    """Every text of every picture that came through, as its record's own fields tell it: title, queries, sentences of attributes."""
    out = {}
    for record in (r for path in curated for r in shards.read(path)):
        said = [shards.untagged(t) for t in record.data["text"]]
        sentences = {t for tag, t in said if tag == "PROMPT"}
        out[record.key] = {record.data["title"], *record.data["query"], *sentences} - {None}
    assert len(out) > 10 and all("['" not in t and not t.startswith("[") for texts in out.values() for t in texts)
    return out


def told(found: list[Any]) -> dict[str, set[str]]:
    out: dict[str, set[str]] = {}
    for p in found:
        assert isinstance(p, Pair)
        out.setdefault(p.positive.id, set()).add(str(p.query.text))
    return out


def test_the_reader_of_pairs(curated: list[Path], written: dict[str, set[str]]) -> None:
    assert told(list(pairs.read(curated))) == written


def test_a_collection_of_shards_and_mining_from_it(curated: list[Path], written: dict[str, set[str]], place: Path) -> None:
    toy_model = Toy()
    with hannun.open(place / "c.hannun", toy_model) as shop:
        from hannun import sources

        shop.add(sources.read(sources.survey(curated, sources.Reading()), sources.Reading()))
        assert {it.id: set(str(it.text).split("\n")) for it in shop} == written
        key, texts = next(iter(written.items()))
        assert all(any(h.id == key for h in shop.search(t, limit=len(written))) for t in texts)

        from hannun.train import negatives

        read = [p for p in pairs.read(curated) if isinstance(p, Pair)]
        report = negatives.MiningReport()
        negatives.write(read, shop, negatives.Window(1, 50, 2, 1.0), report, place / "mined.jsonl", lambda _: None)
    mined = [p for p in pairs.read([place / "mined.jsonl"]) if isinstance(p, Pair)]
    assert told(mined) == written
    known = set().union(*written.values())
    for p in mined:
        for n in p.negatives:
            assert set(str(n.text).split("\n")) <= known and n.id != p.positive.id


def test_training_evaluation_and_search_see_the_same_texts(
    curated: list[Path], written: dict[str, set[str]], place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: set[str] = set()
    known = sorted(set().union(*written.values()))
    model = TwoTower.dual(*tiny.siglip(known))
    original = TwoTower.collate

    def collate(self: TwoTower, items: Any, *rest: Any, **more: Any) -> Any:
        seen.update(str(it.text) for it in items if it.text)
        return original(self, items, *rest, **more)

    monkeypatch.setattr(TwoTower, "collate", collate)
    data = own.apart([p for p in pairs.read(curated) if isinstance(p, Pair)])
    lines = skeleton.own(lambda: model, data, None, skeleton.Training(TINY, place / "work", lambda _: None))
    assert seen and seen <= set(known)
    assert any(line.startswith("query → answer, MRR") for line in lines)
    dev = place / "dev.jsonl"
    rows = [json.dumps({"query": p.query.text, "positive": p.query.text}, ensure_ascii=False) for p in data.dev]
    dev.write_text("\n".join(rows) + "\n", "utf-8")
    capsys.readouterr()
    assert run(["eval", str(place / "work/model"), "--pairs", str(dev), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["query → answer, R@1"]["n"] == len({p.query.text for p in data.dev})
    with hannun.open(place / "trained.hannun", hannun.load(str(place / "work/model"))) as shop:
        shop.add([{"id": t, "text": t} for t in known])
        assert {h.item.text for h in shop.search(known[0], limit=len(known))} == set(known)
