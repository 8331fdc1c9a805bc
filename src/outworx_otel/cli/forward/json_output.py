"""One JSON object a line, for scripts (`--json`): nothing else goes to standard output."""

from __future__ import annotations

import datetime
import json
import sys
from typing import Any

from outworx_otel.cli.forward.local_targets import Targets
from outworx_otel.cli.forward.output import summary_of
from outworx_otel.cli.forward.relay_client import OpenedSession
from outworx_otel.cli.forward.status_counts import StatusCounts
from outworx_otel.cli.forward.tunnelled_request import LocalAnswer, RequestKind, TunnelledRequest


class JsonOutput:
    """Writes to standard output; `event` says what each line is about."""

    def __init__(self) -> None:
        self.counts = StatusCounts()

    def opened(self, session: OpenedSession, targets: Targets, again: bool) -> None:
        """`opened`."""
        self._write("opened", **_session(session), targets=[str(target) for target in targets], resumed=again)

    def begun(self, under_way: int) -> None:
        """Nothing: a script counts for itself."""

    def delivered(
        self, delivery: TunnelledRequest, described: RequestKind, answer: LocalAnswer, rule: str | None
    ) -> None:
        """`delivery`."""
        self.counts.add(described, answer, rule is not None)
        self._write(
            "delivery",
            id=delivery.id,
            method=delivery.method,
            path=delivery.path,
            query_string=delivery.query_string,
            provider=described.provider or None,
            event_type=described.event_type or None,
            request_bytes=len(delivery.body),
            status=answer.status,
            response_bytes=len(answer.body),
            duration_ms=round(answer.seconds * 1000, 1),
            filtered=rule,
            problem=answer.problem,
        )

    def explained(self, delivery: TunnelledRequest, document: dict[str, Any]) -> None:
        """`explained`: the server's own document comes with it by its id."""
        self._write(
            "explained",
            id=delivery.id,
            delivery_id=document.get("id"),
            outcome=document.get("outcome"),
            reason=document.get("signature.reason") or document.get("silent_drop.cause"),
            summary=summary_of(document),
        )

    def lost(self, endpoint: str, reason: str, wait: float) -> None:
        """`lost`."""
        self._write("lost", endpoint=endpoint, reason=reason, again_in=wait)

    def back(self, waiting: int) -> None:
        """`back`."""
        self._write("back", waiting=waiting)

    def moved(self, session: OpenedSession) -> None:
        """`moved`."""
        self._write("moved", **_session(session))

    def noted(self, message: str) -> None:
        """`note`."""
        self._write("note", message=message)

    def closed(self) -> None:
        """`closed`, with the counts."""
        counts = self.counts
        self._write(
            "closed",
            deliveries=counts.total,
            succeeded=counts.succeeded,
            failed=counts.failed,
            filtered=counts.filtered,
            providers=dict(counts.providers),
        )

    def _write(self, event: str, **fields: Any) -> None:
        now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
        # In ASCII: a text from outside may hold characters that a terminal obeys.
        line = json.dumps(
            {"event": event, "time": now.replace("+00:00", "Z"), **fields}, separators=(",", ":")
        )
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def _session(session: OpenedSession) -> dict[str, str]:
    return {"public_url": session.ingressUrl, "expires_at": session.expiresAt}
