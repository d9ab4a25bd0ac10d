"""`hannun curate …`: sources and rules go in, shards, ledger and report come out; thresholds are chosen by sweep."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hannun.curate.runner import Runner
from hannun.errors import InputError, MissingError, neighbours
from hannun.journal import Journal

if TYPE_CHECKING:
    from hannun.curate.rules import Rules
    from hannun.curate.tally import Tally

app = typer.Typer(help="Raw image–text records into clean Korean pairs.", no_args_is_help=True, rich_markup_mode=None)

Sources = Annotated[
    list[Path],
    typer.Argument(metavar="SOURCE…", help="Folders of pictures, .jsonl/.csv/.parquet tables (LAION, COYO), .tar shards, URL lists."),
]


@app.command("run")
def run(
    sources: Sources,
    to: Annotated[Path, typer.Option("--to", help="The folder to write: shards/, ledger/, manifest.json, report.html.")] = Path("pairs"),
    model: Annotated[str, typer.Option("--model", help="Scores pairs: 'mini', the path of a model, a hub id, or 'none'.")] = "mini",
    documents: Annotated[list[Path] | None, typer.Option("--documents", help="A table of titles by image_hash, url or id.")] = None,
    clicks: Annotated[
        list[Path] | None, typer.Option("--clicks", help="A table of query and query_count by image_hash, url or id.")
    ] = None,
    columns: Annotated[str | None, typer.Option(help="What columns are called: title=alt_text,url=src,key=sku.")] = None,
    korean: Annotated[
        float, typer.Option(help="Only rows with this share of Hangul in their texts, 0.3 for LAION or COYO; 0 takes all.")
    ] = 0.0,
    fetch: Annotated[bool, typer.Option("--fetch", help="Fetch pictures of which only a URL is known.")] = False,
    politeness: Annotated[float, typer.Option(help="Seconds between two requests to one host, at least.")] = 1.0,
    private_hosts: Annotated[bool, typer.Option("--private-hosts", help="Also fetch from addresses of your own network.")] = False,
    min_title: Annotated[
        float | None, typer.Option(help="Least similarity of a title; 0.3 (products, by mini) if not given; -1 keeps all.")
    ] = None,
    min_query: Annotated[float | None, typer.Option(help="Least similarity of a query; as for titles.")] = None,
    personal: Annotated[str, typer.Option(help="Texts with personal data: 'mask' or 'drop'.")] = "mask",
    noise_words: Annotated[Path | None, typer.Option(help="A confirmed list of noise words instead of the one shipped.")] = None,
    ocr: Annotated[bool, typer.Option("--ocr/--no-ocr", help="Count text in pictures.")] = True,
    watermark: Annotated[
        str, typer.Option(help="'head' (embedded), 'none', or a classifier: .onnx, LAION's .pt, a transformers folder.")
    ] = "head",
    adult: Annotated[str | None, typer.Option(help="A classifier of adult pictures: .onnx or a transformers folder or hub id.")] = None,
    shard: Annotated[int | None, typer.Option(help="Pairs of one shard, about.")] = None,
    store: Annotated[int | None, typer.Option(help="Scale stored pictures to this shorter side.")] = None,
    workers: Annotated[int, typer.Option(help="Processes; 0 for one a core.")] = 0,
    ray: Annotated[str | None, typer.Option(help="The address of a Ray cluster, or 'local'.")] = None,
    dry_run: Annotated[int, typer.Option("--dry-run", help="Only show the funnel of about this many rows; nothing is written.")] = 0,
) -> int:
    """Clean pairs out of raw sources. Run again after a stop, it goes on where it was."""
    from hannun.curate import run as curation
    from hannun.curate.rows import Columns
    from hannun.curate.stages.plan import RunPlan
    from hannun.serve.cli import output

    plan = RunPlan(
        to, _rules(min_title, min_query, personal, noise_words, shard, store), Columns(_columns(columns)), korean,
        None if model == "none" else model, ocr, None if watermark == "none" else watermark, adult,
        tuple(str(p) for p in (*(documents or ()), *(clicks or ()))), fetch, politeness, private_hosts,
    )  # fmt: skip
    runner = Runner(workers or _cores(), ray)
    if dry_run:
        _print_funnel(curation.preview(sources, plan, dry_run, runner, output.progress))
        typer.echo("dry run: nothing was written")
        return 0
    result = curation.run(sources, plan, runner, output.progress)
    _print_funnel(result.tally)
    pairs, splits = result.manifest["pairs"], result.manifest["splits"]
    counts = f"{pairs} pairs ({splits['train']} train, {splits['valid']} valid) in {len(result.manifest['shards'])} shards"
    typer.echo(f"{counts}; see {to / 'report.html'}")
    if not pairs:
        raise InputError("no pair was kept; the table above says why, and report.html shows samples")
    return 0


def _rules(
    min_title: float | None, min_query: float | None, personal: str, noise_words: Path | None, shard: int | None, store: int | None
) -> Rules:
    """The recipe's rules with what the options change of them."""
    from hannun.recipes.naver_pairs import RULES

    if personal not in ("mask", "drop"):
        raise InputError(f"--personal {personal!r} came, expected 'mask' or 'drop'")
    rules = replace(_thresholds(RULES, min_title, min_query), personal=personal, store=store)  # type: ignore[arg-type]
    if noise_words is not None:
        rules = _with_words(rules, noise_words)
    return rules if shard is None else replace(rules, shard=max(1, shard))


@app.command("sweep")
def sweep(
    shards: Annotated[
        list[Path], typer.Argument(metavar="PAIRS…", help="Folders or shards that `curate run --min-title -1 --min-query -1` wrote.")
    ],
    labelled: Annotated[Path, typer.Option("--eval", help="A table of pictures with a 'label' each, for zero-shot accuracy.")],
    to: Annotated[Path, typer.Option("--to", help="Where sweep.json and sweep.html go.")] = Path("sweep"),
    model: Annotated[str, typer.Option("--model", help="Whose picture vectors the small model learns over.")] = "mini",
    thresholds: Annotated[str | None, typer.Option(help="Similarities to try: -1,0,0.1,0.2.")] = None,
    steps: Annotated[int, typer.Option(help="Training steps at each threshold.")] = 300,
) -> int:
    """Choose the similarity thresholds: train the same small model at each, and take the one with the best zero-shot accuracy.

    Stopped and run again, it goes on where it was.
    """
    from hannun.curate import sweep as sweeping
    from hannun.load import load
    from hannun.serve.cli import output

    encoder = load(model)
    try:
        tried = tuple(float(x) for x in thresholds.split(",")) if thresholds else sweeping.THRESHOLDS
    except ValueError:
        raise InputError(f"--thresholds {thresholds!r} came, expected numbers with commas: -1,0,0.1") from None
    journal = Journal(to / "sweep.json.work")
    with output.progress("encoding", 0) as advance:
        pairs = sweeping.read_pairs(shards, encoder, advance, journal)
        target = sweeping.read_labelled(labelled, encoder, advance, journal)
    small = sweeping.SmallModel(steps=steps)
    swept = []
    with output.progress("training", len(pairs) * len(tried)) as advance:
        for kind, scored in pairs.items():
            swept.append(sweeping.sweep(kind, scored, target, tried, small, done=advance, journal=journal))
    page = sweeping.write(to, swept, encoder, small)
    journal.close()
    for one in swept:
        typer.echo(f"{one.kind}:")
        for p in one.points:
            chosen = "  ← chosen" if p.threshold == one.threshold else ""
            typer.echo(f"  {p.threshold:6.2f}  {p.pairs:8,} pairs  accuracy {p.accuracy:.3f} ({p.low:.3f}–{p.high:.3f}){chosen}")
        if one.threshold is None:
            typer.echo(f"  fewer than {sweeping.LEAST_PAIRS} pairs at every threshold")
        else:
            typer.echo(f"  on the other half: {one.test:.3f} ({one.test_low:.3f}–{one.test_high:.3f})")
    typer.echo(f"wrote {page}; use it: hannun curate run … --min-title T --min-query Q")
    return 0


@app.command("report")
def report(
    pairs: Annotated[Path, typer.Argument(help="The folder that `curate run` wrote.")],
    to: Annotated[Path | None, typer.Option("--to", help="The page to write; report.html in the folder by default.")] = None,
    json_out: Annotated[bool, typer.Option("--json", help="Only the counts, as JSON on standard output.")] = False,
    reason: Annotated[str | None, typer.Option(help="Only list what was dropped for this reason, as JSON lines.")] = None,
) -> int:
    """Write the report page of a run again, or look into its ledger."""
    from hannun.curate import report as page
    from hannun.curate import run as curation
    from hannun.curate.tally import Tally
    from hannun.recipes.naver_pairs import RULES

    manifest = _manifest(pairs)
    if json_out:
        typer.echo(json.dumps(manifest["counts"], ensure_ascii=False, indent=1))
        return 0
    if reason is not None:
        known = {name.split("/")[1] for name in manifest["counts"]}
        if reason not in known:
            raise MissingError(f"nothing was dropped for {reason!r}; {neighbours(reason, known)}")
        for row in curation.ledger(pairs):
            if row["reason"] == reason:
                typer.echo(json.dumps(row, ensure_ascii=False))
        return 0
    tally = Tally.merged([json.loads((pairs / "tally.json").read_text("utf-8"))])
    rules = _thresholds(RULES, _bound(manifest, "titles"), _bound(manifest, "queries"))
    target = to or pairs / "report.html"
    page.write(target, manifest, tally, rules)
    typer.echo(f"wrote {target}")
    return 0


@app.command("noise")
def noise(
    pairs: Annotated[
        list[Path], typer.Argument(metavar="PAIRS…", help="Folders or shards that `curate run --min-title -1 --min-query -1` wrote.")
    ],
    to: Annotated[Path | None, typer.Option("--to", help="Write the candidates there, one a line, to be confirmed by hand.")] = None,
    least_count: Annotated[int, typer.Option(help="Texts that must have the word.")] = 20,
) -> int:
    """Propose words that are frequent and agree badly with their pictures; a list you confirm goes to `run --noise-words`."""
    from hannun import shards
    from hannun.curate.sweep import training_shards
    from hannun.curate.text import noise as words

    def rows() -> Any:
        for path in training_shards(pairs):
            for record in shards.read(path):
                d = record.data
                if d.get("title") and d.get("title_kelip_score") is not None:
                    yield d["title"], float(d["title_kelip_score"])
                yield from zip(d.get("query", ()), d.get("query_kelip_score", ()), strict=False)

    found = words.propose(rows(), least_count)
    known = words.NoiseWords().words
    for c in found:
        mark = "  (listed)" if any(c.word.startswith(w.rstrip("*")) for w in known) else ""
        typer.echo(f"{c.word}\t{c.count}\t{c.agreement:.3f}\t{c.under:.1f} standard errors under the mean{mark}")
    if to is not None:
        to.write_text("# confirm: delete the lines that teach something\n" + "".join(f"{c.word}\n" for c in found), "utf-8")
        typer.echo(f"wrote {len(found)} candidates to {to}; delete what teaches something, then: hannun curate run … --noise-words {to}")
    return 0


def _manifest(pairs: Path) -> dict[str, Any]:
    place = pairs / "manifest.json"
    if not place.exists():
        raise MissingError(
            f"{pairs}: holds no finished curation run, expected its manifest.json; run `hannun curate run` again to finish it"
        )
    loaded: dict[str, Any] = json.loads(place.read_text("utf-8"))
    return loaded


def _bound(manifest: dict[str, Any], kind: str) -> float | None:
    found = [f["bound"] for f in manifest["rules"][kind] if isinstance(f, dict) and f.get("fact") == "similarity"]
    return float(found[0]) if found else None


def _thresholds(rules: Rules, title: float | None, query: float | None) -> Rules:
    from hannun.curate.verdict import AtLeast

    def at(filters: tuple[Any, ...], bound: float | None) -> tuple[Any, ...]:
        return (
            filters if bound is None else tuple(replace(f, bound=bound, source="given") if isinstance(f, AtLeast) else f for f in filters)
        )

    return replace(rules, titles=at(rules.titles, title), queries=at(rules.queries, query))


def _with_words(rules: Rules, path: Path) -> Rules:
    from hannun.curate.text.noise import NoiseWords, read

    if not path.exists():
        raise MissingError(f"{path}: no such list of words")
    return replace(rules, texts=tuple(NoiseWords(read(path)) if isinstance(f, NoiseWords) else f for f in rules.texts))


def _columns(text: str | None) -> dict[str, str]:
    if not text:
        return {}
    pairs = [part.partition("=") for part in text.split(",")]
    if any(not sep or not value for _, sep, value in pairs):
        raise InputError(f"--columns {text!r} came, expected ours=theirs with commas: title=alt_text,url=src")
    return {name.strip(): value.strip() for name, _, value in pairs}


def _print_funnel(tally: Tally) -> None:
    """How many went in and came out, and what was dropped for which reason."""
    from rich.console import Console
    from rich.table import Table

    from hannun.curate.tally import funnel

    counts = tally.counts
    grid = Table(title=f"{counts.get('in/row', 0):,} rows in, {counts.get('out/pair', 0):,} pairs out", title_justify="left")
    grid.add_column("what")
    grid.add_column("dropped for")
    grid.add_column("how many", justify="right")
    for kind, reason, n in funnel(tally):
        grid.add_row(kind, reason, f"{n:,}")
    Console().print(grid)


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
