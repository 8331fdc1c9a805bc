"""How an answer is read: status, Retry-After, and a stranger's text."""

from __future__ import annotations

import datetime

import pytest

from outworx_otel.export.send_result import Verdict, log_excerpt, retry_after_seconds, verdict_of_status


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (200, Verdict.DELIVERED),
        (202, Verdict.DELIVERED),
        (302, Verdict.REFUSED),
        (400, Verdict.REFUSED),
        (401, Verdict.KEY_REJECTED),
        (403, Verdict.KEY_REJECTED),
        (404, Verdict.UNSUPPORTED),
        (405, Verdict.UNSUPPORTED),
        (408, Verdict.PASSING),
        (413, Verdict.SPLIT),
        (415, Verdict.UNSUPPORTED),
        (429, Verdict.PASSING),
        (500, Verdict.PASSING),
        (503, Verdict.PASSING),
    ],
)
def test_a_status_decides_what_becomes_of_the_batch(status: int, verdict: Verdict) -> None:
    assert verdict_of_status(status) is verdict


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("2", 2.0),
        ("-5", 0.0),
        ("86400", 60.0),
        ("inf", 60.0),
        ("Wed, 01 Jan 2025 00:00:10 GMT", 10.0),
        ("Wed, 01 Jan 2025 00:00:10 -0000", 10.0),
        ("Tue, 31 Dec 2024 00:00:00 GMT", 0.0),
        ("Wed, 01 Jan 2026 00:00:00 GMT", 60.0),
        ("Wed, 99 Jan 2026 00:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date_and_bounded(
    header: str | None, seconds: float | None
) -> None:
    now = datetime.datetime(2025, 1, 1, tzinfo=datetime.timezone.utc)
    assert retry_after_seconds(header, now) == seconds


def test_a_strangers_text_is_cut_to_one_printable_line() -> None:
    assert log_excerpt("a\r\nb\x1b[1m\u2028" + "c" * 1000, "b") == "a [key] [1m " + "c" * 188
