"""`--save DIR`: one replayable file a delivery, and the same as a curl command."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

from outworx_otel.cli.forward.tunnelled_request import LocalAnswer, RequestKind, TunnelledRequest
from outworx_otel.server.replay.saved import SavedDelivery, SavedResponse, curl_line, write_saved

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class DeliveryFiles:
    """Writes into one directory.

    Args:
        directory: made if need be.

    Raises:
        OSError: it cannot be made.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def save(self, delivery: TunnelledRequest, described: RequestKind, answer: LocalAnswer, to: str) -> None:
        """Writes `{time}-{provider}-{event}-{id}.json`, and `.sh` with the curl command. Blocks.

        Raises:
            OSError: it cannot be written.
        """
        now = datetime.datetime.now(datetime.timezone.utc)
        told = (
            "-".join(part for part in (described.provider, described.event_type) if part) or delivery.method
        )
        name = f"{now.strftime('%Y%m%dT%H%M%S.%f')}-{_UNSAFE.sub('_', told)[:60]}-{_UNSAFE.sub('_', delivery.id)[:8]}"
        saved = SavedDelivery(
            id=delivery.id,
            received_at=delivery.received_at or now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            method=delivery.method,
            path=delivery.path,
            query_string=delivery.query_string,
            headers=delivery.headers,
            body_base64=delivery.body,
            response=SavedResponse(
                answer.status, answer.headers, answer.body, round(answer.seconds * 1000, 1)
            ),
        )
        write_saved(self._directory / f"{name}.json", saved)
        script = self._directory / f"{name}.sh"
        script.touch(mode=0o600)
        script.write_text(f"#!/bin/sh\n{curl_line(saved, to)}\n", encoding="utf-8")
