"""The runtime and its endpoints: what is found, what is reported, and how often."""

from __future__ import annotations

import functools
import logging
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from support.own_clock import set_clock

from outworx_otel import ConfigurationError, StoreError, TrackOptions, VerifierError, webhook
from outworx_otel.delivery.track import TrackContext, current_track
from outworx_otel.setup.admission import set_under_way
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.marking import marked
from outworx_otel.setup.runtime import Runtime


def endpoint(provider: str = "stripe", **options: Any) -> Endpoint:
    return Endpoint(TrackOptions(provider, **options), "code")


def test_an_error_is_given_to_the_callback_and_its_first_kind_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    heard: list[Exception] = []
    runtime = Runtime(on_error=heard.append)
    caplog.set_level(logging.DEBUG, "outworx_otel")
    errors = [VerifierError("one"), VerifierError("two"), StoreError("three")]
    for error in errors:
        runtime.report(error)
    assert heard == errors
    assert [record.levelname for record in caplog.records] == ["ERROR", "DEBUG", "ERROR"]


def test_a_callback_that_raises_is_logged_and_goes_no_further(caplog: pytest.LogCaptureFixture) -> None:
    def broken(error: Exception) -> None:
        raise RuntimeError("no")

    Runtime(on_error=broken).report(StoreError("store down"))
    assert "on_error raised; the error it was given: store down" in caplog.text


def test_a_failure_of_ours_carries_its_cause() -> None:
    heard: list[Exception] = []
    cause = ZeroDivisionError("x")
    Runtime(on_error=heard.append).failed("doing things", cause)
    assert str(heard[0]) == "doing things failed: ZeroDivisionError: x"
    assert heard[0].__cause__ is cause


def test_rejected_deliveries_are_reported_ten_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    set_clock(monkeypatch, "process.rates", lambda: now[0])
    rejecting, other = endpoint(), endpoint()
    assert sum(rejecting.may_report_rejection() for _ in range(1000)) == 10
    assert other.may_report_rejection()
    now[0] = 101.0
    assert sum(rejecting.may_report_rejection() for _ in range(1000)) == 10


def test_an_endpoint_is_found_by_path_or_by_template() -> None:
    runtime = Runtime({"/a/*": endpoint("a"), "/b/{id}": endpoint("b"), "/c/<id>": endpoint("c")})
    for path, template, provider in (
        ("/a/x", None, "a"),
        ("/b/1", "/b/{id}", "b"),
        ("/c/1", "/c/<id>", "c"),
    ):
        found = runtime.find(path, lambda template=template: template)
        assert found is not None
        assert found.options.provider == provider
    assert runtime.find("/d", lambda: None) is None


def test_a_template_is_asked_for_only_where_one_is_configured() -> None:
    assert Runtime({"/a": endpoint()}).find("/b", lambda: pytest.fail("asked")) is None
    assert Runtime().find("/b", lambda: pytest.fail("asked")) is None


@pytest.mark.parametrize(
    ("headers", "provider"),
    [
        ([(b"stripe-signature", b"x")], "stripe"),
        ({"HTTP_STRIPE_SIGNATURE": "x", "wsgi.input": None}, "stripe"),
        ([(b"x-github-event", b"push"), (b"x-hub-signature-256", b"x")], "github"),
        ({"HTTP_X_GITHUB_EVENT": "push"}, "github"),
        ([(b"x-other", b"x")], None),
        ({}, None),
        ([], None),
    ],
)
def test_a_provider_is_detected_by_its_headers(headers: Any, provider: str | None) -> None:
    def detected(runtime: Runtime, method: str) -> str | None:
        detect = runtime.detect_environ if isinstance(headers, dict) else runtime.detect_pairs
        return detect(method, headers)

    assert detected(Runtime(), "POST") == provider
    assert detected(Runtime(), "GET") is None
    assert detected(Runtime(detect=False), "POST") is None
    if provider is not None:
        runtime = Runtime()
        assert runtime.endpoint_of_detected(provider) is runtime.endpoint_of_detected(provider)


def test_known_secrets_are_every_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = Runtime(
        {
            "/a": endpoint("stripe", signature_secret=["one", "two"]),
            "/b": endpoint("github", signature_secret="three"),  # noqa: S106
            "/c": endpoint("slack"),
        }
    )
    assert [tuple(known)[:3] for known in runtime.known_secrets()] == [
        ("/a", "stripe", "one"),
        ("/a", "stripe", "two"),
        ("/b", "github", "three"),
    ]


def test_a_secret_for_a_provider_without_a_row_is_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    assert endpoint("the-shop-next-door", signature_secret="s3cr3t").unsupported  # noqa: S106
    assert "the-shop-next-door" in caplog.text
    assert "every delivery is rejected" in caplog.text
    assert "s3cr3t" not in caplog.text


def test_a_secret_that_is_no_key_is_an_error_at_start() -> None:
    with pytest.raises(ConfigurationError, match="svix"):
        endpoint("svix", signature_secret="whsec_***")  # noqa: S106


def test_a_mark_is_found_on_functions_classes_methods_and_partials() -> None:
    @webhook("stripe")
    def function() -> None: ...

    @webhook("github")
    class View:
        @webhook("slack")
        def post(self) -> None: ...

        def put(self) -> None: ...

    assert marked(function, "POST").options.provider == "stripe"  # type: ignore[union-attr]
    assert marked(functools.partial(function), "POST").options.provider == "stripe"  # type: ignore[union-attr]
    assert marked(View, "PUT").options.provider == "github"  # type: ignore[union-attr]
    assert marked(lambda: None, "POST") is None
    assert marked(None, "POST") is None


def test_the_more_particular_mark_wins() -> None:
    @webhook("github")
    class View:
        @webhook("slack")
        def post(self) -> None: ...

    assert marked(View, "POST").options.provider == "slack"  # type: ignore[union-attr]


def test_a_handle_takes_the_first_mark_and_hands_on_later_ones() -> None:
    late: list[Any] = []
    track = TrackContext()
    assert track.close(late.append) is None
    track.ignored()
    track.processed()
    assert [mark.status for mark in late] == ["ignored"]
    assert track.mark is late[0]


def test_the_current_handle_is_put_back() -> None:
    outer, inner = TrackContext(), TrackContext()
    leave_outer = set_under_way(SimpleNamespace(track=outer, covers=bool))
    leave_inner = set_under_way(SimpleNamespace(track=inner, covers=bool))
    assert current_track() is inner
    leave_inner()
    assert current_track() is outer
    leave_outer()
    assert current_track() is not outer


@pytest.mark.parametrize("kind", [VerifierError, StoreError])
def test_one_fault_in_one_place_is_told_once_a_minute_whatever_its_text(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    set_clock(monkeypatch, "setup.runtime", lambda: now[0])
    heard: list[Exception] = []
    runtime = Runtime(on_error=heard.append)

    def bad_host(host: str) -> None:
        try:
            raise ValueError(f"Invalid HTTP_HOST header: {host}")
        except ValueError as cause:
            runtime.failed("reading a request", cause)
            error = kind(f"failed for {host}")
            error.__cause__ = cause
            runtime.report(error)

    for n in range(500):
        bad_host(f"host-{n}")
    assert len(heard) == 2
    now[0] += 61
    bad_host("another")
    assert len(heard) == 4
    for n in range(2000):
        runtime.report(kind(f"text {n}"))
    assert len(runtime._told) <= 256


def test_what_was_put_off_is_done_before_any_of_the_deliveries_that_begin_together_goes_on() -> None:
    lock, begun, may_end, gone_on = threading.RLock(), threading.Event(), threading.Event(), []
    done: list[str] = []

    def begin() -> None:
        with lock:
            if not done:
                begun.set()
                may_end.wait(10)
                done.append("exporting")

    runtime = Runtime(begin=begin)

    def deliver() -> None:
        runtime.delivery_begins()
        gone_on.append(list(done))

    threads = [threading.Thread(target=deliver) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    may_end.set()
    for thread in threads:
        thread.join(10)

    assert gone_on == [["exporting"]] * 4
    runtime.delivery_begins()
    assert done == ["exporting"]


def test_a_delivery_goes_on_where_what_was_put_off_fails() -> None:
    heard: list[Exception] = []

    def begin() -> None:
        raise ValueError("no exporter")

    runtime = Runtime(begin=begin, on_error=heard.append)
    for _ in range(2):
        runtime.delivery_begins()

    assert len(heard) == 1
