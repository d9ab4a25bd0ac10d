"""A Korean noun goes in; the words that it is made of come out: 김치찌개 → 김치, 찌개; 롱원피스 → 원피스; none for a word of one piece.

Kiwi's dictionary has many compounds as one noun, and does not know most names of goods. The first are analysed again without
themselves, and taken apart where their parts follow one another as those of compounds do; of the others the longest noun at the
end (the head of a Korean compound) and the longest at the beginning are taken, where the dictionary has them.
"""

from __future__ import annotations

import re
from functools import lru_cache

from hannun import hangul
from hannun.index.lexical import kiwi

_JOINS = -11.0  # log probability of a part after the one before it: 청바지 −10.7 is a compound, 선글라스 −15.3 is not
_COMMON = 12.0  # what stands after a single syllable must be common by itself: 청|바지 10.5, 손|가방 10.1, but 원|피스 13.2
_UNSEEN = 21.5  # Kiwi's score of names that its language model has not met, mostly of works and places (이트리)
# Single syllables that tell of the noun after them what it is of or like; 원 and 선 of 원피스 and 선글라스 are none.
_BEFORE = frozenset("물손발옷꽃콩쌀밥빵떡술팥닭책집창벽돌금털솜롱숏빅통생왕햇새큰봄겉속홈탑신")
# Others, that stand before a common noun (대학교, 청바지) where Kiwi finds the two: 개|구리, 줄|거리 and 주|차장 are found too.
_PREFIXES = _BEFORE | frozenset("대소부청목차북통잣삼금여남팬풀뒤뒷몸극법실식무반역활")
# Single syllables that no Korean word is made with: 스타|킹, 데이|터, 토마|토 are of one piece.
_FOREIGN = frozenset("터업폰퍼턴링뷰언카핑넷킹폼저드노아오우르롱토트스일들락")
_AFTER_NAMES = frozenset("역구시군동산강천대어국인당점탑")  # 서울역, 강남구, 독일어; but 김대|중 and 아시|아 are no compounds
_ONE_PIECE = frozenset({"타이어", "색소폰", "무궁화", "도시락", "선인장", "샌드위치", "스파게티"})
# Single syllables that a name of goods ends in, and that say what it is: 크롭티, 에코백. Others are too often the end of another word.
_HEADS = frozenset("티백폰컵캡펜칼탕죽빵볼룩밥면찜핀북")
_KNOWN_HEADS = frozenset("티백폰컵캡탕죽빵밥")  # of these, what ends in no other word after a noun: 면 of 해수면 is no noodle
_ALIKE = frozenset("롱숏빅털")  # single syllables that say what is asked for by themselves: 롱원피스, 털모자
_NUMBERED = re.compile(r"([가-힣]{2,})\d+")  # a name with its number, which may stand apart: 비타500
_LONGEST = 20  # syllables of a name that is looked into: each of its ends is analysed, and a text without a space may be one "name"
_NO_HEADS = frozenset({"글라스", "피스", "라이프", "바이", "가락", "아몬드"})  # ends of words of one piece: 선글라스, 원피스, 손가락
# What a compound of two longer parts may end in with two syllables; 발레|리나 and 크리스|마스 look like compounds too.
GOODS = frozenset(
    str.split(
        "부츠 셔츠 팬츠 코트 슈즈 재킷 자켓 니트 점퍼 조끼 샌들 패딩 가방 지갑 벨트 시계 모자 양말 장갑 반지 안경 구두 바지 치마 이불 "
        "베개 커튼 매트 램프 의자 책상 소파 침대 텐트 티슈 수건 비누 샴푸 로션 크림 기타 라면 국수 만두 김치 커피 과자 우유 주스"
    )
)
_SURE = GOODS - {"의자", "기타", "모자", "반지"}  # ends of no other word, so that what stands before need be none: 차렵이불, but 주의자


@lru_cache(maxsize=50_000)
def parts(noun: str, dictionary: tuple[str, ...], name: bool = False) -> tuple[str, ...]:
    """What a noun in Kiwi's dictionary is made of; 사용량 → 사용; 빨간색 → 빨갛다; 비타500 → 비타.

    There are none for a word of one piece or of one's own.

    `name`: it is a proper noun, which may begin as a common one does: 나이키 is no 나이, 서울역 is in 서울.
    """
    if (numbered := _NUMBERED.fullmatch(noun)) is not None and noun not in dictionary:
        return (numbered[1],)
    short = len(noun) < 2 or (len(noun) == 2 and noun[1] != "색")  # a part of one syllable is no term (but 흰색 is 희다)
    if short or noun in _ONE_PIECE or noun in dictionary or not all(map(hangul.is_syllable, noun)):
        return ()
    tokens = kiwi.tokenize(noun, dictionary, (noun,))
    tags = [t.tag.partition("-")[0] for t in tokens]
    if tags == ["VA", "ETM", "NNG"] and tokens[2].form == "색":
        return (f"{tokens[0].form}다",)
    if "".join(t.form for t in tokens) != noun or not all(t.id > kiwi.UNKNOWN and t.score >= _JOINS for t in tokens[1:]):
        return _head(noun, dictionary)
    nouns = all(t in (*kiwi.NOUNS, "XPN") for t in tags)
    if len(tokens) > 2 and nouns and len(tokens[-1].form) == 1 and noun[-1] in _HEADS:
        return (*(t.form for t in tokens if len(t.form) > 1), tokens[-2].form + tokens[-1].form)  # 불닭볶음면: 불닭, 볶음, 볶음면
    if len(tokens) == 2 and len(tokens[1].form) == 1 and tags[0] in kiwi.NOUNS and tags[1] in ("NNG", "NNB", "XSN"):
        if name and tags == ["NNG", "NNG"]:
            return _head(noun, dictionary)
        last = (noun[-1],) if len(noun) > 2 and noun[-1] in _KNOWN_HEADS else ()
        joins = noun[-1] in _AFTER_NAMES if tags[0] == "NNP" else noun[-1] not in _FOREIGN
        first = joins and len(tokens[0].form) > 1 and tokens[0].id > kiwi.UNKNOWN
        return (tokens[0].form, *last) if first else last  # 사용량: 사용
    fits = (
        len(tokens) > 1
        and nouns
        and tokens[0].id > kiwi.UNKNOWN
        and len(tokens[-1].form) > 1
        and (len(tokens[0].form) > 1 or (noun[0] in _PREFIXES and kiwi.rarity(tokens[-1].form, dictionary) <= _COMMON))
    )
    return tuple(t.form for t in tokens if len(t.form) > 1 or t.form in _ALIKE) if fits else _head(noun, dictionary)


def _head(noun: str, dictionary: tuple[str, ...]) -> tuple[str, ...]:
    """The head of a known noun that Kiwi does not take apart well: 물티슈 → 티슈, 어그부츠 → 부츠."""
    if len(noun) == 3 and noun[1:] in GOODS and kiwi.noun(noun, dictionary)[0] == "NNP":
        return (noun[1:],)  # a name of goods, whatever it begins with: 진라면; but 이바지 is none
    for cut in range(1, len(noun) - 1):
        first, rest = noun[:cut], noun[cut:]
        if rest in _NO_HEADS or (cut > 1 and len(rest) == 2 and rest not in GOODS):
            continue
        if first not in _BEFORE if cut == 1 else rest not in _SURE and not kiwi.noun(first, dictionary)[0]:
            continue
        tag, rarity = kiwi.noun(rest, dictionary)
        other = kiwi.noun(noun[:-1], dictionary)[1] if cut == 1 and len(noun) == 3 else float("inf")  # 발전|소 is likelier than 발|전소
        if rarity < other and (tag == "NNG" or (tag == "NNP" and _seen(rest, dictionary))):
            return (first, rest) if first in _ALIKE else (rest,)
    if len(noun) > 2 and noun[-1] in _KNOWN_HEADS and kiwi.noun(noun[:-1], dictionary)[0]:
        return (noun[-1],)
    return ()


@lru_cache(maxsize=50_000)
def inside(word: str, dictionary: tuple[str, ...]) -> tuple[str, ...]:
    """Nouns at the end and at the beginning of a word that Kiwi does not know, and what is left of it beside them."""
    if not 3 <= len(word) <= _LONGEST or not all(map(hangul.is_syllable, word)):
        return ()
    for cut in range(1, len(word) - 1):
        rest = word[cut:]
        tag, _ = kiwi.noun(rest, dictionary)
        if rest not in _NO_HEADS and (tag in ("NNG", "NNB") or (tag == "NNP" and len(word) > 3 and _seen(rest, dictionary))):
            return (rest, *_front(word[:cut], dictionary))
    if word[-1] in _HEADS:
        return (word[-1], *_front(word[:-1], dictionary))
    for cut in range(len(word) - 2, 2, -1):
        if _seen(word[:cut], dictionary):
            return (word[:cut], word[cut:])
    return ()


def _front(first: str, dictionary: tuple[str, ...]) -> tuple[str, ...]:
    if len(first) < 2:
        return (first,) if first in _ALIKE else ()
    return (first,) if len(first) < 4 or _seen(first, dictionary) else (first, *inside(first, dictionary))


def _seen(word: str, dictionary: tuple[str, ...]) -> bool:
    tag, rarity = kiwi.noun(word, dictionary)
    return tag != "" and (rarity < _UNSEEN or len(word) > 3)
