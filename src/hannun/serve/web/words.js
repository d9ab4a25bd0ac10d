// A key goes in, the page's words in Korean or English come out; elements carry their key in data-say, data-label or data-hint.

const WORDS = {
  skip: ["결과로 건너뛰기", "Skip to results"],
  view: ["보기", "View"],
  grid: ["격자", "Grid"],
  map: ["지도", "Map"],
  add: ["사진 추가", "Add pictures"],
  words: ["검색어", "Search words"],
  hint: ["무엇을 찾으세요? 사진을 끌어다 놓거나 붙여 넣어도 됩니다", "What are you looking for? Drop or paste a picture, too"],
  pick: ["사진으로 찾기", "Search by picture"],
  removePicture: ["사진 빼기", "Remove the picture"],
  search: ["찾기", "Search"],
  picture: ["사진", "Picture"],
  wordsShort: ["말", "Words"],
  mix: ["사진과 말의 비중", "Balance between picture and words"],
  relevant: ["관련순", "Relevant"],
  varied: ["다양하게", "Varied"],
  diversity: ["다양성", "Diversity"],
  meaning: ["뜻", "Meaning"],
  exact: ["낱말 그대로", "Exact words"],
  share: ["뜻과 낱말의 비중", "Balance between meaning and exact words"],
  byPicture: ["모습", "Looks"],
  byText: ["설명", "Description"],
  weight: ["결과의 모습과 설명 비중", "Balance between how results look and what they say"],
  where: ["조건", "Only where"],
  whereHint: ["category = 원피스 and price < 50000", "category = dress and price < 50000"],
  facets: ["분류", "Filters"],
  results: ["결과", "Results"],
  more: ["더 보기", "Show more"],
  like: ["이것과 비슷한", "More like this"],
  unlike: ["이런 것 빼고", "Less like this"],
  close: ["닫기", "Close"],
  mapHelp: ["가까이 있을수록 비슷합니다. 끌어서 움직이고, 굴리거나 +/−로 키우고, 화살표 키로 옮겨 다니세요.", "Nearer means more alike. Drag to move, scroll or +/− to zoom, arrow keys to wander."],
  dropSearch: ["여기 놓으면\n이 사진으로 찾습니다", "Drop here to\nsearch by this picture"],
  dropAdd: ["여기 놓으면\n모음에 추가합니다", "Drop here to\nadd to the collection"],
  keyTitle: ["API 키", "API key"],
  keyHelp: ["이 모음은 키가 있어야 볼 수 있습니다. 키는 이 탭을 닫으면 잊습니다.", "This collection asks for a key. It is forgotten when this tab closes."],
  use: ["사용", "Use"],
  items: ["개", "items"],
  searching: ["찾는 중…", "Searching…"],
  found: ["{n}개 결과 · {ms}ms", "{n} results · {ms} ms"],
  all: ["모음의 항목들", "From the collection"],
  nothing: ["맞는 것이 없습니다. 조건을 풀거나 다른 말로 찾아보세요.", "Nothing fits. Loosen the filters or try other words."],
  empty: ["아직 아무것도 없습니다. 사진을 여기로 끌어다 놓으세요.", "Nothing here yet. Drop pictures here."],
  adding: ["추가하는 중 {done}/{total}", "Adding {done} of {total}"],
  added: ["{n}개를 추가했습니다", "{n} added"],
  problems: ["읽지 못한 것 {n}개", "{n} could not be read"],
  notPicture: ["사진 파일이 아닙니다: {name}", "Not a picture: {name}"],
  tooLarge: ["너무 큽니다 ({size} MB, 최대 {max} MB): {name}", "Too large ({size} MB, at most {max} MB): {name}"],
  offline: ["서비스에 닿지 않습니다. `hannun serve`가 켜져 있는지 보세요.", "The service cannot be reached. Is `hannun serve` running?"],
  score: ["점수", "Score"],
  why: ["왜 이 결과인가", "Why this result"],
  whyWords: ["낱말별", "By word"],
  whyPlaces: ["밝은 곳이 검색어와 가깝습니다.", "Lit places are closer to the query."],
  text: ["설명", "Text"],
  image: ["모습", "Picture"],
  joint: ["함께", "Together"],
  without: ["빼고", "Without"],
  similarTo: ["비슷한", "Like"],
  untitled: ["제목 없음", "Untitled"],
};

let language = localStorage.getItem("language") ?? (navigator.language.startsWith("ko") ? "ko" : "en");

export function say(key, values = {}) {
  const said = WORDS[key]?.[language === "ko" ? 0 : 1] ?? key;
  return said.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

export function dress(root = document) {
  document.documentElement.lang = language;
  for (const e of root.querySelectorAll("[data-say]")) e.textContent = say(e.dataset.say);
  for (const e of root.querySelectorAll("[data-label]")) { e.setAttribute("aria-label", say(e.dataset.label)); e.title = say(e.dataset.label); }
  for (const e of root.querySelectorAll("[data-hint]")) e.placeholder = say(e.dataset.hint);
}

export function current() { return language; }

export function switchTo(next) {
  language = next;
  localStorage.setItem("language", next);
  dress();
}

export function number(n) { return n.toLocaleString(language === "ko" ? "ko-KR" : "en-US"); }
