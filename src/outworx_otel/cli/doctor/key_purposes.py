"""Checks what the key in the environment may do at `outworx serve`: a key may be for one purpose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from outworx_otel.cli.doctor.check_result import CheckResult, hint, problem
from outworx_otel.cli.server_options import server_address
from outworx_otel.errors import ConfigurationError
from outworx_otel.process import environment
from outworx_otel.server.purposes import Purpose, may

if TYPE_CHECKING:
    from outworx_otel.export import Destination

_CHECK: Final = "exporter"
_TIMEOUT_SECONDS: Final = 4.0
_COMMANDS: Final = {
    Purpose.FORWARD: "outworx forward",
    Purpose.READ: "outworx replay",
    Purpose.ADMIN: "outworx purge",
}


class _Key(msgspec.Struct):
    purposes: frozenset[Purpose]


def wrong_purpose(destination: Destination) -> CheckResult | None:
    """Returns the problem of a key that is taken but may send no telemetry; None where that is not what is wrong."""
    authorization = destination.authorization()
    if authorization is None:
        return None
    purposes = _purposes(_origin(destination.traces_url), authorization)
    if purposes is None or Purpose.INGEST in purposes:
        return None
    return problem(
        _CHECK,
        f"{destination.shown(destination.traces_url)} takes this key only to {may(purposes)}, so no delivery "
        "gets there",
        "use a key that the server was given as --api-key ingest:KEY, or as KEY alone",
    )


def refused_commands() -> Iterator[CheckResult]:
    """Says which commands the server would refuse with the key that they take from the environment."""
    endpoint, key = (
        environment.text(*environment.ENDPOINT),
        environment.text(*environment.API_KEY),
    )
    if endpoint is None or key is None:
        return
    try:
        base = server_address(endpoint)
    except ConfigurationError:
        # The commands say so, and the exporter's destination may be another.
        return
    purposes = _purposes(base, f"Bearer {key}")
    if purposes is None:
        return
    refused = [command for purpose, command in _COMMANDS.items() if purpose not in purposes]
    if refused:
        yield hint(
            _CHECK,
            f"the key in {environment.name_set(*environment.API_KEY)} may only {may(purposes)}: "
            f"{base} would refuse {' and '.join(refused)}",
            "give those commands a key that may, with --api-key or in the shell where they run",
        )


def _purposes(base: str, authorization: str) -> frozenset[Purpose] | None:
    """Asks `outworx serve`; None where it does not say: it is another server, an older one, or takes no such key."""
    from outworx_otel.export.http_client import exporters_trust
    from outworx_otel.http.body import UNREADABLE
    from outworx_otel.http.bounded_client import BoundedClient, CallFailed

    client = BoundedClient(exporters_trust)
    headers = {"Authorization": authorization}
    try:
        reply = client.call("GET", f"{base}/api/key", headers.items(), seconds=_TIMEOUT_SECONDS)
        return msgspec.json.decode(reply.body, type=_Key).purposes if reply.status == 200 else None
    except (CallFailed, ConfigurationError, OSError, *UNREADABLE):
        return None
    finally:
        client.close()


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
