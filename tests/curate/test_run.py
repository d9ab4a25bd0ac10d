"""A whole run: what comes out, that it comes out the same, and that nothing is lost when it is stopped."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import PIL.Image
import pytest

pytest.importorskip("daft", reason="daft is in hannun[curate]")
pytest.importorskip("ko_pii", reason="ko-pii is in hannun[curate]")

from hannun import shards
from hannun.curate import run as factory
from hannun.curate.image.header import image_hash
from hannun.curate.record import schema
from hannun.curate.rows import Columns
from hannun.curate.runner import Runner
from hannun.curate.stages import finish, group, look, models, near, scan
from hannun.curate.stages.plan import RunPlan
from hannun.curate.tally import funnel
from hannun.errors import HannunError, InputError, MissingError
from tests.conftest import encoded, finished
from tests.curate import world
from tests.toy import Toy


def plan(out: Path, **more: object) -> RunPlan:
    """Without models, unless they are asked for."""
    given = {"rules": world.rules(), "model": None, "ocr": False, "watermark": None, **more}
    return RunPlan(out, **given)  # type: ignore[arg-type]


def hashes(result: factory.RunResult) -> dict[str, str]:
    return {name: s["sha256"] for name, s in result.manifest["shards"].items()}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return world.make(tmp_path_factory.mktemp("world") / "raw")


@pytest.fixture(scope="module")
def done(source: Path, tmp_path_factory: pytest.TempPathFactory) -> factory.RunResult:
    return factory.run([source], plan(tmp_path_factory.mktemp("done") / "out"))


def test_every_drop_has_its_reason(done: factory.RunResult) -> None:
    counts = {k: n for k, n in done.tally.counts.items() if not k.startswith(("in/", "out/"))}
    assert counts == world.DROPPED
    assert done.tally.counts["in/row"] == 24 + 15 + 1 and done.manifest["pairs"] == done.tally.counts["out/pair"] == 25
    listed = Counter(f"{r['kind']}/{r['reason']}" for r in factory.ledger(done.out))
    assert listed == {k: n for k, n in world.DROPPED.items() if not k.startswith("masked/")}


def test_the_ledger_says_why_with_figures_and_keeps_no_personal_data(done: factory.RunResult) -> None:
    rows = {r["reason"]: r for r in factory.ledger(done.out)}
    assert json.loads(rows["picture_small"]["figures"]) == {"side": 199} and rows["picture_small"]["key"] == "small.jpg"
    assert json.loads(rows["text_signs"]["figures"])["noise_share"] >= 0.5
    assert rows["picture_near_duplicate"]["key"] == "near.jpg"  # the larger one stays
    assert not re.search(r"010-?1234", json.dumps(list(factory.ledger(done.out)), ensure_ascii=False))


def test_records_are_joined_and_follow_the_schema(done: factory.RunResult) -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="jsonschema is in hannun[peers]")
    check = jsonschema.Draft202012Validator(schema())
    records = {r.data["title"]: r for p in sorted((done.out / "shards").glob("*.tar")) for r in shards.read(p)}
    assert len(records) == 25
    for r in records.values():
        check.validate(r.data)
        assert r.key == r.data["image_hash"]
    assert json.loads((done.out / "record.schema.json").read_text("utf-8")) == schema()
    first = next(d for d in (r.data for r in records.values()) if "파티 원피스" in d["query"])
    assert first["copies"] == 2 and first["query"][0] == "파티 원피스" and first["query_count"][0] == 50
    assert "[PROMPT] 이 상품의 [소재]는 [면]입니다" in next(r for t, r in records.items() if t.startswith("운동화")).data["text"]
    assert "의자 팝니다 [전화번호]" in records
    assert max(r.data["copies"] for r in records.values()) == 2 and sum(r.data["copies"] == 2 for r in records.values()) == 2


def test_the_webdataset_library_reads_the_shards(done: factory.RunResult) -> None:
    webdataset = pytest.importorskip("webdataset", reason="webdataset is in hannun[peers]")
    paths = sorted(str(p) for p in (done.out / "shards").glob("train-*.tar"))
    assert [Path(p).name for p in paths] == [f"train-{n:03d}.tar" for n in range(len(paths))]
    found = list(webdataset.WebDataset(paths, shardshuffle=False, empty_check=False).decode("pil").to_tuple("__key__", "jpg", "json"))
    ours = [r for p in paths for r in shards.read(Path(p))]
    assert [(k, d) for k, _, d in found] == [(r.key, r.data) for r in ours] and len(found) == done.manifest["splits"]["train"]
    assert all(isinstance(p, PIL.Image.Image) and list(p.size) == d["image_size"] for _, p, d in found)


def test_the_manifest_counts_and_hashes(done: factory.RunResult) -> None:
    import hashlib

    for name, said in done.manifest["shards"].items():
        data = (done.out / "shards" / name).read_bytes()
        assert said == {
            "records": len(list(shards.read(done.out / "shards" / name))),
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
        }
    assert done.manifest["splits"]["valid"] > 0 and done.manifest["rules"]["headers"][1]["bound"] == 200
    assert not (done.out / "work").exists()


def test_a_finished_run_is_not_done_again(source: Path, done: factory.RunResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(look, "look", None)
    again = factory.run([source], plan(done.out))
    assert hashes(again) == hashes(done) and again.tally.counts == done.tally.counts


def test_stopped_anywhere_it_goes_on_and_ends_the_same(
    source: Path, done: factory.RunResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each stage fails once, at its last task; the work done before is kept, and the end is byte for byte the same."""
    calls: Counter[str] = Counter()
    for stage in (scan, look, group, near, finish):
        name = stage.__name__.rpartition(".")[2]
        real = getattr(stage, name)

        def broken(p: RunPlan, task: str, real=real, name=name):  # type: ignore[no-untyped-def]
            calls[name] += 1
            if (task == "2" and calls[f"failed {name}"] == 0) or (name in ("scan", "look") and calls[name] == 1):
                calls[f"failed {name}"] += 1
                raise HannunError(f"{name} was stopped")
            return real(p, task)

        broken.__name__ = name
        monkeypatch.setattr(stage, name, broken)
    for stopped in ("scan", "look", "group", "near", "finish"):
        with pytest.raises(HannunError, match=f"{stopped} was stopped"):
            factory.run([source], plan(tmp_path / "out"))
    result = factory.run([source], plan(tmp_path / "out"))
    assert hashes(result) == hashes(done) and result.tally.plain() == done.tally.plain()
    assert calls["scan"] == 2 and calls["look"] == 2  # not once more than needed


def test_more_workers_make_the_same(source: Path, tmp_path: Path) -> None:
    alike = world.rules(shard=20, near=None)  # fewer stages and buckets: each starts its own processes
    one = factory.run([source], plan(tmp_path / "one", rules=alike))
    two = factory.run([source], plan(tmp_path / "two", rules=alike), Runner(workers=2))
    assert hashes(two) == hashes(one) and two.tally.plain() == one.tally.plain()


def test_another_runs_folder_is_refused(source: Path, done: factory.RunResult, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="other sources or rules"):
        factory.run([source], plan(done.out, rules=world.rules(shard=11)))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("x")
    with pytest.raises(InputError, match="is not empty"):
        factory.run([source], plan(tmp_path / "mine"))
    with pytest.raises(MissingError):
        factory.run([tmp_path / "none"], plan(tmp_path / "a"))
    with pytest.raises(InputError, match="no pictures"):
        (tmp_path / "void").mkdir()
        factory.run([tmp_path / "void"], plan(tmp_path / "a"))


def test_documents_and_clicks_find_their_pictures(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    for n in range(3):
        (raw / f"{n}.jpg").write_bytes(encoded(world.scene(n), "JPEG"))
    (raw / "rows.csv").write_text("id,image,url\na,0.jpg,http://k.kr/0\nb,1.jpg,\nc,2.jpg,\n", "utf-8")
    hashed = image_hash((raw / "2.jpg").read_bytes())
    documents, clicks = tmp_path / "documents.jsonl", tmp_path / "clicks.csv"
    documents.write_text('{"url": "http://k.kr/0", "title": "빨간 원피스"}\n{"id": "nobody", "title": "누구"}\n', "utf-8")
    clicks.write_text(f"image_hash,id,query,count\n,b,파란 코트,7\n,b,파란 코트,2\n{hashed},,운동화,1\n", "utf-8")
    result = factory.run([raw], plan(tmp_path / "out", links=(str(documents), str(clicks))))
    data = [r.data for p in sorted((result.out / "shards").glob("*.tar")) for r in shards.read(p)]
    assert {(d["title"], tuple(d["query"]), tuple(d["query_count"])) for d in data} == {
        ("빨간 원피스", (), ()), (None, ("파란 코트",), (9,)), (None, ("운동화",), (1,)),
    }  # fmt: skip
    assert result.tally.counts["link/link_no_picture"] == 1


def test_scores_and_thresholds(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "load", lambda name: Toy())
    monkeypatch.setattr(models, "_loaded", models._loaded.__wrapped__)
    every = factory.run([source], plan(tmp_path / "all", model="toy"))
    data = [r.data for p in sorted((every.out / "shards").glob("*.tar")) for r in shards.read(p)]
    scores = sorted(d["title_kelip_score"] for d in data)
    middle = scores[len(scores) // 2]
    assert every.manifest["scorer"] == {"name": "toy1", "fingerprint": "toy-1-True"}
    from hannun.curate.verdict import AtLeast

    kept = replace(
        world.rules(), titles=(AtLeast("similarity", middle, "title_disagrees"),), queries=(AtLeast("similarity", 2.0, "query_disagrees"),)
    )
    half = factory.run([source], plan(tmp_path / "half", model="toy", rules=kept))
    assert half.manifest["pairs"] == sum(s >= middle for s in scores)
    assert half.tally.counts["pair/pair_no_agreeing_text"] == len(scores) - half.manifest["pairs"]
    assert half.tally.counts["query/query_disagrees"] == sum(len(d["query"]) for d in data)


def test_handed_in_scorers_decide(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dark = lambda pictures: [1.0 - sum(p.resize((1, 1)).getpixel((0, 0))) / 765 for p in pictures]  # noqa: E731
    monkeypatch.setattr("hannun.curate.image.classifier.classifier", lambda place: dark)
    monkeypatch.setattr(models, "_loaded", models._loaded.__wrapped__)
    result = factory.run([source], plan(tmp_path / "out", adult="dark.onnx", watermark="dark.onnx"))
    dropped = result.tally.counts["picture/picture_watermark"] + result.tally.counts["picture/picture_adult"]
    assert dropped > 0 and result.manifest["pairs"] + dropped == 25
    data = [r.data for p in sorted((result.out / "shards").glob("*.tar")) for r in shards.read(p)]
    assert all(d["adult_score"] == d["watermark_score"] < 0.5 for d in data)


def test_sources_of_every_kind_give_the_same_pairs(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pictures = {f"{n}": encoded(world.scene(n), "JPEG") for n in range(4)}
    titles = {k: f"{world.WORDS[int(k)]} 사진" for k in pictures}
    folder, table, bytes_in, tar = tmp_path / "folder", tmp_path / "table", tmp_path / "a.parquet", tmp_path / "a.tar"
    for place in (folder, table):
        place.mkdir()
        for k, data in pictures.items():
            (place / f"{k}.jpg").write_bytes(data)
    for k, t in titles.items():
        (folder / f"{k}.txt").write_text(t, "utf-8")
    (table / "t.csv").write_bytes(("id,image,title\n" + "".join(f"{k},{k}.jpg,{t}\n" for k, t in titles.items())).encode("cp949"))
    pq.write_table(pa.table({"image": [{"bytes": d, "path": None} for d in pictures.values()], "text": list(titles.values())}), bytes_in)
    shards.write(tar, [(k, d, {"title": titles[k]}) for k, d in pictures.items()])
    made = []
    for n, place in enumerate((folder, table, bytes_in, tar)):
        result = factory.run([place], plan(tmp_path / f"out{n}"))
        made.append(sorted((r.key, r.data["title"]) for p in (result.out / "shards").glob("*.tar") for r in shards.read(p)))
    assert len(made[0]) == 4 and all(m == made[0] for m in made)


def test_korean_rows_out_of_a_laion_style_table(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = ["빨간 원피스", "red dress", "赤いドレス", None, "나이키 Nike 운동화", "Nike Air Max 90 running shoes 신"]
    columns = {
        "SAMPLE_ID": range(6),
        "URL": [f"http://a.kr/{n}.jpg" for n in range(6)],
        "TEXT": texts,
        "WIDTH": [640] * 4 + [100, 640],
        "HEIGHT": [480] * 6,
    }
    pq.write_table(pa.table({k: list(v) for k, v in columns.items()}), tmp_path / "laion.parquet")
    result = factory.run([tmp_path / "laion.parquet"], plan(tmp_path / "out", korean=0.3))
    assert result.tally.counts["row/not_korean"] == 4 and result.tally.counts["row/not_fetched"] == 2 and result.tally.counts["in/row"] == 6


def test_columns_by_name(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(encoded(world.scene(0), "JPEG"))
    (tmp_path / "t.jsonl").write_text('{"sku": "1", "photo": "x.jpg", "상품명": "원피스", "title": "spam"}\n', "utf-8")
    result = factory.run(
        [tmp_path / "t.jsonl"], plan(tmp_path / "out", columns=Columns({"image": "photo", "title": "상품명", "key": "sku"}))
    )
    (record,) = shards.read(next((result.out / "shards").glob("*.tar")))
    assert record.data["title"] == "원피스"
    with pytest.raises(InputError, match="did you mean 'title'"):
        Columns({"titel": "x"})
    (tmp_path / "odd.jsonl").write_text('{"a": 1}\n', "utf-8")
    with pytest.raises(InputError, match="has the columns a, expected 'image' or 'url'"):
        factory.run([tmp_path / "odd.jsonl"], plan(tmp_path / "odd"))
    assert not (tmp_path / "odd").exists()
    both = plan(tmp_path / "both", columns=Columns({"image": "photo", "title": "상품명", "key": "sku"}))
    odd = factory.run([tmp_path / "t.jsonl", tmp_path / "odd.jsonl"], both)
    assert odd.manifest["pairs"] == 1 and odd.tally.counts["row/unreadable_row"] == 1


def test_pictures_are_stored_as_they_came_or_scaled(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    jpeg, png = encoded(world.scene(0, (600, 400)), "JPEG"), encoded(world.scene(1, (300, 300)), "PNG")
    (raw / "빨간 원피스.jpg").write_bytes(jpeg)
    (raw / "파란 코트.png").write_bytes(png)
    as_is = factory.run([raw], plan(tmp_path / "a"))
    found = {r.data["title"]: r for p in (as_is.out / "shards").glob("*.tar") for r in shards.read(p)}
    from hannun.item import Image

    assert Image(found["빨간 원피스"].pictures[0]).read() == jpeg and found["파란 코트"].pictures[0].name.endswith(".jpg")
    small = factory.run([raw], plan(tmp_path / "b", rules=world.rules(store=256)))
    sizes = {Image(r.pictures[0]).load().size for p in (small.out / "shards").glob("*.tar") for r in shards.read(p)}
    assert sizes == {(384, 256), (256, 256)}


def test_a_dry_run_shows_the_funnel_and_writes_nothing(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tally = factory.preview([source], plan(tmp_path / "out"), rows=10_000)
    assert {(k, r): n for k, r, n in funnel(tally)} == {tuple(k.split("/")): n for k, n in world.DROPPED.items() if "masked" not in k}
    some = factory.preview([source], plan(tmp_path / "out"), rows=10)
    assert 5 <= some.counts["in/row"] <= 20 and not list(tmp_path.iterdir())


def test_the_report_stands_alone(done: factory.RunResult) -> None:
    page = (done.out / "report.html").read_text("utf-8")
    assert (
        not re.search(r"(src|href)\s*=\s*['\"]?(?!data:)[a-z]+:", page)
        and "<script" not in page
        and "http" not in page.replace("http://127.0.0.1:9", "")
    )
    for reason in ("picture_small", "picture_near_duplicate", "text_noise_word"):
        assert reason in page
    assert ">200</text>" in page and ">0.9</text>" in page and page.count("data:image/jpeg;base64,") > 20
    assert "&lt;" not in page.split("<h2>")[0]


def test_hostile_texts_stay_texts_in_the_report(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "x.jpg").write_bytes(encoded(world.scene(0), "JPEG"))
    (raw / "t.jsonl").write_text(
        json.dumps({"image": "x.jpg", "title": "원피스 \"><img src=x onerror=alert(1)> '"}, ensure_ascii=False), "utf-8"
    )
    result = factory.run([raw / "t.jsonl"], plan(tmp_path / "out"))
    assert "onerror=alert(1)>" not in (result.out / "report.html").read_text("utf-8").replace("&gt;", "")


MEASURE = """
import resource, sys, threading, time
from pathlib import Path
from hannun.curate.run import run
from hannun.curate.stages.plan import RunPlan
from tests.curate import world
run([Path(sys.argv[1])], RunPlan(Path(sys.argv[2]), world.rules(shard=100), model=None, ocr=False, watermark=None))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in kilobytes on Linux only")
def test_ten_times_the_rows_take_the_same_memory(tmp_path: Path) -> None:
    pool = [encoded(world.scene(n, (200, 200)), "JPEG", quality=60) for n in range(50)]
    peaks = []
    for rows in (120, 1200):
        folder = tmp_path / f"raw{rows}"
        folder.mkdir()
        for start in range(0, rows, 120):  # a shard for each 120, the pictures told apart by a tail after their end
            records = [
                (f"{n}", pool[n % 50] + str(n).encode(), {"title": f"{world.WORDS[n % 10]} {'긴 제목 ' * 20}{n}"})
                for n in range(start, start + 120)
            ]
            shards.write(folder / f"raw-{start:05d}.tar", records)
        ran = finished("-c", MEASURE, str(folder), str(tmp_path / f"out{rows}"))
        assert ran.returncode == 0, ran.stderr[-2000:]
        peaks.append(int(ran.stdout.split()[-1]))
    assert peaks[1] < peaks[0] + 60, peaks  # megabytes


def test_the_disk_is_full(source: Path, disk, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    place = disk("200k")
    with pytest.raises(HannunError, match="cannot be"):
        factory.run([source], plan(place / "out"))
    result = factory.run([source], plan(disk("60m") / "out"))
    assert result.manifest["pairs"] == 25
