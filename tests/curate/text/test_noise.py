"""Words that teach nothing: the list, and how candidates are proposed."""

from __future__ import annotations

import pytest

from hannun.curate.text import noise
from hannun.curate.verdict import pair_of


def test_noise_words_stand_alone() -> None:
    drop = noise.NoiseWords()
    assert {"로또", "주가", "영수증*", "확진자*", "지원금*", "악보"} <= set(drop.words)  # the words that the source names
    assert (
        not drop(pair_of("오늘 주가는", {})).kept
        and not drop(pair_of("로또당첨번호 10회", {})).kept
        and not drop(pair_of("재난지원금 신청", {})).kept
    )
    assert drop(pair_of("맥주가 맛있는 집", {})).kept and drop(pair_of("로또리 인형", {})).kept
    assert noise.NoiseWords(())(pair_of("로또", {})).kept


def test_noise_words_are_proposed_by_count_and_low_agreement() -> None:
    rows = [("빨간 원피스", 0.4), ("파란 코트", 0.42)] * 50 + [("오늘의 로또", 0.05)] * 30 + [("희귀한 로봇", 0.0)] * 3
    found = noise.propose(rows, least_count=20)
    assert [c.word for c in found][:2] == ["로또", "오늘"] and found[0].count == 30 and found[0].agreement == pytest.approx(0.05)
    assert noise.propose(rows, least_count=20, under=1e9) == [] and noise.propose([]) == []
