"""The line at start says which paths `OTEL_PYTHON_OUTWORX_EXCLUDED_URLS` opens: nothing else opens one."""

from __future__ import annotations

import pytest

from outworx_otel import TrackOptions
from outworx_otel.setup.announcement import EXCLUDED_URLS, announcement
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.exclusions import excluded_urls

ENDPOINTS = {
    "/webhooks/stripe": Endpoint(TrackOptions("stripe", signature_secret="whsec_a"), "code"),  # noqa: S106
    "/hooks/*": Endpoint(TrackOptions("github", signature_secret="ghs"), "code"),  # noqa: S106
    "/plain": Endpoint(TrackOptions("github"), "code"),
}


def _line(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(variable, value)
    return announcement(None, ENDPOINTS, None, None)


@pytest.mark.parametrize("value", ["stripe", "healthz, /webhooks/.*", "^/webhooks/stripe/$"])
def test_a_verifying_path_that_the_variable_opens_is_named_and_not_counted_as_verified(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = _line(EXCLUDED_URLS, value, monkeypatch)

    assert "1 verified" in line
    assert f"1 OPENED by {EXCLUDED_URLS} (/webhooks/stripe)" in line
    assert f"{EXCLUDED_URLS}={value} may open a part of /hooks/*" in line


def test_a_pattern_is_opened_as_a_whole_where_the_expression_matches_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = _line(EXCLUDED_URLS, "/hooks/", monkeypatch)

    assert f"1 OPENED by {EXCLUDED_URLS} (/hooks/*)" in line
    assert "may open" not in line


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_PYTHON_EXCLUDED_URLS", ".*"),
        (EXCLUDED_URLS, ""),
        (EXCLUDED_URLS, "("),
    ],
)
def test_nothing_else_opens_a_path(variable: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "OPENED" not in _line(variable, value, monkeypatch)


@pytest.mark.parametrize("value", ["healthz,", " ", ",", "healthz, ,metrics"])
def test_an_empty_expression_excludes_nothing(value: str) -> None:
    assert not excluded_urls(value).url_disabled("/webhooks/stripe")
