"""The demo's table: one line per delivery, made from its span, and what is wrong below it in plain words."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, TextIO

from demo_deliveries import Delivery, Verdict
from otlp_receiver import ReceivedSpan

WIDTH: Final = 100
_INDENT: Final = " " * 13
_COLUMNS: Final = (
    ("framework", 9),
    ("provider", 8),
    ("event", 16),
    ("sent as", 18),
    ("HTTP", 4),
    ("signature", 15),
    ("processing", 11),
)
_GAP: Final = "  "
_RED, _GREEN, _YELLOW, _DIM, _BOLD = "31", "32", "33", "2", "1"
_PROCESSING_COLOURS: Final = {
    "completed": _GREEN,
    "replayed": _GREEN,
    "ignored": _GREEN,
    "deferred": _YELLOW,
    "silent_drop": _YELLOW,
    "failed": _RED,
}


@dataclass(frozen=True)
class Result:
    """A delivery, the status of its answer, and the spans that arrived for it (one, if all is well)."""

    delivery: Delivery
    status: int | None
    spans: Sequence[ReceivedSpan]

    @property
    def verdict(self) -> Verdict | None:
        """What the span says."""
        if len(self.spans) != 1:
            return None
        attributes = self.spans[0].attributes
        prefix = "outworx.webhook."
        signature = "valid" if attributes.get(prefix + "signature.valid") else "unchecked"
        processing = attributes.get(prefix + "processing.status")
        if processing is None and attributes.get(prefix + "idempotency.outcome") == "replayed":
            processing = "replayed"
        return Verdict(
            status=attributes.get("http.response.status_code", 0),
            signature=attributes.get(prefix + "signature.reason", signature),
            processing=processing,
        )

    @property
    def complaint(self) -> str | None:
        """What is not as it was to be, or None."""
        expected, verdict = self.delivery.expected, self.verdict
        if verdict is None:
            return f"{len(self.spans) or 'No'} spans arrived for this delivery, instead of one."
        if self.status != verdict.status:
            return f"The answer was {self.status}, and the span says {verdict.status}."
        if verdict != expected:
            return f"Expected: {expected.status}, {expected.signature}, {expected.processing or '-'}."
        return None


def wants_colour(stream: TextIO) -> bool:
    """Colour on terminals only, and not where NO_COLOR (no-color.org) is set."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def show(results: Sequence[Result], stream: TextIO) -> None:
    """Prints the table."""
    colour = wants_colour(stream)
    for line in _lines(results, colour):
        print(line, file=stream)


def _lines(results: Sequence[Result], colour: bool) -> Iterator[str]:
    header = _GAP.join(name.ljust(width) for name, width in _COLUMNS).rstrip()
    yield _paint(header, _BOLD, colour)
    framework = None
    for result in results:
        if framework not in (None, result.delivery.framework):
            yield ""
        name = result.delivery.framework if framework != result.delivery.framework else ""
        framework = result.delivery.framework
        yield _row(name, result, colour)
        for text, paint in ((result.complaint, _RED), (_explanation(result), _DIM)):
            if text is not None:
                for line in textwrap.wrap(text, WIDTH - len(_INDENT), break_on_hyphens=False):
                    yield _INDENT + _paint(line, paint, colour)


def _row(framework: str, result: Result, colour: bool) -> str:
    delivery, verdict = result.delivery, result.verdict
    signature = verdict.signature if verdict is not None else "no span"
    processing = (verdict.processing if verdict is not None else None) or "-"
    cells = (
        (framework, _BOLD),
        (delivery.event.provider, None),
        (delivery.event.kind, None),
        (delivery.sent, None),
        (str(result.status or "-"), None),
        (signature, _GREEN if signature == "valid" else _RED),
        (processing, _PROCESSING_COLOURS.get(processing)),
    )
    painted = (
        _paint(text.ljust(width), paint, colour)
        for (text, paint), (_, width) in zip(cells, _COLUMNS, strict=True)
    )
    return _GAP.join(painted).rstrip()


def _explanation(result: Result) -> str | None:
    """Why the delivery failed, where it did."""
    failed = [span for span in result.spans if span.is_error]
    if not failed:
        return None
    span = failed[0]
    attributes = span.attributes
    hint = attributes.get("outworx.webhook.signature.hint")
    if hint is not None:
        return str(hint)
    cause = attributes.get("outworx.webhook.silent_drop.cause")
    if cause is None:
        return span.status_message
    file = PurePath(attributes.get("code.file.path", "?")).name
    kind = attributes.get("exception.type")
    where = f"{cause}{f' ({kind})' if kind else ''} at {file}:{attributes.get('code.line.number', '?')}"
    return f"silent drop: {where}: {attributes.get('outworx.webhook.processing.reason', '')}"


def _paint(text: str, code: str | None, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour and code and text.strip() else text
