"""Other people's clients, for real: OpenAI's, and a Hannun service as a Collection."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from hannun import collection
from hannun.collection.remote import Remote
from hannun.errors import EncoderMismatch, HannunError, InputError, MissingError, WhereError
from hannun.item import Problem
from hannun.serve.cli.main import run
from tests.conftest import draw, encoded
from tests.serve.conftest import Running, Start, picture
from tests.toy import DIM, Toy


@pytest.fixture
def remote(shop: Running) -> Iterator[Remote]:
    with Remote(shop.url) as made:
        yield made


def test_the_official_openai_client(start: Start, tmp_path: Path) -> None:
    openai = pytest.importorskip("openai", reason="the openai package is not installed")
    from hannun.serve.http.keys import Keys

    key = Keys(tmp_path / "keys.json").add("openai", ["read"])
    running = start(keys=tmp_path / "keys.json", body=50_000)
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key=key, max_retries=0) as client:
        words = ["빨간 원피스", "파란 치마"]
        made = client.embeddings.create(model="toy1", input=words)  # the client asks for base64 and decodes it
        np.testing.assert_allclose([d.embedding for d in made.data], Toy().encode_document(words).dense, atol=1e-6)
        assert made.usage.total_tokens == sum(map(len, words)) and made.model == "toy1"
        plain = client.embeddings.create(model="toy1", input="빨간 원피스", encoding_format="float", dimensions=32)
        assert len(plain.data[0].embedding) == 32
        extra = client.embeddings.create(model="toy1", input=[{"image": picture(seed=1)}], extra_body={"task": "retrieval.query"})  # type: ignore
        assert len(extra.data[0].embedding) == DIM
        assert [m.id for m in client.models.list()] == ["toy1"]
        with pytest.raises(openai.NotFoundError, match="is the one served here"):
            client.embeddings.create(model="text-embedding-3-large", input="가")
        with pytest.raises(openai.BadRequestError, match="declares 64, 32"):
            client.embeddings.create(model="toy1", input="가", dimensions=33)
        with pytest.raises(openai.APIStatusError, match="50,000 bytes"):
            client.embeddings.create(model="toy1", input="가" * 50_000)
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key="wrong", max_retries=0) as client, pytest.raises(openai.AuthenticationError):
        client.models.list()


def test_a_remote_collection_gives_what_the_one_behind_it_gives(shop: Running, remote: Remote) -> None:
    behind = shop.service.collection
    for query, more in (
        ("빨간 원피스", {}),
        ({"image": encoded(draw(seed=1))}, {"limit": 2}),
        ({"text": "가방", "image": draw(seed=2)}, {"mix": 0.2, "weights": (0.3, 0.7)}),
        ("원피스", {"where": "price < 40000", "diversity": 0.5, "shuffle": 2}),
        (None, {"like": [{"id": "a"}, "치마"], "unlike": ["가방"], "limit": 3}),
        ("원피스", {"group_by": "category", "dim": 32, "explain": True}),
    ):
        here, there = behind.search(query, **more), remote.search(query, **more)
        assert [(h.id, h.item.text, dict(h.item.facts), h.group) for h in here] == [
            (h.id, h.item.text, dict(h.item.facts), h.group) for h in there
        ]
        assert [h.score for h in there] == pytest.approx([h.score for h in here], abs=1e-5)
        assert [h.why is None for h in here] == [h.why is None for h in there]
    assert len(remote) == 4 == remote.count() and remote.count("category = 원피스") == 2
    assert {i.id for i in remote} == {"a", "b", "c", "d/1"} and [i.id for i in remote.items("id = b")] == ["b"]
    assert remote.facets(["category"]) == behind.facets(["category"])
    assert [h.id for h in remote.similar("a", limit=2)] == [h.id for h in behind.similar("a", limit=2)]
    assert remote.why("b", "빨간 원피스", where="price > 90000").why.note == behind.why("b", "빨간 원피스", where="price > 90000").why.note  # type: ignore
    assert remote.map().points.shape == (4, 2) and remote.info()["items"] == 4 and remote.name == shop.url
    seen = remote.get("d/1").images[0]
    assert PIL.Image.open(io.BytesIO(seen.read())).size == (24, 24) and seen.load().size == (24, 24)


def test_a_remote_collection_is_added_to_and_changed(remote: Remote, tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(encoded(draw(seed=9)))
    done: list[int] = []
    rows = [{"id": f"r{n}", "text": f"물건 {n}", "price": n} for n in range(300)]
    report = remote.add([*rows, {"id": "file", "image": file}, {"id": "gone", "image": "nowhere.png"}, Problem("x", "broken")], done.append)
    assert (report.added, sum(done)) == (301, 301) and len(report.problems) == 2
    assert remote.search(file, limit=1)[0].id == "file"
    assert remote.add(rows).unchanged == 300
    assert remote.update({"price": None, "kind": "새것"}, where="price > 290") == remote.count("kind = 새것") > 0
    assert remote.delete(["r0", "nobody"], where="kind = 새것") == 14 and remote.delete(["nobody"]) == 0
    with pytest.raises(InputError, match="nothing could be added"):
        remote.add([{"id": "gone", "image": "nowhere.png"}])


def test_a_remote_collection_has_the_same_mistakes(shop: Running, remote: Remote) -> None:
    for kind, work in (
        (MissingError, lambda: remote.get("nobody")),
        (WhereError, lambda: remote.search("가", where="price <")),
        (InputError, lambda: remote.search("가", limit=0)),
        (InputError, lambda: remote.search("  ")),
        (InputError, lambda: remote.search("가", rerank=lambda q, i: [])),  # type: ignore
        (InputError, lambda: remote.delete("a")),
        (EncoderMismatch, lambda: Remote(shop.url, Toy("2"))),
        (HannunError, lambda: Remote("http://127.0.0.1:9")),
        (HannunError, lambda: Remote("http://[nonsense")),
    ):
        with pytest.raises(kind):
            work()
    with Remote(shop.url, Toy()) as same:
        assert len(same) == 4


def test_the_key_comes_from_the_environment(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hannun.serve.http.keys import Keys

    key = Keys(tmp_path / "keys.json").add("me", ["read"])
    running = start(keys=tmp_path / "keys.json")
    with pytest.raises(HannunError, match="a key is needed"):
        Remote(running.url)
    monkeypatch.setenv("HANNUN_KEY", key)
    with Remote(running.url) as mine, pytest.raises(HannunError, match="needs 'write'"):
        mine.add([{"id": "a", "text": "가"}])


def test_open_takes_the_address_of_a_service(shop: Running) -> None:
    with collection.open(shop.url) as far:
        assert far.search("빨간 원피스", limit=1)[0].id == "a"


def test_the_command_line_takes_the_address_of_a_service(start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with collection.open(tmp_path / "shop.hannun") as made:  # with words, which the keyboard's other readings need
        made.add([{"id": "a", "text": "빨간 원피스", "category": "원피스"}, {"id": "b", "text": "파란 치마", "category": "원피스"}])
    shop = start(tmp_path / "shop.hannun")
    (tmp_path / "more.jsonl").write_text('{"id": "m", "text": "초록 모자"}\n', "utf-8")
    assert run(["index", str(tmp_path / "more.jsonl"), "--to", shop.url]) == 0
    assert f"1 added, 0 unchanged, 0 problems; {shop.url} now has 3 items" in capsys.readouterr().out
    for arguments, found in (
        (["search", "--like", "m", "--in", shop.url, "--json"], '"id"'),
        (["search", "qkfrks", "--keyboard", "--in", shop.url, "--json"], '"id": "a"'),  # 빨간
        (["search", "모자", "--why", "m", "--like", "a", "--in", shop.url, "--json"], '"id": "m"'),
        (["dupes", shop.url], "no two items are as near"),
        (["facets", "category", "--in", shop.url], "원피스 2"),
        (["info", shop.url], '"items": 3'),
    ):
        assert run(arguments) == 0, arguments
        assert found in capsys.readouterr().out
    for refused in (["reindex", shop.url], ["copy", shop.url, str(tmp_path / "c")], ["backup", shop.url, str(tmp_path / "b")]):
        assert run(refused) == 1
        assert "only where its files lie" in capsys.readouterr().err
    assert run(["index", str(tmp_path), "--to", shop.url, "--prune"]) == 1 and "hannun delete" in capsys.readouterr().err


def test_a_delete_is_run_again(shop: Running, remote: Remote, capsys: pytest.CaptureFixture[str]) -> None:
    """A script that was stopped is run from its start: what it deleted before is no mistake, by any way to the service."""
    for told in ("1 removed", "0 removed, 1 not there"):
        assert run(["delete", "a", "--in", shop.url]) == 0
        assert f"{told}; {shop.url} now has 3 items" in capsys.readouterr().out
    assert remote.delete(["a"]) == 0 == remote.delete([])
    gone = shop.client.request("DELETE", "/v1/items", params={"wait": 20}, json={"ids": ["a"]})
    assert gone.status_code == 200 and gone.json()["state"] == "done" and gone.json()["removed"] == 0
