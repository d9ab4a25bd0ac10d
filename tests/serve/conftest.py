"""What the tests of the service share: a running service on a free port of this machine, with the toy encoder."""

from __future__ import annotations

import base64
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn

from hannun import collection
from hannun.serve.http.app import application
from hannun.serve.http.guard import Guard
from hannun.serve.http.server import configuration
from hannun.serve.http.service import Service
from hannun.serve.http.settings import ServiceSettings
from tests.conftest import draw, encoded, toy

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@dataclass
class Running:
    """A service behind a real socket, and a client of it."""

    url: str
    service: Service
    guard: Guard
    client: httpx2.Client
    stop: Callable[[], None]

    def post(self, path: str, **body: Any) -> httpx2.Response:
        """POST JSON."""
        return self.client.post(path, json=body)

    def add(self, *rows: dict[str, Any]) -> dict[str, Any]:
        """Add rows and wait for the job."""
        answer = self.client.post("/v1/items", params={"wait": 20}, json={"items": list(rows)})
        assert answer.status_code in (200, 202), answer.text
        job, until = answer.json(), time.monotonic() + 120
        while job["state"] in ("queued", "running"):  # a busy machine
            assert time.monotonic() < until, job
            time.sleep(0.05)
            job = self.client.get(f"/v1/jobs/{job['job']}").json()
        return job


def picture(colour: tuple[int, int, int] = (200, 30, 30), size: tuple[int, int] = (24, 24), seed: int | None = None) -> str:
    """A picture as base64."""
    return base64.b64encode(encoded(draw(colour, size, seed))).decode()


Start = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path, toy_models: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts services: `start(path?, key=…, **settings)`; all are stopped in the end."""
    monkeypatch.setattr("hannun.serve.http.service.load", toy)
    running: list[Running] = []

    def begin(path: Path | None = None, key: str | None = None, **settings: Any) -> Running:
        place = path or tmp_path / f"c{len(running)}.hannun"
        if not place.exists():
            collection.open(place, words=False).close()  # loading Kiwi takes seconds, and ranking by words is tested elsewhere
        service = Service(place, ServiceSettings.of({}, **settings))
        guard = application(service)
        listening = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(configuration(guard, service.settings))
        thread = threading.Thread(target=lambda: server.run(sockets=[listening]), daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        headers = {"authorization": f"Bearer {key}"} if key else {}
        client = httpx2.Client(base_url=url, headers=headers, timeout=30, trust_env=False)

        def stop() -> None:
            client.close()
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()

        made = Running(url, service, guard, client, stop)
        running.append(made)
        until = time.monotonic() + 90
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < until, "the service does not get ready"
            time.sleep(0.01)
        return made

    yield begin
    for r in running:
        if not r.client.is_closed:
            r.stop()


@pytest.fixture
def shop(start: Start) -> Running:
    """A running service with a few items: words, a picture, and both."""
    running = start()
    job = running.add(
        {"id": "a", "text": "빨간 원피스", "category": "원피스", "price": 30000},
        {"id": "b", "text": "파란 치마", "category": "치마", "price": 20000},
        {"id": "c", "image": picture(seed=1), "category": "원피스", "price": 50000},
        {"id": "d/1", "text": "노란 가방", "image": picture(seed=2), "category": "가방", "price": 10000},
    )
    assert job["state"] == "done" and job["added"] == 4, job
    return running


@pytest.fixture(scope="module")  # no longer: while Playwright runs, a test cannot have an event loop of its own
def browser() -> Iterator[Any]:
    """A real Chromium without a window. Skips where it, or the package playwright, is not installed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the page tests need the package playwright")
    if CHROMIUM is None:
        pytest.skip("the page tests need Chromium: apt-get install chromium")
    with playwright.sync_playwright() as p:
        opened = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield opened
        opened.close()


Tab = Callable[..., Any]


@pytest.fixture
def tab(browser: Any) -> Iterator[Tab]:
    """Opens tabs: `tab(url, width?, height?, locale?, refused?)`. What a page complains of (a script's error, a resource that is
    refused) fails the test, except complaints that have the text `refused`."""
    contexts: list[Any] = []
    complaints: list[str] = []

    def begin(url: str, width: int = 1280, height: int = 900, locale: str = "ko-KR", refused: str = "-", wait: str = "#grid .card") -> Any:
        context = browser.new_context(locale=locale, viewport={"width": width, "height": height})
        contexts.append(context)
        context.set_default_timeout(60_000)
        made = context.new_page()
        made.on("pageerror", lambda e: complaints.append(str(e)))
        made.on("console", lambda m: complaints.append(m.text) if m.type == "error" and refused not in m.text else None)
        made.goto(url)
        made.wait_for_selector(wait)
        made.wait_for_selector("#results:not([aria-busy])") if wait == "#grid .card" else None
        return made

    yield begin
    for context in contexts:
        context.close()
    assert not complaints


def titles(tab: Any) -> list[str]:
    """What the cards of a page are called, in their order."""
    return tab.eval_on_selector_all("#grid .open", "all => all.map(e => e.getAttribute('aria-label'))")  # type: ignore[no-any-return]


def shown(tab: Any, selector: str) -> bool:
    """Waits until an element can be seen: a picture's box has no size before its bytes have come."""
    return tab.wait_for_selector(selector, state="visible") is not None


def hidden(tab: Any, selector: str) -> bool:
    """Waits until an element can't be seen."""
    return tab.wait_for_selector(selector, state="hidden") is None


def settled(tab: Any, search: Callable[[], Any]) -> None:
    """Do what makes the page search, and wait for what it finds or refuses."""
    with tab.expect_response(lambda r: "/v1/items?" in r.url or "/v1/search" in r.url):
        search()
    tab.wait_for_selector("#results:not([aria-busy])")
