"""How fast titles and queries are cleaned and judged, beside peers."""

from __future__ import annotations

import argparse
import json
import random
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from curating.peer import Peer, flagged_words
from curating.rates import compare, timed
from hannun.curate.merge import tidy
from hannun.curate.text import profanity
from hannun.recipes.naver_pairs import RULES


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
        peer = (
            Peer(a.data_juicer, {"pictures": [], "texts": given, "words": flagged_words(Path(folder))}, Path(folder))
            if a.data_juicer
            else None
        )
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
