"""`outworx trigger`: deliveries are made, sent one after the other, and their answers printed."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Sequence

import typer

from outworx_otel.cli.console import FAILED, headers_of, printable, say, say_json, usage
from outworx_otel.cli.secret_options import chosen_credentials, no_secret
from outworx_otel.cli.trigger import spoiling
from outworx_otel.cli.trigger.sample_delivery import PreparedDelivery, SampleDeliveries
from outworx_otel.cli.trigger.samples import Sample, find, listed, parse_change
from outworx_otel.errors import ConfigurationError
from outworx_otel.server.replay import ReplayAnswer, ReplayError, ReplaySender, target_url
from outworx_otel.signatures.providers._index import NAMES


@dataclasses.dataclass(frozen=True, kw_only=True)
class TriggerOptions:
    """What is asked for, on the command line or by a coding agent."""

    provider: str | None
    event: str | None
    to: str | None
    timeout: float
    secrets: Sequence[str] = dataclasses.field(default=(), repr=False)
    secret_variables: Sequence[str] = ()
    changes: Sequence[str] = ()
    headers: Sequence[str] = ()
    count: int = 1
    rate: float | None = None
    duplicate: bool = False
    bad_signature: str | None = None
    insecure: bool = False
    authorities: Sequence[tuple[str, str]] = ()
    as_json: bool = False
    show_list: bool = False


def chosen_sample(provider: str, event: str | None) -> Sample:
    """The one that was asked for, or the only one of a provider.

    Raises:
        ConfigurationError: there is none, or there are several.
    """
    if event is not None:
        return find(provider, event)
    known = listed(provider)
    if len(known) != 1:
        names = ", ".join(sample.event for sample in known)
        raise ConfigurationError(f"which event? There are {names}")
    return known[0]


def run(wish: TriggerOptions) -> None:
    """Runs the command. Exits with 1 for an unexpected answer, with 2 for an option that cannot be used."""
    try:
        if wish.show_list or wish.provider is None or (wish.event is None and wish.to is None):
            _list(wish)
            return
        sample = chosen_sample(wish.provider, wish.event)
        workshop = sample_deliveries(wish, sample)
        first = workshop.make()
    except ConfigurationError as error:
        usage("trigger", str(error))
    tally = _Results(wish, sample)
    try:
        with ReplaySender(
            timeout=wish.timeout, insecure=wish.insecure, authorities=wish.authorities
        ) as sender:
            began = time.monotonic()
            for number in range(wish.count):
                if wish.rate is not None and number:
                    time.sleep(max(0.0, began + number / wish.rate - time.monotonic()))
                prepared = first if number == 0 else workshop.make()
                for again in (False, True) if wish.duplicate else (False,):
                    tally.sent(sender, prepared, again)
    finally:
        tally.sum_up()
    if tally.unexpected:
        raise typer.Exit(FAILED)


def sample_deliveries(wish: TriggerOptions, sample: Sample) -> SampleDeliveries:
    """What makes the deliveries.

    Raises:
        ConfigurationError: an option cannot be used, or there is no secret.
    """
    if wish.to is None:
        raise ConfigurationError(
            f"say where to, such as --to http://localhost:8000/webhooks/{sample.provider}"
        )
    url = target_url(wish.to)
    path = "/" + url.partition("://")[2].partition("/")[2]
    credentials = chosen_credentials(sample.provider, [path], wish.secrets, wish.secret_variables)
    changes = [parse_change(text) for text in wish.changes]
    workshop = SampleDeliveries(
        sample, changes, url, credentials, headers_of(wish.headers), wish.bad_signature
    )
    if credentials.secret is None and spoiling.needs_secret(wish.bad_signature):
        raise ConfigurationError(no_secret(sample.provider, path, credentials))
    return workshop


def is_expected(status: int, bad_signature: str | None) -> bool:
    """Whether this is the answer that such a delivery is to have."""
    if bad_signature is None:
        return 200 <= status < 300
    # A body over the limit is refused before anybody looks at its signature.
    return status == 401 or (bad_signature == "body_unavailable" and status == 413)


class _Results:
    """Prints each answer, and counts those that were not expected."""

    def __init__(self, wish: TriggerOptions, sample: Sample) -> None:
        self._wish = wish
        self._sample = sample
        self._counts: Counter[str] = Counter()
        self.unexpected = 0

    def sent(self, sender: ReplaySender, prepared: PreparedDelivery, again: bool) -> None:
        """Sends one delivery and prints its line."""
        answer, problem = None, None
        try:
            answer = sender.send(prepared.request)
        except ReplayError as error:
            problem = str(error)
        expected = answer is not None and is_expected(answer.status, self._wish.bad_signature)
        self.unexpected += not expected
        self._counts["no answer" if answer is None else str(answer.status)] += 1
        if self._wish.as_json:
            self._print_json(prepared, again, answer, problem)
        else:
            self._print_line(prepared, again, answer, problem, expected)

    def _print_line(
        self,
        prepared: PreparedDelivery,
        again: bool,
        answer: ReplayAnswer | None,
        problem: str | None,
        expected: bool,
    ) -> None:
        parts = [time.strftime("%H:%M:%S"), f"{self._sample.provider} {self._sample.event}"]
        if prepared.event_id is not None:
            parts.append(prepared.event_id)
        parts += ["(again)"] * again
        if answer is None:
            say("  ".join([*parts, f"no answer: {problem}"]), "red")
            return
        parts += [str(answer.status), f"{answer.seconds * 1000:.0f}ms"]
        parts += ["(replayed)"] * answer.replayed
        say("  ".join(parts), "green" if expected else "red")
        if not expected:
            say(f"  {self._why(answer)}", dim=True)

    def _why(self, answer: ReplayAnswer) -> str:
        if self._wish.bad_signature is not None and answer.status < 300:
            return (
                "it was taken in: this endpoint does not verify signatures, or does not reject invalid ones"
            )
        return _excerpt(answer) or "the answer has no body"

    def _print_json(
        self, prepared: PreparedDelivery, again: bool, answer: ReplayAnswer | None, problem: str | None
    ) -> None:
        say_json(
            {
                "provider": self._sample.provider,
                "event": self._sample.event,
                "event_id": prepared.event_id,
                "url": prepared.request.url,
                "duplicate": again,
                "bad_signature": self._wish.bad_signature,
                "status": None if answer is None else answer.status,
                "replayed": answer is not None and answer.replayed,
                "duration_ms": None if answer is None else round(answer.seconds * 1000, 1),
                "body": None if answer is None else answer.body.decode("utf-8", "replace"),
                "error": problem,
            }
        )

    def sum_up(self) -> None:
        """One line for several deliveries."""
        total = self._counts.total()
        if total > 1 and not self._wish.as_json:
            parts = [f"{count} x {what}" for what, count in sorted(self._counts.items())]
            say(f"{total} sent: {', '.join(parts)}", dim=True)


def _excerpt(answer: ReplayAnswer) -> str:
    text = answer.body[:2000].decode("utf-8", "replace").strip()
    line = printable(text.partition("\n")[0])
    return line if len(line) <= 200 else line[:200] + "..."


def _list(wish: TriggerOptions) -> None:
    names = NAMES if wish.provider is None else (listed(wish.provider)[0].provider,)
    for name in names:
        events = [sample.event for sample in listed(name)]
        if wish.as_json:
            say_json({"provider": name, "events": events})
        elif wish.provider is None:
            say(f"{name:<18}  {', '.join(events)}")
        else:
            for event in events:
                say(event)
