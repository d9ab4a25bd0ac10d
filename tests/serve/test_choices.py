"""What the page asks beside hits: bounds of facts, readings of mistyped words, pictures in their own size."""

from __future__ import annotations

import io
from pathlib import Path

import PIL.Image

from hannun.serve.http.keys import Keys
from tests.serve.conftest import Running, Start, picture


def test_ranges_are_those_of_the_collection(shop: Running) -> None:
    shop.add({"id": "e", "text": "모자", "price": 5000, "arrived": "2026-11-01"}, {"id": "f", "text": "양말", "arrived": "2026-11-20"})
    found = {r["field"]: (r["kind"], r["least"], r["greatest"], r["count"]) for r in shop.client.get("/v1/ranges").json()["ranges"]}
    assert found == {"price": ("number", 5000, 50000, 5), "arrived": ("date", "2026-11-01", "2026-11-20", 2)}


def test_a_collection_without_words_has_no_readings(shop: Running) -> None:
    assert shop.client.get("/v1/readings", params={"words": "dnjsvltm"}).json() == {"readings": []}
    assert shop.client.get("/v1/readings").status_code == 422


def test_a_picture_in_its_own_size_without_metadata(start: Start, tmp_path: Path) -> None:
    key = Keys(tmp_path / "keys.json").add("w", ["read", "write"])
    running = start(keys=tmp_path / "keys.json", key=key)
    running.add({"id": "a", "image": picture(size=(2000, 1000))})
    link = running.client.get("/v1/items/a").json()["images"][0]["picture"]
    answer = running.client.get(f"{link}/full", headers={"authorization": ""})  # the link is signed: it needs no key
    drawn = PIL.Image.open(io.BytesIO(answer.content))
    assert answer.status_code == 200 and drawn.size == (2000, 1000) and drawn.format == "JPEG" and not drawn.getexif()
    assert running.client.get(f"{link}/full", headers={"if-none-match": answer.headers["etag"]}).status_code == 304
    assert running.client.get(f"{link[:-4]}/full").status_code == 404


def test_the_page_and_the_reference_ask_for_no_key_and_run_only_their_own_scripts(start: Start, tmp_path: Path) -> None:
    Keys(tmp_path / "keys.json").add("w", ["read"])
    running = start(keys=tmp_path / "keys.json")
    for path in ("/", "/docs"):
        answer = running.client.get(path)
        assert answer.status_code == 200 and "script-src 'self'" in answer.headers["content-security-policy"]
    assert running.client.get("/v1/ranges").status_code == 401
