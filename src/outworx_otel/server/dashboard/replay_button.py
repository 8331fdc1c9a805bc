"""The replay button: a stored request, signed anew, to an application on this machine."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from outworx_otel.errors import OutworxError
from outworx_otel.server.dashboard.bodies import ShownBody, body_of
from outworx_otel.server.formatting import duration
from outworx_otel.server.model import StoredDelivery
from outworx_otel.server.replay import (
    Completeness,
    ReplayAnswer,
    completeness,
    credentials_for,
    resigned,
    send,
    target_url,
)
from outworx_otel.telemetry import semconv

TIMEOUT_SECONDS: Final = 15.0
MAX_TARGET: Final = 2_000
DEFAULT_TARGET: Final = "http://localhost:8000"
_OURS: Final = "outworx.webhook."


class Offer(NamedTuple):
    """Whether a delivery can be replayed: `why_not` says why it cannot, `signing` how it will be signed."""

    why_not: str | None
    path: str
    signing: str


class Replayed(NamedTuple):
    """The result of a replay: an answer, or a problem in plain words."""

    target: str
    problem: str | None = None
    status: int | None = None
    took: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    body: ShownBody | None = None
    notes: tuple[str, ...] = ()


def offer_of(delivery: StoredDelivery) -> Offer:
    """Returns whether a delivery can be replayed, and with which signature. Blocks: it reads outworx.toml."""
    judged = _judged(delivery)
    if judged.request is None:
        return Offer(judged.reason or "what is stored is not all of it", "", "")
    path = judged.request.path + (f"?{judged.request.query}" if judged.request.query else "")
    try:
        found = credentials_for(delivery.provider, judged.request.path)
    except OutworxError as error:
        return Offer(None, path, f"It goes with the signature it came with: {error}")
    if found.secret is None:
        unsigned = (
            f"It goes with the signature it came with: no secret is set here. {found.source} would be read."
        )
        return Offer(None, path, unsigned)
    return Offer(None, path, f"It is signed anew, with the secret of {found.source}.")


def host_of(delivery: StoredDelivery) -> str:
    """Returns the host that a delivery came for, or its service: pages remember a target for each."""
    given = delivery.attributes.get(f"{semconv.HTTP_REQUEST_HEADER_PREFIX}host")
    hosts = given if isinstance(given, list | tuple) else [given]
    return next((host for host in hosts if isinstance(host, str) and host), delivery.service)


def replay(delivery: StoredDelivery, target: str) -> Replayed:
    """Sends the request once, only to this machine. Blocks for `TIMEOUT_SECONDS` at most."""
    target = target.strip()[:MAX_TARGET]
    judged = _judged(delivery)
    if judged.request is None:
        return Replayed(target, judged.reason)
    try:
        url = target_url(target or DEFAULT_TARGET, judged.request)
        found = credentials_for(delivery.provider, judged.request.path)
        outgoing = resigned(judged.request, found.secret, url=url, public_url=found.public_url)
        answer = send(outgoing, timeout=TIMEOUT_SECONDS, loopback_only=True)
    except OutworxError as error:
        return Replayed(target, str(error))
    return _answered(url, answer, outgoing.note)


def _judged(delivery: StoredDelivery) -> Completeness:
    document: dict[str, Any] = {
        "provider": delivery.provider,
        "method": delivery.method,
        "path": delivery.path,
    }
    document["event.type"], document["event.id"] = delivery.event_type, delivery.event_id
    if delivery.body_size is not None:
        document[semconv.HTTP_BODY_SIZE] = delivery.body_size
    document.update((name.removeprefix(_OURS), value) for name, value in delivery.attributes.items())
    return completeness(document)


def _answered(url: str, answer: ReplayAnswer, note: str) -> Replayed:
    notes = [note] if note else []
    if answer.cut:
        notes.append("The answer was longer; its first MiB was read.")
    content_type = next((value for name, value in answer.headers if name.lower() == "content-type"), "")
    # Through the form in which applications store bodies: bytes that are no text are shown as a dump.
    try:
        body = body_of(answer.body.decode(), None, content_type) if answer.body else None
    except UnicodeDecodeError:
        body = body_of(_base64(answer.body), len(answer.body), content_type)
    took = duration(int(answer.seconds * 1e9))
    return Replayed(url, None, answer.status, took, answer.headers, body, tuple(notes))


def _base64(raw: bytes) -> str:
    import base64

    return base64.b64encode(raw).decode()
