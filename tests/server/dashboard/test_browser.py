"""The dashboard in a real Chromium: looking, filtering, reading, by mouse and by keyboard."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect
from support.scale import rows

from outworx_otel.server.ingest.arrival_notes import noted
from outworx_otel.server.model import Batch, StoredDelivery
from outworx_otel.server.store import Store
from outworx_otel.telemetry import semconv
from server.channels.scene import claim, raise_alert
from server.dashboard.attacks import HOSTILE_TEXT
from server.dashboard.browsing import PHONE, visitor
from server.dashboard.kept import BODY, delivery, raised
from server.dashboard.serving import filled, listening

_BACKGROUND = "getComputedStyle(document.body).backgroundColor"
_LIGHT, _DARK = "rgb(247, 248, 250)", "rgb(13, 15, 19)"


def pages_of(by_outcome: dict[str, StoredDelivery]) -> dict[str, str]:
    of_deliveries = {outcome: f"/deliveries/{one.id}" for outcome, one in by_outcome.items()}
    return {
        "overview": "/",
        "rates": "/?chart=rate",
        "list": "/deliveries",
        "no-match": "/deliveries?provider=nobody",
        "searched": "/deliveries?q=refunded&outcome=failed&outcome=error",
        "picked": "/deliveries?since=2026-01-01T00:00Z&service=payments",
        "bad-filter": "/deliveries?outcome=nonsense",
        "replay": "/replay",
        "no-page": "/nowhere",
        "no-delivery": "/deliveries/none",
        **of_deliveries,
    }


_RULES = ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]
# What a browser says of an answer that is no 2xx.
_REFUSED = "Failed to load resource"


def test_from_the_overview_to_a_filtered_list_to_a_delivery(
    browser: Browser, address: str, by_outcome: dict[str, StoredDelivery]
) -> None:
    with visitor(browser) as one:
        page = one.page
        page.goto(address)
        one.picture("overview")
        page.get_by_role("link", name="Silent drop 2").first.click()
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
        one.picture("silent-drop", whole=False)
        page.goto(f"{address}/deliveries")
        assert page.evaluate(_BACKGROUND) == _LIGHT
        assert page.locator("html").get_attribute("data-theme") == "light"
        page.get_by_role("button", name="Switch between light and dark").click()
        one.picture("list-dark")


def test_nothing_scrolls_sideways_on_a_phone(
    browser: Browser, address: str, by_outcome: dict[str, StoredDelivery]
) -> None:
    with visitor(browser, viewport=PHONE, has_touch=True) as one:
        one.expected = (_REFUSED,)
        for name, path in pages_of(by_outcome).items():
            one.page.goto(address + path)
            assert one.overhang() == 0, name
            assert one.page.locator(".top").evaluate("bar => bar.offsetHeight") < 60, name
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


def test_keys_go_from_one_delivery_to_the_next_and_back_to_the_list(
    browser: Browser, address: str, kept: Batch
) -> None:
    wanted = [one for one in kept.deliveries if one.outcome in ("silent_drop", "error", "failed")]
    newest = sorted(wanted, key=lambda one: one.time_ns, reverse=True)
    query = "?outcome=silent_drop&outcome=error&outcome=failed"
    with visitor(browser) as one:
        page, keys = one.page, one.page.keyboard
        page.goto(f"{address}/deliveries/{newest[0].id}{query}")
        steps = [("j", newest[1]), ("ArrowRight", newest[2]), ("k", newest[1]), ("ArrowLeft", newest[0])]
        for key, there in steps:
            expect(page.locator("[data-keys]")).to_be_visible()
            keys.press(key)
            expect(page).to_have_url(f"{address}/deliveries/{there.id}{query}")
        expect(page.locator("[data-keys]")).to_be_visible()
        expect(page.get_by_role("link", name="← Newer")).to_have_count(0)
        keys.press("u")
        expect(page).to_have_url(f"{address}/deliveries{query}")
        expect(page.locator("[data-row]")).to_have_count(len(newest))


def test_the_keys_are_shown_on_a_question_mark_and_go_on_escape(browser: Browser, address: str) -> None:
    with visitor(browser) as one:
        page, keys = one.page, one.page.keyboard
        page.goto(f"{address}/deliveries")
        shown = page.get_by_role("button", name="Keys")
        expect(shown).to_be_visible()
        dialog = page.get_by_role("dialog", name="Keys")
        keys.press("?")
        expect(dialog).to_be_visible()
        expect(dialog.get_by_role("button", name="Close")).to_be_focused()
        # What is behind it takes no keys.
        keys.press("j")
        expect(dialog.get_by_role("button", name="Close")).to_be_focused()
        keys.press("Escape")
        expect(dialog).to_be_hidden()
        shown.click()
        dialog.get_by_role("button", name="Close").click()
        expect(shown).to_be_focused()
        keys.press("/")
        keys.type("?")
        expect(dialog).to_be_hidden()
        expect(page.locator("[data-find]")).to_have_value("?")


def test_a_screen_holds_eighteen_rows_and_more(browser: Browser, tmp_path: Path) -> None:
    some = [failed(ago=number + 1) for number in range(40)]
    with (
        listening(filled(tmp_path, Batch(deliveries=some, size=4000))) as full,
        visitor(browser, viewport={"width": 1400, "height": 900}) as one,
    ):
        one.page.goto(f"{full}/deliveries")
        expect(one.page.locator("[data-row]")).to_have_count(40)
        assert one.page.evaluate(_ROWS_SEEN) >= 18
        # Whatever they say: nothing sticks out of its cell.
        assert one.page.evaluate(_STICKS_OUT) == []
        one.picture("list-dense", whole=False)


_ROWS_SEEN = """[...document.querySelectorAll("[data-row]")]
  .filter((row) => row.getBoundingClientRect().bottom <= innerHeight).length"""
_STICKS_OUT = """[...document.querySelectorAll("[data-row] td")]
  .filter((cell) => [...cell.children].some((part) =>
    part.getBoundingClientRect().right > cell.getBoundingClientRect().right + 1))
  .map((cell) => cell.className)"""


def failed(ago: float) -> StoredDelivery:
    reason = "the bank refused the refund, because the account that it came from was closed in the meantime"
    event_type = "customer.subscription.trial_will_end.and.some.more"
    return noted(
        delivery("failed", ago=ago, event_type=event_type, attributes={semconv.PROCESSING_REASON: reason}), 1
    )


@pytest.mark.parametrize(
    ("zone", "since"), [("Asia/Tokyo", "2026-11-27T23:00Z"), ("UTC", "2026-11-28T08:00Z")]
)
def test_a_moment_is_picked_in_the_visitor_s_own_zone(
    browser: Browser, address: str, zone: str, since: str
) -> None:
    with visitor(browser, timezone_id=zone) as one:
        page = one.page
        page.goto(f"{address}/deliveries")
        expect(page.locator("[data-keys]")).to_be_visible()
        page.get_by_text("More", exact=True).click()
        picker = page.get_by_label(f"From {zone}")
        picker.fill("2026-11-28T08:00")
        page.get_by_role("button", name="Apply").last.click()
        expect(page).to_have_url(f"{address}/deliveries?since={since.replace(':', '%3A')}")
        page.get_by_text("More", exact=True).click()
        expect(picker).to_have_value("2026-11-28T08:00")
        if zone != "UTC":
            page.get_by_role("button", name="Show UTC").click()
            expect(page.get_by_label("From UTC")).to_have_value(since.removesuffix("Z"))


def test_a_moment_is_picked_in_utc_without_scripts(browser: Browser, address: str) -> None:
    with visitor(browser, java_script_enabled=False, timezone_id="Asia/Kolkata") as one:
        page = one.page
        page.goto(f"{address}/deliveries")
        page.get_by_text("More", exact=True).click()
        page.get_by_label("Until UTC").fill("2026-11-28T08:00")
        page.get_by_role("button", name="Apply").last.click()
        expect(page).to_have_url(f"{address}/deliveries?until=2026-11-28T08%3A00")
        expect(page.get_by_role("link", name="Until 2026-11-28 08:00 UTC")).to_be_visible()


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


def test_alerts_that_a_channel_was_not_told_of_stand_on_both_pages(browser: Browser, tmp_path: Path) -> None:
    batch = Batch(deliveries=[noted(delivery(signature_valid=True), 1)], size=100)
    with listening(filled(tmp_path, batch)) as address, visitor(browser) as one:
        store = Store(f"sqlite:///{tmp_path / 'outworx.db'}", max_queued_bytes=1024 * 1024)
        try:
            raise_alert(store, 1)
            raise_alert(store, 2, headline=HOSTILE_TEXT, what="no good delivery for an hour", problem_id=None)
            claimed = claim(store, "mail")
            assert claimed is not None
            store.sendings.failed(claimed, "SMTPServerDisconnected: connection lost", 60.0)
        finally:
            store.close()
        one.page.goto(address)
        one.page.get_by_role("link", name="1 alert could not be sent by mail").click()
        expect(one.page).to_have_url(f"{address}/alerts")
        expect(one.page.get_by_text("could not be told in 1 try")).to_be_visible()
        one.picture("alerts")
        assert one.overhang() == 0
        results = Axe().run(one.page, options={"runOnly": _RULES})
        assert not results.violations_count, results.generate_report()


@pytest.mark.parametrize("scheme", rows(["light"], ["dark"]))
def test_axe_finds_nothing_to_complain_of(
    browser: Browser, address: str, by_outcome: dict[str, StoredDelivery], scheme: str
) -> None:
    with visitor(browser, color_scheme=scheme) as one:
        one.expected = (_REFUSED,)
        found = {}
        paths = pages_of(by_outcome)
        for name in rows(
            ["overview", "list", "accepted", "silent_drop", "replay", "no-page"], [*sorted(paths), "keys"]
        ):
            one.page.goto(address + paths.get(name, "/deliveries"))
            if name in ("list", "keys"):
                # Unfolded, with the keys over it or without.
                expect(one.page.locator("[data-keys]")).to_be_visible()
                one.page.locator("details.pick summary").first.click()
                one.page.locator("details.more summary").first.click()
            if name == "keys":
                one.page.keyboard.press("?")
                expect(one.page.get_by_role("dialog")).to_be_visible()
            results = Axe().run(one.page, options={"runOnly": _RULES})
            if results.violations_count:
                found[name] = results.generate_report()
        assert not found, "\n".join(f"{name}: {report}" for name, report in found.items())


def test_a_target_is_remembered_for_each_host_that_deliveries_came_for(
    browser: Browser, tmp_path: Path
) -> None:
    host = f"{semconv.HTTP_REQUEST_HEADER_PREFIX}host"
    ours, theirs = (
        raised(body_size=len(BODY), attributes={semconv.REQUEST_BODY: BODY, host: [name]})
        for name in ("shop.example", "bot.example")
    )
    settings = filled(tmp_path, Batch(deliveries=[ours, theirs], size=2000))
    with listening(settings) as address, visitor(browser) as one:
        one.expected = (_REFUSED,)
        page = one.page
        page.goto(f"{address}/deliveries/{ours.id}")
        page.get_by_label("To", exact=True).fill("http://127.0.0.1:9")
        page.get_by_role("button", name="Replay", exact=True).click()
        expect(page.get_by_text("nothing listens at")).to_be_visible()
        page.goto(f"{address}/deliveries/{theirs.id}")
        expect(page.get_by_label("To", exact=True)).to_have_value("http://localhost:8000")
        page.goto(f"{address}/deliveries/{ours.id}")
        expect(page.get_by_label("To", exact=True)).to_have_value("http://127.0.0.1:9")
