"""Ten incidents, looked for from the overview alone: what, since when, how many, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from support.scale import rows

from outworx_otel.server.formatting import iso
from server.dashboard.browsing import PHONE, visitor
from server.dashboard.incidents import Incident, incidents, six_days
from server.dashboard.serving import filled, listening

SCREEN = {"width": 1400, "height": 900}
NAMES = (
    "a rotated secret",
    "a body that is serialised again",
    "a clock that is 20 minutes fast",
    "an early return after a change",
    "a route that is gone",
    "a store that is down",
    "a provider that calls an old address",
    "errors of one event type",
    "a storm of retries with a key",
    "a storm of retries without a key",
)


@pytest.fixture(scope="module")
def staged() -> dict[str, Incident]:
    return incidents()


@pytest.fixture(scope="module")
def server(staged: dict[str, Incident], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with listening(filled(tmp_path_factory.mktemp("incidents"), six_days(staged))) as address:
        yield address


@pytest.fixture(scope="module")
def page(browser: Browser, server: str) -> Iterator[Page]:
    with visitor(browser, viewport=SCREEN) as one:
        one.page.goto(server)
        one.picture("incidents", whole=False)
        yield one.page


@pytest.mark.parametrize("name", NAMES)
def test_the_first_screen_names_it_and_two_clicks_lead_to_what_to_do(
    page: Page, server: str, staged: dict[str, Incident], name: str
) -> None:
    incident = staged[name]
    page.goto(server)
    issue = page.locator("li.issue", has_text=incident.named).filter(has_text=incident.route)
    expect(issue).to_have_count(1)
    place = issue.bounding_box()
    assert place is not None
    assert place["y"] + place["height"] <= SCREEN["height"], "it is on the first screen"
    if "clock" not in name:
        begins = issue.locator("time").first.get_attribute("datetime")
        assert begins == iso(incident.deliveries[0].time_ns)
    expect(issue).to_contain_text(re.compile(rf"\b{incident.counted} (deliveries|times)"))
    issue.get_by_role("link").first.click()
    expect(page.locator("[data-row]")).to_have_count(incident.counted)
    page.locator("[data-row] a").first.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(incident.said)
    expect(page.get_by_text("What to do").first).to_be_visible()


def test_a_service_whose_clock_is_off_is_named_with_direction_and_size(page: Page, server: str) -> None:
    page.goto(server)
    off = page.locator("[data-clock-off]")
    expect(off).to_have_count(1)
    expect(off).to_contain_text("The clock of clockwork is 20 min fast")
    # And nothing of it lies in the future.
    page.goto(f"{server}/?service=clockwork&range=-1h")
    expect(page.locator(".outcomes a.o-rejected")).to_contain_text("15")


def test_two_services_with_the_same_route_are_two_rows(page: Page, server: str) -> None:
    page.goto(server)
    both = page.locator("[data-endpoint]", has_text="/hooks/rotated")
    expect(both).to_have_count(2)
    well = both.filter(has_text="other-shop")
    expect(well).to_contain_text("100%")
    expect(well).to_contain_text("verified")
    expect(well).not_to_contain_text("failed")
    ill = both.filter(has_text="24 of 24 failed since")
    expect(ill).to_have_count(1)
    expect(ill).to_contain_text("the last good one at")


def test_a_quiet_endpoint_is_listed_with_what_is_usual(page: Page, server: str) -> None:
    page.goto(f"{server}/?range=-1h")
    quiet = page.locator("[data-endpoint]", has_text="/hooks/quiet")
    expect(quiet).to_contain_text(re.compile(r"0 usually [3-6]"))
    quiet.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile("service=other-shop&environment=staging&provider=stripe&route="))
    expect(page.locator("[data-endpoint]")).to_have_count(1)


def test_three_hours_without_a_store_are_not_green(page: Page, server: str) -> None:
    page.goto(f"{server}/?route=/hooks/unprotected&range=-1h")
    rate = page.locator(".figure", has_text="Success rate")
    assert "t-warn" in (rate.get_attribute("class") or "")
    expect(page.locator("[data-endpoint]")).to_contain_text("ran unprotected")


def test_a_page_full_of_failures_says_so(page: Page, server: str) -> None:
    for route, rate in (("/hooks/rotated", "0%"), ("/hooks/rewritten", "0%"), ("/hooks/gone", "0%")):
        page.goto(f"{server}/?service=shop&route={route}&range=-1h")
        expect(page.locator(".figure", has_text="Success rate").locator(".figure-value")).to_have_text(rate)


@pytest.mark.parametrize("scheme", rows(["dark"], ["light"]))
def test_axe_finds_nothing_and_a_phone_has_all_of_it(browser: Browser, server: str, scheme: Any) -> None:
    with visitor(browser, viewport=PHONE, color_scheme=scheme) as one:
        one.page.goto(server)
        one.picture(f"incidents-phone-{scheme}")
        assert one.overhang() == 0
        found = Axe().run(one.page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"]})
        assert not found.violations_count, found.generate_report()


def test_without_scripts_there_is_all_but_live_updates(browser: Browser, server: str) -> None:
    with visitor(browser, viewport=SCREEN, java_script_enabled=False) as one:
        page = one.page
        page.goto(server)
        page.locator("select[name=service]").select_option("other-shop")
        page.get_by_role("button", name="Apply").click()
        expect(page).to_have_url(re.compile(r"/\?range=-24h&service=other-shop$"))
        expect(page.locator("[data-endpoint]")).to_have_count(2)
