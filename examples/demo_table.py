"""The demo's table: a line for each delivery, as the server knows it, and what is wrong below in plain words."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Final, TextIO

from demo_deliveries import Delivery, Verdict

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
    """A delivery, the status of its answer, and what the server has of it (one document, if all is well)."""

    delivery: Delivery
    status: int | None
    documents: Sequence[Mapping[str, Any]]

    @property
    def verdict(self) -> Verdict | None:
        """What the span says."""
        if len(self.documents) != 1:
            return None
        document = self.documents[0]
        signature = "valid" if document.get("signature.valid") else "unchecked"
        processing = document.get("processing.status")
        if processing is None and document.get("idempotency.outcome") == "replayed":
            processing = "replayed"
        return Verdict(
            status=document.get("http.response.status_code", 0),
            signature=document.get("signature.reason", signature),
            processing=processing,
        )

    @property
    def complaint(self) -> str | None:
        """What is not as it was to be, or None."""
        expected, verdict = self.delivery.expected, self.verdict
        if verdict is None:
            return f"{len(self.documents) or 'No'} spans arrived for this delivery, instead of one."
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
    document = result.documents[0] if result.documents else {}
    hint = document.get("signature.hint")
    if hint is not None:
        return str(hint)
    cause = document.get("silent_drop.cause")
    if cause is None:
        return document.get("status_message") or None
    file = PurePath(document.get("code.file.path", "?")).name
    kind = document.get("exception.type")
    where = f"{cause}{f' ({kind})' if kind else ''} at {file}:{document.get('code.line.number', '?')}"
    return f"silent drop: {where}: {document.get('processing.reason', '')}"


def _paint(text: str, code: str | None, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour and code and text.strip() else text
