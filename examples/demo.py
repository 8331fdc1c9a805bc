"""Signed webhooks arrive at a FastAPI, a Flask and a Django application; `outworx serve` shows what became of them.

`make demo`, or `python examples/demo.py` where `outworx-otel[auto,fastapi,flask,django,server]`, uvicorn and
gunicorn are installed. Nothing leaves the machine. It stays up until Ctrl+C; with `--exit` it ends by itself. Exit
status: 0 if every delivery's span arrived and says what it was to say, 1 if not.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import secrets
import signal
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from demo_deliveries import REQUEST_ID, SECRETS, Delivery, planned
from demo_servers import APPLICATIONS, Application, Server, StartError, environment_of, port_if_free, running
from demo_table import Result, show

OTLP_PORT = 4318
SPAN_SECONDS = 15.0
_REQUEST_ID_FIELD = f"http.request.header.{REQUEST_ID}"
_DASHBOARD = "Dashboard"


def main() -> int:
    """Runs the demo and returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--exit", action="store_true", help="end when the table is printed")
    stays = not parser.parse_args().exit
    # Without this, a demo that is terminated would leave its servers behind.
    signal.signal(signal.SIGTERM, _terminated)
    began = time.monotonic()
    api_key = f"ohk_{secrets.token_hex(16)}"
    try:
        with _dashboard(api_key) as dashboard:
            address = f"http://127.0.0.1:{dashboard.port}"
            print(f"The dashboard is at {address}")
            servers = ", ".join(f"{one.framework} on {one.command[1]}" for one in APPLICATIONS)
            print(f"Starting with opentelemetry-instrument: {servers}", flush=True)
            with running(APPLICATIONS, environment_of(address, api_key, SECRETS)) as by_framework:
                results = _deliver(by_framework, dashboard, api_key)
                show(results, sys.stdout)
                status = _conclude(results)
                if stays and not status:
                    _stay(address, by_framework)
            if status:
                _complain(results, by_framework)
            else:
                print(f"Everything is stopped; it took {time.monotonic() - began:.1f} s.")
            return status
    except StartError as error:
        print(f"\nThe demo cannot run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130


@contextlib.contextmanager
def _dashboard(api_key: str) -> Iterator[Server]:
    """`outworx serve`, on OTLP's own port if that is free, with a database that goes when the demo ends."""
    with tempfile.TemporaryDirectory(prefix="outworx-demo-") as folder:
        database = f"sqlite:///{Path(folder) / 'outworx.db'}"
        serve = Application(_DASHBOARD, "outworx", ".", ("outworx", "serve", "--port", "{port}"))
        environment = environment_of("", "", {})
        # The secrets are for the replay button, which signs again.
        environment |= {"OUTWORX_SERVE_DATABASE": database, **_replay_secrets()}
        free = port_if_free(OTLP_PORT)
        with running([serve], environment, {_DASHBOARD: free} if free else {}) as servers:
            yield servers[_DASHBOARD]


def _replay_secrets() -> dict[str, str]:
    return {f"OUTWORX_SECRET_{name.partition('_')[0]}": secret for name, secret in SECRETS.items()}


def _deliver(servers: Mapping[str, Server], dashboard: Server, api_key: str) -> list[Result]:
    deliveries = list(planned())
    print(f"Sending {len(deliveries)} signed deliveries\n", flush=True)
    statuses = {one.id: _send(servers[one.framework], one) for one in deliveries}
    deadline = time.monotonic() + SPAN_SECONDS
    known = _known(dashboard, api_key)
    while len(known) < len(deliveries) and time.monotonic() < deadline:
        time.sleep(0.1)
        known = _known(dashboard, api_key)
    return [Result(one, statuses[one.id], known.get(one.id, ())) for one in deliveries]


def _send(server: Server, delivery: Delivery) -> int | None:
    with contextlib.suppress(OSError):
        return server.request("POST", delivery.path, delivery.body, delivery.headers)[0]
    return None


def _known(dashboard: Server, api_key: str) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """What the server has, by the request id that the deliveries were sent with."""
    found: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for summary in _get(dashboard, "/api/deliveries?limit=500", api_key)["deliveries"]:
        document = _get(dashboard, f"/api/deliveries/{summary['id']}", api_key)
        for request_id in document.get(_REQUEST_ID_FIELD, ()):
            found[request_id].append(document)
    return found


def _get(dashboard: Server, path: str, api_key: str) -> Any:
    status, body = dashboard.request("GET", path, b"", {"authorization": f"Bearer {api_key}"})
    if status != 200:
        raise StartError(f"outworx serve answered GET {path} with {status}: {body.decode(errors='replace')}")
    return json.loads(body)


def _conclude(results: Sequence[Result]) -> int:
    arrived = sum(1 for result in results if result.documents)
    print(f"\n{arrived} of {len(results)} spans arrived.")
    return 1 if any(result.complaint is not None for result in results) else 0


def _complain(results: Sequence[Result], servers: Mapping[str, Server]) -> None:
    wrong = [result for result in results if result.complaint is not None]
    print(f"\n{len(wrong)} of {len(results)} deliveries did not turn out as expected.", file=sys.stderr)
    for framework in dict.fromkeys(result.delivery.framework for result in wrong):
        print(f"The log of {framework} ends:\n{servers[framework].last_words}", file=sys.stderr)


def _stay(address: str, servers: Mapping[str, Server]) -> None:
    print(
        f"\nLook at them at {address}, and replay them there.\n"
        "Send more, with something wrong if you like:\n"
        f"  outworx trigger stripe charge.succeeded --secret {SECRETS['STRIPE_WEBHOOK_SECRET']} \\\n"
        f"    --to http://127.0.0.1:{servers['FastAPI'].port}/webhooks/stripe\n"
        "Ctrl+C stops everything.",
        flush=True,
    )
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    print()


def _terminated(*_: Any) -> None:
    sys.exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
