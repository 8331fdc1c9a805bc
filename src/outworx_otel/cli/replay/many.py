"""Runs `outworx replay --outcome error`: chooses events at a server, and sends one after the other."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import typer

from outworx_otel.cli.console import FAILED, failed, say, say_json, usage
from outworx_otel.cli.delivery_filters import deliveries
from outworx_otel.cli.replay.preparing import Preparation, ReplayOptions
from outworx_otel.cli.replay.resend import excerpt, report
from outworx_otel.cli.replay.stored_at import fetched
from outworx_otel.cli.server_calls import OutworxServer, server_for
from outworx_otel.errors import ConfigurationError
from outworx_otel.server.replay import (
    MAX_UNANSWERED,
    Fate,
    ReplayedEvent,
    ReplayError,
    ReplaySender,
    Resending,
    choose_events,
    target_url,
)

# As a shell says that a command was ended by Ctrl+C.
_INTERRUPTED: Final = 130
_SAID: Final = {
    Fate.READY: "can be sent",
    Fate.DONE: "answered 2xx",
    Fate.ANSWERED: "answered otherwise",
    Fate.UNANSWERED: "without an answer",
    Fate.HANDLED: "handled meanwhile",
    Fate.IMPOSSIBLE: "cannot be sent",
}
_WELL: Final = {Fate.READY, Fate.DONE, Fate.HANDLED}


def run_many(wish: ReplayOptions) -> None:
    """Runs the command. Exits with 1 unless every event was answered with 2xx, with 2 for a wrong option."""
    _check(wish)
    try:
        with server_for("replay", wish.endpoint, wish.api_key, wish.authorities) as server:
            _run(wish, server)
    except ReplayError as error:
        failed("replay", str(error))


def _check(wish: ReplayOptions) -> None:
    if not (wish.filters.asked or wish.unhandled):
        usage(
            "replay",
            "name a delivery or a file, or choose many: --outcome error --since 3h, --problem 3, ...",
        )
    if wish.curl:
        usage("replay", "--curl prints one saved file: name it")


def _run(wish: ReplayOptions, server: OutworxServer) -> None:
    target_url(wish.to)
    filters = wish.filters.with_("unhandled", "true") if wish.unhandled else wish.filters
    events, more = choose_events(deliveries(server, filters, None), wish.limit)
    if (wish.secrets or wish.secret_variables) and len({event.provider for event in events}) > 1:
        raise ConfigurationError("--secret-env is one provider's: say whose with --provider")
    preparation = Preparation(wish)
    with ReplaySender(timeout=wish.timeout, insecure=wish.insecure, authorities=wish.authorities) as sender:
        resending = Resending(
            fetch=lambda id: fetched(server, id),
            prepare=lambda stored, verified: preparation.prepare(stored, needs_signature=verified)[0],
            send=None if wish.dry_run else sender.send,
            only_unhandled=wish.unhandled,
        )
        progress = _Progress(wish, len(events))
        interrupted, stopped = False, ""
        try:
            for result in resending.each(events):
                progress.tell(result)
            if progress.told < len(events):
                stopped = f"{MAX_UNANSWERED} in a row had no answer"
        except KeyboardInterrupt:
            interrupted, stopped = True, "stopped by Ctrl+C; the one that was under way may have arrived"
        except (ConfigurationError, ReplayError) as error:
            if not progress.told:
                raise
            stopped = str(error)
    progress.sum_up(more, stopped)
    if interrupted:
        raise typer.Exit(_INTERRUPTED)
    if stopped or not progress.went_well:
        raise typer.Exit(FAILED)


class _Progress:
    """Prints each result, and counts them."""

    def __init__(self, wish: ReplayOptions, total: int) -> None:
        self._wish = wish
        self._total = total
        self._counts: Counter[Fate] = Counter()

    @property
    def told(self) -> int:
        """How many it was told of."""
        return self._counts.total()

    @property
    def went_well(self) -> bool:
        """Whether nothing is left to do; a dry run does nothing."""
        return self._wish.dry_run or _WELL.issuperset(self._counts)

    def tell(self, result: ReplayedEvent) -> None:
        """Prints what became of one."""
        self._counts[result.fate] += 1
        if self._wish.as_json:
            say_json(_document(result))
            return
        event, request, answer = result.event, result.request, result.answer
        parts = [f"  {self.told}/{self._total}", event.name, event.event_type or event.provider]
        if request is None:
            say("  ".join([*parts, f"not sent: {result.why}"]), "yellow")
            return
        parts.append(f"{request.method} {request.url}")
        if answer is not None:
            parts += [str(answer.status), f"{answer.seconds * 1000:.0f}ms", *["(replayed)"] * answer.replayed]
        elif result.fate is Fate.UNANSWERED:
            parts.append(f"no answer: {result.why}")
        say("  ".join(parts), "green" if result.fate in _WELL else "red")
        if request.note:
            say(f"    {request.note}", "yellow")
        if result.fate is Fate.ANSWERED and answer is not None and answer.body:
            say(f"    {excerpt(answer)}", dim=True)

    def sum_up(self, more: bool, stopped: str) -> None:
        """Prints how many of each there were."""
        left = self._total - self.told
        if self._wish.as_json:
            counts = {fate.value: self._counts[fate] for fate in Fate}
            say_json(
                {"events": self._total, **counts, "left": left, "more": more, "stopped": stopped or None}
            )
            return
        if not self._total:
            say("No event fits; nothing was sent.")
            return
        said = [f"{self._counts[fate]} {words}" for fate, words in _SAID.items() if self._counts[fate]]
        line = f"{self._total} {'event' if self._total == 1 else 'events'}: {', '.join(said) or 'none sent'}"
        say(f"{line}; nothing was sent" if self._wish.dry_run else line)
        if stopped:
            say(f"{stopped}: {left} were left", "yellow", err=True)
        if more:
            say("More events fit: these are the newest. --limit takes more of them.", "yellow")


def _document(result: ReplayedEvent) -> dict[str, Any]:
    event, request, answer = result.event, result.request, result.answer
    told = {"method": None, "url": None} if request is None else report(request, answer, None)
    return {
        "event_id": event.event_id,
        "event_type": event.event_type,
        "provider": event.provider,
        "delivery": result.delivery or event.deliveries[0],
        "result": result.fate.value,
        **told,
        "error": result.why or None,
    }
