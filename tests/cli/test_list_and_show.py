"""`outworx list` and `outworx show`, against a real server that has a delivery of each kind, and a hostile one."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import httpx
import pytest
from server.dashboard.attacks import HOSTILE_TEXT, hostile
from server.dashboard.kept import delivery, one_of_each
from server.dashboard.serving import filled, listening
from support.commands import Outcome, invoked

from outworx_otel.server.model import Batch, StoredDelivery
from outworx_otel.telemetry import semconv

_WHY = re.compile(r'data-row="([^"]+)".*?<td class="c-why"><span[^>]*>([^<]*)</span>', re.DOTALL)
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="


@pytest.fixture(scope="module")
def batch() -> Batch:
    """One of each outcome, one whose body is no text, and the hostile one."""
    batch = one_of_each()
    batch.deliveries.append(delivery(ago=10, attributes={semconv.REQUEST_BODY: PNG}))
    batch.deliveries.append(hostile(ago=20))
    return batch


@pytest.fixture(scope="module")
def kept(batch: Batch) -> dict[str, StoredDelivery]:
    """The first of each outcome, and the two last."""
    found = {"binary": batch.deliveries[-2], "hostile": batch.deliveries[-1]}
    for one in batch.deliveries:
        found.setdefault(one.outcome, one)
    return found


@pytest.fixture(scope="module")
def server(batch: Batch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with listening(filled(tmp_path_factory.mktemp("listed"), batch)) as address:
        yield address


def ran(server: str, *arguments: object) -> Outcome:
    done = invoked(*arguments, "--endpoint", server)
    assert not re.search(r"[^\x20-\x7e\n\u2026\u00b5]", done.out.replace("\U0001f98a", "")), (
        "it would steer a terminal"
    )
    return done


def test_every_row_says_why_in_the_words_of_the_page(server: str, batch: Batch) -> None:
    page = httpx.get(f"{server}/deliveries").text
    whys = {html.unescape(id): html.unescape(why) for id, why in _WHY.findall(page)}

    done = ran(server, "list")

    assert done.code == 0
    heading, *rows = done.lines
    assert re.fullmatch(r"TIME \(\w+\) +OUTCOME +STATUS +PROVIDER +EVENT TYPE +ENDPOINT +ID +WHY", heading)
    assert len(rows) == len(batch.deliveries) == len(whys)
    assert all(any(id in row and row.endswith(why) for row in rows) for id, why in whys.items())


def test_the_filters_of_the_page_narrow_the_list(server: str, kept: dict[str, StoredDelivery]) -> None:
    def listed(*arguments: object) -> set[str]:
        return {one["outcome"] for one in ran(server, "list", "--json", *arguments).json()}

    assert listed("--outcome", "failed", "--outcome", "error") == {"failed", "error"}
    assert listed("--reason", "hmac_mismatch") == {"rejected"}
    assert listed("--search", kept["refused"].id[:9]) == {"refused"}
    assert listed("--since", "100s", "--provider", "stripe") == {"failed", "refused", "in_flight", "accepted"}
    assert len(ran(server, "list", "--limit", 3, "--json").lines) == 3


def test_json_is_what_the_server_gives(server: str, kept: dict[str, StoredDelivery]) -> None:
    identity = kept["failed"].id

    assert (
        ran(server, "list", "--limit", 2, "--json").json()
        == (httpx.get(f"{server}/api/deliveries?limit=2").json()["deliveries"])
    )
    assert ran(server, "show", identity, "--json").json() == (
        [httpx.get(f"{server}/api/deliveries/{identity}").json()]
    )


def test_a_delivery_is_shown_with_all_that_its_page_tells(
    server: str, kept: dict[str, StoredDelivery]
) -> None:
    shown = ran(server, "show", kept["replayed"].id[:10]).out
    first = ran(server, "show", kept["replayed"].links[0].span_id).out

    assert first.startswith("Processed\nAnswered with 200, and the handler said that the work was done.\n")
    assert "ok    Claim    claimed, then committed" in first
    assert "stripe-signature: [redacted]" in first
    assert '    "id": "evt_4821",' in first
    assert "metadata.amount: 4900" in first
    assert shown.startswith("Replayed\n")
    assert "All deliveries of this event (2)" in shown
    assert f"accepted     200  {kept['accepted'].id}" in shown


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (
            "error",
            ["Error: KeyError: 'amount'", "Where       /app/payments.py:31 in stripe", "charge(event)"],
        ),
        (
            "rejected",
            ["Found       A wrong secret", "What to do  Compare the endpoint's secret", "bad   Verify"],
        ),
        (
            "silent_drop",
            ["/app/payments.py:46 in stripe", "processing.reason: returned before the mark on line 48"],
        ),
        ("deferred", ["deferred work: failed in 400 ms failed: card declined"]),
        ("binary", ["000000  89 50 4e 47", ".PNG...."]),
        ("hostile", [HOSTILE_TEXT, r"a\x00b\x1b[31mc\u202eevil", "Only its beginning is shown"]),
    ],
)
def test_what_went_wrong_where_and_what_to_do(
    server: str, kept: dict[str, StoredDelivery], kind: str, told: list[str]
) -> None:
    shown = ran(server, "show", kept[kind].id).out

    assert [words for words in told if words not in shown] == []


def test_a_mistake_is_told_from_a_server_that_is_away(server: str) -> None:
    missing = ran(server, "show", "0" * 32)
    assert (missing.code, "has no delivery '0000" in missing.err) == (1, True)
    wrong = ran(server, "list", "--outcome", "good")
    assert (wrong.code, "outcome: must be one of accepted" in wrong.err) == (2, True)
    away = invoked("list", "--endpoint", "http://127.0.0.1:9")
    assert (away.code, "no server at http://127.0.0.1:9" in away.err) == (1, True)


def test_nothing_found_is_said_beside_the_output(server: str) -> None:
    none = ran(server, "list", "--provider", "nobody")
    assert (none.code, none.out, none.err) == (0, "", "No delivery is like this.\n")
