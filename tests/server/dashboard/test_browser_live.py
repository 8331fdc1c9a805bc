"""What changes while a page is open: arrivals, reconnection, a replay."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from outworx_otel.server.model import Batch
from server.dashboard.browsing import visitor
from server.dashboard.kept import one_of_each
from server.dashboard.serving import filled, listening
from server.dashboard.target import Application
from server.dashboard.test_live import send


@pytest.fixture
def batch() -> Batch:
    return one_of_each()


@pytest.fixture
def server(tmp_path: Path, batch: Batch) -> Iterator[str]:
    with listening(filled(tmp_path, batch)) as address:
        yield address


def test_a_delivery_appears_as_it_arrives(browser: Browser, server: str) -> None:
    with visitor(browser) as one:
        page = one.page
        page.goto(f"{server}/deliveries")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        before = page.locator("[data-row]").count()
        send(server, "github", "deployment_status")
        expect(page.locator("[data-row]").first).to_contain_text("deployment_status")
        expect(page.locator("[data-row]")).to_have_count(before + 1)
        expect(page.get_by_role("status")).to_have_text("1 new delivery")
        one.picture("list-arrival", whole=False)
        page.get_by_role("button", name="Pause").click()
        send(server, "github", "workflow_run")
        expect(page.get_by_role("button", name="Show 1 new delivery")).to_be_visible()
        expect(page.get_by_text("workflow_run")).to_have_count(0)
        page.get_by_role("button", name="Resume").click()
        expect(page.locator("[data-row]").first).to_contain_text("workflow_run")


def test_an_open_list_takes_only_what_its_filter_lets_through(browser: Browser, server: str) -> None:
    with visitor(browser) as one:
        page = one.page
        page.goto(f"{server}/deliveries?provider=nobody")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        send(server, "somebody")
        send(server, "nobody", "it.came")
        expect(page.locator("[data-row]")).to_have_count(1)
        expect(page.locator("[data-row]").first).to_contain_text("it.came")
        expect(page.get_by_text("No delivery matches")).to_have_count(0)


def test_an_open_list_does_not_grow_without_end(browser: Browser, server: str) -> None:
    with visitor(browser) as one:
        page = one.page
        page.goto(f"{server}/deliveries")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        for batch in range(6):
            send(server, "github", *(f"event_{batch}_{number}" for number in range(40)))
            expect(page.get_by_text(f"event_{batch}_0", exact=True)).to_be_visible()
        expect(page.locator("[data-row]")).to_have_count(200)


def test_what_came_while_the_server_was_away_is_fetched(browser: Browser, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with visitor(browser) as one:
        one.expected = ("ERR_", "Failed to load")
        page = one.page
        settings = filled(tmp_path, one_of_each())
        with listening(settings, port) as address:
            page.goto(f"{address}/deliveries")
            expect(page.get_by_text("Live", exact=True)).to_be_visible()
        expect(page.get_by_text("Reconnecting")).to_be_visible()
        missed = one_of_each()
        filled(tmp_path, missed)
        with listening(settings, port):
            expect(page.get_by_text("Live", exact=True)).to_be_visible()
            newest = max(missed.deliveries, key=lambda delivery: delivery.time_ns)
            expect(page.locator(f"[data-row='{newest.id}']")).to_be_visible()


def test_the_first_delivery_replaces_the_instructions(browser: Browser, tmp_path: Path) -> None:
    with listening(filled(tmp_path)) as address, visitor(browser) as one:
        page = one.page
        with page.expect_response(f"{address}/live") as stream:
            page.goto(address)
        assert stream.value.status == 200
        expect(page.get_by_text("Waiting for the first delivery")).to_be_visible()
        one.picture("first")
        send(address, "stripe")
        expect(page.get_by_text("Deliveries over time").first).to_be_visible()


def test_the_replay_button_shows_the_answer(
    browser: Browser, server: str, batch: Batch, application: Application
) -> None:
    with visitor(browser) as one:
        page = one.page
        page.goto(f"{server}/deliveries/{batch.deliveries[0].id}")
        page.get_by_label("To", exact=True).fill(application.address)
        page.get_by_role("button", name="Replay").click()
        expect(page.get_by_text("Answered 202")).to_be_visible()
        expect(page.get_by_text("<script>alert(1)</script>").first).to_be_visible()
        assert [path for path, _, _ in application.received] == ["/webhooks/stripe"]
        one.picture("replayed")
        # Where it went to is proposed again.
        page.goto(f"{server}/deliveries/{batch.deliveries[0].id}")
        expect(page.get_by_label("To", exact=True)).to_have_value(application.address)
        page.get_by_label("To", exact=True).fill("http://192.0.2.1/")
        one.expected = ("422",)
        page.get_by_role("button", name="Replay").click()
        expect(page.get_by_text("only loopback addresses")).to_be_visible()


def test_logging_in_by_the_form(browser: Browser, tmp_path: Path) -> None:
    key = "sk_live_0123456789abcdef"
    with listening(filled(tmp_path, one_of_each(), api_keys=(key,))) as address, visitor(browser) as one:
        one.expected = ("403",)
        page = one.page
        page.goto(f"{address}/deliveries?outcome=failed")
        expect(page.get_by_label("API key")).to_be_focused()
        page.keyboard.type("sk_live_something_else")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text("not taken here")
        one.picture("login", whole=False)
        page.get_by_label("API key").fill(key)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{address}/deliveries?outcome=failed")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        page.get_by_role("button", name="Log out").click()
        expect(page).to_have_url(f"{address}/login")


def test_an_open_overview_shows_what_comes_and_keeps_what_was_unfolded(browser: Browser, server: str) -> None:
    with visitor(browser) as one:
        page = one.page
        page.goto(server)
        expect(page.get_by_text("Live", exact=True)).to_be_visible()
        deliveries = page.locator(".figure", has_text="Deliveries").locator(".figure-value")
        before = int(deliveries.text_content() or "")
        page.get_by_role("link", name="7 d").focus()
        send(server, "github", "deployment_status")
        expect(deliveries).to_have_text(str(before + 1))


def test_every_time_is_in_one_zone_that_is_named(browser: Browser, server: str) -> None:
    with visitor(browser, timezone_id="Asia/Tokyo") as one:
        page = one.page
        page.goto(server)
        for zone in page.locator("[data-zone]").all():
            expect(zone).to_have_text("Asia/Tokyo")
        tip = page.locator("title[data-at]").first
        axis = page.locator("[data-axis]").first
        local = axis.text_content()
        assert "Asia/Tokyo" in (tip.text_content() or "")
        page.get_by_role("button", name="Show UTC").click()
        for zone in page.locator("[data-zone]").all():
            expect(zone).to_have_text("UTC")
        assert "UTC" in (tip.text_content() or "")
        expect(axis).not_to_have_text(local or "")
        page.goto(f"{server}/deliveries")
        expect(page.locator("[data-zone]").first).to_have_text("UTC")
