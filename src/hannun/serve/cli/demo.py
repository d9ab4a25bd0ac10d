"""A folder name goes in; a drawn catalogue, its collection, four kinds of search and a gallery page come out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    to: Annotated[Path, typer.Option("--to", help="Where the drawn catalogue and its collection go.")] = Path("demo"),
    html: Annotated[Path, typer.Option("--html", help="The gallery page.")] = Path("demo.html"),
) -> int:
    """Draw a catalogue, index it, search it in four ways, and write demo.html."""
    from hannun import catalogue, collection, sources
    from hannun.item import Content
    from hannun.serve.cli import output

    entries = catalogue.entries()
    with output.progress("drawing", len(entries)) as advance:
        rows = catalogue.write(to / "catalogue", entries, advance)
    target = to / "demo.hannun"
    with collection.open(target) as shop:
        with output.progress("indexing", len(entries)) as advance:
            report = shop.add(sources.read([rows]), advance)
        output.problems(report.problems)
        typer.echo(f"{report.added} added, {report.unchanged} unchanged; {target} has {len(shop)} items\n")
        asked = rows.parent / f"{next(e.id for e in entries if e.category == '원피스' and e.split == 'test')}.jpg"
        both: Content = {"text": "파란색", "image": asked}
        sections = [
            output.Section("words · 말로: 파란 줄무늬 원피스", None, shop.search("파란 줄무늬 원피스", limit=6)),
            output.Section("a picture · 사진으로", asked, shop.search(asked, limit=6)),
            output.Section("both, mix 0.5 · 사진과 말을 함께: 파란색", asked, shop.search(both, mix=0.5, limit=6)),
            output.Section(
                "weights 0.3,0.7 and where · 조건과 함께: 체크 코트, 200,000원 미만",
                None,
                shop.search("체크 코트", weights=(0.3, 0.7), where="category = 코트 and price < 200000", limit=6),
            ),
        ]
    for section in sections:
        output.table(section.heading, section.hits)
    foot = (
        f'다음 · next: <code>hannun search "꽃무늬 치마" --in {target}</code> · your own: <code>hannun index PHOTOS --to my.hannun</code>'
    )
    output.gallery(html, "한눈 · Hannun", sections, foot)
    typer.echo(f"wrote {html}: open it in a browser")
    typer.echo(f'next: hannun search "꽃무늬 치마" --in {target}      your own pictures: hannun index PHOTOS --to my.hannun')
    return 0
