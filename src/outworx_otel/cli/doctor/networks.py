"""Which proxies and certificates the environment names for what calls our server, and whether they can be used."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

from outworx_otel.cli.doctor.check_result import CheckResult, hint, ok, problem
from outworx_otel.process import environment

if TYPE_CHECKING:
    from outworx_otel.http.certificates import Trust

CHECK: Final = "network"


def networks() -> Iterator[CheckResult]:
    """Certificates are loaded; whether the server is reached through the proxy, the check `exporter` tries."""
    from outworx_otel.export.http_client import exporters_trust
    from outworx_otel.http.certificates import trust

    yield from _certificates("forward, replay, trigger and the outworx:// store", trust)
    if exporters_trust() != trust():
        yield from _certificates("the exporter", exporters_trust)
    for endpoint in dict.fromkeys(_endpoints()):
        yield from _proxy(endpoint)


def _certificates(who: str, trusted: Callable[[], Trust]) -> Iterator[CheckResult]:
    from outworx_otel.errors import ConfigurationError

    found = trusted()
    try:
        found.context()
    except ConfigurationError as error:
        yield problem(CHECK, f"{who}: {error}", "correct the variable that it names, or unset it")
    else:
        yield ok(CHECK, f"{who}: trusted are {found}")


def _endpoints() -> Iterator[str]:
    from outworx_otel.errors import ConfigurationError
    from outworx_otel.export import Destination

    # What cannot be used is said where the destination is described.
    with contextlib.suppress(ConfigurationError):
        yield Destination.from_environment().endpoint
    tunnel = environment.text("OUTWORX_ENDPOINT")
    if tunnel is not None and "@" not in tunnel:
        yield tunnel.rstrip("/")


def _proxy(endpoint: str) -> Iterator[CheckResult]:
    from outworx_otel.errors import ConfigurationError
    from outworx_otel.http.proxies import proxy_for

    try:
        proxy = proxy_for(endpoint)
    except ConfigurationError as error:
        yield problem(CHECK, f"{endpoint}: {error}", "correct the variable that it names")
    except ValueError:
        # No URL: said where it is used.
        return
    else:
        if proxy is not None:
            yield hint(CHECK, f"{endpoint} is called through {proxy}")
