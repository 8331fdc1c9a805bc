"""Signed webhooks arrive at a FastAPI, a Flask and a Django application; their spans arrive over OTLP.

`make demo`, or `python examples/demo.py` where `outworx-otel[auto,fastapi,flask,django]`, uvicorn and gunicorn
are installed. Nothing leaves the machine. Exit status: 0 if every delivery's span arrived and says what it was
to say, 1 if not.
"""

from __future__ import annotations

import contextlib
import secrets
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from demo_deliveries import REQUEST_ID, SECRETS, Delivery, planned
from demo_servers import APPLICATIONS, Server, StartError, running
from demo_table import Result, show
from otlp_receiver import ReceivedSpan, Receiver

SPAN_SECONDS = 15.0
COUNTER = "outworx.webhook.deliveries"
_REQUEST_ID_ATTRIBUTE = f"http.request.header.{REQUEST_ID}"


def main() -> int:
    """Runs the demo and returns the exit status."""
    # Without this, a demo that is terminated would leave its servers behind.
    signal.signal(signal.SIGTERM, _terminated)
    began = time.monotonic()
    servers = ", ".join(f"{one.framework} on {one.command[0]}" for one in APPLICATIONS)
    api_key = f"ohk_{secrets.token_hex(16)}"
    try:
        with Receiver(api_key) as receiver:
            print(f"OTLP/HTTP receiver at {receiver.endpoint}")
            print(f"Starting with opentelemetry-instrument: {servers}", flush=True)
            with running(receiver.endpoint, api_key, SECRETS) as by_framework:
                deliveries = list(planned())
                print(f"Sending {len(deliveries)} signed deliveries\n", flush=True)
                statuses = {one.id: _send(by_framework[one.framework], one) for one in deliveries}
                receiver.wait_for(lambda: len(_by_delivery(receiver)) >= len(deliveries), SPAN_SECONDS)
            # The servers have stopped, so whatever they had still to report has been flushed.
            results = [
                Result(one, statuses[one.id], _by_delivery(receiver).get(one.id, ())) for one in deliveries
            ]
            show(results, sys.stdout)
            return _conclude(results, receiver, by_framework, time.monotonic() - began)
    except StartError as error:
        print(f"\nThe demo cannot run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


def _send(server: Server, delivery: Delivery) -> int | None:
    with contextlib.suppress(OSError):
        return server.request("POST", delivery.path, delivery.body, delivery.headers)
    return None


def _by_delivery(receiver: Receiver) -> Mapping[str, Sequence[ReceivedSpan]]:
    """The spans by the request id that their deliveries were sent with."""
    found: dict[str, list[ReceivedSpan]] = defaultdict(list)
    for span in receiver.spans():
        for request_id in span.attributes.get(_REQUEST_ID_ATTRIBUTE, ()):
            found[request_id].append(span)
    return found


def _conclude(
    results: Sequence[Result], receiver: Receiver, servers: Mapping[str, Server], seconds: float
) -> int:
    arrived = sum(1 for result in results if result.spans)
    counted = round(receiver.total(COUNTER))
    print(
        f"\n{arrived} of {len(results)} spans arrived, and {COUNTER} counts {counted}.\n"
        f"Everything is stopped; it took {seconds:.1f} s."
    )
    wrong = [result for result in results if result.complaint is not None]
    if not wrong:
        return 0
    print(f"\n{len(wrong)} of {len(results)} deliveries did not turn out as expected.", file=sys.stderr)
    for framework in dict.fromkeys(result.delivery.framework for result in wrong):
        print(f"The log of {framework} ends:\n{servers[framework].last_words}", file=sys.stderr)
    return 1


def _terminated(*_: Any) -> None:
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
