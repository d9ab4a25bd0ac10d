"""The service answers what its clients ask, over a real socket."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from hannun import collection
from tests.conftest import draw, encoded
from tests.serve.conftest import Running, Start, picture
from tests.toy import DIM, Toy


def test_search_by_words(shop: Running) -> None:
    found = shop.post("/v1/search", query="빨간 원피스", explain=True).json()
    first = found["hits"][0]
    assert first["id"] == "a" and first["text"] == "빨간 원피스" and first["facts"] == {"category": "원피스", "price": 30000}
    assert first["explain"]["parts"]["text"] == pytest.approx(1, abs=1e-5) and found["took_ms"] > 0  # the cosine; the score is balanced
    assert [h["score"] for h in found["hits"]] == sorted((h["score"] for h in found["hits"]), reverse=True)


def test_search_by_picture_and_by_both(shop: Running) -> None:
    assert shop.post("/v1/search", query={"image": picture(seed=1)}, limit=1).json()["hits"][0]["id"] == "c"
    data = f"data:image/png;base64,{picture(seed=2)}"
    both = shop.post("/v1/search", query={"text": "노란 가방", "image": data}, mix=0.3).json()["hits"]
    assert both[0]["id"] == "d/1"


def test_search_passes_every_option_to_the_engine(shop: Running) -> None:
    found = shop.post("/v1/search", query="원피스", where="price < 40000 and category = 원피스", limit=5).json()["hits"]
    assert [h["id"] for h in found] == ["a"]
    whole = [h["id"] for h in shop.post("/v1/search", query="치마", limit=4).json()["hits"]]
    assert [h["id"] for h in shop.post("/v1/search", query="치마", limit=2, offset=2).json()["hits"]] == whole[2:]
    only_pictures = shop.post("/v1/search", query={"image": picture(seed=1)}, weights=[0, 1], limit=4, diversity=0.5, shuffle=2)
    assert only_pictures.status_code == 200 and only_pictures.json()["hits"]


def test_the_engine_decides_what_was_left_out(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    running = start()
    running.add({"id": "a", "text": "가"})
    seen: list[dict[str, object]] = []
    local = type(running.service.collection)
    real = local.search
    monkeypatch.setattr(local, "search", lambda self, q, **more: seen.append(more) or real(self, q, **more))
    running.post("/v1/search", query="가")
    running.post("/v1/search", query="가", limit=3, where="id = a")
    assert seen == [{}, {"limit": 3, "where": "id = a"}]


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({}, 400, "neither a query"),
        ({"query": "  "}, 400, "empty content"),
        ({"query": "가", "limit": 0}, 422, "limit"),
        ({"query": "가", "limt": 3}, 422, "there is no field 'limt'; did you mean 'limit'"),
        ({"queri": "가"}, 422, "there is no field 'queri'; did you mean 'query'"),
        ({"query": "가", "where": "price <"}, 400, "price"),
        ({"query": {"image": "/etc/passwd"}}, 400, "not a picture"),
        ({"query": {"image": "../photos/a.jpg"}}, 400, "a path on the server is never read"),
        ({"query": {"image": "file:///etc/passwd"}}, 400, "expected http"),
        ({"query": {"image": "http://example.com/a.jpg"}}, 400, "may not be fetched"),
        ({"query": {"image": base64.b64encode(b"no picture").decode()}}, 400, "not a picture"),
        ({"query": {"image": "data:image/png;base64,AAA*"}}, 400, "base64"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(shop: Running, body: dict[str, object], status: int, says: str) -> None:
    answer = shop.client.post("/v1/search", json=body)
    error = answer.json()["error"]
    assert answer.status_code == status and says in error["message"] and "\n" not in error["message"]
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("content", "media", "says"),
    [
        ('{"query": "가"}', "application/x-www-form-urlencoded", "expected a JSON object; send the header Content-Type: application/json"),
        ('{"query": "가"}', "", "the body came as no type, expected a JSON object"),
        ('{"query": "가', "application/json", "the body is not JSON ("),
        ("[1]", "application/json", "the body: Input should be a valid dictionary"),
    ],
)
def test_a_body_that_is_none_is_told_apart_from_its_fields(shop: Running, content: str, media: str, says: str) -> None:
    answer = shop.client.post("/v1/search", content=content.encode(), headers={"content-type": media} if media else {})
    error = answer.json()["error"]
    assert answer.status_code == 422 and says in error["message"] and error["param"] is None


def test_items_are_added_replaced_changed_and_removed(shop: Running) -> None:
    again = shop.add({"id": "a", "text": "빨간 원피스", "category": "원피스", "price": 30000}, {"id": "b", "text": "초록 치마"})
    assert (again["unchanged"], again["added"], again["total"], again["done"]) == (1, 1, 2, 2)
    assert shop.client.get("/v1/items/b").json()["text"] == "초록 치마"
    assert shop.client.get("/v1/items/d/1").json()["facts"]["category"] == "가방"
    gone = shop.client.delete("/v1/items/d/1", params={"wait": 10}).json()
    assert gone["removed"] == 1 and shop.client.get("/v1/items/d/1").status_code == 404
    assert shop.client.delete("/v1/items/d/1").status_code == 404
    left = shop.client.request("DELETE", "/v1/items", params={"wait": 10}, json={"ids": ["nobody"], "where": "price > 40000"}).json()
    assert left["removed"] == 1 and shop.client.get("/v1/collection").json()["count"] == 2
    assert shop.client.request("DELETE", "/v1/items", json={}).status_code == 400


def test_a_job_tells_its_problems_and_does_the_rest(shop: Running) -> None:
    job = shop.add(
        {"id": "good", "text": "좋다"}, {"id": "bad", "image": "AAAA"}, {"id": "none"}, {"id": "path", "image": "../../etc/passwd"}
    )
    assert job["state"] == "done" and job["added"] == 1 and job["problem_count"] == 3
    assert {p["id"] for p in job["problems"]} >= {"bad", "path"}
    failed = shop.add({"id": "bad", "image": "AAAA"})
    assert failed["state"] == "failed" and "nothing could be added" in failed["error"] and failed["problems"][0]["id"] == "bad"
    assert shop.client.get(f"/v1/jobs/{failed['job']}").json() == failed
    assert shop.client.get("/v1/jobs/ffff").status_code == 404
    listed = shop.client.get("/v1/jobs").json()
    assert listed["unfinished"] == 0 and listed["jobs"][0]["job"] == failed["job"]


def test_pictures_as_files(shop: Running) -> None:
    files = [("files", ("../가방 사진.png", encoded(draw(seed=7)), "image/png")), ("files", ("b.png", encoded(draw(seed=8)), "image/png"))]
    answer = shop.client.post("/v1/items", params={"wait": 10}, files=files, data={"category": "올린 것"})
    assert answer.status_code == 200 and answer.json()["added"] == 2
    hit = shop.post("/v1/search", query={"image": picture(seed=7)}, limit=1).json()["hits"][0]
    assert hit["facts"] == {"category": "올린 것", "file": "가방 사진.png"}
    assert shop.client.post("/v1/items", data={"category": "x"}, files={}).status_code in (400, 422)


def test_pictures_and_thumbnails(shop: Running) -> None:
    (links,) = shop.client.get("/v1/items/c").json()["images"]
    answer = shop.client.get(links["picture"])
    assert answer.headers["content-type"] == "image/jpeg" and PIL.Image.open(io.BytesIO(answer.content)).size == (24, 24)
    tag = answer.headers["etag"]
    assert shop.client.get(links["picture"], headers={"if-none-match": tag}).status_code == 304
    assert shop.client.get(links["thumbnail"], params={"side": 100}).status_code == 200
    forged = links["picture"][:-2] + ("AA" if links["picture"][-2:] != "AA" else "BB")
    assert "/" not in shop.client.get("/v1/items/nobody").json()["error"]["message"]  # where the collection lies is not told
    for bad in (forged, "/v1/pictures/x", "/v1/pictures/..%2f..%2fetc%2fpasswd", "/v1/thumbnails/YQ.YQ"):
        assert shop.client.get(bad).status_code == 404


def test_the_page_survives_moved_files(start: Start, tmp_path: Path, toy_models: None) -> None:
    file = tmp_path / "photos" / "a.png"
    file.parent.mkdir()
    file.write_bytes(encoded(draw(size=(800, 400), seed=3)))
    with collection.open(tmp_path / "moved.hannun", words=False) as made:
        made.add([{"id": "p", "image": file}])
    running = start(tmp_path / "moved.hannun")
    while running.service._keeper.is_alive():
        running.service._keeper.join(0.1)
    (links,) = running.client.get("/v1/items/p").json()["images"]
    file.rename(tmp_path / "elsewhere.png")
    kept = running.client.get(links["thumbnail"])
    assert kept.status_code == 200 and PIL.Image.open(io.BytesIO(kept.content)).size == (320, 160)
    assert running.client.get(links["picture"]).status_code == 200  # smaller than it was, but there
    running.client.delete("/v1/items/p", params={"wait": 10})
    running.stop()
    again = start(tmp_path / "moved.hannun")
    again.service._keeper.join()
    assert not list((tmp_path / "moved.hannun" / "service" / "pictures").glob("*/*.jpg"))


def test_a_changed_file_is_drawn_anew(start: Start, tmp_path: Path, toy_models: None) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(encoded(draw((255, 0, 0))))
    with collection.open(tmp_path / "changed.hannun", words=False) as made:
        made.add([{"id": "p", "image": file}])
    running = start(tmp_path / "changed.hannun")
    (links,) = running.client.get("/v1/items/p").json()["images"]
    red = running.client.get(links["thumbnail"])
    file.write_bytes(encoded(draw((0, 0, 255))))
    blue = running.client.get(links["thumbnail"])
    assert PIL.Image.open(io.BytesIO(red.content)).getpixel((5, 5))[0] > 200
    assert PIL.Image.open(io.BytesIO(blue.content)).getpixel((5, 5))[2] > 200


def test_embeddings_in_every_form(shop: Running) -> None:
    toy = Toy()
    whole = shop.post("/v1/embeddings", input=["빨간 원피스", {"image": picture(seed=1)}, {"text": "가", "image": picture(seed=1)}]).json()
    assert [d["index"] for d in whole["data"]] == [0, 1, 2] and whole["model"] == "toy1" and whole["usage"]["total_tokens"] > 0
    rows = np.array([d["embedding"] for d in whole["data"]], np.float32)
    expected = toy.encode_document(["빨간 원피스", {"image": encoded(draw(seed=1))}, {"text": "가", "image": encoded(draw(seed=1))}]).dense
    np.testing.assert_allclose(rows, expected, atol=1e-6)
    packed = shop.post("/v1/embeddings", input="빨간 원피스", encoding_format="base64").json()["data"][0]["embedding"]
    np.testing.assert_allclose(np.frombuffer(base64.b64decode(packed), "<f4"), expected[0], atol=1e-6)
    short = shop.post("/v1/embeddings", input="빨간 원피스", dimensions=32, task="retrieval.query").json()["data"][0]["embedding"]
    assert len(short) == 32 and np.linalg.norm(short) == pytest.approx(1, abs=1e-5)
    bits = shop.post("/v1/embeddings", input="빨간 원피스", embedding_type="ubinary").json()["data"][0]["embedding"]
    assert bits == np.packbits(expected[0] > 0).tolist() and len(bits) == DIM // 8
    signed = shop.post("/v1/embeddings", input="빨간 원피스", embedding_type="binary").json()["data"][0]["embedding"]
    assert signed == [b - 128 for b in bits]
    for wrong in ({"dimensions": 33}, {"model": "text-embedding-3-small"}, {"late": True}, {"input": [None]}, {"input": {}}):
        answer = shop.client.post("/v1/embeddings", json={"input": "가", **wrong})
        assert answer.status_code == (404 if "model" in wrong else 422 if wrong.get("input") == [None] else 400), wrong


@pytest.mark.parametrize("tokens", [[1, 2, 3], [[1, 2, 3]], [["가"], [1]], ["가", 5]])
def test_token_numbers_are_told_what_to_do(shop: Running, tokens: list[Any]) -> None:
    answer = shop.post("/v1/embeddings", input=tokens, model="toy1")
    error = answer.json()["error"]
    assert answer.status_code == 400 and error["type"] == "invalid_request_error" and error["param"] == "input"
    assert "check_embedding_ctx_length=False" in error["message"]


def test_many_texts_at_once_and_none_at_all(shop: Running) -> None:
    words = [f"글 {n}" for n in range(1000)]  # what LangChain sends in one request
    made = shop.post("/v1/embeddings", input=words, encoding_format="base64", dimensions=32).json()["data"]
    assert [d["index"] for d in made] == list(range(1000))
    expected = Toy().encode_document([words[0], words[500], words[999]]).truncate(32).dense
    for n, row in zip((0, 500, 999), expected, strict=True):
        np.testing.assert_allclose(np.frombuffer(base64.b64decode(made[n]["embedding"]), "<f4"), row, atol=1e-6)
    none = shop.post("/v1/embeddings", input=[])
    assert none.status_code == 400 and "empty list" in none.json()["error"]["message"]
    over = shop.post("/v1/embeddings", input=["가"] * 2049)
    assert over.status_code == 400 and "the limit is 2048" in over.json()["error"]["message"]


def test_what_a_request_leaves_out_the_collection_decides(shop: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[dict[str, Any]] = []
    real = type(shop.service.collection).search
    monkeypatch.setattr(type(shop.service.collection), "search", lambda self, query, **o: seen.append(o) or real(self, query, **o))
    for body in ({}, {"words": "auto"}, {"words": None}, {"words": 0.0}):
        assert shop.post("/v1/search", query="원피스", **body).status_code == 200
    assert seen == [{}, {}, {}, {"words": 0.0}]


def test_rerank_puts_documents_in_order(shop: Running) -> None:
    documents = ["빨간 치마", {"text": "빨간 원피스"}, "zzzz"]
    found = shop.post("/v1/rerank", query="빨간 원피스", documents=documents, top_n=2, return_documents=True).json()["results"]
    assert [r["index"] for r in found] == [1, 0] and found[0]["relevance_score"] == pytest.approx(1, abs=1e-5)
    assert found[0]["document"] == {"text": "빨간 원피스"}
    assert shop.post("/v1/rerank", query="가", documents=[]).status_code == 422


def test_health_and_measures(shop: Running) -> None:
    assert shop.client.get("/healthz").json() == {"status": "ok"} == shop.client.get("/readyz").json()
    shop.post("/v1/search", query="가")
    text = shop.client.get("/metrics").text
    assert 'hannun_requests_total{method="POST",route="/v1/search",status="200"} 1.0' in text
    assert "hannun_items 4.0" in text and "hannun_batch_size_bucket" in text and "hannun_ready 1.0" in text


def test_openapi_names_what_only_this_collection_can_say(shop: Running) -> None:
    schema = shop.client.get("/openapi.json").json()
    assert schema["components"]["schemas"]["SearchBody"]["properties"]["dim"]["anyOf"][0]["enum"] == [64, 32]
    assert shop.client.get("/v1/models").json()["data"][0]["id"] == "toy1"


@pytest.mark.parametrize(
    "body",
    [
        {"query": "빨간 원피스"},
        {"query": "원피스 -줄무늬"},
        {"query": {"text": "파란색", "image": picture(seed=2)}},
        {"query": {"text": "파란색", "image": picture(seed=2)}, "mix": 1},
        {"like": ["치마", {"id": "a"}], "unlike": [{"image": picture(seed=1)}], "query": None},
    ],
)
def test_the_engine_asks_for_no_vector_that_was_not_made_beforehand(shop: Running, monkeypatch: pytest.MonkeyPatch, body: Any) -> None:
    before: list[int] = []
    real, encoder = type(shop.service.collection).search, shop.service.encoder
    monkeypatch.setattr(
        type(shop.service.collection), "search", lambda self, query, **o: before.append(encoder.misses) or real(self, query, **o)
    )
    misses = encoder.misses
    assert shop.post("/v1/search", **body).status_code == 200
    assert misses < before[0] == encoder.misses
