"""A text with Hanja goes in; the same text with its Korean reading comes out: 辛라면 → 신라면, 大韓民國 → 대한민국.

The readings are those of KS X 1001, which has its 4,888 Hanja in the order of how they are read: the characters come from Python's own
codec, and below stands only how many there are of each reading. One that has several has one of them here, the more usual in names of
things (`_USUAL`).
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise

from hannun import hangul

_READINGS = (
    "가29각11간24갈10감20갑6강24개19객2갱3갹1거16건12걸4검7겁3게3격7견11결6겸6경45계24고38"
    "곡7곤10골2공16관1과12곽4관16괄4광13괘3괴9굉4교25구54국6군6굴4궁6권10궐5궤6귀4규15균6귤1"
    "극7근15금13급7긍4기64긴1길4금1끽1나6낙1난3날2남5납2낭2내5녀1년3념4녕2노6농3뇌2뇨1눈1눌1뉴2"
    "능1니2닉2다2단20달5담17답5당11대16택1덕2도40독10돈10돌2동17두10둔6득1등9라8락7란8랄2람10"
    "랍3랑8래4랭1략2량13려18력7련12렬6렴5렵1령17례5로17록7론1롱7뢰8료12룡1루13류14륙3륜6률3륭1"
    "륵2름1릉6리25린9림5립4마8막6만19말7망12매14맥5맹6멱2면11멸2명15몌1모24목7몰2몽3묘12무22"
    "묵2문12물3미19민13밀3박19반25발11방28배19백8번9벌4범9법2벽11변6별4병17보16복17본1볼1"
    "봉16불1부41북1분19불4붕6비42빈14빙4사60삭2산12살5삼7삽4상31새3색4생4서30석15선32설13섬8"
    "섭3성18세8소37속9손6솔1송8쇄4쇠2수61숙12순27술4숭3슬3습5승10시28식15신23실4심9십2쌍1씨1"
    "아18악14안10알4암8압4앙7애11액7앵4야10약7양23어10억5언6얼2엄6업2엔1여13역9연29열4염10엽3"
    "영27예20오29옥5온6올1옹9와8완18왈1왕5왜4외5요28욕6용23우32욱9운12울3웅2원26월3위25유46"
    "육4윤9율1융4은7을1음6읍3응4의19이24익6인17일9임8입2잉4자26작13잔5잠6잡1장36재17쟁4저28"
    "적24전41절8점9접3정55제23조46족4존2졸3종17좌5죄1주40죽2준19줄1중4즉1즐1즙3증11지33직5"
    "진35질15짐2집6징3차14착7찬15찰5참10창22채12책4처4척14천19철10첨10첩10청8체9초27촉6촌4"
    "총10촬1최3추23축12춘3출3충6췌4취14측5층1치24칙3친1칠3침9칩1칭2쾌1타14탁14탄10탈2탐4탑3탕4"
    "태14택2탱1터1토4통6퇴6투6특2틈1파16판9팔3패11팽4퍅1편10폄1평5폐10포27폭5표14품2풍5피7필10"
    "핍2하14학5한14할2함12합7항15해18핵2행5향9허4헌4헐1험2혁4현20혈4혐1협12형20혜9호41혹3혼6"
    "홀3홍10화14확5환17활5황24회20획2횡3효13후13훈10훙1훤4훼3휘8휴5휼3흉5흑1흔4흘4흠3흡4흥1"
    "희20힐1"
)
_USUAL = {"率": "률", "樂": "락", "茶": "차", "畫": "화"}
_RUN = re.compile("[\u4e00-\u9fff]+")
_KANA = re.compile("[\u3040-\u30ff]")
_Y = frozenset((2, 3, 6, 7, 12, 17, 20))  # ㅑ ㅒ ㅕ ㅖ ㅛ ㅠ ㅣ, by their number
_LEAD_N, _LEAD_R, _LEAD_NONE = 2, 5, 11


@cache
def _table() -> dict[str, str]:
    cells = (bytes((row, cell)) for row in range(0xCA, 0xFE) for cell in range(0xA1, 0xFF))
    characters = iter([c for c in (b.decode("euc_kr") for b in cells) if not "\uf900" <= c <= "\ufaff"])
    read = re.findall(r"(\D)(\d+)", _READINGS)
    return {next(characters): sound for sound, times in read for _ in range(int(times))} | _USUAL


def read(text: str) -> str:
    """The text with each run of Hanja read; runs beside kana, or with a character that the table lacks (simplified ones), stay."""
    return _RUN.sub(_read, text) if _RUN.search(text) and not _KANA.search(text) else text


def _read(match: re.Match[str]) -> str:
    sounds = "".join(_table().get(c, c) for c in match[0])
    if not all(map(hangul.is_syllable, sounds)):
        return match[0]
    before = match.string[match.start() - 1] if match.start() else " "
    first = sounds[0] if hangul.is_syllable(before) else _initial(sounds[0])
    return first + "".join(_after(a, b) for a, b in pairwise(sounds))


def _initial(sound: str) -> str:
    """At the head of a word (두음법칙): 녀 → 여, 력 → 역, 락 → 낙."""
    lead, rest = divmod(ord(sound) - 0xAC00, 588)
    if lead in (_LEAD_N, _LEAD_R) and rest // 28 in _Y:
        return chr(0xAC00 + _LEAD_NONE * 588 + rest)
    return chr(0xAC00 + _LEAD_N * 588 + rest) if lead == _LEAD_R else sound


def _after(before: str, sound: str) -> str:
    """렬 and 률 after a vowel or ㄴ are 열 and 율: 比率 → 비율."""
    return {"렬": "열", "률": "율"}.get(sound, sound) if (ord(before) - 0xAC00) % 28 in (0, 4) else sound
