"""Every header parser and decoder against arbitrary text, for a bounded time."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scale import scaled

from outworx_otel.signatures import providers
from outworx_otel.signatures.encoding import DECODERS, ENCODERS
from outworx_otel.signatures.express import _READERS
from outworx_otel.signatures.parsing import parser_for
from outworx_otel.signatures.timestamps import read_timestamp, write_timestamp
from outworx_otel.signatures.urls import hubspot_forms, port_forms

from .deliveries import SHAPES

# `make test-full` asks for more.
EXAMPLES = int(os.environ.get("OUTWORX_FUZZ_EXAMPLES", scaled(300, 100)))

FRAGMENTS = st.sampled_from(
    [
        "t=",
        "v1=",
        "v1,",
        "v1a,",
        "h1=",
        "ts=",
        "sha256=",
        "sha1=",
        "v0=",
        ",",
        ";",
        "=",
        " ",
        ", ",
        "\t",
        "0" * 64,
    ]
)
HEADER = st.lists(st.one_of(FRAGMENTS, st.text(max_size=8)), max_size=12).map("".join)
ROWS = [row for row in providers() if row.procedure is None and row.provider in SHAPES]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.provider)
@settings(max_examples=max(20, EXAMPLES // len(ROWS)), deadline=None)
@given(value=HEADER)
def test_header_parsers_take_any_text_and_give_only_parts_of_it(row: object, value: str) -> None:
    for parse in (parser_for(row), _READERS[row.layout](row)):  # type: ignore[arg-type, attr-defined]  # a scheme
        timestamp, signatures = parse(value)

        assert timestamp is None or timestamp in value
        assert all(signature in value for signature in signatures)


@pytest.mark.parametrize("encoding", sorted(DECODERS))
@settings(max_examples=EXAMPLES, deadline=None)
@given(text=st.one_of(st.text(max_size=60), st.from_regex(r"[A-Za-z0-9+/_=-]{0,60}", fullmatch=True)))
def test_decoders_take_any_text_and_accept_one_spelling_of_each_signature(encoding: str, text: str) -> None:
    raw = DECODERS[encoding](text)  # type: ignore[index]  # an encoding

    if raw is not None and encoding != "text":
        again = ENCODERS[encoding](raw)  # type: ignore[index]  # an encoding
        assert again.rstrip("=").lower() == text.rstrip("=").lower()


@pytest.mark.parametrize("encoding", sorted(DECODERS))
@settings(deadline=None)
@given(raw=st.binary(max_size=80))
def test_what_was_encoded_decodes_to_itself(encoding: str, raw: bytes) -> None:
    assert DECODERS[encoding](ENCODERS[encoding](raw)) == raw  # type: ignore[index]  # an encoding


@pytest.mark.parametrize("unit", ["s", "ms", "iso8601"])
@settings(max_examples=EXAMPLES, deadline=None)
@given(text=st.one_of(st.text(max_size=30), st.from_regex(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?Z?")))
def test_timestamps_are_a_number_or_none_for_any_text(unit: str, text: str) -> None:
    assert isinstance(read_timestamp(text, unit), (float, int, type(None)))  # type: ignore[arg-type]  # a unit


@pytest.mark.parametrize("unit", ["s", "ms", "iso8601"])
@settings(deadline=None)
@given(now=st.integers(0, 4_000_000_000))
def test_timestamps_that_were_written_are_read_again(unit: str, now: int) -> None:
    assert read_timestamp(write_timestamp(now, unit), unit) == now  # type: ignore[arg-type]  # a unit


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-09-21T14:13:20Z", 1_790_000_000),
        ("2026-09-21T14:13:20.000634234626Z", 1_790_000_000.000634),
        ("2026-09-21T16:13:20+02:00", 1_790_000_000),
        ("2026-09-21T10:43:20.5-0330", 1_790_000_000.5),
        ("2026-02-30T10:00:00Z", None),
        # As Orb's library reads it.
        ("2026-09-21T14:13:20", 1_790_000_000),
        ("٢٠٢٦-09-21T14:13:20Z", None),
    ],
)
def test_rfc3339_is_read_with_fractions_and_offsets(text: str, seconds: float | None) -> None:
    found = read_timestamp(text, "iso8601")

    assert found == (seconds if seconds is None else pytest.approx(seconds, abs=1e-5))


@settings(max_examples=EXAMPLES, deadline=None)
@given(url=st.one_of(st.text(max_size=60), HEADER.map(lambda text: "https://" + text)))
def test_forms_of_a_url_begin_with_the_url_itself(url: str) -> None:
    assert port_forms(url)[0] == url
    assert hubspot_forms(url)[0] == url


@pytest.mark.parametrize(
    ("url", "forms"),
    [
        ("https://a.example/x", {"https://a.example/x", "https://a.example:443/x"}),
        ("http://a.example:8080/x?y", {"http://a.example:8080/x?y", "http://a.example/x?y"}),
        ("https://me:pw@a.example/x", {"https://me:pw@a.example/x", "https://me:pw@a.example:443/x"}),
        ("https://[::1]:8443/x", {"https://[::1]:8443/x", "https://[::1]/x"}),
        ("https://a.example:http/x", {"https://a.example:http/x"}),
    ],
)
def test_a_url_is_tried_with_and_without_its_port(url: str, forms: set[str]) -> None:
    assert set(port_forms(url)) == forms
