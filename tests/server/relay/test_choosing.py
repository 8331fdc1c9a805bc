"""Which deliveries go where: targets, filters, and whose a delivery seems to be."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outworx_otel.cli.forward.filter_rules import FilterRules
from outworx_otel.cli.forward.local_targets import Targets, UsageError, parse_targets
from outworx_otel.cli.forward.tunnelled_request import RequestKind, TunnelledRequest, describe


def delivery(body: bytes = b"", path: str = "/a/1", method: str = "POST", **headers: str) -> TunnelledRequest:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return TunnelledRequest("id", method, path, "", pairs, body)


STRIPE = {"stripe_signature": "t=1,v1=x"}
SENT = [
    delivery(b'{"type":"charge.succeeded"}', **STRIPE),
    delivery(b'{"type":"invoice.paid"}', "/a/2", **STRIPE),
    delivery(b"{}", "/b", "PUT", x_github_event="push"),
    delivery(b"no json", "/b", "GET"),
]


@pytest.mark.parametrize(
    ("rules", "passes"),
    [
        ([], [True, True, True, True]),
        (["type=charge.*"], [True, False, False, False]),
        (["type=charge.*", "type=push"], [True, False, True, False]),
        (["provider=github"], [False, False, True, False]),
        (["path=/a/*"], [True, True, False, False]),
        (["path=/a/*", "type=*.paid"], [False, True, False, False]),
        (["method=P*", "path=/b"], [False, False, True, False]),
        (["type=?*"], [True, True, True, False]),
    ],
)
def test_filters_of_one_field_add_up_and_fields_narrow(rules, passes):
    filters = FilterRules(rules)
    assert [filters.stops(one) is None for one in SENT] == passes


@pytest.mark.parametrize(
    ("one", "described"),
    [
        (SENT[0], RequestKind("stripe", "charge.succeeded")),
        (SENT[2], RequestKind("github", "push")),
        (delivery(b'{"type":"order"}'), RequestKind("", "order")),
        (delivery(b'{"type":{"a":1}}'), RequestKind("", "")),
        (delivery(b"\xff\x00", **STRIPE), RequestKind("stripe", "")),
        (delivery(b"[" * 100_000, **STRIPE), RequestKind("stripe", "")),
    ],
)
def test_provider_and_event_type_are_found(one, described):
    assert describe(one) == described


@pytest.mark.parametrize(
    ("words", "urls"),
    [
        (["3000"], ["http://localhost:3000"]),
        (["localhost:8080"], ["http://localhost:8080"]),
        (["http://localhost:3000"], ["http://localhost:3000"]),
        (["https://shop.test/base/"], ["https://shop.test/base"]),
        (["[::1]:3000"], ["http://[::1]:3000"]),
        (["shop.test"], ["http://shop.test"]),
        (["/a=3000", "4000"], ["http://localhost:3000", "http://localhost:4000"]),
    ],
)
def test_shorthands(words, urls):
    assert [target.url for target in parse_targets(words)] == urls


@pytest.mark.parametrize(
    "word",
    [
        "",
        "/",
        "/a",
        "/a=",
        "0",
        "99999",
        "localhost:99999",
        "localhost:0",
        "ftp://x",
        "http://",
        "http://x?a=1",
        "http://x#a",
        "http://u@x",
        "a b",
        "http://x\r\ny",
        "é.test",
    ],
)
def test_what_is_no_target_is_refused_in_words(word):
    with pytest.raises(UsageError, match="3000"):
        parse_targets([word])


def test_the_longest_prefix_wins_and_ends_at_a_slash():
    targets = parse_targets(["/a=1", "/a/b/=2", "3"])
    found = {path: targets.find(path) for path in ("/a", "/a/", "/ab", "/a/b", "/a/b/c", "/a/bc", "/")}
    assert {path: target.url[-1] for path, target in found.items() if target} == {
        "/a": "1",
        "/a/": "1",
        "/ab": "3",
        "/a/b": "2",
        "/a/b/c": "2",
        "/a/bc": "1",
        "/": "3",
    }
    assert parse_targets(["/a=1"]).find("/b") is None


@given(st.lists(st.text(max_size=30), max_size=3))
def test_any_arguments_are_targets_or_refused(words):
    try:
        targets = parse_targets(words)
    except UsageError:
        return
    assert isinstance(targets, Targets)
    assert all(target.origin.startswith(("http://", "https://")) for target in targets)
