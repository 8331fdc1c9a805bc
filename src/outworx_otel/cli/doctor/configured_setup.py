"""Checks the configuration of a directory: what is set, where it comes from, what is wrong with it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from outworx_otel.cli.doctor.check_result import CheckResult, hint, ok, problem, warning
from outworx_otel.cli.doctor.declarative import VARIABLE, is_usable
from outworx_otel.cli.doctor.source_scan import GUARDING, REGISTERING, SourceLine, source_lines
from outworx_otel.process import environment

if TYPE_CHECKING:
    from outworx_otel.setup.assembly import Assembly
    from outworx_otel.setup.configuration import Configuration
    from outworx_otel.setup.endpoints import Endpoint

CHECK: Final = "configuration"
_DESTINATION: Final = (
    ("key", environment.API_KEY),
    ("endpoint", (*environment.ENDPOINT, "OTEL_EXPORTER_OTLP_ENDPOINT")),
    ("protocol", environment.PROTOCOL),
    ("debug", environment.DEBUG),
)


class ConfiguredSetup:
    """The configuration that an application started in this directory would have."""

    def __init__(self) -> None:
        from outworx_otel.setup.assembly import Assembly
        from outworx_otel.setup.configuration import read_configuration

        # What it would log is in the findings.
        logging.getLogger("outworx_otel").addHandler(logging.NullHandler())
        # Not beside the program: the program is the doctor here.
        self.configuration: Configuration = read_configuration(directory=Path.cwd())
        self.assembly: Assembly = Assembly(self.configuration, {}, None, lambda: ())

    @property
    def endpoints(self) -> dict[str, Endpoint]:
        """By path."""
        return self.assembly.endpoints

    @property
    def verifying(self) -> list[str]:
        """The paths that are to be verified."""
        return [pattern for pattern, endpoint in self.endpoints.items() if endpoint.verifies]

    @cached_property
    def source_lines(self) -> list[SourceLine]:
        """Where the application's code uses ours, or the official instrumentors."""
        return source_lines(Path.cwd())

    @cached_property
    def stores(self) -> dict[str, str]:
        """The URLs of idempotency stores, by the place that names them; the first counts."""
        from outworx_otel.setup.files import find_file

        table = find_file(os.environ, Path.cwd()).table or {}
        named = {
            "OUTWORX_IDEMPOTENCY_STORE": os.environ.get("OUTWORX_IDEMPOTENCY_STORE"),
            "idempotency_store in the file": table.get("idempotency_store"),
        }
        return {place: url for place, url in named.items() if url and isinstance(url, str)}

    @property
    def store_source(self) -> str:
        """Where the idempotency store was named."""
        return next(iter(self.stores), "the default")


def configuration(setup: ConfiguredSetup) -> Iterator[CheckResult]:
    """Each endpoint with its options; then everything that is wrong with the file and the variables."""
    yield _file(setup)
    registering = [place for place in setup.source_lines if place.name == REGISTERING]
    told = {_closing_problem(endpoint) for endpoint in setup.endpoints.values()} - {None}
    for found in setup.assembly.problems:
        if "keys are kept in this process's memory" in found and registering:
            yield hint(
                CHECK, f"{found}; unless that is what {registering[0]} registers: the code is not run here"
            )
        elif not any(said in found for said in told if said is not None):
            yield problem(CHECK, found, "put it right in the place it names", unguarded=True)
    for said in setup.configuration.warnings:
        yield warning(CHECK, said, "see there")
    for pattern, endpoint in setup.endpoints.items():
        yield _endpoint(pattern, endpoint)
    if not setup.endpoints and not setup.assembly.problems:
        yield _nothing(setup)
    detect = "OUTWORX_DETECT" if os.environ.get("OUTWORX_DETECT") else "the default or the file"
    state = "on" if setup.configuration.detect else "off"
    yield ok(CHECK, f"providers of other paths are detected: {state} ({detect})")


def _file(setup: ConfiguredSetup) -> CheckResult:
    found = setup.configuration.file
    if found is not None:
        return ok(CHECK, f"configuration {found}")
    return hint(
        CHECK,
        f"no configuration file: neither outworx.toml nor [tool.outworx] in a pyproject.toml, in {Path.cwd()} and "
        f"the {len(Path.cwd().parents)} folders above it; an application also looks beside its main module, which is "
        "not known here",
        "start it in the file's folder, or name the file in OUTWORX_CONFIG_FILE",
    )


def _nothing(setup: ConfiguredSetup) -> CheckResult:
    text = "no endpoint is configured in outworx.toml, pyproject.toml or OUTWORX_ROUTES"
    used = [place for place in setup.source_lines if place.name in GUARDING]
    if used:
        return hint(CHECK, f"{text}; {used[0]} gives options in code, which is not run here")
    return warning(
        CHECK,
        text,
        'begin an outworx.toml with [endpoints."/webhooks/stripe"] provider = "stripe"; not needed where the code '
        "says TrackOptions(...)",
        unguarded=True,
    )


def _closing_problem(endpoint: Endpoint) -> str | None:
    """Why every delivery is turned away: what is wrong with the options, or with the file of the secret."""
    if endpoint.problem is not None or endpoint.secret_file is None:
        return endpoint.problem
    return endpoint.secret_file.problem


def _endpoint(pattern: str, endpoint: Endpoint) -> CheckResult:
    options = repr(endpoint.options).removeprefix("TrackOptions(").removesuffix(")")
    text = f"{pattern}: {options} (from {endpoint.source})"
    closing = _closing_problem(endpoint)
    if closing is not None:
        return problem(
            CHECK,
            closing if endpoint.problem is not None else f"{pattern}: {closing}",
            f"until then every delivery to {pattern} is turned away with a 401",
            unguarded=True,
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
    if found.standard and is_usable():
        yield hint("destination", f"where spans go is in {VARIABLE}; no server was asked")
        return
    values = {
        "endpoint": found.endpoint,
        "key": "set" if found.api_key is not None else "none",
        "protocol": found.protocol,
        "debug": "on" if found.debug else "off",
    }
    parts = [f"{name} {values[name]} ({_source(variables)})" for name, variables in _DESTINATION]
    yield ok("destination", ", ".join(parts))
    for names in environment.FAMILIES:
        said = environment.disagreement(*names)
        if said is not None:
            differ, _, cure = said.partition(". ")
            yield warning("destination", differ, cure[0].lower() + cure[1:])


def _source(variables: tuple[str, ...]) -> str:
    return next((name for name in variables if (environment.text(name) or "")), "the default")
