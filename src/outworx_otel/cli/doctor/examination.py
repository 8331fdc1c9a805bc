"""Runs every check of `outworx doctor`, each with a deadline, and prints the report."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import typer

from outworx_otel.cli.console import FAILED, say, say_json, usage
from outworx_otel.cli.doctor.check_result import PATIENCE, CheckResult, Status, run_check
from outworx_otel.cli.doctor.configured_secrets import secrets
from outworx_otel.cli.doctor.configured_setup import ConfiguredSetup, configuration, destination
from outworx_otel.cli.doctor.doubles import doubles
from outworx_otel.cli.doctor.exporters import exporters
from outworx_otel.cli.doctor.guards import guards
from outworx_otel.cli.doctor.hosts import hosts
from outworx_otel.cli.doctor.idempotency_store import store
from outworx_otel.cli.doctor.instrumentors import configurator, instrumentors
from outworx_otel.cli.doctor.launch import PATIENCE as LAUNCH_PATIENCE
from outworx_otel.cli.doctor.launch import launch
from outworx_otel.cli.doctor.networks import networks
from outworx_otel.cli.doctor.packages import packages
from outworx_otel.cli.doctor.published_keys import published_keys
from outworx_otel.cli.doctor.telemetry_server import server
from outworx_otel.setup.enforcement import EXIT_STATUS

_COLOURS: Final[dict[Status, str]] = {"ok": "green", "hint": "cyan", "warning": "yellow", "problem": "red"}
_WIDTH: Final = max(map(len, _COLOURS))

_OF_THE_ENVIRONMENT: Final[tuple[tuple[str, Callable[[], Iterable[CheckResult]]], ...]] = (
    ("packages", packages),
    ("instrumentors", instrumentors),
    ("configurator", configurator),
    ("exporters", exporters),
    ("destination", destination),
    ("network", networks),
    ("host", hosts),
)
_OF_THE_APPLICATION: Final[tuple[tuple[str, Callable[[ConfiguredSetup], Iterable[CheckResult]]], ...]] = (
    ("configuration", configuration),
    ("guards", guards),
    ("launch", launch),
    ("secrets", secrets),
    ("published keys", published_keys),
    ("idempotency", store),
    ("exporter", server),
    ("double instrumentation", doubles),
)


# What may be a passing trouble of somebody else: it keeps no application from starting.
_PASSING: Final = frozenset({"exporter", "clock", "idempotency", "network", "published keys"})


def run(directory: Path | None, as_json: bool, strict: bool = False) -> None:
    """Examines the application in `directory`; ends with 1 where there is a problem.

    With `strict` it ends with 78 where less is guarded than was asked for, as `OUTWORX_STRICT` ends an application,
    and a server or store that is away does not count.
    """
    if directory is not None:
        try:
            # The application is started there: a relative path of a store or a file means the same.
            os.chdir(directory)
        except OSError as error:
            usage("doctor", f"--app-dir {directory}: {error.strerror}")
    counts: Counter[Status] = Counter()
    report: list[CheckResult] = []
    for finding in _findings():
        counts[finding.status] += 1
        report.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        say_json({**_counted(counts), "findings": [dataclasses.asdict(finding) for finding in report]})
    else:
        say("")
        say(", ".join(map(_amount, _counted(counts).items())), dim=True)
    if strict and any(finding.unguarded for finding in report):
        raise typer.Exit(EXIT_STATUS)
    if any(finding.status == "problem" and not (strict and finding.check in _PASSING) for finding in report):
        raise typer.Exit(FAILED)


def _findings() -> Iterator[CheckResult]:
    for name, look in _OF_THE_ENVIRONMENT:
        yield from run_check(name, look)
    made: list[ConfiguredSetup] = []

    def put_together() -> Iterator[CheckResult]:
        made.append(ConfiguredSetup())
        yield from ()

    yield from run_check("configuration", put_together)
    for name, examine in _OF_THE_APPLICATION if made else ():
        # That one has a deadline of its own, and says so.
        seconds = LAUNCH_PATIENCE + PATIENCE if examine is launch else PATIENCE
        yield from run_check(name, partial(examine, made[0]), seconds)


def _counted(counts: Counter[Status]) -> dict[str, int]:
    return {
        "problems": counts["problem"],
        "warnings": counts["warning"],
        "hints": counts["hint"],
        "ok": counts["ok"],
    }


def _amount(counted: tuple[str, int]) -> str:
    what, count = counted
    return f"{count} {what.removesuffix('s') if count == 1 else what}"


def _print(finding: CheckResult) -> None:
    say(f"{finding.status:<{_WIDTH}}  {finding.check}: {finding.text}", _COLOURS[finding.status])
    if finding.advice is not None:
        say(f"{'':<{_WIDTH}}  -> {finding.advice}")
