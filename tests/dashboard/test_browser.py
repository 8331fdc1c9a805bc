"""The dashboard in a real Chromium: looking, filtering, reading, by mouse and by keyboard."""

from __future__ import annotations

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from e2e.scale import rows
from playwright.sync_api import Browser, expect

from dashboard.attacks import HOSTILE_TEXT
from dashboard.browsing import PHONE, visitor
from outworx_otel.server.model import Batch, StoredDelivery

_BACKGROUND = "getComputedStyle(document.body).backgroundColor"
_LIGHT, _DARK = "rgb(247, 248, 250)", "rgb(13, 15, 19)"


def pages_of(by_outcome: dict[str, StoredDelivery]) -> dict[str, str]:
    of_deliveries = {outcome: f"/deliveries/{one.id}" for outcome, one in by_outcome.items()}
    return {
        "overview": "/",
        "list": "/deliveries",
        "no-match": "/deliveries?provider=nobody",
        **of_deliveries,
    }


def test_from_the_overview_to_a_filtered_list_to_a_delivery(
    browser: Browser, address: str, by_outcome: dict[str, StoredDelivery]
) -> None:
    with visitor(browser) as one:
        page = one.page
        page.goto(address)
        one.picture("overview")
        page.get_by_role("link", name="Silent drop 2").click()
        expect(page).to_have_url(re.compile(r"since=[^&]+&outcome=silent_drop"))
        expect(page.locator("[data-row]")).to_have_count(2)
        page.locator("summary", has_text="Silent drop").click()
        page.get_by_role("checkbox", name="Rejected").check()
        page.get_by_role("checkbox", name="Silent drop").uncheck()
        page.get_by_role("checkbox", name="Failed").check()
        page.get_by_role("group", name="Outcome").get_by_role("button", name="Apply").click()
        expect(page).to_have_url(re.compile(r"/deliveries\?outcome=rejected&outcome=failed&since=[^&]+$"))
        expect(page.locator("[data-row]")).to_have_count(3)
        page.get_by_role("link", name="Outcome failed").click()
        page.get_by_role("link", name="Since").click()
        expect(page.locator(".hits")).to_have_text("2 deliveries")
        one.picture("list-filtered")
        page.locator("[data-row]", has_text="the signature does not match").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Rejected: the signature does not match")
        expect(page).to_have_url(f"{address}/deliveries/{by_outcome['rejected'].id}?outcome=rejected")
        one.picture("rejected")


def test_a_body_can_be_looked_at_in_three_ways(
    browser: Browser, address: str, by_outcome: dict[str, StoredDelivery]
) -> None:
    with visitor(browser) as one:
        page = one.page
        page.goto(f"{address}/deliveries/{by_outcome['accepted'].id}")
        one.picture("processed")
        body = page.locator("section", has=page.get_by_role("heading", name="Request body"))
        expect(body.get_by_text('"amount": 4900')).to_be_visible()
        body.get_by_text("Hex", exact=True).click()
        expect(body.get_by_text("000000  7b 22 69 64")).to_be_visible()
        expect(body.get_by_text('"amount": 4900')).to_be_hidden()
        body.get_by_text("Raw", exact=True).click()
        expect(body.get_by_text('{"id":"evt_4821","type"')).to_be_visible()


def test_a_hostile_delivery_is_shown_as_text(
    browser: Browser, address: str, by_outcome: dict[str, StoredDelivery]
) -> None:
    with visitor(browser) as one:
        page = one.page
        for path in ("/", "/deliveries", f"/deliveries/{by_outcome['hostile'].id}"):
            page.goto(address + path)
            expect(page.get_by_text(HOSTILE_TEXT).first).to_be_visible()
            expect(page).not_to_have_title("owned")
            assert one.overhang() == 0
        expect(page.get_by_text("a␀b␛[31mc<U+202E>evil<U+2066>d<U+200B>e␡").first).to_be_visible()
        one.picture("hostile")


def test_dark_follows_the_system_and_the_switch_is_remembered(
    browser: Browser, address: str, by_outcome: dict[str, StoredDelivery]
) -> None:
    with visitor(browser, color_scheme="dark") as one:
        page = one.page
        page.goto(f"{address}/deliveries/{by_outcome['silent_drop'].id}")
        assert page.evaluate(_BACKGROUND) == _DARK
        one.picture("silent-drop-dark")
        page.get_by_role("button", name="Switch between light and dark").click()
        assert page.evaluate(_BACKGROUND) == _LIGHT
        page.goto(f"{address}/deliveries")
        assert page.evaluate(_BACKGROUND) == _LIGHT
        assert page.locator("html").get_attribute("data-theme") == "light"
        page.get_by_role("button", name="Switch between light and dark").click()
        one.picture("list-dark")


def test_nothing_scrolls_sideways_on_a_phone(
    browser: Browser, address: str, by_outcome: dict[str, StoredDelivery]
) -> None:
    with visitor(browser, viewport=PHONE, has_touch=True) as one:
        for name, path in pages_of(by_outcome).items():
            one.page.goto(address + path)
            assert one.overhang() == 0, name
            if name in ("overview", "list", "silent_drop"):
                one.picture(f"phone-{name}")
        one.page.goto(f"{address}/deliveries")
        expect(one.page.locator("[data-row]").get_by_text("it returned before the mark")).to_be_visible()


def test_the_keyboard_is_enough(browser: Browser, address: str, kept: Batch) -> None:
    newest = sorted(kept.deliveries, key=lambda one: one.time_ns, reverse=True)
    with visitor(browser) as one:
        page, keys = one.page, one.page.keyboard
        page.goto(f"{address}/deliveries")
        keys.press("Tab")
        expect(page.get_by_text("Skip to content")).to_be_focused()
        keys.press("Enter")
        expect(page.locator("main")).to_be_focused()
        expect(page.locator("[data-keys]")).to_be_visible()
        for key in ("j", "j", "ArrowDown", "k"):
            keys.press(key)
        row = page.locator(f"[data-row='{newest[1].id}'] a")
        expect(row).to_be_focused()
        one.picture("list-focus", whole=False)
        keys.press("Enter")
        expect(page).to_have_url(f"{address}/deliveries/{newest[1].id}")
        # The scripts have begun when they show the keys.
        expect(page.locator("[data-keys]")).to_be_visible()
        keys.press("/")
        expect(page.get_by_role("searchbox")).to_be_focused()
        keys.type(newest[3].event_id or "")
        keys.press("Enter")
        expect(page).to_have_url(f"{address}/deliveries?q={newest[3].event_id}")
        expect(page.locator("[data-row]")).to_have_count(1)


def test_it_works_without_scripts(
    browser: Browser, address: str, by_outcome: dict[str, StoredDelivery]
) -> None:
    with visitor(browser, java_script_enabled=False) as one:
        page = one.page
        page.goto(f"{address}/deliveries")
        page.get_by_text("All outcomes").click()
        page.get_by_label("Failed", exact=True).check()
        page.get_by_role("button", name="Apply").first.click()
        expect(page).to_have_url(f"{address}/deliveries?outcome=failed")
        page.get_by_role("link", name="charge.refunded").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Failed: no order for charge ch_0000")
        expect(page.get_by_role("button", name="Pause")).to_be_hidden()
        page.goto(f"{address}/deliveries/{by_outcome['accepted'].id}")
        page.get_by_text("Hex", exact=True).first.click()
        expect(page.get_by_text("000000  7b 22 69 64")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_of(
    browser: Browser, address: str, by_outcome: dict[str, StoredDelivery], scheme: str
) -> None:
    with visitor(browser, color_scheme=scheme) as one:
        found = {}
        paths = pages_of(by_outcome)
        for name in rows(["overview", "list", "accepted", "silent_drop"], sorted(paths)):
            one.page.goto(address + paths[name])
            results = Axe().run(
                one.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]}
            )
            if results.violations_count:
                found[name] = results.generate_report()
        assert not found, "\n".join(f"{name}: {report}" for name, report in found.items())
