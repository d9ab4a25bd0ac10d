"""A command's English help goes in, its Korean help comes out, where the locale is Korean.

This file is long because it is a list: every help text of every command with its translation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import typer


def is_locale(environment: Mapping[str, str]) -> bool:
    """Whether messages are to be in Korean: by LC_ALL, LC_MESSAGES, LANG, the first that is set."""
    given = next((environment[k] for k in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(k)), "")
    return given.lower().split(".")[0].split("_")[0] == "ko"


def translate(command: Any) -> None:
    """Put Korean help in the place of the English one: of a command, its arguments and options, and the commands below it."""
    command.help = HELP.get(command.help or "", command.help)
    for parameter in (*command.params, command.get_help_option(typer.Context(command))):
        text = getattr(parameter, "help", None)
        if text is not None:
            parameter.help = HELP.get(text, text)
    for below in getattr(command, "commands", {}).values():
        translate(below)


#: Every English help text of the command line, and its Korean one.
HELP = {
    # locate
    "Show where in pictures something is. The hottest place is told whatever is asked: whether it is there at all, `relevance` says.": (
        "사진에서 무엇이 어디 있는지 보여 줍니다. 무엇을 묻든 가장 가까운 곳을 알려 주며, 정말 있는지는 `relevance`가 말합니다."
    ),
    "Pictures or folders of them, then what to look for.": "사진이나 사진 폴더, 그다음 찾을 말.",
    "What else to look for; may be given several times.": "더 찾을 것. 여러 번 쓸 수 있습니다.",
    "The map over the picture: a .png for one picture and one query, a folder for several.": (
        "사진 위에 겹친 지도를 쓸 곳: 사진 하나와 질의 하나면 .png, 여럿이면 폴더."
    ),
    # the command itself
    "한눈: search pictures and Korean texts, offline. Start with `hannun demo`.": (
        "한눈: 사진과 한국어 글을 인터넷 없이 찾습니다. `hannun demo`로 시작하세요."
    ),
    "Show this message and exit.": "이 도움말을 보여 주고 끝냅니다.",
    "Print the version and stop.": "버전을 출력하고 끝냅니다.",
    "Install completion for the current shell.": "지금 쓰는 셸에 자동 완성을 설치합니다.",
    "Show completion for the current shell, to copy it or customize the installation.": "지금 쓰는 셸의 자동 완성 스크립트를 보여 줍니다.",
    # shared
    "'mini', 'mini-free', the path of a model, or a hub id.": "'mini', 'mini-free', 모델의 경로, 또는 허브 id.",
    "A folder, or qdrant://host:6333/name.": "폴더, 또는 qdrant://host:6333/name.",
    "As JSON.": "JSON으로 출력합니다.",
    "Ids of items.": "항목의 id.",
    "Also every item for which this holds.": "이 조건에 맞는 항목도 모두 포함합니다.",
    "Only items for which this holds.": "이 조건에 맞는 항목만.",
    "Truncate to one of the model's dims.": "모델이 지원하는 차원 가운데 하나로 줄입니다.",
    "The folder of data sets.": "데이터 세트 폴더.",
    "The folder of data sets [default: ../shared/data].": "데이터 세트 폴더 [기본값: ../shared/data].",
    "Where vectors and drawn pictures are kept [default: ~/.cache/hannun/eval].": (
        "벡터와 그려 낸 그림을 두는 곳 [기본값: ~/.cache/hannun/eval]."
    ),
    "A suite, or mteb:TASK; may be repeated. All of them when left out.": "평가 묶음, 또는 mteb:TASK. 여러 번 쓸 수 있고, 빼면 전부입니다.",
    # demo, index
    "Read what is printed in pictures, as words to find them by.": "사진 속 글자를 읽어 그 낱말로도 찾게 합니다.",
    "Of a new one: three looks at each picture; finds better, in three times the time.": (
        "새로 만들 때: 사진마다 세 번씩 봅니다. 더 잘 찾지만 시간이 세 배 걸립니다."
    ),
    "Draw a catalogue, index it, search it in four ways, and write demo.html.": (
        "상품 그림을 그려 색인하고, 네 가지로 검색해 demo.html을 만듭니다."
    ),
    "Where the drawn catalogue and its collection go.": "그린 상품과 컬렉션을 둘 곳.",
    "The gallery page.": "결과를 보여 주는 페이지.",
    "Read pictures, texts and rows into a collection. Run again, only what is new or changed is encoded.": (
        "사진, 글, 표의 행을 읽어 컬렉션에 넣습니다. 다시 실행하면 새것과 바뀐 것만 인코딩합니다."
    ),
    "Folders, pictures, videos, .txt/.md, .html, .jsonl/.csv/.tsv/.xlsx/.parquet/.arrow, .pdf, .tar.": (
        "폴더, 사진, 동영상, .txt/.md, .html, .jsonl/.csv/.tsv/.xlsx/.parquet/.arrow, .pdf, .tar."
    ),
    "The collection, made where there is none.": "컬렉션. 없으면 새로 만듭니다.",
    "Remove items whose files below PATH have vanished.": "PATH 아래에서 파일이 사라진 항목을 지웁니다.",
    "Which columns of tables hold what.": "표의 어느 열에 무엇이 있는지.",
    "Columns of amounts as people write them: 39,000원.": "39,000원처럼 적힌 금액 열.",
    "Date, place and camera of pictures as facts.": "사진의 날짜, 장소, 카메라를 속성으로 넣습니다.",
    "Of a new one: keep words for ranking by words.": "새 컬렉션: 낱말로 순위를 매기도록 낱말도 저장합니다.",
    "Of a new one: a file of words to take whole, one a line.": "새 컬렉션: 쪼개지 않을 낱말 파일, 한 줄에 하나.",
    "Of a new one: search int8 or binary vectors first.": "새 컬렉션: int8 또는 binary 벡터로 먼저 찾습니다.",
    "Of a new one: search so many values of each vector first.": "새 컬렉션: 벡터의 앞쪽 값 이만큼으로 먼저 찾습니다.",
    # watch
    "Keep folders indexed until Ctrl-C: what is new, changed, moved or gone is taken up once it has been still for a moment.": (
        "Ctrl-C를 누를 때까지 폴더를 지켜봅니다. 새것, 바뀐 것, 옮긴 것, 사라진 것을 잠시 그대로인지 본 뒤 반영합니다."
    ),
    "Folders, or files, to keep indexed.": "지켜볼 폴더나 파일.",
    "Seconds between two looks; a file is read when it has not changed for so long.": (
        "둘러보는 간격(초). 파일은 이만큼 바뀌지 않았을 때 읽습니다."
    ),
    "Keep items whose files have vanished.": "파일이 사라진 항목도 남겨 둡니다.",
    # search
    "Search a collection by words, by a picture, by both, or by examples.": "말로, 사진으로, 둘 다로, 또는 예시로 컬렉션을 검색합니다.",
    "What to look for, in Korean or English; -WORD avoids it; - reads it from standard input.": (
        "찾을 말(한국어나 영어). -낱말은 그 낱말을 피하고, - 하나는 표준 입력에서 읽습니다."
    ),
    "A picture to look for, alone or together with words.": "찾을 사진. 혼자, 또는 말과 함께.",
    "More like this; may be given again.": "이것과 비슷한 것. 여러 번 쓸 수 있습니다.",
    "Not like this; may be given again.": "이것과 다른 것. 여러 번 쓸 수 있습니다.",
    "With words and a picture: 1 only the words … 0 only the picture.": "말과 사진이 함께일 때: 1은 말만 … 0은 사진만.",
    "How much the parts of an item count, e.g. text=0.7,image=0.3.": "항목의 부분을 각각 얼마나 볼지, 예: text=0.7,image=0.3.",
    "Rank by the words themselves: 0 meaning … 1 words alone; auto: 0.3 where there are texts.": (
        "낱말 자체로 순위를 매기는 비율: 0은 뜻만 … 1은 낱말만. auto: 글이 있으면 0.3."
    ),
    "How words and meaning are put together: scores or ranks.": "낱말과 뜻을 합치는 방법: scores(점수) 또는 ranks(순위).",
    "Only items for which this holds: 'category = 원피스 and price < 50000'.": (
        "이 조건에 맞는 항목만: 'category = 원피스 and price < 50000'."
    ),
    "How many hits.": "결과 수.",
    "How many hits to pass over.": "건너뛸 결과 수.",
    "Only the best hit for each value of this fact.": "이 속성의 값마다 가장 좋은 결과 하나만.",
    "Compare only so many values of each vector: one of the model's dims.": (
        "벡터의 앞쪽 값 이만큼만 비교합니다. 모델이 지원하는 차원 가운데 하나."
    ),
    "tokens: order the top 50 anew by token vectors.": "tokens: 위 50개를 토큰 벡터로 다시 정렬합니다.",
    "0 pure relevance … 1 as varied as can be.": "0은 관련도만 … 1은 최대한 다양하게.",
    "Show the best of so many visual clusters first; 0 is off.": "비슷한 모습끼리 이만큼 묶어 각각의 으뜸을 먼저 보여 줍니다. 0은 끔.",
    "Words typed with the keyboard left on the other language: qkfrks.": "한/영 키를 잘못 두고 친 말: qkfrks.",
    "Leave out hits that fit less than so; 0.5 leaves what fits, 0 everything.": (
        "이보다 덜 맞는 결과를 뺍니다. 0.5는 맞는 것만, 0은 전부 남깁니다."
    ),
    "What fits in the order of this fact; with a minus the greatest first.": (
        "맞는 것을 이 정보의 차례로 보여 줍니다. 앞에 -를 붙이면 큰 것부터."
    ),
    "Items for which this holds come after all others: 'stock = 0'.": "이 조건이 맞는 항목은 맨 뒤로 보냅니다: 'stock = 0'.",
    "Say which part scored what.": "무엇이 몇 점을 냈는지 보여 줍니다.",
    "Say where this item ranks, and what keeps it out.": "이 항목이 몇 위인지, 왜 빠졌는지 보여 줍니다.",
    "Hits as JSON.": "결과를 JSON으로.",
    "Write the hits as a page with pictures.": "결과를 사진이 있는 페이지로 씁니다.",
    # info, delete, reindex, embed
    "What a collection holds and what made it, as JSON.": "컬렉션에 무엇이 있고 무엇으로 만들었는지를 JSON으로.",
    "Remove items by id or by condition. What is not there is no mistake: a delete that was stopped may be run again.": (
        "id나 조건으로 항목을 지웁니다. 없는 항목은 오류가 아니므로, 멈춘 삭제를 다시 실행해도 됩니다."
    ),
    "Only show what would go.": "무엇이 지워질지만 보여 줍니다.",
    "Encode every item again, with another model or a newer one. Stopped and run again, it goes on where it was.": (
        "다른 모델이나 새 모델로 모든 항목을 다시 인코딩합니다. 멈췄다 다시 실행하면 이어서 합니다."
    ),
    "Turn texts or files into vectors in a file. Stopped and run again, it goes on where it was.": (
        "글이나 파일을 벡터로 바꿔 파일에 씁니다. 멈췄다 다시 실행하면 이어서 합니다."
    ),
    "Texts; with --files, files and folders as for index.": "글. --files와 함께면 index처럼 파일과 폴더.",
    "The .npz to write: dense float32 [n, dim]; ids go beside it as .jsonl.": (
        "쓸 .npz 파일: dense float32 [n, dim]. id는 옆의 .jsonl에 씁니다."
    ),
    "The arguments are paths, not texts.": "인자가 글이 아니라 경로입니다.",
    "Encode as queries instead of documents.": "문서가 아니라 질의로 인코딩합니다.",
    # copy, backup, restore, check, compact
    "Copy a collection, vectors and all, to a folder or a cluster. Stopped and run again, it goes on where it was.": (
        "컬렉션을 벡터까지 모두 폴더나 클러스터로 복사합니다. 멈췄다 다시 실행하면 이어서 합니다."
    ),
    "What to copy.": "복사할 컬렉션.",
    "Another folder, or qdrant://host:6333/name.": "다른 폴더, 또는 qdrant://host:6333/name.",
    "Write a whole copy into a folder or one file. Pictures that lie outside the collection stay where they are.": (
        "전체를 폴더나 파일 하나로 백업합니다. 컬렉션 밖에 있는 사진은 그 자리에 둡니다."
    ),
    "What to back up.": "백업할 컬렉션.",
    "A new folder, or a new file ….tar.": "새 폴더, 또는 새 파일 ….tar.",
    "Make a collection again of a backup.": "백업에서 컬렉션을 되살립니다.",
    "What `hannun backup` wrote.": "`hannun backup`이 쓴 것.",
    "A place where nothing is.": "아무것도 없는 자리.",
    "Read everything a collection holds, and name each damaged file and what to do. Exits with 1 where one is.": (
        "컬렉션을 모두 읽어 손상된 파일과 할 일을 알려 줍니다. 손상이 있으면 1로 끝납니다."
    ),
    "Without a backup: take the engine's files as they are, with new checksums.": (
        "백업이 없을 때: 엔진의 파일을 그대로 받아들이고 체크섬을 새로 만듭니다."
    ),
    "Remove the pictures of deleted items, and what killed processes left behind.": (
        "지운 항목의 사진과 강제로 끝난 프로세스가 남긴 것을 없앱니다."
    ),
    # dupes, facets, update
    "List groups of items that are the same or nearly so, by their pictures (or texts, where they have none).": (
        "같거나 거의 같은 항목을 사진으로(사진이 없으면 글로) 묶어 보여 줍니다."
    ),
    "The lowest cosine that makes two items near-duplicates [default: 0.94 pictures, 0.98 texts].": (
        "두 항목을 거의 같다고 볼 가장 낮은 코사인 [기본: 사진 0.94, 글 0.98]."
    ),
    "Only among items for which this holds.": "이 조건에 맞는 항목 안에서만.",
    "Count the values of facts.": "속성의 값을 셉니다.",
    "Names of facts; all that have few values.": "속성 이름. 빼면 값이 몇 가지뿐인 속성 모두.",
    "Count only items for which this holds.": "이 조건에 맞는 항목만 셉니다.",
    "How many values of each.": "속성마다 보여 줄 값의 수.",
    "Say which words are the same in a collection; searches follow at once, nothing is indexed again.": (
        "이 컬렉션에서 같은 뜻인 말을 정합니다. 곧바로 검색에 쓰이고, 다시 색인하지 않습니다."
    ),
    "Lines such as '바지, 팬츠' or '츄리닝 => 운동복'; left out, those in force are told.": (
        "'바지, 팬츠'나 '츄리닝 => 운동복' 같은 줄. 쓰지 않으면 지금 쓰는 것을 보여 줍니다."
    ),
    "Let the collection have none.": "모두 지웁니다.",
    "Change facts of items; nothing is encoded again.": "항목의 속성을 바꿉니다. 다시 인코딩하지 않습니다.",
    "May be given again; FACT= removes it.": "여러 번 쓸 수 있습니다. FACT=은 그 속성을 지웁니다.",
    # eval, compare
    "Measure a model on a suite, or on all: a table with intervals, and a report in JSON and HTML with a model card.": (
        "모델을 평가 묶음 하나나 전부로 평가합니다: 구간이 있는 표, JSON과 HTML 보고서, 모델 카드."
    ),
    "The folder for report.json, report.html, card.md [default: eval/MODEL].": (
        "report.json, report.html, card.md를 둘 폴더 [기본값: eval/MODEL]."
    ),
    "Of intervals, few-shot draws and drawn pages.": "구간, few-shot 표본, 그린 문서의 난수 시드.",
    "The report as JSON on standard output instead of tables.": "표 대신 보고서를 JSON으로 표준 출력에.",
    "Name the suites and stop.": "평가 묶음의 이름을 보여 주고 끝냅니다.",
    "Set models side by side: differences from the first, paired query by query, with intervals and significance.": (
        "모델을 나란히 놓습니다: 첫 모델과의 차이를 질의마다 짝지어, 구간과 유의성과 함께."
    ),
    "Two or more: models, or folders that `hannun eval` wrote.": "둘 이상: 모델, 또는 `hannun eval`이 쓴 폴더.",
    "Write compare.json and compare.html there.": "compare.json과 compare.html을 쓸 곳.",
    "Truncate every model that is measured now.": "지금 평가하는 모든 모델을 이 차원으로 줄입니다.",
    "Of intervals and tests.": "구간과 검정의 난수 시드.",
    "The differences as JSON on standard output.": "차이를 JSON으로 표준 출력에.",
    # export, train, mine, recipes
    "Export a model to ONNX (one file for texts, one for pictures, each giving unit vectors), or to stock sentence-transformers.": (
        "모델을 ONNX(글 하나, 사진 하나, 각각 단위 벡터)로, 또는 그대로 쓰는 sentence-transformers 폴더로 내보냅니다."
    ),
    "The folder of a trained model.": "학습한 모델의 폴더.",
    "onnx, or sentence-transformers: a folder of its stock modules.": "onnx, 또는 sentence-transformers: 그쪽 모듈만으로 된 폴더.",
    "The folder for text.onnx and image.onnx.": "text.onnx와 image.onnx를 둘 폴더.",
    "Matrix products in 8 bits: smaller and faster, a little off.": "행렬 곱을 8비트로: 작고 빠르지만 조금 어긋납니다.",
    "Train a recipe's model. Killed and run again, it goes on from its last checkpoint.": (
        "레시피의 모델을 학습합니다. 멈췄다 다시 실행하면 마지막 체크포인트부터 이어서 합니다."
    ),
    "Its name; `hannun recipes` lists them.": "레시피 이름. `hannun recipes`가 목록을 보여 줍니다.",
    "Which of its sizes: paper, or tiny for a CPU.": "크기: paper, 또는 CPU용 tiny.",
    "Checkpoints, logs and the model go here; by default build/RECIPE-SIZE.": "체크포인트, 로그, 모델을 둘 곳. 기본값은 build/RECIPE-SIZE.",
    "What the training begins at, in place of the recipe's: a model's folder or hub id.": (
        "레시피의 것 대신 학습을 시작할 모델: 폴더 또는 허브 id."
    ),
    "Measure on rows too that the model was trained on; they are counted either way.": (
        "모델이 학습한 행도 측정합니다. 어느 쪽이든 몇 개인지는 셉니다."
    ),
    "Parameters and memory of the real size, by batch, chunk and precision.": "실제 크기의 파라미터 수와, 배치·청크·정밀도별 메모리.",
    "… of a model's folder in place of the recipe's.": "… 레시피의 것 대신 이 폴더의 모델로.",
    "Change a setting; may be given several times.": "설정을 바꿉니다. 여러 번 쓸 수 있습니다.",
    "Your own pairs in place of the data sets: tables of pairs, items or clicks, tar shards; may be given again.": (
        "데이터 세트 대신 내 데이터: 쌍, 항목, 클릭의 표나 tar 샤드. 여러 번 쓸 수 있습니다."
    ),
    "Pairs to measure on; by default a share is held out.": "평가할 쌍. 기본으로는 일부를 떼어 둡니다.",
    "The folder of a trained model to go on from.": "이어서 학습할, 이미 학습한 모델의 폴더.",
    "The same as --work.": "--work와 같습니다.",
    "Adapt mini to a collection by its own words and pictures, and keep the model only if it is better on what was held out.": (
        "컬렉션의 말과 사진으로 mini를 맞춥니다. 떼어 둔 것에서 더 나을 때만 모델을 남깁니다."
    ),
    "The folder of the model; by default the collection's name with .model.": "모델 폴더. 기본값은 컬렉션 이름에 .model을 붙인 것.",
    "Logs of clicks: rows of query, clicked and shown, with ids of items; may be given again.": (
        "클릭 기록: query, clicked, shown 열과 항목 id. 여러 번 쓸 수 있습니다."
    ),
    "Steps of the training.": "학습 단계 수.",
    "Measure retrieval on your own pairs instead: tables of pairs, items or clicks, tar shards; may be given again.": (
        "내 데이터로 검색을 평가합니다: 쌍, 항목, 클릭의 표나 tar 샤드. 여러 번 쓸 수 있습니다."
    ),
    "Find hard negatives for training pairs by searching a collection that holds their positives. Run again, it goes on where it was.": (
        "정답이 든 컬렉션을 검색해 학습 쌍의 어려운 오답을 찾습니다. 다시 실행하면 이어서 합니다."
    ),
    "Tables or .tar shards: rows of query and positive, or of query and clicked.": (
        "표나 .tar 묶음. 행마다 query와 positive, 또는 query와 clicked."
    ),
    "The collection to search for negatives.": "오답을 찾을 컬렉션.",
    "The .jsonl to write.": "쓸 .jsonl 파일.",
    "Negatives of each pair.": "쌍마다 찾을 오답 수.",
    "From which ranks: FIRST-LAST.": "몇 위에서 몇 위까지: FIRST-LAST.",
    "A negative scores below this share of the positive's score.": "오답의 점수는 정답 점수의 이 비율보다 낮아야 합니다.",
    "… and by so much below it.": "… 그리고 이만큼 더 낮아야 합니다.",
    "A fact: items of equal value are one product.": "속성: 값이 같은 항목은 같은 상품입니다.",
    "Draw from the ranks instead of taking the hardest.": "가장 어려운 것 대신 순위 안에서 무작위로 뽑습니다.",
    "List the recipes, or the settings of one; with --memory what its real size takes.": (
        "레시피의 목록, 또는 레시피 하나의 설정을 보여 줍니다. --memory를 주면 실제 크기가 얼마나 필요한지 보여 줍니다."
    ),
    "Show all settings of one, and where they are from.": "레시피 하나의 모든 설정과 그 출처를 보여 줍니다.",
    # serve, keys, mcp, ask
    "Serve a collection over HTTP, with its page. Every HANNUN_ variable is in docs/service.md.": (
        "컬렉션을 HTTP와 웹 페이지로 서비스합니다. HANNUN_ 환경 변수는 docs/service.md에 있습니다."
    ),
    "The address to listen on; 127.0.0.1 is for this machine alone.": "들을 주소. 127.0.0.1은 이 컴퓨터에서만.",
    "The port; 8470 when left out, 0 for any free one.": "포트. 빼면 8470, 0은 빈 포트 아무거나.",
    "Begin a collection where there is none.": "컬렉션이 없으면 새로 만듭니다.",
    "Serve other machines without keys.": "다른 컴퓨터에도 키 없이 서비스합니다.",
    "What is logged: debug, info, warning, error.": "로그 수준: debug, info, warning, error.",
    "API keys of a service: who may read, who may write.": "서비스의 API 키: 누가 읽고 누가 쓸 수 있는지.",
    "Make a key and print it: only its hash is kept, so this is the one time to see it.": (
        "키를 만들어 출력합니다. 해시만 저장하므로 볼 수 있는 것은 지금뿐입니다."
    ),
    "Whose key it is.": "누구의 키인지.",
    "The collection.": "컬렉션.",
    "read and/or write; both when left out.": "read와 write. 빼면 둘 다.",
    "Requests a minute; 0 is the service's own limit.": "분당 요청 수. 0은 서비스의 한도.",
    "The file of keys; beside the collection when left out.": "키 파일. 빼면 컬렉션 옆.",
    "Whose keys there are.": "어떤 키가 있는지 보여 줍니다.",
    "Make a key worthless; a running service notices within a second.": "키를 못 쓰게 합니다. 실행 중인 서비스도 1초 안에 알아챕니다.",
    "Give a collection, or a running service (http://…), to agents as MCP tools: search, similar, add, tag.": (
        "컬렉션이나 실행 중인 서비스(http://…)를 에이전트에게 MCP 도구로 줍니다: search, similar, add, tag."
    ),
    "Agents may name pictures below this folder by path.": "에이전트가 이 폴더 아래의 사진을 경로로 부를 수 있습니다.",
    "Leave out the tools that change items.": "항목을 바꾸는 도구를 뺍니다.",
    "Serve over HTTP on this port of this machine, instead of standard input and output.": (
        "표준 입출력 대신 이 컴퓨터의 이 포트에서 HTTP로."
    ),
    "Answer a question from a collection with a vision-language model, citing what it used. The key is read from HANNUN_ASK_KEY.": (
        "시각 언어 모델로 컬렉션에서 답을 찾고 근거를 밝힙니다. 키는 HANNUN_ASK_KEY에서 읽습니다."
    ),
    "What you want to know.": "알고 싶은 것.",
    "The name of the vision-language model.": "시각 언어 모델의 이름.",
    "Its OpenAI-compatible address.": "모델의 OpenAI 호환 주소.",
    "A picture that the question is about.": "질문하려는 사진.",
    "How many items the model is given.": "모델에 줄 항목 수.",
    "Ask about the picture alone, without a collection.": "컬렉션 없이 사진만 두고 묻습니다.",
    "The model is a path or hub id, and answers here, without a server.": "모델이 경로나 허브 id이고, 서버 없이 여기서 답합니다.",
    "A dialogue: kept in this file, and gone on with by the next question.": "대화: 이 파일에 남기고, 다음 질문이 이어 갑니다.",
    "Seconds to wait for the model.": "모델을 기다릴 시간(초).",
    "The answer and its sources as JSON.": "답과 근거를 JSON으로.",
    "Also tag what is new, as `hannun tag` does: fashion, food, a .toml file.": (
        "새 항목에 `hannun tag`처럼 태그도 답니다: fashion, food, .toml 파일."
    ),
    # tag
    "Find colour, type, pattern and other attributes of pictures, each with its probability, or *unknown*.": (
        "사진의 색, 종류, 무늬 같은 속성을 확률과 함께 찾습니다. 모르면 모른다고 합니다."
    ),
    "Pictures, or folders of them.": "사진, 또는 사진 폴더.",
    "Write what is found into this collection.": "찾은 것을 이 컬렉션에 씁니다.",
    "What may be found: fashion, food, or a .toml file of your own.": "무엇을 찾을지: fashion, food, 또는 직접 쓴 .toml 파일.",
    "Only the attributes of things of this category: 치마, 신발.": "이 종류가 갖는 속성만: 치마, 신발.",
    "Heads that you trained, instead of those that come with it.": "함께 오는 것 대신 직접 학습한 분류기.",
    "By prompts alone, without trained heads.": "학습한 분류기 없이 문장만으로.",
    "Names and values in English.": "이름과 값을 영어로.",
    "Also items that this version has looked at.": "이 버전이 이미 본 항목도 다시.",
    # caption
    "Say what is to be seen in pictures: a caption, a query or a product's name, in Korean or English.": (
        "사진에 무엇이 보이는지 말합니다: 설명, 검색어, 상품 이름을 한국어나 영어로."
    ),
    "Pictures, and folders of them.": "사진과 사진 폴더.",
    "caption, query (what one would search it by) or product (a name in a shop).": "caption(설명), query(검색어), product(상품 이름).",
    "ko or en.": "ko 또는 en.",
    "How many texts are followed at once; 1 is fastest.": "한꺼번에 이어 가는 글의 수. 1이 가장 빠릅니다.",
    "How many texts of a picture are shown, the best first.": "사진마다 보여 줄 글의 수, 가장 좋은 것부터.",
    "Draw instead, among the likeliest words of this share: another text by each seed.": (
        "대신 이 비율까지의 그럴듯한 낱말 가운데서 뽑습니다. seed마다 다른 글이 나옵니다."
    ),
    "The draw, with --nucleus.": "--nucleus와 함께: 뽑기의 씨앗값.",
    # thumbnail
    "Choose the pictures of documents that fit a query; none where none fits (then it exits with 1). Near-duplicates count once.": (
        "문서에서 검색어에 맞는 사진을 고릅니다. 맞는 것이 없으면 고르지 않고 1로 끝납니다. 거의 같은 사진은 한 번만 셉니다."
    ),
    "HTML, Markdown and PDF files, or folders of pictures.": "HTML, Markdown, PDF 파일, 또는 사진 폴더.",
    "What was searched for.": "검색한 말.",
    "A picture that was searched for, alone or with words.": "검색한 사진. 혼자, 또는 말과 함께.",
    "Cut to this shape: 1:1, 4:3, 320x180; whole when left out.": "이 비율로 자릅니다: 1:1, 4:3, 320x180. 빼면 자르지 않습니다.",
    "The least score of a picture that is shown, 0 … 1.": "보여 줄 사진의 최저 점수, 0 … 1.",
    "The share of the words by a picture (alt, caption) in its score, 0 … below 1.": (
        "사진 곁의 글(alt, 설명)이 점수에서 차지하는 비율, 0 이상 1 미만."
    ),
    "How many pictures of a document are shown.": "문서마다 보여 줄 사진 수.",
    "Write what is shown into this folder.": "고른 사진을 이 폴더에 씁니다.",
    # users
    "Years of behaviour in one vector of each user.": "몇 해의 행동을 사용자마다 벡터 하나로.",
    "Learn to tell a user's future from their past. Killed and run again, it goes on from its last checkpoint.": (
        "사용자의 과거에서 미래를 맞히도록 학습합니다. 멈췄다 다시 실행하면 마지막 체크포인트부터 이어서 합니다."
    ),
    "Tables of events: .csv, .tsv, .jsonl, .parquet.": "행동 기록의 표: .csv, .tsv, .jsonl, .parquet.",
    "The folder of the model; checkpoints lie beside it until it is whole.": "모델 폴더. 체크포인트는 그 옆에 둡니다.",
    "Titles and pictures of the items: a collection, or a table with their ids.": "상품의 제목과 사진: 컬렉션, 또는 id가 있는 표.",
    "Titles and pictures of the items: a table with their ids.": "상품의 제목과 사진: id가 있는 표.",
    "Which columns of the table of items hold what.": "상품 표의 어느 열에 무엇이 있는지.",
    "Which columns hold what; also action, surface, region.": "어느 열이 무엇인지. action, surface, region도 쓸 수 있습니다.",
    "Vectors of all users of a log, or of all that were kept and a day's new events. Stopped and run again, it goes on where it was.": (
        "기록에 있는 모든 사용자의 벡터, 또는 남겨 둔 것에 하루치를 더한 벡터. 멈췄다 다시 실행하면 이어서 합니다."
    ),
    "The folder of a model of users.": "사용자 모델의 폴더.",
    "The .parquet to write: user, vector, events, event_timestamp, version.": (
        "쓸 .parquet 파일: user, vector, events, event_timestamp, version."
    ),
    "A .parquet of what is kept between days: the log then holds new events alone.": (
        "날마다 이어서 쓸 상태를 둘 .parquet. 이때 기록에는 새 행동만 담습니다."
    ),
    "Put users and items into one collection: an item is asked for by a user, a user by a user, both by words.": (
        "사용자와 상품을 한 컬렉션에 넣습니다. 사용자로 상품을, 사용자로 사용자를, 말로 둘 다 찾습니다."
    ),
    "The users nearest to a user, or to words.": "어떤 사용자나 말과 가장 가까운 사용자.",
    "The id of a user, as in the log.": "기록에 있는 사용자 id.",
    "Words in place of a user: who likes this?": "사용자 대신 말: 누가 이것을 좋아하나요?",
    "The items nearest to a user, but those they have had.": "사용자에게 가장 가까운 상품. 이미 본 것은 뺍니다.",
    "A profile in words, of somebody who has done nothing yet.": "아직 아무것도 하지 않은 사람을 말로 쓴 프로필.",
    "Also items that the user has had.": "사용자가 이미 본 상품도.",
    "How much popularity counts beside the nearness; `hannun users train` tells the best.": (
        "가까운 정도에 더할 인기의 몫. 가장 좋은 값은 `hannun users train`이 알려 준다."
    ),
    "How many.": "몇 개.",
    "How far users have moved between two days, and whether they are another population.": (
        "두 날 사이에 사용자가 얼마나 움직였는지, 다른 모집단이 되었는지."
    ),
    "What `hannun users embed` wrote on one day.": "어느 날 `hannun users embed`가 쓴 파일.",
    "… and on a later one.": "… 그리고 그 뒤의 것.",
    # imagine
    "Draw pictures of words, or change a picture by words. Each PNG keeps prompt, seed, model, settings, and a mark that it is drawn.": (
        "말로 그림을 그리거나 사진을 말대로 바꿉니다. PNG마다 프롬프트, 시드, 모델, 설정과 그린 그림이라는 표시가 남습니다."
    ),
    "What to draw, in Korean or English; - reads a line each.": "그릴 것, 한국어나 영어. -이면 표준 입력을 한 줄씩 읽습니다.",
    "A folder of Stable Diffusion, or of a painter that `hannun train korean_diffusion` made.": (
        "Stable Diffusion 폴더, 또는 `hannun train korean_diffusion`이 만든 화가의 폴더."
    ),
    "What reads the prompts instead of the model: a trained student.": "모델 대신 프롬프트를 읽는 것: 학습된 학생의 폴더.",
    "Of a painter: read prompts as it was trained to, in English alone.": "화가일 때: 배운 대로, 영어 프롬프트만 읽습니다.",
    "The folder for the pictures.": "그림을 둘 폴더.",
    "Pictures of each prompt.": "프롬프트마다 그릴 장수.",
    "The seed of the first picture; the others count on from it.": "첫 그림의 시드. 다음 그림은 하나씩 늘어납니다.",
    "Steps of denoising.": "노이즈를 걷어 내는 스텝 수.",
    "ddim, dpm or lcm; of a painter euler or heun.": "ddim, dpm, lcm. 화가는 euler, heun.",
    "How hard the words pull; 1 is off. The model's own when left out.": "말을 얼마나 강하게 따를지. 1은 끔. 빼면 모델이 정한 값.",
    "What not to draw.": "그리지 않을 것.",
    "Pixels, multiples of 8; the model's own when left out.": "픽셀 크기, 8의 배수. 빼면 모델의 크기.",
    "Change this picture.": "이 사진을 바꿉니다.",
    "With --from: how much of it is made anew, above 0 … 1.": "--from과 함께: 얼마나 새로 그릴지, 0 초과 … 1.",
    "Pictures that are drawn at once; 0 is all of them.": "한꺼번에 그릴 장수. 0은 모두.",
    "Take little memory and more time.": "메모리를 적게 쓰고 시간을 더 씁니다.",
    "Look there for what was drawn.": "그린 것과 닮은 것을 이 컬렉션에서 찾습니다.",
    "How many hits of each picture.": "그림마다 찾을 개수.",
    # fill
    "Fill rare classes with generated pictures for training. Each is marked, and none is let into what is measured on.": (
        "적은 클래스를 학습용 생성 그림으로 채웁니다. 그림마다 표시가 남고, 측정하는 데에는 하나도 들어가지 못합니다."
    ),
    "Tables of pictures with a column of labels; or their folders.": "라벨 열이 있는 그림 표, 또는 그 폴더.",
    "The column whose values are the classes.": "값이 클래스인 열.",
    "What to draw, with columns in braces: '{색} {무늬} 원피스'.": "그릴 것. 열 이름은 중괄호에: '{색} {무늬} 원피스'.",
    "What draws, as `hannun imagine` takes it.": "그리는 모델. `hannun imagine`과 같습니다.",
    "The folder for the pictures and filled.jsonl.": "그림과 filled.jsonl을 둘 폴더.",
    "Pictures that a class is to have; 0 is half of what the middle class has.": "클래스마다 있어야 할 장수. 0은 가운데 클래스의 절반.",
    "Take the prompt's other words from any row, not from rows of the class.": (
        "프롬프트의 나머지 말을 그 클래스의 행이 아니라 아무 행에서나 고릅니다."
    ),
    "What is measured on: refused where a picture was generated.": "측정하는 데 쓰는 표. 생성된 그림이 있으면 거절합니다.",
    "Only say what is lacking.": "무엇이 모자라는지만 말합니다.",
    "The model that is distilled, in place of the recipe's: a model's folder or hub id.": (
        "레시피의 것 대신 증류할 모델: 모델의 폴더나 허브 id."
    ),
    # sensor
    "What signals of wearables say: described, checked, indexed, learnt.": "웨어러블 신호가 말하는 것: 설명, 확인, 색인, 학습.",
    "Tables with times, .json signals, or exports: Fitbit, Apple Health (export.xml, .zip), Google Fit.": (
        "시각이 있는 표, .json 신호, 또는 내보낸 파일: Fitbit, Apple 건강(export.xml, .zip), Google Fit."
    ),
    "Which columns hold what; also person, activity, sleep, mood.": "어느 열이 무엇인지. person, activity, sleep, mood도 쓸 수 있습니다.",
    "Rows in a second, where no column tells times.": "시각 열이 없을 때, 1초에 몇 행인지.",
    "Where the watch was worn: added to times that are in UTC.": "시계를 찬 곳의 시간대. UTC로 적힌 시각에 더합니다.",
    "The language of the sentences.": "문장의 언어.",
    "statistical, structural, semantic: any of them, in the order given.": (
        "statistical(수치), structural(추세), semantic(활동): 원하는 것만, 쓴 순서대로."
    ),
    "A trained model of signals, which describes them in its own words besides.": "학습한 신호 모델. 제 말로도 설명하게 합니다.",
    "Say what each day, or each raw recording, holds: numbers, trends, activities. Nothing that was not measured is told.": (
        "하루 또는 기록마다 수치, 추세, 활동을 말합니다. 재지 않은 것은 말하지 않습니다."
    ),
    "The .jsonl to write: a row a recording, which `hannun index` reads.": "쓸 .jsonl. 기록마다 한 행이고, `hannun index`가 읽습니다.",
    "Write a row for each day of an export, or each raw recording: its words, its signal, its date.": (
        "내보낸 파일의 하루마다, 또는 기록마다 한 행을 씁니다: 설명, 신호, 날짜."
    ),
    "Sentences about the recording, in Korean or English.": "기록에 대한 문장, 한국어나 영어.",
    "Hold every number and trend of a text against the signal; ends with 1 where one is wrong or cannot be read.": (
        "글에 나온 수와 추세를 모두 신호와 견줍니다. 틀렸거나 읽을 수 없는 것이 있으면 1로 끝납니다."
    ),
    "Learn signals and their captions from recordings of your own; a fifth of the people, or days, is measured on.": (
        "가진 기록으로 신호와 설명을 학습합니다. 사람(또는 날)의 5분의 1로 잽니다."
    ),
    # curate
    "Raw image–text records into clean Korean pairs.": "가공하지 않은 사진–글 기록에서 깨끗한 한국어 쌍을 만듭니다.",
    "Clean pairs out of raw sources. Run again after a stop, it goes on where it was.": (
        "원본에서 깨끗한 쌍을 골라냅니다. 멈췄다 다시 실행하면 이어서 합니다."
    ),
    "Folders of pictures, .jsonl/.csv/.parquet tables (LAION, COYO), .tar shards, URL lists.": (
        "사진 폴더, .jsonl/.csv/.parquet 표(LAION, COYO), .tar 샤드, URL 목록."
    ),
    "The folder to write: shards/, ledger/, manifest.json, report.html.": "결과 폴더: shards/, ledger/, manifest.json, report.html.",
    "Scores pairs: 'mini', the path of a model, a hub id, or 'none'.": "쌍을 채점할 모델: 'mini', 모델의 경로, 허브 id, 또는 'none'.",
    "A table of titles by image_hash, url or id.": "image_hash, url, id로 찾는 제목 표.",
    "A table of query and query_count by image_hash, url or id.": "image_hash, url, id로 찾는 query와 query_count 표.",
    "What columns are called: title=alt_text,url=src,key=sku.": "열 이름: title=alt_text,url=src,key=sku.",
    "Only rows with this share of Hangul in their texts, 0.3 for LAION or COYO; 0 takes all.": (
        "글에서 한글이 이 비율 이상인 행만. LAION이나 COYO는 0.3, 0은 전부."
    ),
    "Fetch pictures of which only a URL is known.": "URL만 아는 사진을 내려받습니다.",
    "Seconds between two requests to one host, at least.": "같은 호스트에 보내는 두 요청 사이의 최소 간격(초).",
    "Also fetch from addresses of your own network.": "내부 네트워크 주소에서도 내려받습니다.",
    "Least similarity of a title; 0.3 (products, by mini) if not given; -1 keeps all.": (
        "제목의 최소 유사도. 빼면 0.3(상품, mini 기준), -1은 모두 남깁니다."
    ),
    "Least similarity of a query; as for titles.": "검색어의 최소 유사도. 제목과 같은 방식.",
    "Texts with personal data: 'mask' or 'drop'.": "개인 정보가 있는 글: 'mask'(가림) 또는 'drop'(버림).",
    "A confirmed list of noise words instead of the one shipped.": "기본 목록 대신 쓸, 확인된 잡음 낱말 목록.",
    "Count text in pictures.": "사진 속 글자를 셉니다.",
    "'head' (embedded), 'none', or a classifier: .onnx, LAION's .pt, a transformers folder.": (
        "'head'(내장), 'none', 또는 분류기: .onnx, LAION의 .pt, transformers 폴더."
    ),
    "A classifier of adult pictures: .onnx or a transformers folder or hub id.": (
        "성인 사진 분류기: .onnx, transformers 폴더, 또는 허브 id."
    ),
    "Pairs of one shard, about.": "샤드 하나에 담을 쌍의 수(어림).",
    "Scale stored pictures to this shorter side.": "저장하는 사진의 짧은 변을 이 크기로 줄입니다.",
    "Processes; 0 for one a core.": "프로세스 수. 0은 코어마다 하나.",
    "The address of a Ray cluster, or 'local'.": "Ray 클러스터의 주소, 또는 'local'.",
    "Only show the funnel of about this many rows; nothing is written.": "이만큼의 행으로 거르는 과정만 보여 주고, 아무것도 쓰지 않습니다.",
    "Choose the similarity thresholds: train the same small model at each, and take the one with the best zero-shot accuracy.\n\n"
    "Stopped and run again, it goes on where it was.": (
        "유사도 기준을 고릅니다: 기준마다 같은 작은 모델을 학습해 제로샷 정확도가 가장 높은 것을 택합니다.\n\n"
        "멈췄다 다시 실행하면 이어서 합니다."
    ),
    "Folders or shards that `curate run --min-title -1 --min-query -1` wrote.": (
        "`curate run --min-title -1 --min-query -1`이 쓴 폴더나 샤드."
    ),
    "A table of pictures with a 'label' each, for zero-shot accuracy.": "제로샷 정확도를 잴, 사진마다 'label'이 있는 표.",
    "Where sweep.json and sweep.html go.": "sweep.json과 sweep.html을 둘 곳.",
    "Whose picture vectors the small model learns over.": "작은 모델이 배울 사진 벡터를 내는 모델.",
    "Similarities to try: -1,0,0.1,0.2.": "시험할 유사도: -1,0,0.1,0.2.",
    "Training steps at each threshold.": "기준마다 학습할 스텝 수.",
    "Write the report page of a run again, or look into its ledger.": "실행의 보고서를 다시 쓰거나 장부를 들여다봅니다.",
    "The folder that `curate run` wrote.": "`curate run`이 쓴 폴더.",
    "The page to write; report.html in the folder by default.": "쓸 페이지. 기본값은 그 폴더의 report.html.",
    "Only the counts, as JSON on standard output.": "개수만 JSON으로 표준 출력에.",
    "Only list what was dropped for this reason, as JSON lines.": "이 까닭으로 버린 것만 JSON 줄로 보여 줍니다.",
    "Propose words that are frequent and agree badly with their pictures; a list you confirm goes to `run --noise-words`.": (
        "자주 나오지만 사진과 잘 맞지 않는 낱말을 제안합니다. 확인한 목록은 `run --noise-words`에 줍니다."
    ),
    "Write the candidates there, one a line, to be confirmed by hand.": "후보를 한 줄에 하나씩 쓸 곳. 사람이 확인합니다.",
    "Texts that must have the word.": "그 낱말이 나와야 하는 글의 수.",
}
