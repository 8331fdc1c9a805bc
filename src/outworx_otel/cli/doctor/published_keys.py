"""Whether the hosts can be reached that publish the keys which configured endpoints need."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from outworx_otel.cli.doctor.check_result import CheckResult, ok, problem
from outworx_otel.cli.doctor.configured_setup import ConfiguredSetup

CHECK: Final = "published keys"
# All of them within the time that a check has.
_MOST: Final = 3
_SECONDS: Final = 3.0


def published_keys(setup: ConfiguredSetup) -> Iterator[CheckResult]:
    """Each host is connected to, over TLS, as a delivery would make us; nothing where no endpoint needs one."""
    endpoints = setup.endpoints.values()
    verifiers = [endpoint.verifier for endpoint in endpoints if endpoint.verifier is not None]
    hosts = list(dict.fromkeys(host for verifier in verifiers for host in verifier.key_hosts))
    for host in hosts[:_MOST]:
        yield _reached(host)


def _reached(host: str) -> CheckResult:
    from outworx_otel.errors import ConfigurationError
    from outworx_otel.http.bounded_client import BoundedClient, CallFailed
    from outworx_otel.http.certificates import trust

    client = BoundedClient(trust)
    try:
        # Any answer will do: its keys have addresses of their own.
        client.call("HEAD", f"https://{host}/", seconds=_SECONDS)
    except (CallFailed, ConfigurationError) as error:
        return problem(
            CHECK,
            f"{host} cannot be reached: {error}",
            f"let this machine out to {host}, port 443: without its keys every delivery is answered 503",
        )
    finally:
        client.close()
    return ok(CHECK, f"{host} can be reached")
