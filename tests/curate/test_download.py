"""URL lists against a local server: retries with backoff, politeness, robots, directives, resume."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("daft", reason="daft is in hannun[curate]")
pytest.importorskip("ko_pii", reason="ko-pii is in hannun[curate]")

from hannun import shards
from hannun.curate import download
from hannun.curate import run as factory
from hannun.curate.stages import look
from hannun.errors import HannunError
from tests.conftest import encoded
from tests.curate import world
from tests.curate.test_run import plan

JPEG = encoded(world.scene(0), "JPEG")


class Site:
    """A server that remembers when each path was asked for."""

    def __init__(self) -> None:
        self.asked: dict[str, list[float]] = defaultdict(list)
        self.robots = "User-agent: *\nDisallow: /private/\n"
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path, now = self.path, time.monotonic()
                site.asked[path].append(now)
                times = len(site.asked[path])
                if path == "/robots.txt":
                    self.reply(200, site.robots.encode(), "text/plain")
                elif path.startswith("/flaky") and times < 3:
                    self.reply(503)
                elif path == "/gone.jpg":
                    self.reply(404)
                elif path == "/down.jpg":
                    self.reply(500)
                elif path == "/moved.jpg":
                    self.reply(302, headers={"Location": "/there.jpg"})
                elif path == "/loop.jpg":
                    self.reply(302, headers={"Location": "/loop.jpg"})
                elif path == "/noai.jpg":
                    self.reply(200, JPEG, headers={"X-Robots-Tag": "noimageai"})
                elif path == "/empty.jpg":
                    self.reply(200)
                else:
                    number = int("".join(c for c in path if c.isdigit()) or 0)
                    self.reply(200, encoded(world.scene(number), "JPEG"))

            def reply(self, status: int, body: bytes = b"", kind: str = "image/jpeg", headers: dict[str, str] | None = None) -> None:
                self.send_response(status)
                for k, v in {"Content-Type": kind, "Content-Length": str(len(body)), **(headers or {})}.items():
                    self.send_header(k, v)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.server.shutdown()
    made.server.server_close()


def got(site: Site, *paths: str, **options: Any) -> dict[str, bytes | str]:
    rows = [{"url": p if "://" in p else site.url + p} for p in paths]
    return {r["url"].removeprefix(site.url): g for r, g in download.Downloader(**{"politeness": 0.01, **options}).download(rows)}


def test_what_comes_back(site: Site) -> None:
    found = got(
        site,
        "/0.jpg",
        "/flaky.jpg",
        "/gone.jpg",
        "/down.jpg",
        "/moved.jpg",
        "/loop.jpg",
        "/noai.jpg",
        "/empty.jpg",
        "/private/x.jpg",
        "ftp://a/b",
        "http://",
    )
    assert found.pop("/0.jpg") == JPEG and isinstance(found.pop("/flaky.jpg"), bytes) and isinstance(found.pop("/moved.jpg"), bytes)
    assert found == {
        "/gone.jpg": "fetch_http_404", "/down.jpg": "fetch_http_500", "/loop.jpg": "fetch_http_other", "/noai.jpg": "fetch_x_robots_tag",
        "/empty.jpg": "fetch_empty", "/private/x.jpg": "fetch_robots", "ftp://a/b": "fetch_bad_url", "http://": "fetch_bad_url",
    }  # fmt: skip
    assert len(site.asked["/flaky.jpg"]) == 3 and len(site.asked["/down.jpg"]) == download.TRIES and len(site.asked["/gone.jpg"]) == 1
    assert not site.asked["/private/x.jpg"] and len(site.asked["/robots.txt"]) == 1


def test_waits_grow_between_tries(site: Site) -> None:
    got(site, "/down.jpg", politeness=0.05)
    times = site.asked["/down.jpg"]
    waits = [b - a for a, b in pairwise(times)]
    assert all(w >= least * 0.05 for w, least in zip(waits, (1, 2, 4), strict=True))


def test_one_host_is_asked_no_faster_than_is_polite(site: Site) -> None:
    got(site, *[f"/{n}.jpg" for n in range(6)], politeness=0.05)
    times = sorted(t for asked in site.asked.values() for t in asked)
    assert len(times) == 7 and all(b - a >= 0.045 for a, b in pairwise(times))


def test_robots_may_ask_for_more_patience_and_an_error_there_forbids_all(site: Site) -> None:
    site.robots = "User-agent: hannun-curate\nCrawl-delay: 1\nDisallow: /x\n"
    assert got(site, "/x.jpg", "/1.jpg")["/x.jpg"] == "fetch_robots"
    assert site.asked["/1.jpg"][0] - site.asked["/robots.txt"][0] >= 0.95 and not site.asked["/x.jpg"]
    nobody = got(site, "http://127.0.0.1:9/x.jpg", politeness=0.0)
    assert nobody == {"http://127.0.0.1:9/x.jpg": "fetch_robots"}  # no answer for robots.txt: nothing is allowed


def test_private_addresses_can_be_refused(site: Site) -> None:
    assert got(site, "/0.jpg", private=False) == {"/0.jpg": "fetch_private_address"} and not site.asked


def listing(folder: Path, site: Site) -> Path:
    folder.mkdir()
    rows = [{"url": f"{site.url}/{n}.jpg", "title": f"{world.WORDS[n]} 사진"} for n in range(6)]
    rows += [
        {"url": f"{site.url}/gone.jpg", "title": "없는 그림"},
        {"url": f"{site.url}/99.jpg", "title": "씨발", "width": 500, "height": 500},
    ]
    rows += [{"url": f"{site.url}/98.jpg", "title": "작은 그림", "width": 100, "height": 500}]
    (folder / "urls.jsonl").write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), "utf-8")
    return folder


def test_a_url_list_becomes_pairs_and_a_stopped_run_asks_for_nothing_twice(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = listing(tmp_path / "urls", site)
    run = plan(tmp_path / "out", fetch=True, politeness=0.0, private=True)

    def stopped(p: object, task: str) -> dict[str, Any]:
        raise HannunError("stopped")

    stopped.__name__ = "look"
    with monkeypatch.context() as once:
        once.setattr(look, "look", stopped)
        with pytest.raises(HannunError, match="stopped"):
            factory.run([source], run)
    result = factory.run([source], run)
    data = [r.data for p in (result.out / "shards").glob("*.tar") for r in shards.read(p)]
    assert sorted(d["image_url"] for d in data) == [f"{site.url}/{n}.jpg" for n in range(6)]
    assert {k: n for k, n in result.tally.counts.items() if k.startswith(("picture", "title", "pair"))} == {
        "picture/fetch_http_404": 1, "picture/picture_small": 1, "title/text_abuse": 1, "pair/pair_texts_dropped": 1,
    }  # fmt: skip
    assert all(len(times) == 1 for times in site.asked.values())
    assert not site.asked["/98.jpg"] and not site.asked["/99.jpg"]  # what the list itself rules out is not fetched
