"""An alert as JSON, and what became of it at the channels."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from outworx_otel.server.described import Time, Whole, says
from outworx_otel.server.documents import iso_time, iso_time_if_any
from outworx_otel.server.problems.alert import Alert, Rule
from outworx_otel.server.problems.sending import AlertPage, Sending


class AlertDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule found; null is what there is not."""

    id: Whole
    rule: Rule
    state: Literal["raised", "ended"]
    subject: Annotated[str, says("What it is about, such as `problem:7`.")]
    headline: Annotated[str, says("What happened, in one line.")]
    what: Annotated[str, says("What happened, in a sentence or two.")]
    where: Annotated[str, says("Service, environment, provider and route, in words.")]
    advice: Annotated[str, says("What to do.")]
    count: Annotated[Whole, says("Deliveries, events or seconds, up to now.")]
    notices: Annotated[Whole, says("How often it asks to be told.")]
    problem_id: int | None
    service: str | None
    environment: str | None
    provider: str | None
    route: str | None
    since: Time
    raised: Time
    changed: Time
    ended: Time | None


class SendingDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an alert at a channel."""

    channel: str
    told: Annotated[Whole, says("How many notices were sent.")]
    sent: Annotated[Time | None, says("When the last one was.")]
    attempts: Annotated[Whole, says("Of the next one, in vain.")]
    error: Annotated[str | None, says("Why the last attempt was in vain.")]
    next_try: Time | None
    given_up: bool


class SentAlertDocument(AlertDocument, frozen=True, kw_only=True):
    """An alert with what became of it at each channel."""

    sendings: Annotated[list[SendingDocument], says("A channel is here from its first try on.")]


class AlertsDocument(msgspec.Struct, frozen=True):
    """Those first that changed last."""

    alerts: list[SentAlertDocument]
    next_cursor: str | None


def alerts_document(page: AlertPage) -> AlertsDocument:
    """A page of alerts as JSON."""
    alerts = [
        SentAlertDocument(
            **msgspec.structs.asdict(alert_document(alert)),
            sendings=[_sending_document(one) for one in sendings],
        )
        for alert, sendings in page.alerts
    ]
    return AlertsDocument(alerts, page.next_cursor)


def alert_document(alert: Alert) -> AlertDocument:
    """An alert as JSON."""
    return AlertDocument(
        id=alert.id,
        rule=alert.rule,
        state=alert.state,
        subject=alert.subject,
        headline=alert.headline,
        what=alert.what,
        where=alert.where,
        advice=alert.advice,
        count=alert.count,
        notices=alert.notices,
        problem_id=alert.problem_id,
        service=alert.service or None,
        environment=alert.environment or None,
        provider=alert.provider or None,
        route=alert.route or None,
        since=iso_time(alert.since_ns),
        raised=iso_time(alert.raised_ns),
        changed=iso_time(alert.changed_ns),
        ended=iso_time_if_any(alert.ended_ns),
    )


def _sending_document(sending: Sending) -> SendingDocument:
    return SendingDocument(
        channel=sending.channel,
        told=sending.told,
        sent=iso_time_if_any(sending.sent_ns),
        attempts=sending.attempts,
        error=sending.error or None,
        next_try=iso_time_if_any(sending.next_ns),
        given_up=sending.given_up,
    )
