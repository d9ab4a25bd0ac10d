"""The READMEs' command lines go in; they are run in order on data of one's own, in both languages, and what they make is looked at.

A command that is new in a README fails here until it is covered: walked, or named in INSTEAD with the reason.
"""

from __future__ import annotations

import csv
import importlib
import importlib.util
import json
import re
import shlex
import shutil
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import hannun
from hannun import catalogue, hangul
from hannun.encoder import Encoder
from hannun.serve.cli.main import run
from tests.test_docs import READMES, ROOT, blocks

OWN, PIPELINE = 1, 2  # which of a README's blocks of commands: after the two of make
Captured = pytest.CaptureFixture[str]

#: What cannot be run here, and why, with what is run in its place (nothing where a test elsewhere runs it as it is).
INSTEAD = {
    "make demo": ("makes an environment of its own", ["demo", "--help"]),
    "make test": ("is what runs this", None),
    "hannun watch ~/Photos --to my.hannun": ("goes on until it is stopped: tests/serve/test_watch.py does", ["watch", "--help"]),
    "hannun watch ~/사진 --to my.hannun": ("the same", ["watch", "--help"]),
    "hannun index ~/Photos --to my.hannun --read": ("takes Tesseract: tests/annotate/test_printed.py reads", ["index", "--help"]),
    "hannun index ~/사진 --to my.hannun --read": ("the same", ["index", "--help"]),
    "hannun serve my.hannun": ("answers until it is stopped: tests/serve starts it", ["serve", "--help"]),
    'hannun fill products.csv --label category --prompt "{category}"': (
        "takes a table of pictures: tests/generate fills",
        ["fill", "--help"],
    ),
    'hannun fill 상품.csv --label category --prompt "{category}"': ("the same", ["fill", "--help"]),
    "hannun tune my.hannun": ("asks for more pictures with words: tests/train/test_tune.py tunes", ["tune", "--help"]),
    "hannun train kelip --pairs pairs --to build/mine": ("takes minutes: tests/contracts/test_texts.py trains", ["train", "--help"]),
    "hannun train kanana_v --size tiny --data DATA": ("takes the data sets and an hour", ["train", "--help"]),
    "hannun eval build/kanana_v-tiny/model --on ko_embed": ("takes the data sets and the trained model", ["eval", "--list"]),
    "hannun reindex my.hannun --model build/kanana_v-tiny/model": ("takes the trained model", ["reindex", "my.hannun", "--model", "mini"]),
    "hannun mcp my.hannun": ("answers until its input ends: tests/serve/test_agents.py talks to it", ["mcp", "--help"]),
}
#: What is added to a printed command: its answer as JSON, or less work.
MORE = {
    "search": ["--json"],
    "dupes": ["--json"],
    "curate run": ["--workers", "1"],
    "curate sweep": ["--steps", "2", "--thresholds=-1"],
}


def commands(name: str, block: int) -> list[str]:
    lines = [re.sub(r"\s+#.*", "", line).strip() for line in blocks(name, "sh")[block].splitlines()]
    return [line for line in lines if line]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with photos, a table of products, and raw pairs, each under its English and its Korean name."""
    home = tmp_path_factory.mktemp("walk")
    every = {e.id: e for e in catalogue.entries()}
    photos = ["dress-red-plain", "coat-navy-polka-dot", "coat-beige-checked", "coat-blue-floral"]
    raw = [*photos, *[i for i, e in every.items() if e.category in ("셔츠", "모자")][:4]]
    (home / "PHOTOS").mkdir()
    for id in raw:
        catalogue.picture(every[id]).save(home / "PHOTOS" / f"{id}.jpg", quality=90)
    for n, id in enumerate(photos):
        place = home / "Photos" / ("제주도" if n < 2 else "2024/부산") / f"IMG_{n}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(home / "PHOTOS" / f"{id}.jpg", place)
    shutil.copy(home / "Photos/제주도/IMG_1.jpg", home / "Photos/again.jpg")
    catalogue.picture(every[photos[0]]).save(home / "photo.jpg", quality=60)
    products = [
        ("p1", "빨간 줄무늬 원피스", "원피스", 39000),
        ("p2", "빨간 땡땡이 줄무늬 원피스", "원피스", 35000),
        ("p3", "따뜻한 겨울 코트", "코트", 89000),
        ("p4", "아주 비싼 겨울 코트", "코트", 890000),
        ("p5", "파란 셔츠", "셔츠", 25000),
    ]
    with (home / "products.csv").open("w", encoding="utf-8", newline="") as f:
        csv.writer(f).writerows([("id", "text", "category", "price"), *products])
    shutil.copytree(home / "Photos", home / "사진")
    shutil.copy(home / "products.csv", home / "상품.csv")
    table = {"id": raw, "image": [f"PHOTOS/{i}.jpg" for i in raw], "title": [every[i].title for i in raw]}
    pq.write_table(pa.table(table), home / "RAW.parquet")
    with (home / "labelled.csv").open("w", encoding="utf-8", newline="") as f:
        csv.writer(f).writerows([("id", "image", "label"), *((i, f"PHOTOS/{i}.jpg", every[i].category) for i in raw)])
    pairs = [{"query": "빨강 스트라이프 원피스", "positive": {"id": "p1", "text": products[0][1]}}]
    pairs += [{"query": "하늘색 셔츠", "positive": {"id": "p5", "text": products[4][1]}}]
    (home / "pairs.jsonl").write_text("".join(json.dumps(p, ensure_ascii=False) + "\n" for p in pairs), "utf-8")
    return home


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return hannun.load("mini")


@pytest.fixture
def home(drawn: Path, mini: Encoder, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the commands are run; they share one model, which takes a second to load."""

    def load(model: str | Path = "mini") -> Encoder:
        assert str(model) == "mini"
        return mini

    for name in ("hannun.load", "hannun.collection.local", "hannun.curate.stages.models"):
        if name != "hannun.curate.stages.models" or importlib.util.find_spec("daft"):
            monkeypatch.setattr(importlib.import_module(name), "load", load)
    monkeypatch.chdir(drawn)
    monkeypatch.setenv("HOME", str(drawn))
    yield drawn


def walked(line: str, capsys: Captured) -> str:
    """What a printed command writes to standard output. A line of pip names extras that the package has."""
    words = shlex.split(line)
    if words[:2] == ["pip", "install"]:
        extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
        assert set(re.findall(r"\[(.+?)\]", line)) <= set(extras) and words[-1].startswith("."), line
        assert all((ROOT / words[n + 1]).is_file() for n, word in enumerate(words) if word == "-c"), line
        return ""
    reason, instead = INSTEAD.get(line, ("", words[1:]))
    if instead is None:
        return ""
    assert reason or words[0] == "hannun", line
    given = [str(Path(w).expanduser()) if w.startswith("~") else w for w in instead]
    more = [] if reason else next((m for name, m in MORE.items() if " ".join(given).startswith(name)), [])
    capsys.readouterr()
    assert run([*given, *more]) == 0, f"{line}: {capsys.readouterr().err}"
    return capsys.readouterr().out


def own_data_is_right(home: Path, wrote: dict[str, str]) -> None:
    """What the commands of a newcomer's first block have written, by command."""

    def of(beginning: str) -> str:
        return next(out for line, out in wrote.items() if line.startswith(beginning))

    def hits(beginning: str) -> list[Any]:
        found = json.loads(of(beginning))
        return [h["id"] for h in found]

    assert "10 added, 0 unchanged, 0 problems; my.hannun now has 10 items" in of("hannun index")
    plain = hits('hannun search "빨간 줄무늬')
    assert plain[0] == "p1" and plain[-1] == "p2"  # the one has all the words, the other what is to be avoided
    alike = hits("hannun search --image")  # a product that is described so may stand before the picture: kinds are ranked fairly
    assert any(i.endswith("제주도/IMG_0.jpg") for i in alike[:2]) and "IMG_0" in (home / "similar.html").read_text("utf-8")
    assert len(hits('hannun search "더 밝은 색"')) == 10
    assert hits('hannun search "겨울 코트"') == ["p3"]
    assert [sorted(Path(i).name for i in g["ids"]) for g in json.loads(of("hannun dupes"))] == [["IMG_1.jpg", "again.jpg"]]
    tagged = next(out for line, out in wrote.items() if "--tag fashion" in line)
    assert tagged.startswith("0 added") and "5 tagged by fashion-" in tagged and "색: " in tagged
    assert of("hannun tag").startswith("0 tagged by fashion-") and "5 unchanged" in of("hannun tag")
    assert re.search(r"^ → .*IMG_0", of("hannun thumbnail"), re.M)  # the red dress
    assert "빨간 모자: " in of("hannun locate") and (home / "heat.png").read_bytes()[:4] == b"\x89PNG"
    drew = of("hannun imagine")
    assert "wrote imagined/빨간-줄무늬-원피스-0.png" in drew and "IMG_0" in drew  # the photo of a red dress is among what looks like it
    assert any(map(hangul.is_hangul, of("hannun caption")))  # a Korean query for the red dress
    assert "checked" in of("hannun check") and "damaged" not in of("hannun check")
    assert (home / "my-backup.tar").stat().st_size > 0
    with hannun.open("my.hannun") as shop:
        assert {h.item.facts.get("folder") for h in shop.search("제주도", limit=2)} == {"제주도"}
        assert shop.count("folder = 2024/부산") == 2


@pytest.mark.parametrize("name", READMES)
def test_ones_own_pictures_as_a_newcomer_walks_them(name: str, home: Path, capsys: Captured) -> None:
    for made in ("my.hannun", "my-backup.tar", "similar.html"):
        shutil.rmtree(home / made) if (home / made).is_dir() else (home / made).unlink(missing_ok=True)
    lines = commands(name, OWN)
    own_data_is_right(home, {line: walked(line, capsys) for line in lines})


def test_from_raw_pairs_to_a_service_as_it_is_printed(home: Path, capsys: Captured) -> None:
    for package, extra in (("daft", "curate"), ("ko_pii", "curate"), ("rapidocr", "curate"), ("torch", "train"), ("mcp", "agents")):
        pytest.importorskip(package, reason=f"{package} is in hannun[{extra}]")
    if not (home / "my.hannun").exists():
        walked(commands(READMES[0], OWN)[2], capsys)
    looked: dict[str, Callable[[str], bool]] = {
        "hannun curate run": lambda out: " pairs (" in out and any((home / "pairs").rglob("*.tar")),
        "hannun mine": lambda out: bool(json.loads((home / "mined.jsonl").read_text("utf-8").splitlines()[0])["negatives"]),
        "hannun eval mini": lambda out: "R@5" in out and "MRR" in out,
        "hannun curate sweep": lambda out: (home / "sweep/sweep.html").exists(),
        "hannun recipes": lambda out: "kanana_v" in out and "tiny" in out,
        "hannun reindex": lambda out: "10" in out,
    }
    for line in commands(READMES[0], PIPELINE):
        out = walked(line, capsys)
        assert next((right(out) for begun, right in looked.items() if line.startswith(begun)), True), f"{line}: {out}"


def test_each_command_of_both_languages_is_walked_or_named() -> None:
    assert {name: len(blocks(name, "sh")) for name in READMES} == dict.fromkeys(READMES, 3)  # make, one's own, the pipeline
    printed = {line for name in READMES for block in (0, OWN, PIPELINE) for line in commands(name, block)}
    assert set(INSTEAD) <= printed
    assert all(line in INSTEAD or line.startswith(("pip install ", "hannun ")) for line in printed)
    # What a newcomer's walk checks by outcome: a command that is new here needs one too.
    checked = {"index", "search", "dupes", "tag", "thumbnail", "locate", "caption", "check", "backup", "curate", "mine", "recipes", "eval"}
    checked |= {"imagine"}
    assert {shlex.split(line)[1] for line in printed - set(INSTEAD) if line.startswith("hannun ")} == checked
