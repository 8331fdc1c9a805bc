"""What must hold on every way round: the columns of the table. A test module gives the rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from support import deliveries
from support.deliveries import WRONG

from outworx_otel import ConfigurationError, testing

from .site import Row, Send, Site

Open = Callable[..., Site]


def forgeries(row: Row, body: bytes) -> dict[str, Mapping[str, str]]:
    """Headers of deliveries that nobody genuine sent."""
    content_type = {"content-type": row.sign(body).get("content-type", "application/json")}
    return {
        "without a signature": content_type,
        "signed with another secret": {**content_type, **row.sign(body, WRONG)},
        "signed for the empty body": {**content_type, **row.sign(b"")},
    }


class EveryWay:
    """Subclassed with `ROWS` by each test module."""

    ROWS: ClassVar[Iterable[Row]]

    def __init_subclass__(cls) -> None:
        # pytest would skip a column that concerns no row of this table; there is none then.
        for column, concerns in _ONLY_WHERE.items():
            if not any(concerns(row) for row in cls.ROWS):
                setattr(cls, column, None)

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        concerns = _ONLY_WHERE.get(metafunc.function.__name__, lambda row: True)
        metafunc.parametrize("row", [row for row in self.ROWS if concerns(row)], ids=str)

    @pytest.fixture(autouse=True)
    def _nothing_of_ours_fails(self, failures: list[str]) -> Iterator[None]:
        yield
        assert failures == []

    def test_the_application_serves_without_us(self, row: Row, open_site: Open) -> None:
        site = open_site(guarded=False)
        body = row.body()
        answer = row.build(site)(body, row.sign(body))
        assert answer.status == 200, answer.body
        assert site.bodies == [body]

    def test_what_is_not_genuine_runs_nothing(self, row: Row, open_site: Open) -> None:
        site = open_site()
        send = built(row, site)
        if send is None:
            return
        body = row.body()
        answers = {how: send(body, headers) for how, headers in forgeries(row, body).items()}
        assert site.bodies == []
        statuses = {how: answer.status for how, answer in answers.items()}
        assert set(statuses.values()) <= row.refusals, statuses
        assert not any(deliveries.SECRET.encode() in answer.body for answer in answers.values())

    def test_what_is_genuine_runs_once(self, row: Row, open_site: Open) -> None:
        site = open_site()
        send = built(row, site)
        if send is None:
            return
        first, second = row.body(), row.body()
        answer = send(first, row.sign(first))
        assert (answer.status, site.bodies) == (200, [first]), answer.body
        # A refusal between two changes nothing.
        send(first, forgeries(row, first)["without a signature"])
        answer = send(second, row.sign(second))
        assert (answer.status, site.bodies) == (200, [first, second]), answer.body

    def test_what_cannot_be_verified_runs_never(self, row: Row, open_site: Open) -> None:
        site = open_site()
        send = built(row, site)
        if send is None:
            return
        body = row.body()
        answer = send(body, row.sign(body))
        if row.genuine_runs is None and answer.status == 200:
            assert site.bodies == [body]
            assert [said(span, "signature.valid") for span in site.deliveries()] == [True]
        else:
            assert site.bodies == []
            assert answer.status in row.refusals

    def test_a_delivery_is_one_span(self, row: Row, open_site: Open) -> None:
        site = open_site()
        send = built(row, site)
        if send is None:
            return
        body = row.body()
        with testing.capture() as captured:
            send(body, row.sign(body))
        (delivery,) = site.deliveries()
        assert said(delivery, "signature.valid") is True
        assert (delivery.attributes or {}).get("http.response.status_code") == 200
        assert [one.span.context for one in captured.deliveries] == [delivery.context]

    def test_a_refusal_is_one_span(self, row: Row, open_site: Open) -> None:
        site = open_site()
        send = built(row, site)
        if send is None:
            return
        body = row.body()
        with testing.capture() as captured:
            answer = send(body, forgeries(row, body)["signed with another secret"])
        (delivery,) = site.deliveries()
        assert said(delivery, "signature.valid") is False or row.genuine_runs is None
        assert (delivery.attributes or {}).get("http.response.status_code") == answer.status
        assert [one.span.context for one in captured.deliveries] == [delivery.context]

    def test_it_hangs_below_the_server_and_the_handler_below_it(self, row: Row, open_site: Open) -> None:
        site = open_site()
        send = built(row, site)
        if send is None:
            return
        body = row.body()
        tracer = site.tracer_provider.get_tracer("server")
        with tracer.start_as_current_span("POST", kind=trace.SpanKind.SERVER) as server:
            send(body, row.sign(body))
            assert trace.get_current_span() is server
        (delivery,) = site.deliveries()
        (handled,) = site.spans_in_handler
        finished = site.finished()
        parent = parent_of(delivery, finished)
        # FastAPI makes a SERVER span of its own.
        assert parent.kind is trace.SpanKind.SERVER
        assert parent.context == server.get_span_context() or parent.instrumentation_scope.name == "fastapi"
        assert began(delivery) <= ended(parent)
        # And an INTERNAL one round the handler.
        assert not row.handler_in_context or delivery.context.span_id in ancestors(handled, finished)


_ONLY_WHERE: dict[str, Callable[[Row], bool]] = {
    EveryWay.test_what_is_genuine_runs_once.__name__: lambda row: row.genuine_runs,
    EveryWay.test_what_cannot_be_verified_runs_never.__name__: lambda row: not row.genuine_runs,
    EveryWay.test_a_delivery_is_one_span.__name__: lambda row: row.genuine_runs and row.reported,
    # Where no seam of ours stands, nobody can report.
    EveryWay.test_a_refusal_is_one_span.__name__: lambda row: row.reported and 500 not in row.refusals,
    EveryWay.test_it_hangs_below_the_server_and_the_handler_below_it.__name__: lambda row: (
        row.genuine_runs and row.reported and row.in_context
    ),
}


def built(row: Row, site: Site) -> Send | None:
    """The row's application; None where it refused to start, and may."""
    try:
        return row.build(site)
    except ConfigurationError:
        if row.may_refuse_to_start:
            return None
        raise


def said(span: ReadableSpan, name: str) -> Any:
    """What a span says under `outworx.webhook.{name}`."""
    return (span.attributes or {}).get(f"outworx.webhook.{name}")


def parent_of(span: ReadableSpan, finished: Iterable[ReadableSpan]) -> Any:
    assert span.parent is not None, "it has no parent"
    return next(one for one in finished if one.context.span_id == span.parent.span_id)


def began(span: ReadableSpan) -> int:
    assert span.start_time is not None
    return span.start_time


def ended(span: ReadableSpan) -> int:
    assert span.end_time is not None
    return span.end_time


def ancestors(span: trace.Span, finished: Iterable[ReadableSpan]) -> list[int]:
    """The ids of a span, of its parent, of that one's parent, and so on."""
    parents = {one.context.span_id: one.parent for one in finished}
    found = [span.get_span_context().span_id]
    while (parent := parents.get(found[-1])) is not None:
        found.append(parent.span_id)
    return found
