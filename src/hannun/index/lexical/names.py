"""A Korean term goes in; the term of the same thing in another form comes out: 노랑 → 노랗다, 엘지 → lg.

Small tables of our own, of what no rule of spelling gives: colours, whose noun and adjective are different words, and names that
are written in Latin letters as often as in Hangul.
"""

from __future__ import annotations

from hannun.index.lexical.codes import singular

_COLOURS = {
    "빨갛다": "빨강 빨강색 빨강이 새빨갛다 시뻘겋다 뻘겋다 발갛다 벌겋다 새빨강",
    "파랗다": "파랑 파랑색 새파랗다 시퍼렇다 퍼렇다 새파랑",
    "노랗다": "노랑 노랑색 노랑이 샛노랗다 싯누렇다 누렇다 샛노랑",
    "희다": "하양 하양색 하얗다 새하얗다 허옇다 흰색 하얀색 흰빛",
    "검다": "검정 검정색 까망 까만색 검은색 까맣다 새까맣다 시꺼멓다 꺼멓다 거멓다 검은빛",
    "푸르다": "푸르르다 푸른색 푸른빛 짙푸르다 검푸르다",
    "붉다": "검붉다 붉은색 붉은빛 불그스름하다",
    "초록": "초록색 초록빛 진초록 연초록",
    "분홍": "분홍색 분홍빛 연분홍 진분홍",
    "보라": "보라색 보랏빛 연보라 진보라",
    "주황": "주황색 주황빛",
    "연두": "연두색 연둣빛",
    "회색": "잿빛 회색빛",
    "하늘색": "하늘빛",
}

# Latin in lower case, then how it is written in Hangul. Names that are common words in Hangul (현대, 기아, 자라) are left out.
_LATIN = """
    lg 엘지; sk 에스케이; kt 케이티; cj 씨제이; gs 지에스; kfc 케이에프씨; bmw 비엠더블유; ktx 케이티엑스; usb 유에스비; tv 티비 티브이;
    led 엘이디; cctv 씨씨티비; dvd 디브이디; cd 씨디 시디; pc 피씨 피시; vr 브이알; ai 에이아이; ssd 에스에스디; cpu 씨피유;
    gpu 지피유; hdmi 에이치디엠아이; qr 큐알; diy 디아이와이; wifi 와이파이; bluetooth 블루투스; iphone 아이폰; ipad 아이패드;
    airpods 에어팟 에어팟츠; macbook 맥북; imac 아이맥; galaxy 갤럭시; samsung 삼성; apple 애플; sony 소니; canon 캐논;
    nikon 니콘; dyson 다이슨; philips 필립스; bosch 보쉬; xiaomi 샤오미; lenovo 레노버; asus 아수스; acer 에이서;
    intel 인텔; nvidia 엔비디아; geforce 지포스; google 구글; naver 네이버; kakao 카카오; youtube 유튜브;
    netflix 넷플릭스; logitech 로지텍; nike 나이키; adidas 아디다스; puma 푸마; reebok 리복; fila 휠라 필라;
    converse 컨버스; asics 아식스; underarmour 언더아머; northface 노스페이스; patagonia 파타고니아;
    columbia 컬럼비아; kolon 코오롱; uniqlo 유니클로; gucci 구찌; chanel 샤넬; prada 프라다; dior 디올;
    hermes 에르메스; burberry 버버리; coach 코치; levis 리바이스; lacoste 라코스테; polo 폴로; crocs 크록스;
    birkenstock 버켄스탁; timberland 팀버랜드; ugg 어그; gshock 지샥; casio 카시오; seiko 세이코; rolex 롤렉스;
    omega 오메가; swatch 스와치; starbucks 스타벅스; cocacola 코카콜라; pepsi 펩시; sprite 스프라이트;
    nestle 네슬레; heinz 하인즈; lego 레고; disney 디즈니; barbie 바비; marvel 마블; nintendo 닌텐도;
    playstation 플레이스테이션; xbox 엑스박스; ikea 이케아; stanley 스탠리; thermos 써모스; tefal 테팔; coleman 콜맨;
    helinox 헬리녹스; toyota 도요타 토요타; honda 혼다; benz 벤츠; audi 아우디; volvo 볼보;
    tesla 테슬라; porsche 포르쉐; nivea 니베아; loreal 로레알; laneige 라네즈; innisfree 이니스프리; olay 올레이;
    dove 도브; gillette 질레트; oralb 오랄비; pampers 팸퍼스; huggies 하기스
"""

_ALSO = {written: adjective for adjective, others in _COLOURS.items() for written in others.split()}
_ALSO |= {written: singular(latin) for latin, *others in map(str.split, _LATIN.split(";")) for written in others}


def also(term: str) -> str:
    """The other form of a term that is kept beside it; "" for one that has none."""
    return _ALSO.get(term, "")
