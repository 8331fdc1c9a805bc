"""Checks the configuration of a directory: what is set, where it comes from, what is wrong with it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from outworx_otel.cli.doctor.check_result import CheckResult, ok, problem, warning
from outworx_otel.process import environment

if TYPE_CHECKING:
    from outworx_otel.setup.assembly import Assembly
    from outworx_otel.setup.configuration import Configuration
    from outworx_otel.setup.endpoints import Endpoint

CHECK: Final = "configuration"
_DESTINATION: Final = (
    ("key", ("OUTWORX_HOOKS_API_KEY", "OUTWORX_API_KEY")),
    ("endpoint", ("OUTWORX_HOOKS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")),
    ("protocol", ("OUTWORX_HOOKS_PROTOCOL",)),
    ("debug", ("OUTWORX_HOOKS_DEBUG",)),
)


class ConfiguredSetup:
    """The configuration that an application started in this directory would have."""

    def __init__(self) -> None:
        from outworx_otel.setup.assembly import Assembly
        from outworx_otel.setup.configuration import read_configuration

        # What it would log is in the findings.
        logging.getLogger("outworx_otel").addHandler(logging.NullHandler())
        self.configuration: Configuration = read_configuration()
        self.assembly: Assembly = Assembly(self.configuration, {}, None, lambda: ())

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """By path."""
        return self.assembly.endpoints

    @property
    def store_source(self) -> str:
        """Where the idempotency store was named."""
        if environment.text("OUTWORX_IDEMPOTENCY_STORE"):
            return "OUTWORX_IDEMPOTENCY_STORE"
        return "the default" if self.configuration.store_url is None else "idempotency_store in the file"


def configuration(setup: ConfiguredSetup) -> Iterator[CheckResult]:
    """Each endpoint with its options; then everything that is wrong with the file and the variables."""
    file = setup.configuration.file
    yield ok(CHECK, "no configuration file" if file is None else f"configuration {file}")
    yield from _enforcement()
    told = {endpoint.problem for endpoint in setup.endpoints.values()}
    for found in setup.assembly.problems:
        if found not in told:
            yield problem(CHECK, found, "put it right in the place it names")
    for said in setup.configuration.warnings:
        yield warning(CHECK, said, "see there")
    for pattern, endpoint in setup.endpoints.items():
        yield _endpoint(pattern, endpoint)
    if not setup.endpoints and not setup.assembly.problems:
        yield warning(
            CHECK,
            "no endpoint is configured in outworx.toml, pyproject.toml or OUTWORX_ROUTES",
            'begin an outworx.toml with [endpoints."/webhooks/stripe"] provider = "stripe"; not needed where the '
            "code says TrackOptions(...)",
        )
    detect = "OUTWORX_DETECT" if environment.text("OUTWORX_DETECT") else "the default or the file"
    state = "on" if setup.configuration.detect else "off"
    yield ok(CHECK, f"providers of other paths are detected: {state} ({detect})")


def _enforcement() -> Iterator[CheckResult]:
    from outworx_otel.setup import enforcement

    if enforcement.reports_only():
        yield warning(
            CHECK, enforcement.REPORTING, f"unset {enforcement.ENFORCE} when the verdicts are as expected"
        )
    if enforcement.is_strict():
        yield ok(
            CHECK, f"{enforcement.STRICT}: the application does not start with a problem in its configuration"
        )


def _endpoint(pattern: str, endpoint: Endpoint) -> CheckResult:
    options = repr(endpoint.options).removeprefix("TrackOptions(").removesuffix(")")
    text = f"{pattern}: {options} (from {endpoint.source})"
    if endpoint.problem is not None:
        return problem(
            CHECK, endpoint.problem, f"until then every delivery to {pattern} is turned away with a 401"
        )
    if endpoint.unsupported:
        return problem(
            CHECK,
            f"{text}: there is no verifier for this provider, so every delivery is rejected",
            "correct the name, give a signature_verifier in code, or describe the provider under [providers]",
        )
    if not endpoint.verifies:
        return warning(CHECK, f"{text}: signatures are not verified", "set signature_secret_env")
    return ok(CHECK, text)


def destination() -> Iterator[CheckResult]:
    """Where telemetry goes, and which variable says so."""
    from outworx_otel.errors import ConfigurationError
    from outworx_otel.export import Destination

    try:
        found = Destination.from_environment()
    except ConfigurationError as error:
        yield problem("destination", str(error), "correct the variable that it names")
        return
    values = {
        "endpoint": found.endpoint,
        "key": "set" if found.api_key is not None else "none",
        "protocol": found.protocol,
        "debug": "on" if found.debug else "off",
    }
    parts = [f"{name} {values[name]} ({_source(variables)})" for name, variables in _DESTINATION]
    yield ok("destination", ", ".join(parts))
    set_keys = {value for name in _DESTINATION[0][1] if (value := environment.text(name))}
    if len(set_keys) > 1:
        yield warning(
            "destination",
            "OUTWORX_HOOKS_API_KEY and OUTWORX_API_KEY differ; the first counts",
            "unset one of them",
        )


def _source(variables: tuple[str, ...]) -> str:
    return environment.name_set(*variables) or "the default"
