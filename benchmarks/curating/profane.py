"""Recall of profanity by disguise, and false alarms on harmless phrases and real sentences."""

from __future__ import annotations

import argparse
import json
import random
import re
from collections.abc import Callable
from pathlib import Path

from curating.rates import portion
from hannun.curate.text import profanity

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
            f"| {name} | {len(rows)} | {portion(profanity.find(t) is not None for t in rows)} "
            f"| {portion(bool(plain.search(t)) for t in rows)} |",
            flush=True,
        )
    hard = [rng.choice(frames).format(rng.choice(HARMLESS)) for _ in range(1800)]
    wrong = [t for t in hard if profanity.find(t)]
    print(
        f"| harmless phrases: false alarms | {len(hard)} | {portion(profanity.find(t) is not None for t in hard)} "
        f"| {portion(bool(plain.search(t)) for t in hard)} |"
    )
    print("\nphrases wrongly flagged: " + ", ".join(sorted({w for w in HARMLESS if any(w in t for t in wrong)})))
    real = _clean_sentences(a.data)
    ours, theirs = [t for t in real if profanity.find(t)], [t for t in real if plain.search(t)]
    print(
        f"\nreal sentences {len(real)}: hannun flags {len(ours)} ({1e4 * len(ours) / len(real):.1f} in 10,000), "
        f"the plain list {len(theirs)} ({1e4 * len(theirs) / len(real):.1f})"
    )
    print("flagged: " + " / ".join(f"{t[:40]} [{(profanity.find(t) or profanity.FoundWord('abuse', '', 0)).word}]" for t in ours[:12]))


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
