"""Whatever is delivered is text on a page, and nothing else."""

from __future__ import annotations

import base64
import json
import re
import tracemalloc
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from outworx_otel.server.dashboard.bodies import MAX_TEXT, body_of, bytes_of
from outworx_otel.server.dashboard.escaping import MAX_SHOWN, shown
from outworx_otel.server.dashboard.login_page import own_path
from outworx_otel.server.formatting import visible
from outworx_otel.server.model import StoredDelivery
from server.dashboard.attacks import EMOJI, HOSTILE_TEXT


class Elements(HTMLParser):
    """What a page is made of, as a browser would read it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []
        self.scripts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [
            value or "" for name, value in attrs if name in ("href", "src", "action", "xlink:href")
        ]
        if tag == "script":
            self.scripts.append(dict(attrs).get("src") or "")


@pytest.mark.parametrize(
    "path",
    ["/", "/deliveries", "/deliveries/{id}", "/deliveries?q={text}&provider={text}", "/replay?q={text}"],
)
def test_a_hostile_delivery_adds_no_element_attribute_or_address(
    client: TestClient, by_outcome: dict[str, StoredDelivery], path: str
) -> None:
    answer = client.get(path.format(id=by_outcome["hostile"].id, text=HOSTILE_TEXT))
    elements = Elements(answer.text)
    assert not elements.names & {"img", "iframe", "object", "style", "base"}
    assert (
        not {name for name in elements.attributes if name.startswith("on")} | {"style"} & elements.attributes
    )
    assert all(link.startswith(("/", "#")) and not link.startswith("//") for link in elements.links)
    assert len(elements.scripts) == 1
    assert re.fullmatch(r"/static/[0-9a-f]{12}/main\.js", elements.scripts[0])
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069\u200b]", answer.text)
    assert "&lt;script&gt;" in answer.text


def test_a_mebibyte_of_emoji_is_cut_and_can_be_downloaded(
    client: TestClient, by_outcome: dict[str, StoredDelivery]
) -> None:
    one = by_outcome["hostile"]
    page = client.get(f"/deliveries/{one.id}")
    assert len(page.content) < 1024 * 1024
    assert "characters are shown; download the rest" in page.text
    body = client.get(f"/deliveries/{one.id}/request-body").content
    assert json.loads(body)["emoji"] == EMOJI


def test_controls_and_overrides_are_made_visible() -> None:
    assert visible("a\x00\x1b\x7f\u202eb\ud800\u200b") == "a␀␛␡<U+202E>b<U+D800><U+200B>"
    assert visible("a\tb\nc 👩\u200d💻 שלום") == "a\tb\nc 👩\u200d💻 שלום"


@given(st.text())
@example("\r\n\ud800\u202e")
def test_nothing_invisible_gets_through(text: str) -> None:
    made = shown(text)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ud800-\udfff]", made)
    made.encode()


def test_long_text_is_cut_and_says_so() -> None:
    made = shown("x" * (MAX_SHOWN + 5))
    assert len(made) < MAX_SHOWN + 40
    assert made.endswith("(and 5 characters)")


@given(st.text(), st.one_of(st.none(), st.integers(0, 2**40)), st.text(max_size=60))
@example("[" * 100_000, None, "application/json")
@example("a=" + "%00&" * 5_000, None, "application/x-www-form-urlencoded")
@example("\ud800", 1, "")
def test_any_stored_text_is_shown_within_bounds(stored: str, size: int | None, content_type: str) -> None:
    body = body_of(stored, size, content_type)
    for part in (body.pretty, body.raw):
        assert part is None or "<script" not in part
        # Escaping and pictures make characters longer, by a bounded factor.
        assert part is None or len(part) <= MAX_TEXT * 40


@pytest.mark.parametrize("inside", ["[1,2],{}", '"a\\"],{",-1.5e3,null', '{"b:":[{},[]]}'])
def test_json_is_laid_out_with_an_indent_of_two(inside: str) -> None:
    text = f'{{"k": [{inside}], "empty": []}}'
    laid_out = body_of(text, None).pretty
    assert laid_out is not None
    assert (
        laid_out.striptags().split()
        == json.dumps(json.loads(text), indent=2).replace("-1500.0", "-1.5e3").split()
    )


def test_deep_json_takes_no_more_memory_than_is_shown() -> None:
    deep = "[" * 900 + "1," * 100_000 + "1" + "]" * 900
    tracemalloc.start()
    try:
        assert len(body_of(deep, None).pretty or "") <= MAX_TEXT
        assert tracemalloc.get_traced_memory()[1] < 20 * 1024 * 1024
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=300))
def test_bytes_come_back_as_they_were_stored(raw: bytes) -> None:
    try:
        stored = raw.decode()
    except UnicodeDecodeError:
        stored = base64.b64encode(raw).decode()
    assert bytes_of(stored, len(raw)) == raw


@pytest.mark.parametrize(
    "text",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\/evil",
        "javascript:alert(1)",
        "/a\nb",
        "",
        "x",
    ],
)
def test_nobody_is_sent_elsewhere_after_logging_in(text: str) -> None:
    assert own_path(text) == "/"


def test_a_path_of_ours_is_gone_back_to() -> None:
    assert own_path("/deliveries?q=evt_1&since=-24h") == "/deliveries?q=evt_1&since=-24h"
