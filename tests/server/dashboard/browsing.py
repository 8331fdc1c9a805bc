"""A real Chromium, and a page that notes everything that goes wrong on it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from .program import chromium_program

PICTURES = Path(__file__).parents[3] / ".screenshots"
PHONE = {"width": 360, "height": 780}
DESKTOP = {"width": 1280, "height": 900}

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
_VIOLATIONS = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""


@contextlib.contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """Chromium, headless, with further arguments.

    Raises:
        NoChromium: it is not installed.
    """
    program = chromium_program()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*_ARGUMENTS, *arguments])
        yield browser
        browser.close()


@dataclass
class Visitor:
    """A page of its own profile; `complaints` are errors on the console, exceptions, dialogs and CSP violations."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()

    def picture(self, name: str, *, whole: bool = True) -> Path:
        """A screenshot among the artefacts."""
        PICTURES.mkdir(exist_ok=True)
        path = PICTURES / f"{name}.png"
        self.page.screenshot(path=path, full_page=whole)
        return path

    def overhang(self) -> int:
        """By how many pixels the page is wider than its window."""
        root = "document.documentElement"
        return int(self.page.evaluate(f"{root}.scrollWidth - {root}.clientWidth"))


@contextlib.contextmanager
def visitor(browser: Browser, **options: Any) -> Iterator[Visitor]:
    """A visitor; when it goes, nothing may have gone wrong."""
    context: BrowserContext = browser.new_context(**{"viewport": DESKTOP, **options})
    context.set_default_timeout(15_000)
    context.add_init_script(_VIOLATIONS)
    page = context.new_page()
    one = Visitor(page)

    def said(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not any(text in message.text for text in one.expected):
            one.complaints.append(f"{message.type}: {message.text}")

    page.on("console", said)
    page.on("pageerror", lambda error: one.complaints.append(f"exception: {error}"))
    page.on("dialog", lambda dialog: (one.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    try:
        yield one
        if options.get("java_script_enabled", True):
            one.complaints += page.evaluate("window.violations ?? []")
        assert not one.complaints
    finally:
        context.close()
