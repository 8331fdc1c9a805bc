"""Tokens as `track.token()` gives them and `resume()` takes them: signed, bounded, dated."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from integrations.conftest import Telemetry
from opentelemetry import trace
from support.calls import PATH
from support.deliveries import JSON
from support.first_set_up import begin_anew

import outworx_otel
from outworx_otel import ConfigurationError, OutworxError, TokenError, TrackOptions, current_track
from outworx_otel.delivery.tokens import MAX_TOKEN

from .conftest import SECRET
from .delivering import FLASK, MARKED, Monitor, deliver, handed_on, is_error, process, processes, said


class Refused:
    """What `resume` said to a token, and that it did nothing else."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    def problem(self, token: Any, **options: Any) -> str:
        before = self._telemetry.exporter.get_finished_spans()
        with pytest.raises(TokenError) as caught, outworx_otel.resume(token, **options):
            pytest.fail("the work was begun")
        assert isinstance(caught.value, OutworxError)
        assert SECRET not in str(caught.value)
        assert self._telemetry.exporter.get_finished_spans() == before
        assert trace.get_current_span() is trace.INVALID_SPAN
        assert current_track().mark is None
        return caught.value.problem


@pytest.fixture
def refused(telemetry: Telemetry) -> Iterator[Refused]:
    return Refused(telemetry)


def test_an_expired_token_is_refused(
    secret: str, monitor: Monitor, telemetry: Telemetry, refused: Refused
) -> None:
    token = handed_on(monitor, timeout=0.02)
    time.sleep(0.05)
    assert refused.problem(token) == "expired"
    assert [span.name for span in telemetry.spans()] == ["webhook stripe"]


def test_a_token_that_expires_while_its_work_is_under_way_does_not_disturb_it(
    secret: str, monitor: Monitor, telemetry: Telemetry
) -> None:
    token = handed_on(monitor, timeout=1.0)
    with outworx_otel.resume(token) as track:
        time.sleep(1.05)
        track.processed()
    assert said(process(telemetry), "processing.status") == "completed"


def test_a_token_that_was_changed_anywhere_is_refused(token: str, refused: Refused) -> None:
    version, payload, signature = token.split(".")
    for position in (0, len(payload) // 2, len(payload) - 1):
        changed = payload[:position] + ("A" if payload[position] != "A" else "B") + payload[position + 1 :]
        assert refused.problem(f"{version}.{changed}.{signature}") == "bad_signature"
    assert refused.problem(token[:-1] + ("A" if token[-1] != "A" else "E")) == "bad_signature"
    assert refused.problem(f"{version}.{payload[::-1]}.{signature}") == "bad_signature"
    assert refused.problem(f"ow9.{payload}.{signature}") == "unsupported_version"


def test_a_token_that_was_cut_short_is_refused_wherever(token: str, refused: Refused) -> None:
    for length in {1, 3, 4, 20, token.rindex("."), token.rindex(".") + 1, len(token) - 1}:
        assert refused.problem(token[:length]) in ("malformed", "bad_signature"), length


def test_a_token_of_another_deployment_is_refused(token: str, refused: Refused) -> None:
    assert refused.problem(token, secret="another") == "bad_signature"  # noqa: S106


@pytest.mark.parametrize("odd", ["null", "ow1", "a.b.c", b"\xff\xfe", "x" * 10_000, 7, ["ow1"], {"a": 1}])
def test_what_is_no_token_is_malformed(odd: Any, token: str, refused: Refused) -> None:
    assert refused.problem(odd) == "malformed"


def test_a_refused_token_is_still_good_where_its_key_is(token: str, telemetry: Telemetry) -> None:
    with pytest.raises(TokenError), outworx_otel.resume(token, secret=b"another"):
        pass
    with outworx_otel.resume(token, secret=SECRET.encode()) as track:
        track.processed()
    assert said(process(telemetry), "processing.status") == "completed"


def test_the_api_key_signs_where_no_secret_was_set(
    monitor: Monitor, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTWORX_HOOKS_API_KEY", "ohk_first")
    token = handed_on(monitor)
    assert "ohk_first" not in token
    with outworx_otel.resume(token, secret="ohk_first") as track:  # noqa: S106
        track.processed()
    assert len(processes(telemetry)) == 1


def test_what_is_queued_when_a_secret_is_introduced_is_still_taken(
    monitor: Monitor, telemetry: Telemetry, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTWORX_HOOKS_API_KEY", "ohk_first")
    queued = handed_on(monitor)
    monkeypatch.setenv("OUTWORX_TOKEN_SECRET", SECRET)
    new = handed_on(monitor)
    for token in (queued, new):
        with outworx_otel.resume(token) as track:
            track.processed()
    assert len(processes(telemetry, 2)) == 2
    assert refused.problem(new, secret="ohk_first") == "bad_signature"  # noqa: S106
    monkeypatch.delenv("OUTWORX_HOOKS_API_KEY")
    monitor({})
    assert refused.problem(queued) == "bad_signature"


@pytest.mark.parametrize("blank", [None, "", "  "])
def test_without_a_secret_neither_side_pretends(
    blank: str | None, monitor: Monitor, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    if blank is not None:
        monkeypatch.setenv("OUTWORX_TOKEN_SECRET", blank)
    monitor({PATH: MARKED})

    def tries(track: outworx_otel.TrackContext) -> None:
        with pytest.raises(ConfigurationError, match="OUTWORX_TOKEN_SECRET"):
            track.token()
        track.processed()

    deliver(FLASK, tries)
    # Nothing was deferred.
    assert said(telemetry.delivery(), "processing.status") == "completed"
    with pytest.raises(ConfigurationError, match="OUTWORX_TOKEN_SECRET"), outworx_otel.resume("ow1.AA.AA"):
        pytest.fail("the work was begun")


def test_an_unhandled_lack_of_a_secret_is_the_handlers_error(monitor: Monitor, telemetry: Telemetry) -> None:
    monitor({PATH: MARKED})
    with pytest.raises(ConfigurationError, match="OUTWORX_TOKEN_SECRET"):
        deliver(FLASK, lambda track: track.token())
    assert is_error(telemetry.delivery())


@pytest.mark.parametrize("empty", ["", b"", " "])
def test_an_empty_secret_is_none(empty: str | bytes, token: str) -> None:
    with pytest.raises(ConfigurationError), outworx_otel.resume(token, secret=empty):
        pytest.fail("the work was begun")


def test_a_token_is_bounded_whatever_the_delivery(
    secret: str, monitor: Monitor, telemetry: Telemetry
) -> None:
    from support.calls import Witness

    path = "/webhooks/" + "é" * 600
    monitor({path: TrackOptions("stripe", require_processing_mark=True, idempotency_key="body.id")})
    tokens: list[str] = []
    app = FLASK.serve(Witness(lambda call: tokens.append(call.track.token())), path, raises=True)
    assert app.post(('{"id": "%s"}' % ("✓" * 5_000)).encode(), JSON, path).status == 200
    assert len(tokens[0]) <= MAX_TOKEN
    assert tokens[0].isascii()
    with outworx_otel.resume(tokens[0]) as track:
        track.processed()
    assert said(process(telemetry), "event.id") == "✓" * 256


def test_a_token_holds_nothing_of_the_body_and_no_header(
    secret: str, monitor: Monitor, telemetry: Telemetry
) -> None:
    import base64

    token = handed_on(monitor)
    payload = base64.urlsafe_b64decode(token.split(".")[1] + "==").decode()
    assert "stripe" in payload
    for private in ("charge.succeeded", "amount", "content-type", SECRET):
        assert private not in payload


def test_a_worker_that_was_never_set_up_is_told_what_to_do(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from outworx_otel.setup import runtime as runtimes

    runtimes.replace(runtimes.Runtime())
    begin_anew(monkeypatch)
    with pytest.raises(ConfigurationError, match=r"outworx_otel\.init\(\)"), outworx_otel.resume(token):
        pytest.fail("the work was begun")


def test_two_tokens_of_one_delivery_are_two_pieces_of_work(
    secret: str, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: MARKED})
    tokens: list[str] = []
    deliver(FLASK, lambda track: tokens.extend((track.token(), track.token(5))))
    for token in tokens:
        with outworx_otel.resume(token) as track:
            track.processed()
    spans = processes(telemetry, 2)
    assert {span.links[0].context.span_id for span in spans} == {telemetry.delivery().context.span_id}
