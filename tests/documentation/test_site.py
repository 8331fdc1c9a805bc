"""`make docs` fails on what a reader would stumble over, and what it builds loads nothing from elsewhere."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Request

from .sites import build

BROKEN = '''"""A module."""


def charge(amount: int) -> int:
    """Charges.

    Args:
        amount: how much.
        currency: there is no such argument.
    """
    return amount
'''
FAULTS = {
    "dead link": ("index.md", "[gone](gone.md)", "page does not exist"),
    "dead anchor": ("index.md", "[gone](other.md#no-such-part)", "anchor does not exist"),
    "dead anchor of its own page": ("index.md", "[gone](#no-such-part)", "anchor does not exist"),
    "docstring of nothing": ("api.md", "::: outworx_otel.no_such_name", "no_such_name"),
    "docstring that is wrong": ("api.md", "::: broken.charge", "'currency' does not appear"),
    "diagram that is none": (
        "index.md",
        "```mermaid\nsequenceDiagrm\n  A->>B: x\n```",
        "No Mermaid diagram type",
    ),
    "foreign picture": ("index.md", "![badge](https://img.example/badge.svg)", "loads https://img.example"),
    "foreign script": ("index.md", '<script src="//cdn.example/x.js"></script>', "loads //cdn.example/x.js"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_fails_the_build_and_is_named(name: str, source: Path) -> None:
    page, text, said = FAULTS[name]
    file = source / "docs" / page
    file.write_text(f"{file.read_text()}\n{text}\n")
    if "broken" in text:
        (source / "broken").mkdir()
        (source / "broken" / "broken.py").write_text(BROKEN)
        settings = source / "mkdocs.yml"
        settings.write_text(settings.read_text().replace("paths: [src]", "paths: [src, broken]"))

    done = build(source)

    assert done.returncode == 1, done.stdout
    assert said in done.stderr
    assert not (source / "site" / "llms.txt").exists()


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


@pytest.fixture
def address(source: Path) -> Iterator[str]:
    """Where a site without a fault is served."""
    done = build(source)
    assert done.returncode == 0, done.stderr
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(source / "site"))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_beside_each_page_is_its_text_and_one_file_lists_them(source: Path) -> None:
    assert build(source).returncode == 0
    site = source / "site"

    assert (site / "other.md").read_text() == (source / "docs" / "other.md").read_text()
    assert "Whether everything was delivered" in (site / "api.md").read_text()
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
