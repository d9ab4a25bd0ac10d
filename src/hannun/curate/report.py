"""A manifest and a tally go in; one self-contained page comes out: funnel by reason, histograms with thresholds, samples."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hannun.curate.rules import Rules
from hannun.curate.tally import BINS, RANGES, Tally, funnel
from hannun.curate.verdict import AtLeast, Bound
from hannun.files import write_whole

#: What a reason is called in the report.
NAMES: dict[str, str] = {
    "unreadable_row": "행을 읽을 수 없음 · unreadable row",
    "not_korean": "한국어가 아님 · not Korean",
    "not_fetched": "URL만 있음 · only a URL (use --fetch)",
    "no_picture": "그림 없음 · no picture",
    "link_no_picture": "그림 없는 문서·클릭 · link without picture",
    "picture_missing": "파일 없음 · file missing",
    "picture_undecodable": "깨진 그림 · undecodable",
    "picture_bomb": "압축 폭탄 · bomb",
    "picture_small": "작은 그림 · too small",
    "picture_long": "너무 긴 그림 · too long",
    "picture_generated": "생성된 그림 · generated",
    "picture_white": "흰 그림 · mostly white",
    "picture_duplicate": "똑같은 그림 · exact duplicate",
    "picture_near_duplicate": "거의 같은 그림 · near duplicate",
    "picture_text_boxes": "글자 상자 많음 · many text boxes",
    "picture_text_area": "글자가 덮음 · covered by text",
    "picture_watermark": "워터마크 · watermark",
    "picture_adult": "성인 그림 · adult",
    "text_empty": "빈 글 · empty",
    "text_no_words": "낱말 없음 · no words",
    "text_signs": "기호·낱자 · signs and lone letters",
    "text_other_script": "다른 문자 · other script",
    "text_abuse": "욕설 · abuse",
    "text_vulgar": "비속어 · vulgar",
    "text_adult": "성인 · adult",
    "text_noise_word": "무의미 낱말 · noise word",
    "title_disagrees": "제목 불일치 · title disagrees",
    "query_disagrees": "질의 불일치 · query disagrees",
    "pair_no_text": "글 없음 · no text",
    "pair_texts_dropped": "남은 글 없음 · no text left",
    "pair_no_agreeing_text": "맞는 글 없음 · no text agrees",
}
_FIGURES = {
    "side": "짧은 변 (px) · shorter side",
    "ratio": "긴 변 / 짧은 변 · ratio",
    "white": "흰 픽셀 비율 · white pixels",
    "ocr_boxes": "글자 상자 수 · text boxes",
    "ocr_share": "글자 넓이 비율 · text area",
    "watermark": "워터마크 점수 · watermark",
    "adult": "성인 점수 · adult",
    "title_similarity": "제목–그림 유사도 · title similarity",
    "query_similarity": "질의–그림 유사도 · query similarity",
    "title_length": "제목 길이 · title length",
    "copies": "같은 그림 수 · copies",
}
_KINDS = {
    "row": "행 · rows",
    "link": "연결 · links",
    "picture": "그림 · pictures",
    "title": "제목 · titles",
    "query": "질의 · queries",
    "pair": "짝 · pairs",
}


def write(path: Path, manifest: Mapping[str, Any], tally: Tally, rules: Rules) -> None:
    """The page, whole or not at all. Raises StorageError."""
    write_whole(path, page(manifest, tally, rules).encode())


def page(manifest: Mapping[str, Any], tally: Tally, rules: Rules) -> str:
    """The page as text."""
    counts = tally.counts
    entered, pairs = counts.get("in/row", 0), counts.get("out/pair", 0)
    scorer = manifest.get("scorer")
    head = (
        f"<p><b>{entered:,}</b> 행 · rows → <b>{pairs:,}</b> 짝 · pairs ({_share(pairs, entered)}), "
        f"{counts.get('out/title', 0):,} 제목 · titles, {counts.get('out/query', 0):,} 질의 · queries. 규칙 · rules <b>{_e(rules.name)}</b>"
        + (f", 채점 · scored by <b>{_e(scorer['name'])}</b> <small>{_e(scorer['fingerprint'])}</small>" if scorer else "")
        + "</p>"
    )
    masked = {k.split("/")[1]: n for k, n in counts.items() if k.startswith("masked/")}
    if masked:
        head += "<p>가린 개인정보 · personal data masked: " + ", ".join(f"{_e(k)} {n:,}" for k, n in sorted(masked.items())) + "</p>"
    parts = [head, _funnel(tally), _histograms(tally, rules.bounds()), _before_after(tally), _samples(tally)]
    return _PAGE.replace("{title}", f"{_e(rules.name)} — {pairs:,} pairs").replace("{body}", "".join(parts))


def _e(text: object) -> str:
    return html.escape(str(text))


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "–"


def _funnel(tally: Tally) -> str:
    rows, found = [], funnel(tally)
    most = max((n for _, _, n in found), default=1)
    last = ""
    for kind, reason, n in found:
        if kind != last:
            rows.append(f"<tr><th colspan=3>{_e(_KINDS.get(kind, kind))}</th></tr>")
            last = kind
        name = NAMES.get(reason, reason.replace("_", " "))
        bar = f"<div class=bar style='width:{max(0.3, 100 * n / most):.1f}%'></div>"
        rows.append(f"<tr><td>{_e(name)}<br><code>{_e(reason)}</code></td><td class=n>{n:,}</td><td class=w>{bar}</td></tr>")
    return f"<h2>깔때기 · what was dropped, by reason</h2><table>{''.join(rows) or '<tr><td>nothing</td></tr>'}</table>"


def _histograms(tally: Tally, bounds: Sequence[Bound]) -> str:
    drawn = []
    for name, title in _FIGURES.items():
        if name not in tally.histograms:
            continue
        fact = {"title_similarity": "title_disagrees", "query_similarity": "query_disagrees"}.get(name)
        lines = [b for b in bounds if (b.reason == fact if fact else b.fact == name)]
        drawn.append(f"<figure>{histogram(name, tally.histograms[name], lines)}<figcaption>{_e(title)}</figcaption></figure>")
    return f"<h2>분포와 문턱 · figures and thresholds</h2><div class=grid>{''.join(drawn)}</div>"


def histogram(name: str, bins: Sequence[int], bounds: Sequence[Bound]) -> str:
    """One histogram as SVG; what a bound drops is drawn pale, the bound as a line with its number."""
    low, high = RANGES[name]
    width, height, top = 320, 110, max(bins) or 1
    step = width / BINS
    shapes = []
    for n, count in enumerate(bins):
        middle = low + (n + 0.5) * (high - low) / BINS
        out = any(middle < b.bound if isinstance(b, AtLeast) else middle > b.bound for b in bounds)
        tall = count / top * height
        box = f"x={n * step:.1f} y={height - tall:.1f} width={step - 0.6:.1f} height={tall:.1f}"
        shapes.append(f"<rect {box} class={'out' if out else 'in'}><title>{count:,}</title></rect>")
    for bound in bounds:
        x = min(width, max(0.0, (bound.bound - low) / (high - low) * width))
        side = "end" if x > width * 0.7 else "start"
        shapes.append(
            f"<line x1={x:.1f} x2={x:.1f} y1=0 y2={height} class=bound />"
            f"<text x={x + (-4 if side == 'end' else 4):.1f} y=11 text-anchor={side}>{bound.bound:g}</text>"
        )
    labels = (
        f"<text x=0 y={height + 13} class=axis>{low:g}</text><text x={width} y={height + 13} text-anchor=end class=axis>{high:g}+</text>"
    )
    return f"<svg viewBox='0 0 {width} {height + 16}' role=img>{''.join(shapes)}{labels}</svg>"


def _before_after(tally: Tally) -> str:
    columns = []
    for name, title in (("_before", "전 · before: as they came"), ("_after", "후 · after: what was kept")):
        cells = "".join(
            _card(shown, " · ".join([shown.get("title") or "", *(shown.get("queries") or [])])) for _, shown in tally.samples.get(name, ())
        )
        columns.append(f"<section><h3>{title}</h3><div class=cards>{cells}</div></section>")
    return f"<h2>전과 후 · before and after</h2><div class=two>{''.join(columns)}</div>"


def _samples(tally: Tally) -> str:
    parts = []
    for reason, kept in sorted(tally.samples.items()):
        if reason.startswith("_") or not kept:
            continue
        cells = "".join(_card(shown, shown.get("text") or "", shown.get("figures")) for _, shown in kept)
        parts.append(f"<h3>{_e(NAMES.get(reason, reason))}</h3><div class=cards>{cells}</div>")
    return f"<h2>버린 것의 예 · samples of what was dropped</h2>{''.join(parts)}"


def _card(shown: Mapping[str, Any], text: str, figures: Mapping[str, float] | None = None) -> str:
    thumb = shown.get("thumbnail")
    picture = f"<img loading=lazy alt='' src='data:image/jpeg;base64,{thumb}'>" if thumb else ""
    numbers = " ".join(f"{k} {v:.3g}" for k, v in (figures or {}).items())
    return f"<div class=card>{picture}<p>{_e(text[:120])}</p>{f'<small>{_e(numbers)}</small>' if numbers else ''}</div>"


_PAGE = """<!doctype html><html lang=ko><meta charset=utf-8><meta name=viewport content="width=device-width,initial-scale=1">
<title>{title}</title><style>
:root{color-scheme:light dark;--line:#8884;--in:#2f7d5b;--out:#c9b8a8}
body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:2rem auto;padding:0 1rem}
h2{margin-top:2.2rem;border-bottom:1px solid var(--line)}h3{margin:.9rem 0 .3rem;font-size:1rem}
table{border-collapse:collapse;width:100%}td,th{padding:.2rem .5rem;text-align:left;vertical-align:top}
th{border-bottom:1px solid var(--line)}
td.n{text-align:right;font-variant-numeric:tabular-nums;width:6rem}td.w{width:50%}code{opacity:.6;font-size:.8em}
.bar{background:var(--in);height:1rem;margin-top:.25rem;border-radius:2px}
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(300px,1fr));gap:1rem}figure{margin:0}svg{width:100%}
rect.in{fill:var(--in)}rect.out{fill:var(--out)}line.bound{stroke:#c0392b;stroke-width:1.5;stroke-dasharray:4 2}
svg text{font-size:10px;fill:currentColor}svg .axis{opacity:.6}
.cards{display:flex;flex-wrap:wrap;gap:.5rem}.card{width:118px;font-size:.75rem;overflow-wrap:anywhere}
.card p{margin:.2rem 0;max-height:4.5em;overflow:hidden}
.card img{width:112px;height:112px;object-fit:contain;background:#8882}
.two{display:grid;grid-template-columns:1fr 1fr;gap:1.5rem}small{opacity:.7}
</style><h1>{title}</h1>{body}</html>"""
