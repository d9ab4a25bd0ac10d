"""The drawn catalogue goes in, the pictures of the page in docs/ come out, at desktop and phone size:

    python docs/screenshots.py [--out docs] [--entries 150] [--only page] [--collection C]

Needs Chromium and the package playwright (`apt-get install chromium fonts-nanum`, `pip install '.[service-tests]'`).
"""

from __future__ import annotations

import argparse
import datetime
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hannun
from hannun import catalogue

GARMENTS = ("원피스", "바지", "셔츠", "치마", "코트", "스웨터", "티셔츠")
DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}
STRIPES = "?q=빨간+줄무늬+원피스"


def collected(folder: Path, entries: int) -> Path:
    """A collection of drawn garments, each with a day on which it arrived."""
    drawn = [e for e in catalogue.entries() if e.category in GARMENTS][:entries]
    table = catalogue.write(folder / "drawn", drawn)
    shop = folder / "shop.hannun"
    rows = []
    for n, line in enumerate(table.read_text("utf-8").splitlines()):
        row = json.loads(line)
        kept = {k: row[k] for k in ("id", "text", "category", "color", "pattern", "price")}
        day = datetime.date(2026, 3, 1) + datetime.timedelta(days=n * 7 % 92)
        rows.append({**kept, "image": table.parent / row["image"], "arrived": day})
    with hannun.open(shop) as c:
        c.add(rows)
    return shop


@contextmanager
def served(shop: Path) -> Iterator[str]:
    """The address of `hannun serve` over a collection."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "hannun.serve.cli.main", "serve", str(shop), "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(1200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1)
                break
            except OSError:
                if process.poll() is not None:
                    raise SystemExit("the service ended before it was ready") from None
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(60)


def lit(page: Any) -> None:
    """The first hit, with the places that fit lit up."""
    page.click("#grid .open")
    page.wait_for_selector("#heat", state="visible")
    page.click("#heat")


def first(page: Any) -> None:
    """The first hit, its picture clean."""
    page.click("#grid .open")
    page.wait_for_selector("#heat", state="visible")


def mistaken(page: Any) -> None:
    """A condition that cannot be read, above the results of before."""
    page.fill("#where", "prise < 50000")
    page.press("#where", "Enter")
    page.wait_for_selector("#trouble", state="visible")


def mapped(page: Any) -> None:
    """The map about one of its items, nearer."""
    page.focus("#sky")
    page.keyboard.press("ArrowRight")
    for _ in range(4):
        page.keyboard.press("+")
    page.wait_for_selector(".star.near img")


def searched(page: Any) -> None:
    """An operation of the API, open."""
    page.click("[id='post-/v1/search'] summary")


def as_it_is(page: Any) -> None:
    """Nothing is done."""


#: name, address, size, what is done, and what is waited for
SHOTS: list[tuple[str, str, dict[str, int], Callable[[Any], None], str]] = [
    ("page", STRIPES, DESKTOP, as_it_is, "#grid .card img"),
    ("page_detail", STRIPES, DESKTOP, first, "#grid .card img"),
    ("page_why", STRIPES, DESKTOP, lit, "#grid .card img"),
    ("page_error", f"{STRIPES}&r=price%3D20000..", DESKTOP, mistaken, "#grid .card img"),
    ("page_nothing", "?q=dnjsvltm", DESKTOP, as_it_is, "#meant button"),
    ("page_map", "?view=map", DESKTOP, mapped, ".star"),
    ("page_docs", "docs", DESKTOP, searched, ".operation"),
    ("page_phone", STRIPES, PHONE, as_it_is, "#grid .card img"),
    ("page_phone_detail", STRIPES, PHONE, first, "#grid .card img"),
]


def main() -> None:
    """Every picture of SHOTS."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--entries", type=int, default=150)
    parser.add_argument("--only", help="the name of one picture")
    parser.add_argument("--collection", type=Path, help="a collection of your own in place of the drawn one")
    o = parser.parse_args()
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, served(o.collection or collected(Path(folder), o.entries)) as url, sync_playwright() as p:
        browser = p.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, address, size, act, awaited in SHOTS:
            if o.only and name != o.only:
                continue
            context = browser.new_context(locale="ko-KR", viewport=size, color_scheme="light", reduced_motion="reduce")
            context.set_default_timeout(60_000)
            page = context.new_page()
            page.goto(f"{url}/{address}")
            page.wait_for_selector(awaited)
            page.wait_for_load_state("networkidle")
            act(page)
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(500)
            page.screenshot(path=o.out / f"{name}.png")
            print(o.out / f"{name}.png")
            context.close()
        browser.close()


if __name__ == "__main__":
    main()
