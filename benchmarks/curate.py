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
from dataclasses import replace
from pathlib import Path

import numpy as np
import PIL.Image

from hannun import metrics, shards
from hannun.curate import run as factory
from hannun.curate import sweep as sweeping
from hannun.curate.engine import Engine
from hannun.curate.image import look as eye
from hannun.curate.image.ocr import DEFAULT_SIDE, TextDetector
from hannun.curate.join import tidy
from hannun.curate.stages import Plan
from hannun.curate.text import pii, profanity
from hannun.curate.verdict import judge, pair_of
from hannun.encode import embed
from hannun.item import Image, Item
from hannun.mini.model import Mini
from hannun.recipes import watermark
from hannun.recipes.naver_pairs import RULES

PASSES = 3

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
    parser.add_argument("--scale", type=float, default=1.0, help="of the polluted set of the part 'helps'")
    parser.add_argument("--only", default="images,texts,ocr,pii,profanity,watermark,helps,memory,rates")
    a = parser.parse_args()
    parts: dict[str, Callable[[argparse.Namespace], None]] = {
        "images": images, "texts": texts, "ocr": ocr, "pii": personal, "profanity": profane, "watermark": marks, "helps": helps,
        "memory": memory, "rates": rates,
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
    """Interleaved passes; a row for each way with its rate (median of passes) and its ratio to the first."""
    seconds: dict[str, list[float]] = defaultdict(list)
    kept: dict[str, int] = {}
    for _ in range(PASSES):
        for name, way in ways.items():
            s, kept[name] = way()
            seconds[name].append(s)
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
            same = [(eye.look(d, 0.9).white < 0.9) == (eye.white_share(d) < 0.9) for d in (Path(p).read_bytes() for p in paths)]
            print(f"\nwhite decisions equal to full decoding: {sum(same)} of {len(same)}")


def _ours(paths: Sequence[str]) -> int:
    kept = 0
    for path in paths:
        data = Path(path).read_bytes()
        head = eye.header(data)
        if judge(pair_of("", {"side": head.side, "ratio": head.ratio, "pixels": head.pixels}), RULES.headers).kept:
            kept += judge(pair_of("", {"white": eye.look(data, 0.9).white}), RULES.pictures).kept
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
    """Text detection at several sizes: throughput, and agreement of the decisions with the default size's."""
    sets = {
        "receipts": [Image(r.pictures[0]).load() for r in list(shards.read(a.data / "receipts/all-000.tar"))[:24]],
        "watermarked and not": [Image(r.pictures[0]).load() for r in list(shards.read(a.data / "watermark/all-000.tar"))[:36]],
        "photos": [Image(r.pictures[0]).load() for r in list(shards.read(a.data / "flickr8k/test-000.tar"))[:24]],
        "products": [Image(r.pictures[0]).load() for r in list(shards.read(a.data / "fashion/test-000.tar"))[:24]],
    }
    every = [p for pictures in sets.values() for p in pictures]
    found, seconds = {}, {}
    for side in (None, 320, 480, 640):
        detector = TextDetector(side)
        detector.find(every[0])
        started = time.process_time()
        found[side] = [detector.find(p) for p in every]
        seconds[side] = time.process_time() - started
    print(
        "| side | pictures/s | same decision as the default | any text: same | Spearman of box counts | mean difference of area |\n"
        "|---|---|---|---|---|---|"
    )
    base = found[None]
    for side, boxes in found.items():
        same = np.mean([_dropped(b) == _dropped(c) for b, c in zip(boxes, base, strict=True)])
        some = np.mean([(b.count > 0) == (c.count > 0) for b, c in zip(boxes, base, strict=True)])
        rank = metrics.spearman([b.count for b in boxes], [c.count for c in base])
        area = np.mean([abs(b.share - c.share) for b, c in zip(boxes, base, strict=True)])
        name = f"default (shorter side {DEFAULT_SIDE})" if side is None else f"longer side {side}"
        print(f"| {name} | {len(every) / seconds[side]:.1f} | {same:.3f} | {some:.3f} | {rank:.3f} | {area:.3f} |", flush=True)
    print(f"\ndropped for text at the default: {sum(map(_dropped, base))} of {len(base)} ({sum(map(_dropped, base[:24]))} of 24 receipts)")


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


# ------------------------------------------------------------------------------------------------------------------ helps


def helps(a: argparse.Namespace) -> None:
    """The same small model on raw, curated and never polluted pairs of held-out product photos: zero-shot and recall@10.

    The pictures are of the split that the embedded scorer was not trained on; 650 (times `--scale`) to learn from, the rest to ask about.
    """
    words = json.loads((Path(factory.__file__).parents[1] / "recipes" / "mini_data" / "fashion_words.json").read_text("utf-8"))
    kinds, colours = _tables(words)
    rng = random.Random(5)
    rows = []
    for record in shards.read(a.data / "fashion" / "test-000.tar"):
        kind, colour = kinds.get(record.data["articleType"]), colours.get(record.data["baseColour"])
        if kind and colour:
            rows.append((Image(record.pictures[0]).load().resize((320, 320), PIL.Image.Resampling.BICUBIC), f"{colour} {kind}", kind))
    rng.shuffle(rows)
    train, test = rows[: round(650 * a.scale)], rows[650:]
    spam = (
        "로또 당첨번호 확인",
        "오늘의 주가 전망",
        "재난지원금 신청 방법",
        "무료 무료 무료 이벤트 당첨",
        "클릭 클릭 클릭 ★★★★★",
        "야동 무료 보기",
        "출장안마 010-1234-5678",
    )
    receipts = [Image(r.pictures[0]).load() for r in shards.read(a.data / "receipts" / "all-000.tar")]
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        polluted: list[dict[str, object]] = []
        made: Counter[str] = Counter()

        def add(picture: PIL.Image.Image, title: str, how: str) -> None:
            name = f"{len(polluted):05d}.jpg"
            picture.save(place / name, "JPEG", quality=92)
            polluted.append({"id": name, "image": name, "title": title})
            made[how] += 1

        draws = np.random.default_rng(5)
        for picture, title, _ in train:
            add(picture, title, "clean")
        for picture, _, _ in rng.choices(train, k=round(450 * a.scale)):
            add(_shaken(picture, rng), rng.choice(train)[1], "swapped caption")
        for picture, _, _ in rng.choices(train, k=round(150 * a.scale)):
            add(watermark.draw(_shaken(picture, rng), draws), rng.choice(train)[1], "watermark, swapped caption")
        for _ in range(round(150 * a.scale)):
            add(rng.choice(receipts), rng.choice((*spam[:3], rng.choice(train)[1])), "receipt")
        for picture, _, _ in rng.choices(train, k=round(250 * a.scale)):
            add(_shaken(picture, rng), rng.choice(spam), "spam title")
        (place / "rows.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in polluted), "utf-8")
        result = factory.run([place / "rows.jsonl"], Plan(place / "out", replace(RULES, shard=4000, valid=0.0)), Engine())
        print(f"polluted: {dict(made)}; curated keeps {result.manifest['pairs']} of {len(polluted)}")
        print("dropped: " + ", ".join(f"{r} {n}" for _, r, n in factory.funnel(result.tally)) + "\n")
        encoder = Mini(threads=1)
        kept = [
            (Image(Image(r.pictures[0]).load()), r.data["title"])
            for p in sorted((place / "out" / "shards").glob("*.tar"))
            for r in shards.read(p)
            if r.data["title"]
        ]
        sets = {
            "raw": [(Image(place / str(r["image"])), str(r["title"])) for r in polluted],
            "curated": kept,
            "never polluted": [(Image(p), t) for p, t, _ in train],
        }
        vectors = {name: _vectors([p for p, _ in pairs], encoder) for name, pairs in sets.items()}
    seen = _vectors([Image(p) for p, _, _ in test], encoder)
    names = sorted({k for _, _, k in test} & {k for _, _, k in train})
    asked = [n for n, (_, _, k) in enumerate(test) if k in names]
    label = np.array([names.index(test[n][2]) for n in asked])
    titles = sorted({t for _, t, _ in test})
    print(
        f"| pairs | how many | zero-shot accuracy ({len(names)} kinds, {len(asked)} pictures) "
        f"| text → picture R@10 ({len(titles)} titles, {len(test)} pictures) |\n|---|---|---|---|"
    )
    for name, pairs in sets.items():
        hits, found = [], []
        for seed in (0, 1, 2):
            cosines = sweeping.train(vectors[name], np.arange(len(pairs)), [t for _, t in pairs], sweeping.Small(), seed)
            hits.append(cosines(seen[asked], names).argmax(1) == label)
            order = np.argsort(-cosines(seen, titles).T, axis=1)[:, :10]
            found.append([any(test[p][1] == t for p in row) for t, row in zip(titles, order, strict=True)])
        cells = []
        for x in (np.mean(hits, 0), np.mean(found, 0)):
            low, high = metrics.bootstrap(np.asarray(x, float))
            cells.append(f"{x.mean():.3f} ({low:.3f}–{high:.3f})")
        print(f"| {name} | {len(pairs)} | {' | '.join(cells)} |", flush=True)


def _tables(words: dict[str, dict[str, dict[str, list[str]]]]) -> tuple[dict[str, str], dict[str, str]]:
    """articleType → Korean, baseColour → Korean: the first word of the recipe's word file for each."""
    return {k: v["ko"][0] for k, v in words["types"].items()}, {k: v["ko"][0] for k, v in words["colours"].items()}


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
from hannun.curate.stages import Plan
from hannun.recipes.naver_pairs import RULES
result = run([Path(sys.argv[1])], Plan(Path(sys.argv[2]), replace(RULES, shard=500), model=None, ocr=False, watermark=None))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, result.manifest["pairs"])
"""


def memory(a: argparse.Namespace) -> None:
    """Peak memory of a whole run without models at one and at ten times the rows, a tenth of them near duplicates."""
    rng = np.random.default_rng(0)
    pool = []
    for n in range(60):
        small = PIL.Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)).resize((240, 240), PIL.Image.Resampling.BICUBIC)
        out = io.BytesIO()
        small.save(out, "JPEG", quality=70 + n % 20)
        pool.append(out.getvalue())
    print("| rows | peak MB | pairs | seconds | rows/s |\n|---|---|---|---|---|")
    for rows in (1000, 10_000):
        with tempfile.TemporaryDirectory() as folder:
            raw = Path(folder) / "raw"
            raw.mkdir()
            for start in range(0, rows, 1000):
                records = []
                for n in range(start, start + 1000):
                    tail = (
                        np.random.default_rng(n).bytes(64) if n % 10 else b"same"
                    )  # bytes after the end of a JPEG: another file, another hash
                    records.append((f"{n}", pool[n % 60] + tail, {"title": f"빨간 원피스 {n}번 " + "여름 신상 " * (n % 7)}))
                shards.write(raw / f"raw-{start:06d}.tar", records)
            started = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-c", CHILD, str(raw), str(Path(folder) / "out")], capture_output=True, text=True, check=True
            )
            seconds = time.perf_counter() - started
            peak, pairs = done.stdout.split()[-2:]
            print(f"| {rows:,} | {peak} | {pairs} | {seconds:.0f} | {rows / seconds:.0f} |", flush=True)


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
        "pictures looked at (800 × 600)": (len(data), lambda: [(eye.image_hash(d), eye.header(d), eye.look(d)) for d in data]),
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
