"""A folder of data goes in; the pair factory's figures come out, peers in the same run.

    python benchmarks/curate.py --data ../shared/data [--data-juicer PYTHON] [--only images,texts,ocr,…]

`--data-juicer` is the interpreter of an environment of its own that has `py-data-juicer` and `imagededup`; without it only plain Pillow and
regex code stands beside. Passes are interleaved (ours, theirs, plain, ours, …) on one thread, and rates are per second of processor time,
so that a busy machine harms all alike.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import PIL.Image

from hannun import metrics, shards
from hannun.curate import run as factory
from hannun.curate import sweep as sweeping
from hannun.curate.image.header import image_hash, measure_pixels, read_header, white_share
from hannun.curate.image.ocr import DEFAULT_SIDE, TextDetector
from hannun.curate.merge import tidy
from hannun.curate.runner import Runner
from hannun.curate.stages.plan import RunPlan
from hannun.curate.tally import funnel
from hannun.curate.text import pii, profanity
from hannun.curate.verdict import AtLeast, judge, pair_of
from hannun.datasets import sentences
from hannun.datasets.pictures import flickr8k
from hannun.encode import embed
from hannun.item import Image, Item
from hannun.mini.model import Mini
from hannun.recipes import watermark
from hannun.recipes.naver_pairs import MAX_WATERMARK, RULES

PASSES = 5

#: The peer: reads commands on standard input, prints seconds and how many it kept. It runs in the peer's own environment.
PEER = r"""
import json, logging, sys, time
logging.disable(logging.CRITICAL)
real, sys.stdout = sys.stdout, sys.stderr
from loguru import logger
logger.remove()
from data_juicer.ops.filter.image_shape_filter import ImageShapeFilter
from data_juicer.ops.filter.image_aspect_ratio_filter import ImageAspectRatioFilter
from data_juicer.ops.deduplicator.image_deduplicator import ImageDeduplicator
from data_juicer.ops.filter.flagged_words_filter import FlaggedWordFilter
from data_juicer.ops.filter.special_characters_filter import SpecialCharactersFilter
from data_juicer.ops.filter.character_repetition_filter import CharacterRepetitionFilter
from data_juicer.ops.mapper.clean_email_mapper import CleanEmailMapper
from data_juicer.ops.mapper.clean_links_mapper import CleanLinksMapper
from data_juicer.ops.mapper.pii_redaction_mapper import PiiRedactionMapper
from data_juicer.utils.constant import Fields
given = json.load(open(sys.argv[1]))
shape = ImageShapeFilter(min_width=200, min_height=200, any_or_all="all")
ratio = ImageAspectRatioFilter(min_ratio=1 / 3, max_ratio=3.0, any_or_all="all")
dedup = ImageDeduplicator(method="phash")
flagged = FlaggedWordFilter(lang="ko", flagged_words_dir=given["words"], max_ratio=0.0)
signs, repeated = SpecialCharactersFilter(max_ratio=0.5), CharacterRepetitionFilter(rep_len=5, max_ratio=0.5)
mappers, redact = [CleanLinksMapper(), CleanEmailMapper()], PiiRedactionMapper()

def images():
    kept = 0
    for path in given["pictures"]:
        sample = {"text": "", "images": [path], Fields.stats: {}, Fields.context: {}}
        sample = shape.compute_stats_single(sample, context=True)
        if not shape.process_single(sample):
            continue
        many = {"images": [[path]], Fields.stats: [sample[Fields.stats]], Fields.context: [sample[Fields.context]]}
        many = ratio.compute_stats_batched(many, context=True)
        if list(ratio.process_batched(many))[0]:
            dedup.compute_hash(sample, context=True)
            kept += 1
    return kept

def texts(private=True):
    samples = {"text": list(given["texts"])}
    for op in mappers:
        samples = op.process_batched(samples)
    if private:
        samples["text"] = [redact.process_single({"text": t})["text"] for t in samples["text"]]
    samples[Fields.stats] = [{} for _ in samples["text"]]
    samples[Fields.context] = [{} for _ in samples["text"]]
    keep = [True] * len(samples["text"])
    for op in (repeated, signs, flagged):
        samples = op.compute_stats_batched(samples)
        keep = [a and b for a, b in zip(keep, op.process_batched(samples))]
    return sum(keep)

def bare():
    return texts(private=False)

for line in sys.stdin:
    started = time.process_time()
    try:
        kept = {"images": images, "texts": texts, "bare": bare}[line.strip()]()
        print(json.dumps([time.process_time() - started, kept]), file=real, flush=True)
    except Exception as e:
        import traceback

        print(json.dumps([0, traceback.format_exc()[-600:]]), file=real, flush=True)
"""


def main() -> None:
    """Parse the arguments and print every part that was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--data-juicer", type=Path)
    parser.add_argument("--scale", type=float, default=1.0, help="of the polluted sets of 'sweep' and 'helps'")
    parser.add_argument("--only", default="images,texts,ocr,pii,profanity,watermark,sweep,helps,memory,rates")
    a = parser.parse_args()
    parts: dict[str, Callable[[argparse.Namespace], None]] = {
        "images": images, "texts": texts, "ocr": ocr, "pii": personal, "profanity": profane, "watermark": marks, "sweep": sweep,
        "helps": helps, "memory": memory, "rates": rates,
    }  # fmt: skip
    for name in a.only.split(","):
        print(f"\n## {name}\n", flush=True)
        parts[name](a)


class Peer:
    """data-juicer in a process of its own; None where it was not given."""

    def __init__(self, python: Path, given: dict[str, object], folder: Path) -> None:
        (folder / "given.json").write_text(json.dumps(given, ensure_ascii=False), "utf-8")
        (folder / "peer.py").write_text(PEER, "utf-8")
        self.process = subprocess.Popen(
            [str(python), str(folder / "peer.py"), str(folder / "given.json")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, env={"OMP_NUM_THREADS": "1", "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        )  # fmt: skip

    def __call__(self, what: str) -> tuple[float, int]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        seconds, kept = json.loads(self.process.stdout.readline() or '[0, "the peer died"]')
        if not seconds:
            raise SystemExit(f"data-juicer failed: {kept}")
        return seconds, kept

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(30)


def timed(make: Callable[[], int]) -> tuple[float, int]:
    started = time.process_time()
    kept = make()
    return time.process_time() - started, kept


def compare(count: int, unit: str, ways: dict[str, Callable[[], tuple[float, int]]]) -> None:
    """Interleaved passes after one that is not counted; a row for each way with its rate (median of passes) and its ratio to the first."""
    seconds: dict[str, list[float]] = defaultdict(list)
    kept: dict[str, int] = {}
    for n in range(1 + PASSES):
        for name, way in ways.items():
            s, kept[name] = way()
            seconds[name] += [s] if n else []
    first = next(iter(ways))
    print(f"| way | {unit}/s | kept of {count} | ours is faster by (median of the passes' ratios; least, most) |\n|---|---|---|---|")
    for name in ways:
        ratios = sorted(b / a for a, b in zip(seconds[first], seconds[name], strict=True))
        faster = "–" if name == first else f"{statistics.median(ratios):.1f} ({ratios[0]:.1f}–{ratios[-1]:.1f})"
        print(f"| {name} | {count / statistics.median(seconds[name]):,.0f} | {kept[name]} | {faster} |", flush=True)


# ----------------------------------------------------------------------------------------------------------------- speed


def photos(data: Path, count: int) -> list[PIL.Image.Image]:
    """Photos, products and scans of the data folder."""
    found: list[PIL.Image.Image] = []
    for file, share in (
        ("flickr8k/test-000.tar", 0.4),
        ("watermark/all-000.tar", 0.2),
        ("fashion/test-000.tar", 0.2),
        ("receipts/all-000.tar", 0.2),
    ):
        records = list(shards.read(data / file))[: round(count * share)]
        found += [Image(r.pictures[0]).load() for r in records]
    return found


def images(a: argparse.Namespace) -> None:
    """Shape, ratio and perceptual hash in every way; ours and the plain one also count white pixels. JPEGs of the web's sizes."""
    originals = photos(a.data, 60)
    for width, height in ((640, 480), (1600, 1200), (4000, 3000)):
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for n, picture in enumerate(originals[:: 1 if width < 2000 else 3]):
                size = (width, height) if picture.width >= picture.height else (height, width)
                path = Path(folder) / f"{n}.jpg"
                picture.resize(size, PIL.Image.Resampling.BICUBIC).save(path, "JPEG", quality=88)
                paths.append(str(path))
            ways: dict[str, Callable[[], tuple[float, int]]] = {"hannun": lambda paths=paths: timed(lambda: _ours(paths))}
            peer = (
                Peer(a.data_juicer, {"pictures": paths, "texts": [], "words": _words(Path(folder))}, Path(folder))
                if a.data_juicer
                else None
            )
            if peer is not None:
                ways["data-juicer"] = lambda peer=peer: peer("images")
            ways["plain Pillow + imagehash, decoded in full"] = lambda paths=paths: timed(lambda: _plain(paths))
            print(f"\n{width} × {height}, {len(paths)} pictures\n")
            compare(len(paths), "pictures", ways)
            if peer is not None:
                peer.close()
            same = [(measure_pixels(d, 0.9).white < 0.9) == (white_share(d) < 0.9) for d in (Path(p).read_bytes() for p in paths)]
            print(f"\nwhite decisions equal to full decoding: {sum(same)} of {len(same)}")


def _ours(paths: Sequence[str]) -> int:
    kept = 0
    for path in paths:
        data = Path(path).read_bytes()
        head = read_header(data)
        if judge(pair_of("", {"side": head.side, "ratio": head.ratio, "pixels": head.pixels}), RULES.headers).kept:
            kept += judge(pair_of("", {"white": measure_pixels(data, 0.9).white}), RULES.pictures).kept
    return kept


def _plain(paths: Sequence[str]) -> int:
    import imagehash

    kept = 0
    for path in paths:
        picture = PIL.Image.open(path)
        if min(picture.size) >= 200 and max(picture.size) <= 3 * min(picture.size):
            white = (np.asarray(picture.convert("RGB")).min(-1) >= 250).mean()
            imagehash.phash(picture)
            kept += bool(white < 0.9)
    return kept


def _words(folder: Path) -> str:
    """Our list as data-juicer wants it."""
    place = folder / "words"
    place.mkdir(exist_ok=True)
    words = [e.word for e in profanity.entries()]
    (place / "flagged_words.json").write_text(json.dumps({"ko": words, "en": words}, ensure_ascii=False), "utf-8")
    return str(place)


def korean_texts(data: Path, count: int, seed: int = 0) -> list[str]:
    """Titles and sentences, a tenth of them polluted."""
    rng = random.Random(seed)
    lines = [json.loads(line) for line in (data / "texts" / "klue_sts_dev.jsonl").open(encoding="utf-8")]
    pool = [str(v) for row in lines for k, v in row.items() if k.startswith("sentence") and isinstance(v, str)]
    pool += [line.split("\t")[-1].strip() for line in (data / "texts" / "parakqc.tsv").open(encoding="utf-8")]
    pool = [t for t in pool if re.search("[가-힣]", t)]
    dirty = [
        "{} 문의 010-1234-5678",
        "{} abc@naver.com",
        "특가 특가 특가 특가 {}",
        "{} http://a.co.kr/b",
        "★★★ {} ★★★",
        "시1발 {}",
        "{} ㅋㅋㅋㅋㅋㅋ",
        "로또 {}",
    ]
    return [rng.choice(dirty).format(t) if rng.random() < 0.1 else t for t in rng.choices(pool, k=count)]


def texts(a: argparse.Namespace) -> None:
    """Links, e-mails, personal data, repetition, signs and flagged words in every way; ours also other scripts, noise words, disguises."""
    given = korean_texts(a.data, 8000)
    with tempfile.TemporaryDirectory() as folder:
        ways: dict[str, Callable[[], tuple[float, int]]] = {"hannun": lambda: timed(lambda: sum(tidy([t], [], RULES).any for t in given))}
        peer = Peer(a.data_juicer, {"pictures": [], "texts": given, "words": _words(Path(folder))}, Path(folder)) if a.data_juicer else None
        if peer is not None:
            ways["data-juicer"] = lambda: peer("texts")
            ways["data-juicer without its personal-data operator"] = lambda: peer("bare")
        ways["plain regexes"] = lambda: timed(lambda: _plain_texts(given))
        ways["ko-pii alone, all its detectors"] = lambda: timed(lambda: _ko_pii(given))
        compare(len(given), "texts", ways)
        if peer is not None:
            peer.close()


def _plain_texts(given: Sequence[str]) -> int:
    words = [re.compile(re.escape(e.word)) for e in profanity.entries()]
    private = [re.compile(p) for p in (r"01\d-?\d{3,4}-?\d{4}", r"\d{6}-[1-4]\d{6}", r"[\w.+-]+@[\w-]+\.[\w.]+", r"https?://\S+")]
    kept = 0
    for text in given:
        for p in private:
            text = p.sub("", text)
        text = re.sub(r"(.+?)\1{2,}", r"\1", text)
        signs = sum((not c.isalnum() and not c.isspace()) or "ㄱ" <= c <= "ㅣ" for c in text)
        kept += (signs * 2 < len(text)) and not any(w.search(text) for w in words)
    return kept


def _ko_pii(given: Sequence[str]) -> int:
    from ko_pii.detect import detect_all

    return sum(not detect_all(t) for t in given)


# ------------------------------------------------------------------------------------------------------------------- ocr


def ocr(a: argparse.Namespace) -> None:
    """Text detection at several sizes: throughput, and agreement of the decisions with the default size's; one half of the pictures to
    choose a size by, the other to say what it is worth."""
    receipts, marked = (list(shards.read(a.data / f)) for f in ("receipts/all-000.tar", "watermark/all-000.tar"))
    for half, (name, split) in enumerate((("to choose by", "dev"), ("the other half", "test"))):
        records = receipts[half::2] + marked[half::2]
        for folder in ("flickr8k", "fashion"):
            records += list(shards.read(a.data / folder / f"{split}-000.tar"))[:40]
        every = [Image(r.pictures[0]).load() for r in records]
        found, seconds = {}, {}
        for side in (None, 320, 480, 640, 800):
            detector = TextDetector(side)
            detector.find(every[0])
            started = time.process_time()
            found[side] = [detector.find(p) for p in every]
            seconds[side] = time.process_time() - started
        print(
            f"\n{name}: {len(every)} pictures, {len(receipts[half::2])} of them receipts\n\n"
            "| side | pictures/s | same decision as the default | any text: same | Spearman of box counts | mean difference of area |\n"
            "|---|---|---|---|---|---|"
        )
        base = found[None]
        for side, boxes in found.items():
            same = _portion(_dropped(b) == _dropped(c) for b, c in zip(boxes, base, strict=True))
            some = np.mean([(b.count > 0) == (c.count > 0) for b, c in zip(boxes, base, strict=True)])
            rank = metrics.spearman([b.count for b in boxes], [c.count for c in base])
            area = np.mean([abs(b.share - c.share) for b, c in zip(boxes, base, strict=True)])
            size = f"default (shorter side {DEFAULT_SIDE})" if side is None else f"longer side {side}"
            print(f"| {size} | {len(every) / seconds[side]:.1f} | {same} | {some:.3f} | {rank:.3f} | {area:.3f} |", flush=True)
        text = sum(map(_dropped, base[: len(receipts[half::2])]))
        print(f"\ndropped for text at the default: {sum(map(_dropped, base))}, {text} of them receipts")


def _dropped(boxes: object) -> bool:
    figures = {"ocr_boxes": boxes.count, "ocr_share": boxes.share}  # type: ignore[attr-defined]
    return not judge(pair_of("", figures), RULES.scored).kept


# ------------------------------------------------------------------------------------------------------------------ text

FRAMES = (
    "{} 문의 주세요",
    "판매자 {} 입니다",
    "연락처: {}",
    "배송 관련 {} 확인 부탁",
    "{}",
    "원피스 팔아요 {} 쿨거래",
    "({}) 로 보내주세요",
    "자세한 것은 {}",
)
SURNAMES, GIVEN = "김이박최정강조윤장임", ("민준", "서연", "도윤", "하은", "지호", "수아", "예준", "지우")


def _digits(rng: random.Random, n: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(n))


def _resident(rng: random.Random) -> str:
    year, month, day = rng.randint(40, 99), rng.randint(1, 12), rng.randint(1, 28)
    twelve = f"{year:02}{month:02}{day:02}{rng.choice('12')}{_digits(rng, 5)}"
    made = f"{twelve[:6]}-{twelve[6:]}{pii.checksum(twelve)}"
    return rng.choice((made, made, made.replace("-", ""), made.replace("-", " - ")))


def _phone(rng: random.Random) -> str:
    kind, a, b = rng.randint(0, 6), _digits(rng, 4), _digits(rng, 4)
    spoken = "공일공 " + " ".join("".join("공일이삼사오육칠팔구"[int(c)] for c in x) for x in (a, b))
    return (f"010-{a}-{b}", f"010{a}{b}", f"010.{a}.{b}", f"02-{a[:3]}-{b}", f"031-{a[:3]}-{b}", f"+82-10-{a}-{b}", spoken)[kind]


def _address(rng: random.Random) -> str:
    city = rng.choice(
        ("서울특별시 강남구", "부산광역시 해운대구", "경기도 성남시 분당구", "대전광역시 유성구", "서울 마포구", "인천 연수구")
    )
    road = rng.choice(("테헤란로", "중앙로", "판교역로", "월드컵북로", "센텀동로", "대학로"))
    return f"{city} {road} {rng.randint(1, 400)}" + rng.choice(
        ("", f" {rng.randint(101, 120)}동 {rng.randint(101, 2504)}호", f"번길 {rng.randint(1, 60)}")
    )


CARRIERS = ("CJ대한통운", "한진택배", "롯데택배", "우체국택배", "로젠")
PEOPLE, MAILS = ("kim", "lee.shop", "happy_77", "a1b2"), ("naver.com", "gmail.com", "daum.net", "hanmail.net")
SITES = ("smartstore.naver.com/shop", "blog.naver.com/happy", "bit.ly/3xYz", "myshop.co.kr/goods?id=", "open.kakao.com/o/s")
MAKERS: dict[str, Callable[[random.Random], str]] = {
    "resident": _resident,
    "driver": lambda r: f"운전면허 {r.randint(11, 26)}-{r.randint(10, 23):02}-{_digits(r, 6)}-{_digits(r, 2)}",
    "passport": lambda r: f"여권번호 {r.choice('MSR')}{r.choice((_digits(r, 8), _digits(r, 3) + r.choice('ABCDEF') + _digits(r, 4)))}",
    "phone": _phone,
    "waybill": lambda r: f"{r.choice(CARRIERS)} {r.choice(('운송장', '송장번호', ''))} {_digits(r, r.choice((10, 12, 13)))}",
    "address": _address,
    "email": lambda r: f"{r.choice(PEOPLE)}{_digits(r, 2)}{r.choice(('@', '@', '@', ' 골뱅이 ', '(at)'))}{r.choice(MAILS)}",
    "url": lambda r: r.choice(("https://", "http://", "www.", ""))
    + r.choice(SITES) + _digits(r, 3),
}  # fmt: skip
HARD: tuple[Callable[[random.Random], str], ...] = (
    lambda r: f"가격 {r.randint(1, 99)},{_digits(r, 3)}원 {r.randint(10, 90)}% 할인",
    lambda r: f"{r.randint(2018, 2026)}-{r.randint(1, 12):02}-{r.randint(1, 28):02} 입고 {r.randint(9, 20)}:{r.randint(10, 59)}",
    lambda r: f"{r.randint(2018, 2026)}.{r.randint(1, 12):02}.{r.randint(1, 28):02}~{r.randint(1, 12):02}.{r.randint(1, 28):02} 행사",
    lambda r: f"모델명 {r.choice(('SM-G', 'LG-', 'NX', 'WH-', 'AB'))}{_digits(r, 4)}{r.choice('ABCN')}",
    lambda r: f"품번 {r.choice('ABMSRD')}{_digits(r, 8)} 정품",
    lambda r: f"상품번호 {_digits(r, 10)}",
    lambda r: f"바코드 880{_digits(r, 10)}",
    lambda r: f"ISBN 978-89-{_digits(r, 4)}-{_digits(r, 3)}-{_digits(r, 1)}",
    lambda r: f"사이즈 {r.randint(220, 290)} {r.randint(220, 290)} {r.randint(220, 290)} 굽 {r.randint(1, 9)}.5cm",
    lambda r: f"{r.choice(('강남구', '홍대', '해운대', '분당'))} 맛집 {r.randint(5, 100)}곳",
    lambda r: f"{r.randint(1, 12)}동 {r.choice(('주민센터', '물놀이장', '어린이집'))}",
    lambda r: (
        f"해상도 {r.choice(('1920x1080', '3840x2160'))} {r.randint(60, 240)}Hz ver {r.randint(1, 9)}.{r.randint(0, 9)}.{r.randint(0, 9)}"
    ),
    lambda r: f"{r.choice(('나이키', '아디다스'))} 에어 {r.randint(1, 97)} {_digits(r, 6)}-{_digits(r, 3)}",
    lambda r: f"이상형 월드컵 {r.randint(2, 32)}강 @{r.choice(('daily', 'shop'))}",
    lambda r: f"적립 {_digits(r, 5)}점 쿠폰 {_digits(r, 4)}-{_digits(r, 4)}",
    lambda r: f"제조번호 {r.randint(30, 99)}{r.randint(13, 99)}{_digits(r, 2)}-{_digits(r, 7)}",
)


def personal(a: argparse.Namespace) -> None:
    """Precision and recall by kind on generated sentences, half of them hard negatives; ko-pii alone beside it."""
    rng = random.Random(20)
    rows: list[tuple[str, str | None]] = []
    for kind, make in MAKERS.items():
        rows += [(rng.choice(FRAMES).format(make(rng)), kind) for _ in range(150)]
    rows += [(rng.choice(FRAMES).format(rng.choice(HARD)(rng)), None) for _ in range(1200)]
    from ko_pii.detect import detect_all

    names = {"RRN": "resident", "FRN": "resident", "DRIVER_LICENSE": "driver", "PASSPORT": "passport", "PHONE": "phone", "FAX": "phone",
             "ADDRESS": "address", "EMAIL": "email", "URL": "url"}  # fmt: skip
    ways: dict[str, Callable[[str], set[str]]] = {
        "hannun": lambda t: {s.kind for s in pii.find(t)},
        "ko-pii": lambda t: {names[d.label] for d in detect_all(t) if d.label in names},
    }
    print(f"{len(rows)} sentences, {sum(k is None for _, k in rows)} of them hard negatives\n")
    print("| kind | hannun precision | recall | ko-pii precision | recall |\n|---|---|---|---|---|")
    said = {way: [find(t) for t, _ in rows] for way, find in ways.items()}
    for kind in [*MAKERS, "any"]:
        cells = []
        for way in ways:
            hit = [bool(s) if kind == "any" else kind in s for s in said[way]]
            true = [k is not None if kind == "any" else k == kind for _, k in rows]
            cells += [_portion(t for t, h in zip(true, hit, strict=True) if h), _portion(h for t, h in zip(true, hit, strict=True) if t)]
        print(f"| {kind} | {' | '.join(cells)} |", flush=True)
    for wanted in ("miss", "false alarm"):
        wrong = [
            t
            for (t, k), s in zip(rows, said["hannun"], strict=True)
            if (k is not None and k not in s if wanted == "miss" else k is None and s)
        ]
        print(f"\n{wanted}, {len(wrong)}: " + " / ".join(wrong[:6]))


def _portion(values: object) -> str:
    """A share with its 95 % Wilson interval."""
    x = np.array(list(values), dtype=float)  # type: ignore[call-overload]
    if not len(x):
        return "–"
    n, p, z = len(x), float(x.mean()), 1.96
    middle, half = (p + z * z / 2 / n) / (1 + z * z / n), z * ((p * (1 - p) + z * z / 4 / n) / n) ** 0.5 / (1 + z * z / n)
    return f"{p:.3f} ({max(0.0, middle - half):.3f}–{min(1.0, middle + half):.3f})"


#: What only looks like abuse, written down before the list was asked about it (three of them were flagged, and mended since).
HARMLESS = (
    "시발점", "경부선 시발역", "다시 발송", "출시 발표회", "꽃씨 발아율", "씨 발라낸 복숭아", "새끼손가락", "새끼 고양이",
    "강아지 새끼 분양", "새끼줄 꼬기", "병신년 달력", "분야동향 보고서", "에섹스 대학", "2019금메달", "19금요일 휴무", "자지 않는 아기",
    "늦게 자지 마세요", "보지 못한 영화", "티비를 보지 않아요", "극세사 걸레", "물걸레 청소기", "검도 호구 세트", "곤충의 변태 과정",
    "마약 김밥", "마약 베개", "대마도 여행", "성인용 기저귀", "성인 수영복", "개나리 꽃다발", "조건 만족 시 환불", "개량한복",
    "미친 가격", "미친듯이 맛있는", "꼭지 따는 법", "씹는 맛이 좋은", "존 나이키", "십팔번 노래", "18색 크레파스", "또 라이브 방송",
    "니미츠 항공모함", "가슴 근육 운동", "노출 콘크리트", "빨간 팬티", "여성 속옷 세트", "고환율 시대", "사정거리", "발기인 대회",
    "자위대", "성기사 게임", "후장 주식",
)  # fmt: skip


def profane(a: argparse.Namespace) -> None:
    """Recall by disguise on generated sentences, and false alarms on real sentences that nobody wrote as abuse; a plain list beside."""
    rng = random.Random(21)
    base = [
        "씨발",
        "시발",
        "병신",
        "개새끼",
        "지랄",
        "좆같네",
        "미친놈",
        "쌍년",
        "또라이",
        "존나",
        "빡치네",
        "섹스",
        "야동",
        "성인용품",
        "조건만남",
        "19금",
    ]
    frames = ("{} 진짜", "이거 {} 뭐야", "오늘도 {}", "{}", "배송 {} 늦네", "원피스 {} 후기")
    disguises: dict[str, Callable[[str], str]] = {
        "as it is": lambda w: w,
        "a digit inside": lambda w: w if w[0].isdigit() else w[0] + rng.choice("12") + w[1:],
        "a sign inside": lambda w: w[0] + rng.choice("*.@~-!") + w[1:],
        "first syllable in jamo": lambda w: _jamo(w[0]) + w[1:],
        "full width or repeated": lambda w: w[0] * 1 + w[1:] + w[-1] * 2,
    }
    pool = ["씨발", "개새끼", "병신", "지랄"]
    plain = re.compile("|".join(re.escape(e.word) for e in profanity.entries()))
    print("| positives | sentences | hannun recall | the same list, plain |\n|---|---|---|---|")
    for name, disguise in {**disguises, "single syllables with spaces": lambda w: " ".join(w)}.items():
        words = pool if name.startswith("single") else base
        rows = [rng.choice(frames).format(disguise(rng.choice(words))) for _ in range(300)]
        print(
            f"| {name} | {len(rows)} | {_portion(profanity.find(t) is not None for t in rows)} "
            f"| {_portion(bool(plain.search(t)) for t in rows)} |",
            flush=True,
        )
    hard = [rng.choice(frames).format(rng.choice(HARMLESS)) for _ in range(1800)]
    wrong = [t for t in hard if profanity.find(t)]
    print(
        f"| harmless phrases: false alarms | {len(hard)} | {_portion(profanity.find(t) is not None for t in hard)} "
        f"| {_portion(bool(plain.search(t)) for t in hard)} |"
    )
    print("\nphrases wrongly flagged: " + ", ".join(sorted({w for w in HARMLESS if any(w in t for t in wrong)})))
    real = _clean_sentences(a.data)
    ours, theirs = [t for t in real if profanity.find(t)], [t for t in real if plain.search(t)]
    print(
        f"\nreal sentences {len(real)}: hannun flags {len(ours)} ({1e4 * len(ours) / len(real):.1f} in 10,000), "
        f"the plain list {len(theirs)} ({1e4 * len(theirs) / len(real):.1f})"
    )
    print("flagged: " + " / ".join(f"{t[:40]} [{(profanity.find(t) or profanity.Found('abuse', '', 0)).word}]" for t in ours[:12]))


def _jamo(syllable: str) -> str:
    if not "가" <= syllable <= "힣":
        return syllable
    code = ord(syllable) - 0xAC00
    return profanity._FIRST[code // 588] + profanity._VOWEL[code % 588 // 28] + (profanity._LAST[code % 28] if code % 28 else "")


def _clean_sentences(data: Path) -> list[str]:
    found: list[str] = []
    for name in ("klue_sts_dev.jsonl", "korsts_stsb.jsonl"):
        for line in (data / "texts" / name).open(encoding="utf-8"):
            found += [v for v in json.loads(line).values() if isinstance(v, str) and len(re.findall("[가-힣]", v)) > 4]
    found += [line.split("\t")[-1].strip() for line in (data / "texts" / "parakqc.tsv").open(encoding="utf-8")]
    squad = json.loads((data / "texts" / "korquad_v1_dev.json").read_text("utf-8"))
    found += [q["question"] for article in squad["data"] for p in article["paragraphs"] for q in p["qas"]]
    return list(dict.fromkeys(found))


# --------------------------------------------------------------------------------------------------------------- watermark


def marks(a: argparse.Namespace) -> None:
    """The shipped head on real photos that it was not trained on, beside the count of text boxes as a detector of its own."""
    from hannun.curate.image.watermark import Watermarks

    pictures, marked = watermark.real(a.data)
    scores = np.array(Watermarks()(pictures))
    detector = TextDetector()
    boxes = np.array([detector.find(p).count for p in pictures], float)
    print("| scorer | AUC on real photos | \n|---|---|")
    for name, values in (("the head", scores), ("number of text boxes", np.minimum(boxes, 3)), ("chance", np.zeros(len(marked)))):
        low, high = watermark.interval(values, marked)
        print(f"| {name} | {watermark.auc(values, marked):.3f} ({low:.3f}–{high:.3f}) |")
    print(f"\n{int(marked.sum())} marked of {len(marked)}")
    dropped = scores >= MAX_WATERMARK
    print(f"the recipe's bound drops {dropped[marked == 1].mean():.3f} of the marked, {dropped[marked == 0].mean():.3f} of the others")


# ------------------------------------------------------------------------------------------------------------------ helps


SPAM = (
    "로또 당첨번호 확인",
    "오늘의 주가 전망",
    "재난지원금 신청 방법",
    "무료 무료 무료 이벤트 당첨",
    "클릭 클릭 클릭 ★★★★★",
    "야동 무료 보기",
    "출장안마 010-1234-5678",
)
#: For every clean pair, how many of each kind of dirt.
DIRT = {"swapped caption": 0.7, "watermark, swapped caption": 0.23, "receipt": 0.23, "spam title": 0.385}


@dataclass(frozen=True)
class Product:
    """A picture's bytes, its true title, the queries that mean it, and its kind."""

    picture: bytes
    title: str
    queries: tuple[str, ...]
    kind: str

    def load(self) -> PIL.Image.Image:
        return Image(self.picture).load().resize((320, 320), PIL.Image.Resampling.BICUBIC)


def products(data: Path, split: str) -> list[Product]:
    """Product photos whose type and colour have a Korean name: "colour type" is the title."""
    words = sentences.table("fashion_words.json")
    found = []
    for file in sorted((data / "fashion").glob(f"{split}-*.tar")):
        for record in shards.read(file):
            kind, colour = words["types"].get(record.data["articleType"]), words["colours"].get(record.data["baseColour"])
            if kind and colour:
                kinds, colours = kind["ko"], colour["ko"]
                queries = (kinds[-1], f"{colours[-1]} {kinds[0]}", f"{kinds[0]} 추천")
                found.append(Product(Image(record.pictures[0]).read(), f"{colours[0]} {kinds[0]}", queries, kinds[0]))
    return found


def captioned(data: Path) -> list[Product]:
    """Photos of people and animals that are kept for measuring, with a person's Korean caption as title and its last words as a query."""
    held = [p for p in flickr8k(data) if p.split == "ko"]
    captions = [str(p.facts["captions_ko"][0]) for p in held]
    return [Product(p.image.read(), c, (" ".join(c.split()[-4:]),), "") for p, c in zip(held, captions, strict=True)]


@dataclass(frozen=True)
class Made:
    """How a row was made, out of what, and whether its title and its queries are true."""

    how: str
    of: Product
    title: bool
    query: bool


def pollute(true: Sequence[Product], place: Path, data: Path, seed: int) -> dict[str, Made]:
    """Pictures and `rows.jsonl` with DIRT in `place`; by the picture's hash, how each was made."""
    rng, draws = random.Random(seed), np.random.default_rng(seed)
    receipts = [Image(r.pictures[0]).load() for r in shards.read(data / "receipts" / "all-000.tar")]
    made: dict[str, Made] = {}
    with (place / "rows.jsonl").open("w", encoding="utf-8") as table:

        def add(picture: PIL.Image.Image, how: str, of: Product, title: str, said: Product) -> None:
            name = f"{len(made):05d}.jpg"
            picture.save(place / name, "JPEG", quality=92, comment=name)  # a comment, so that each file is one of its own
            shown = how != "receipt"  # what a title may be true of
            made[image_hash((place / name).read_bytes())] = Made(how, of, shown and title == of.title, shown and said.queries == of.queries)
            row = {"id": name, "image": name, "title": title, "query": said.queries, "query_count": [9, 5, 2][: len(said.queries)]}
            table.write(json.dumps(row, ensure_ascii=False) + "\n")

        for one in true:
            add(one.load(), "clean", one, one.title, one)
        for how, share in DIRT.items():
            for one in rng.choices(true, k=round(share * len(true))):
                other = rng.choice(true)
                picture = rng.choice(receipts) if how == "receipt" else _shaken(one.load(), rng)
                if how.startswith("watermark"):
                    picture = watermark.draw(picture, draws)
                spam = how == "spam title" or (how == "receipt" and rng.random() < 0.75)
                add(picture, how, one, rng.choice(SPAM[:3] if how == "receipt" else SPAM) if spam else other.title, other)
    return made


def sweep(a: argparse.Namespace) -> None:
    """`hannun curate run` and `sweep` over polluted products of the train split; the labelled ones are the dev products.

    What a threshold costs is also said of captioned photos, whose texts are sentences; neither the embedded scorer nor anything here was
    trained on them.
    """
    train, rng = products(a.data, "train"), random.Random(6)
    true = rng.sample(train, round(1300 * a.scale)) + captioned(a.data)[: round(200 * a.scale)]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        made = pollute(true, place, a.data, 6)
        with (place / "labelled.jsonl").open("w", encoding="utf-8") as table:
            for n, one in enumerate(products(a.data, "dev")):
                (place / f"dev{n:04d}.jpg").write_bytes(one.picture)
                table.write(json.dumps({"id": f"dev{n}", "image": f"dev{n:04d}.jpg", "label": one.kind}, ensure_ascii=False) + "\n")
        rules = replace(
            RULES, valid=0.0, near=None, titles=(AtLeast("similarity", -1, "title"),), queries=(AtLeast("similarity", -1, "query"),)
        )
        result = factory.run([place / "rows.jsonl"], RunPlan(place / "all", rules, ocr=False, watermark=None), Runner())
        encoder = Mini(threads=1)
        pairs = sweeping.read_pairs([place / "all" / "shards"], encoder)
        labelled = sweeping.read_labelled(place / "labelled.jsonl", encoder)
        records = [r for p in sorted((place / "all" / "shards").glob("*.tar")) for r in shards.read(p)]
    print(f"{len(made)} rows ({dict(Counter(m.how for m in made.values()))}), {result.manifest['pairs']} pairs without an agreement bound")
    print(f"{len(labelled.classes)} labelled pictures of {len(labelled.names)} kinds; scorer {encoder.fingerprint}\n")
    for kind, scored in pairs.items():
        of = [made[records[row].key] for row in scored.rows]
        right, product = np.array([getattr(m, kind) for m in of]), np.array([m.of.kind != "" for m in of])
        chosen = np.flatnonzero(product)
        learnt = sweeping.Scored(scored.vectors, scored.rows[chosen], tuple(scored.texts[n] for n in chosen), scored.similarity[chosen])
        swept = sweeping.sweep(kind, learnt, labelled, SWEPT)
        print(
            f"\n| threshold ({kind}) | pairs | true ones kept | false ones kept | of photos: true | false | zero-shot accuracy |\n"
            "|---|---|---|---|---|---|---|"
        )
        for point in swept.points:
            passed = scored.similarity >= point.threshold
            shares = [passed[p & r].mean() for p in (product, ~product) for r in (right, ~right)]
            name = "none" if point.threshold <= -1 else f"{point.threshold:.2f}"
            name = f"**{name}**" if point.threshold == swept.threshold else name
            accuracy = f"{point.accuracy:.3f} ({point.low:.3f}–{point.high:.3f})"
            print(f"| {name} | {point.pairs} | {' | '.join(f'{s:.3f}' for s in shares)} | {accuracy} |")
        print(f"\nchosen {swept.threshold}; on the other half {swept.test:.3f} ({swept.test_low:.3f}–{swept.test_high:.3f})", flush=True)


SWEPT = (-1.0, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4)


def helps(a: argparse.Namespace) -> None:
    """The same small model on raw, curated and never polluted pairs of held-out product photos: zero-shot and recall@10.

    The pictures are of the split that the embedded scorer was not trained on; 650 (times `--scale`) to learn from, the rest to ask about.
    """
    rows = products(a.data, "test")
    random.Random(5).shuffle(rows)
    true, test = rows[: round(650 * a.scale)], rows[650:]
    encoder = Mini(threads=1)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        made = pollute([replace(p, queries=()) for p in true], place, a.data, 5)
        result = factory.run([place / "rows.jsonl"], RunPlan(place / "out", replace(RULES, shard=4000, valid=0.0)), Runner())
        kept = [r for p in sorted((place / "out" / "shards").glob("*.tar")) for r in shards.read(p) if r.data["title"]]
        print("dropped: " + ", ".join(f"{r} {n}" for _, r, n in funnel(result.tally)) + "\n")
        lost: dict[str, Counter[str]] = defaultdict(Counter)
        for row in factory.ledger(place / "out"):
            if row["kind"] in ("picture", "title"):
                lost[made[row["image_hash"]].how][row["reason"]] += 1
        left = Counter(made[r.key].how for r in kept)
        print("| kind | rows | kept | dropped for |\n|---|---|---|---|")
        for how, count in Counter(m.how for m in made.values()).items():
            print(f"| {how} | {count} | {left[how]} | {', '.join(f'{r} {n}' for r, n in lost[how].most_common())} |")
        print(f"\nof the kept {len(kept)}, titles that are true: {np.mean([made[r.key].title for r in kept]):.3f}\n")
        listed = [json.loads(line) for line in (place / "rows.jsonl").open(encoding="utf-8")]
        sets = {
            "raw": [(Image(place / str(r["image"])), str(r["title"])) for r in listed],
            "curated": [(Image(r.pictures[0]), str(r.data["title"])) for r in kept],
            "never polluted": [(Image(p.load()), p.title) for p in true],
        }
        vectors = {name: _vectors([p for p, _ in pairs], encoder) for name, pairs in sets.items()}
    seen = _vectors([Image(p.load()) for p in test], encoder)
    names = sorted({p.kind for p in test} & {p.kind for p in true})
    asked = [n for n, p in enumerate(test) if p.kind in names]
    label = np.array([names.index(test[n].kind) for n in asked])
    titles = sorted({p.title for p in test})
    print(
        f"| pairs | how many | zero-shot accuracy ({len(names)} kinds, {len(asked)} pictures) "
        f"| text → picture R@1, R@10 ({len(titles)} titles, {len(test)} pictures) | |\n|---|---|---|---|---|"
    )
    scores: dict[str, list[np.ndarray]] = {}
    for name, pairs in sets.items():
        hits, first, ten = [], [], []
        for seed in (0, 1, 2):
            cosines = sweeping.train(vectors[name], np.arange(len(pairs)), [t for _, t in pairs], sweeping.Small(), seed)
            hits.append(cosines(seen[asked], names).argmax(1) == label)
            order = np.argsort(-cosines(seen, titles).T, axis=1)[:, :10]
            found = np.array([[test[p].title == t for p in row] for t, row in zip(titles, order, strict=True)])
            first.append(found[:, 0])
            ten.append(found.any(1))
        scores[name] = [np.mean(x, 0) for x in (hits, first, ten)]
        cells = [f"{x.mean():.3f} ({'–'.join(f'{b:.3f}' for b in metrics.bootstrap(x))})" for x in scores[name]]
        print(f"| {name} | {len(pairs)} | {' | '.join(cells)} |", flush=True)
    for against in ("raw", "never polluted"):
        gains = [x - y for x, y in zip(scores["curated"], scores[against], strict=True)]
        cells = [f"{x.mean():+.3f} ({'–'.join(f'{b:+.3f}' for b in metrics.bootstrap(x))})" for x in gains]
        print(f"| curated minus {against}, paired | | {' | '.join(cells)} |")


def _shaken(picture: PIL.Image.Image, rng: random.Random) -> PIL.Image.Image:
    """Cropped a little and mirrored perhaps: a copy on another page is seldom the same file."""
    dx, dy = rng.randint(0, 40), rng.randint(0, 40)
    cut = picture.crop((dx, dy, 320 - rng.randint(0, 40), 320 - rng.randint(0, 40))).resize((320, 320))
    return cut.transpose(PIL.Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else cut


def _vectors(pictures: Sequence[Image], encoder: Mini) -> np.ndarray:
    found, _ = embed([Item(str(n), (p,)) for n, p in enumerate(pictures)], encoder, "document", [], lambda done: None)
    return found.dense


# ------------------------------------------------------------------------------------------------------------ memory, rates

CHILD = """
import resource, sys
from dataclasses import replace
from pathlib import Path
from hannun.curate.run import run
from hannun.curate.stages.plan import RunPlan
from hannun.recipes.naver_pairs import RULES
result = run([Path(sys.argv[1])], RunPlan(Path(sys.argv[2]), replace(RULES, shard=500), model=None, ocr=False, watermark=None))
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_maxrss // 1024, result.manifest["pairs"], used.ru_utime + used.ru_stime)
"""


def memory(a: argparse.Namespace) -> None:
    """Peak memory of a whole run without models at one and at ten times the rows, a tenth of them near duplicates."""

    def picture(n: int) -> bytes:
        """Every tenth is nearly the one before it."""
        rng = np.random.default_rng(n - (n % 10 == 9))
        small = PIL.Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize((240, 240), PIL.Image.Resampling.BICUBIC)
        out = io.BytesIO()
        small.save(out, "JPEG", quality=70 + n % 20)
        return out.getvalue()

    print("| rows | peak MB | pairs | seconds of processor time | rows/s |\n|---|---|---|---|---|")
    for rows in (1000, 10_000):
        with tempfile.TemporaryDirectory() as folder:
            raw = Path(folder) / "raw"
            raw.mkdir()
            for start in range(0, rows, 1000):
                rows_of_part = range(start, start + 1000)
                records = ((f"{n}", picture(n), {"title": f"빨간 원피스 {n}번 " + "여름 신상 " * (n % 7)}) for n in rows_of_part)
                shards.write(raw / f"raw-{start:06d}.tar", records)
            done = subprocess.run(
                [sys.executable, "-c", CHILD, str(raw), str(Path(folder) / "out")], capture_output=True, text=True, check=True
            )
            peak, pairs, seconds = done.stdout.split()[-3:]
            print(f"| {rows:,} | {peak} | {pairs} | {float(seconds):.0f} | {rows / float(seconds):.0f} |", flush=True)


def rates(a: argparse.Namespace) -> None:
    """What each stage does a second on one core: what the plan for 1.5 billion pairs is made of."""
    from hannun.curate.image.watermark import SIDE, Watermarks

    pictures = [p.resize((800, 600)) for p in photos(a.data, 60)]
    data = []
    for p in pictures:
        out = io.BytesIO()
        p.save(out, "JPEG", quality=88)
        data.append(out.getvalue())
    given = korean_texts(a.data, 4000)
    detector, head, encoder = TextDetector(), Watermarks(tower=Mini(threads=1)), Mini(threads=1)
    opened = [Image(d).load(SIDE) for d in data]
    detector.find(opened[0])
    head(opened[:2])
    encoder.encode_query(["가"])
    stages: dict[str, tuple[int, Callable[[], object]]] = {
        "texts cleaned and judged": (len(given), lambda: [tidy([t], [], RULES) for t in given]),
        "pictures looked at (800 × 600)": (len(data), lambda: [(image_hash(d), read_header(d), measure_pixels(d)) for d in data]),
        "pictures decoded for models": (len(data), lambda: [Image(d).load(SIDE) for d in data]),
        "text boxes": (len(opened), lambda: [detector.find(p) for p in opened]),
        "watermark scores": (len(opened), lambda: head(opened)),
        "picture vectors": (len(opened), lambda: encoder.encode_document([{"image": p} for p in opened])),
        "text vectors": (512, lambda: encoder.encode_query(given[:512])),
    }
    with tempfile.TemporaryDirectory() as folder:
        stages["pairs written"] = (
            600,
            lambda: shards.write(Path(folder) / "x.tar", ((f"{n}", data[n % 60], {"title": given[n]}) for n in range(600))),
        )
        print("| stage | a second on one core |\n|---|---|")
        for name, (count, make) in stages.items():
            best = min(timed(lambda make=make: make() and 0)[0] for _ in range(2))
            print(f"| {name} | {count / best:,.0f} |", flush=True)
    print(f"\nmean JPEG {sum(map(len, data)) / len(data) / 1024:.0f} KiB")


if __name__ == "__main__":
    main()
