"""What `opentelemetry-instrument` loads of ours before it starts the application: a check and a default.

Where the SDK cannot use `OTEL_CONFIG_FILE`, its loader gives up before any instrumentor is loaded, and endpoints that
are configured by path would be open. So a file that cannot be used is said here and left out: the SDK then follows
the environment, and the endpoints are guarded.

A key or an endpoint of ours without a choice of exporters would send nothing to Outworx: the distribution's default
is OTLP alone. So ours is put beside it.

No name here may begin with OTEL_: the launcher makes an option of each, and of two that are alike it makes an error.
"""

from __future__ import annotations

import importlib
import logging
import os
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from importlib.metadata import distributions
from typing import Any, Final

from outworx_otel.setup import enforcement
from outworx_otel.setup.exporter_choice import added_exporters
from outworx_otel.setup.options import unknown_name

_CONFIG_FILE: Final = "OTEL_CONFIG_FILE"

_logger = logging.getLogger("outworx_otel")


def check_config_file() -> None:
    """Leaves `OTEL_CONFIG_FILE` out of the environment where it cannot be used and endpoints are to be verified."""
    path = os.environ.get(_CONFIG_FILE)
    if not path:
        return
    problem = _problem_with(path)
    if problem is None or not _is_configured():
        return
    said = (
        f"outworx: {_CONFIG_FILE}={path} cannot be used ({problem}), and with it OpenTelemetry would load no "
        "instrumentor, so that nobody guards the configured endpoints; it is left out, and variables say where "
        "spans go"
    )
    if enforcement.is_strict():
        enforcement.end_process([said])
    _logger.error("%s", said)
    del os.environ[_CONFIG_FILE]


def name_exporters() -> None:
    """Puts our exporters beside the default ones where a key or an endpoint of ours is set, and none is chosen."""
    os.environ.update(added_exporters())


def _problem_with(path: str) -> str | None:
    try:
        configuration = importlib.import_module("opentelemetry.configuration")
    except ImportError:
        # An SDK before 1.45 may not know the variable at all; leaving it out changes nothing there.
        return "opentelemetry-configuration is not installed"
    try:
        loaded = configuration.load_config_file(path)
    except Exception as error:  # noqa: BLE001  # whatever it says of the file
        return f"{type(error).__name__}: {error}".splitlines()[0]
    entries = (entry for distribution in distributions() for entry in distribution.entry_points)
    known = sorted({entry.name for entry in entries if entry.group.startswith("opentelemetry_")})
    for name in _plugins(loaded):
        if name not in known:
            return f"no installed package brings {name!r}: {unknown_name('component', name, known)}"
    return None


def _plugins(part: Any) -> Iterator[str]:
    """The names of components that are no part of OpenTelemetry itself, wherever they stand in a configuration."""
    if isinstance(part, list | tuple):
        for item in part:
            yield from _plugins(item)
    elif is_dataclass(part):
        others = getattr(part, "additional_properties", None)
        if isinstance(others, dict):
            yield from others
        for field in fields(part):
            yield from _plugins(getattr(part, field.name, None))


def _is_configured() -> bool:
    """Whether endpoints are configured by path, by a variable or a file."""
    from outworx_otel.setup.configuration import read_configuration

    return bool(read_configuration().endpoints)


try:
    check_config_file()
    name_exporters()
except Exception as error:  # noqa: BLE001  # an exception here would keep the application from starting
    _logger.error("outworx: the environment could not be examined: %s", error)
