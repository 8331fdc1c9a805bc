"""What both sites share: their endpoints, what their handlers do and answer, and the lease they are given."""

import dataclasses
import functools
import gzip
import json
import logging
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from outworx_otel import TrackOptions, init, instrument
from outworx_otel.delivery import MAX_STORED_BODY, _claim
from outworx_otel.setup import assembly
from outworx_otel.setup.runtime import current

CAP = MAX_STORED_BODY
WITNESS = Path(os.environ["SITE_WITNESS"])

# No application can shorten these; a test that waits for them has to.
_claim.LEASE = float(os.environ.get("SITE_LEASE", _claim.LEASE))
if "SITE_BUDGET" in os.environ:
    assembly.open_store = functools.partial(assembly.open_store, budget=float(os.environ["SITE_BUDGET"]))


def switch_on() -> None:
    """Monitors every route of the site; spans go to the test's receiver, the log to the server's."""
    logging.basicConfig(level=logging.INFO)
    options = functools.partial(
        TrackOptions, "github", signature_secret=os.environ["GITHUB_SECRET"], idempotency_key=True
    )
    endpoints = {
        "/webhooks/*": options(),
        "/webhooks/waiting": options(idempotency_on_conflict="wait"),
        "/webhooks/strict": options(idempotency_on_store_error="reject"),
        "/webhooks/checked": options(idempotency_on_mismatch="reject"),
        "/webhooks/lenient": options(reject_invalid_signatures=False),
    }
    init(
        "ohk_idempotency",
        os.environ["RECEIVER"],
        endpoints=endpoints,
        idempotency_store=os.environ["SITE_STORE"],
    )
    instrument()
    if "SITE_ASKS" in os.environ:
        current().store.check()  # type: ignore[attr-defined]  # guarded, as remote ones are


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a delivery asks of its handler.

    Args:
        sleeps: seconds that the handler takes, the first time that it runs for this key.
        blocks: sleep in the event loop's own thread.
        fails: the first run ends with an exception.
    """

    sleeps: float
    blocks: bool
    fails: bool

    @classmethod
    def of(cls, key: str, body: bytes) -> "Plan":
        """Reads it, and notes before anything else that the handler runs."""
        wanted = json.loads(body)
        ran_before = any(line.split()[0] == key for line in _lines())
        # One write to a file that is open for appending is never mixed up with another process's.
        with WITNESS.open("ab", buffering=0) as witness:
            witness.write(f"{key} {os.getpid()}\n".encode())
        if ran_before:
            return cls(0.0, False, False)
        return cls(wanted.get("sleeps", 0.0), wanted.get("blocks", False), wanted.get("fails", False))

    def end(self) -> None:
        """Fails, where that is wanted."""
        if self.fails:
            raise RuntimeError("as was wanted")


def _lines() -> list[str]:
    return WITNESS.read_text().splitlines() if WITNESS.exists() else []


Answer = tuple[int, dict[str, str], "bytes | Iterator[bytes]"]


def answer(kind: str) -> Answer:
    """The answer of the endpoint /webhooks/{kind}; no two runs give the same."""
    run = secrets.token_hex(8)
    said = json.dumps({"run": run, "pid": os.getpid()}).encode()
    text = {"content-type": "application/json", "x-mine": "1"}
    binary = {"content-type": "application/x-thing; v=1", "cache-control": "no-store", "x-mine": "1"}
    if kind == "binary":
        return 201, binary, bytes(range(256)) + run.encode()
    if kind == "gzipped":
        return 200, {**text, "content-encoding": "gzip", "etag": f'"{run}"'}, gzip.compress(said)
    if kind in ("full", "large"):
        size = CAP + (kind == "large")
        return 202, binary, run.encode() + b"\xff" * (size - len(run))
    if kind == "packed":
        return 202, {**binary, "content-encoding": "gzip"}, gzip.compress(secrets.token_bytes(CAP + 1))
    if kind == "streamed":
        return 202, text, iter((b"begun ", run.encode()))
    if kind == "empty":
        return 204, {}, b""
    return 200, text, said


def store_counts() -> dict[str, object]:
    """What the store's guard has seen in this process."""
    return dataclasses.asdict(current().store.counts)  # type: ignore[attr-defined]  # guarded, as remote ones are


def block(seconds: float) -> None:
    """Sleeps, and nothing else happens in this thread."""
    time.sleep(seconds)
