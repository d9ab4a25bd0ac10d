"""Reports, pages, cards and comparisons; and that a run can be repeated to the last digit."""

from __future__ import annotations

import html.parser
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hannun.errors import InputError, MissingError
from hannun.evaluate import run, suites
from hannun.evaluate.card import card, metadata, yaml
from hannun.evaluate.compare import compare
from hannun.evaluate.figure import Figure, value
from hannun.evaluate.harness import Harness
from hannun.evaluate.page import comparison_page, report_page
from hannun.evaluate.report import EvalReport
from hannun.evaluate.suites.suite import Measured, Suite
from tests.conftest import TOY_CLI, finished
from tests.toy import Toy

GOOD = np.array([1.0, 1, 1, 1, 1, 1, 1, 1, 0, 1])


def measured(harness: Harness, outcomes: np.ndarray[Any, Any], name: str = "made") -> EvalReport:
    def measure(b: Harness) -> Measured:
        b.queries(["질문"])
        gold = np.stack([outcomes + np.arange(len(outcomes)) / 10, np.arange(len(outcomes), dtype=float)], axis=1)
        groups = np.arange(len(outcomes)) // 2
        return Measured([Figure("R@1", outcomes, groups=groups), Figure("order Spearman", gold, "spearman"), value("gap", 0.5, lower=True)])

    return run.evaluate(harness, [Suite(name, "made up <b>", measure)], command="hannun eval toy")


def test_a_report_comes_back_as_it_was(harness: Harness, tmp_path: Path) -> None:
    report = measured(harness, GOOD)
    report.save(tmp_path / "r")
    back = EvalReport.load(tmp_path / "r")
    assert back.to_json() == report.to_json()
    for a, b in zip(report.figures().values(), back.figures().values(), strict=True):
        assert np.array_equal(a.outcomes, b.outcomes) and (a.groups is None) == (b.groups is None)
    figure = back.to_json()["suites"][0]["figures"][0]
    assert figure["value"] == 0.9 and figure["low"] <= 0.9 <= figure["high"] and figure["n"] == 5 and figure["queries"] == 10


def test_a_report_says_how_it_was_made(harness: Harness) -> None:
    data = measured(harness, GOOD).to_json()
    assert data["run"]["command"] == "hannun eval toy" and data["run"]["seed"] == 0 and "numpy" in data["run"]["versions"]
    assert data["model"]["fingerprint"] == "toy-1-True" and data["suites"][0]["data"]


def test_a_folder_that_is_no_report(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="hannun eval"):
        EvalReport.load(tmp_path)
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(InputError, match="not a whole report"):
        EvalReport.load(tmp_path)
    (tmp_path / "report.json").write_text('{"format": 99}')
    with pytest.raises(InputError, match="format 99"):
        EvalReport.load(tmp_path)


class Page(html.parser.HTMLParser):
    """Notes every address that a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [v or "" for k, v in attrs if k in ("src", "href") and not (v or "").startswith("#")]


def test_the_page_holds_everything_and_fetches_nothing(harness: Harness) -> None:
    text = report_page(measured(harness, GOOD))
    page = Page()
    page.feed(text)
    assert not page.fetched and "svg" in page.tags and "script" not in page.tags
    assert "made up &lt;b&gt;" in text and "[0." in text and "hannun eval toy" in text
    assert report_page(measured(harness, GOOD)).split("<svg")[1].split("</svg>")[0] == text.split("<svg")[1].split("</svg>")[0]


def test_a_comparison_is_paired_and_adjusted(harness: Harness) -> None:
    base = measured(harness, np.tile([0.0, 0, 1, 0, 0], 8))
    better = measured(harness, np.ones(40))
    found = compare([base, better], rounds=400)
    row = next(r for r in found.rows[0] if r.name == "R@1")
    assert row.difference == pytest.approx(0.8) and row.low <= 0.8 <= row.high and row.p < 0.01 <= 1
    assert row.verdict == "better" and row.adjusted == pytest.approx(min(1, 2 * row.p))  # two figures at once; the value has no test
    assert {r.name for r in found.rows[0]} == {"R@1", "order Spearman"}
    same = compare([base, base], rounds=100)
    assert all(r.difference == 0 and r.verdict == "" for r in same.rows[0])
    assert same.models == ("toy1 [1]", "toy1 [2]")
    assert "better" in comparison_page(found) and json.loads(json.dumps(found.to_json()))["models"] == list(found.models)


def test_other_data_is_not_compared(harness: Harness, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no figure over the same queries"):
        compare([measured(harness, GOOD), measured(harness, GOOD, "another")])
    with pytest.raises(InputError, match="same queries"):
        compare([measured(harness, GOOD), measured(harness, np.ones(4))])
    with pytest.raises(InputError, match="two or more"):
        compare([measured(harness, GOOD)])


def test_the_card_carries_metadata_that_the_hub_reads(harness: Harness) -> None:
    report = measured(harness, GOOD)
    text = card(report)
    assert text.startswith("---\n") and "| R@1 | 0.900 |" in text and "hannun eval toy" in text
    hub = pytest.importorskip("huggingface_hub", reason="huggingface_hub is not installed: pip install 'hannun[train]'")
    data = hub.ModelCard(text).data
    assert data.language == ["ko", "en"]
    first = data.eval_results[0]
    assert (first.dataset_name, first.metric_value, first.metric_name) == ("made", 0.9, "R@1")
    assert len(data.eval_results) == 2  # the plain value is no result of a data set


def test_yaml_is_what_a_yaml_reader_reads(harness: Harness) -> None:
    reader = pytest.importorskip("yaml", reason="PyYAML is not installed: pip install 'hannun[train]'")
    values = {"a": [1, 2.5, None, "가: 나", {"b": [], "c": {"d": "x\ny"}}], "e": {}, "f": True, "g": [[1, 2], ["x"]]}
    assert reader.safe_load(yaml(values)) == values
    assert reader.safe_load(yaml(metadata(measured(harness, GOOD)))) == metadata(measured(harness, GOOD))


def test_running_it_again_gives_the_same_numbers(small: None, pictures: Path, tmp_path: Path) -> None:
    """From an empty cache and from a full one, to the last digit."""
    found = []
    for cache in (tmp_path / "one", tmp_path / "other", tmp_path / "other"):
        (cache / "drawn").parent.mkdir(exist_ok=True)
        if not (cache / "drawn").exists():
            (cache / "drawn").symlink_to(pictures, target_is_directory=True)
        harness = Harness(Toy(), tmp_path, cache, seed=5)
        report = run.evaluate(harness, [suites.suite(n) for n in ("catalogue", "mbeir")], command="hannun eval")
        found.append([{k: s[k] for k in ("suite", "figures", "data", "notes")} for s in report.to_json()["suites"]])
        rest = harness.encoded
    assert found[0] == found[1] == found[2] and rest == 0


def test_the_command_line(tmp_path: Path) -> None:
    (tmp_path / "d" / "texts").mkdir(parents=True)
    rows = [("빨간 옷", "빨간 치마", 4.0), ("파란 옷", "노란 꽃", 1.0), ("집", "집", 5.0), ("강", "빨간 옷", 0.0)]
    lines = [json.dumps({"sentence1": a, "sentence2": b, "labels": {"real-label": g}}, ensure_ascii=False) for a, b, g in rows]
    (tmp_path / "d" / "texts" / "klue_sts_dev.jsonl").write_text("\n".join(lines), "utf-8")
    common = ("--on", "klue_sts", "--data", str(tmp_path / "d"), "--cache", str(tmp_path / "c"))
    reports = []
    for n, model in enumerate(("toy1", "toy1", "toy2")):
        done = finished("-c", TOY_CLI, "eval", model, *common, "--to", str(tmp_path / str(n)))
        assert done.returncode == 0 and "KLUE-STS dev Spearman" in done.stdout, done.stderr
        assert {f.name for f in (tmp_path / str(n)).iterdir()} == {"report.json", "outcomes.npz", "report.html", "card.md"}
        reports.append(json.loads((tmp_path / str(n) / "report.json").read_text("utf-8")))
    assert reports[0]["suites"][0]["figures"] == reports[1]["suites"][0]["figures"] and reports[1]["suites"][0]["encoded"] == 0
    assert reports[0]["run"]["command"] == "hannun eval toy1 --on klue_sts"
    done = finished("-c", TOY_CLI, "compare", str(tmp_path / "0"), str(tmp_path / "2"), "--to", str(tmp_path / "x"), "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["models"] == ["toy1", "toy2"], done.stderr
    assert (tmp_path / "x" / "compare.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("eval", "toy1", "--on", "klue_st"), "did you mean 'klue_sts'"),
        (("eval", "toy1", "--on", "korquad", "--data", "{}"), "get it from korquad.github.io"),
        (("eval", "toy1", "--data", "{}/nowhere"), "no such folder"),
        (("eval", "nothere", "--on", "catalogue"), "no such model"),
        (("eval", "toy1", "--on", "catalogue", "--dim", "7"), "dim=7"),
        (("compare", "toy1"), "two or more"),
        (("compare", "toy1", "toy2"), "expected --on SUITE"),
    ],
)
def test_mistakes_are_one_line(arguments: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = finished("-c", TOY_CLI, *(a.format(tmp_path) for a in arguments), cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1 and said in done.stderr
    assert not done.stdout


def test_the_list_of_suites() -> None:
    done = finished("-c", TOY_CLI, "eval", "--list")
    assert done.returncode == 0 and all(name in done.stdout for name in (*suites.suites(), "mteb:TASK"))
