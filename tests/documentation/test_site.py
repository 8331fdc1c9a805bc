"""`make docs` fails on what a reader would stumble over, and what it builds loads nothing from elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Request
from support.scale import rows

from docs_build.foreign import faults_of_loading

from .sites import build, small_site

# The file, what is added to it, and what the build says.
FAULTS = {
    "dead link": ("docs/index.md", "[gone](gone.md)", "page does not exist"),
    "dead anchor": ("docs/index.md", "[gone](other.md#no-such-part)", "anchor does not exist"),
    "docstring that is wrong": (
        "src/acme.py",
        'def refund() -> None:\n    """Refunds.\n\n    Args:\n        currency: no argument.\n    """',
        "'currency' does not appear",
    ),
    "dead anchor of its own page": ("docs/index.md", "[gone](#no-such-part)", "anchor does not exist"),
    "docstring of nothing": ("docs/api.md", "::: acme.no_such_name", "no_such_name"),
    "diagram that is none": (
        "docs/index.md",
        "```mermaid\nsequenceDiagrm\n  A->>B: x\n```",
        "No Mermaid diagram type",
    ),
    "foreign picture": (
        "docs/index.md",
        "![badge](https://img.example/badge.svg)",
        "index.html loads https://img.example/badge.svg",
    ),
}
FIRST = list(FAULTS)[:3]


@pytest.mark.parametrize("name", rows(FIRST, [name for name in FAULTS if name not in FIRST]))
def test_a_fault_fails_the_build_and_is_named(name: str, source: Path) -> None:
    file, text, said = FAULTS[name]
    with (source / file).open("a") as opened:
        opened.write(f"\n\n{text}\n")
    if "refund" in text:
        (source / "docs" / "api.md").write_text("# API\n\n::: acme.refund\n")

    done = build(source)

    assert done.returncode == 1, done.stdout
    assert said in done.stderr
    assert not (source / "site" / "llms.txt").exists()


@pytest.mark.parametrize(
    ("text", "loads"),
    [
        ('<script src="//cdn.example/x.js"></script>', ["//cdn.example/x.js"]),
        ('<link rel="stylesheet" href="https://fonts.example/a.css">', ["https://fonts.example/a.css"]),
        ('<style>@import "https://fonts.example/a.css";</style>', ["https://fonts.example/a.css"]),
        ('<a href="https://example.com">x</a><link rel="canonical" href="https://example.com/">', []),
        ('<img src="a.png"><script src="assets/x.js"></script>', []),
    ],
)
def test_what_a_browser_would_fetch_from_elsewhere_is_named(
    text: str, loads: list[str], tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text(text)

    assert list(faults_of_loading(tmp_path)) == [f"index.html loads {address}" for address in loads]


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("forgotten.md", "docs/forgotten.md is not in the nav"),
        ("providers/acme.md", "docs/providers/acme.md is not on docs/providers/index.md"),
    ],
)
def test_a_page_that_nothing_leads_to_fails_the_build(page: str, said: str, source: Path) -> None:
    (source / "docs" / page).write_text("# Forgotten\n")

    assert said in build(source).stderr


def test_a_name_of_the_navigation_without_a_page_fails_the_build(source: Path) -> None:
    (source / "docs" / "other.md").unlink()

    assert "mkdocs.yml names other.md" in build(source).stderr


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory, site_builder: Path) -> Path:
    """A site without a fault, built."""
    source = small_site(tmp_path_factory.mktemp("good"))
    done = build(source)
    assert done.returncode == 0, done.stderr
    return source


@pytest.fixture
def address(good: Path) -> Iterator[str]:
    """Where it is served."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(good / "site"))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_beside_each_page_is_its_text_and_one_file_lists_them(good: Path) -> None:
    site = good / "site"

    assert (site / "other.md").read_text() == (good / "docs" / "other.md").read_text()
    assert "amount: how much." in (site / "api.md").read_text()
    assert "- [Home](index.md): It begins." in (site / "llms.txt").read_text()


def test_a_browser_loads_nothing_from_elsewhere_and_finds_what_is_searched(
    address: str, browser: Browser
) -> None:
    asked: list[str] = []
    complaints: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    with browser.new_context() as context:
        page = context.new_page()
        page.on("request", note)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{address}/other.html")
        page.locator(".diagram svg").wait_for()
        page.locator(".md-search__button, .md-search__input").first.click()
        page.keyboard.type("part")
        page.get_by_role("link", name="A part").first.wait_for()

    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
    assert complaints == []
