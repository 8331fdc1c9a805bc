"""Endpoints that are configured and that nobody guards: an instrumentor of ours is kept away, or stays away."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Final

DISABLED: Final = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
LOADER: Final = "opentelemetry.instrumentation.auto_instrumentation"
SUPPORTED: Final = {
    "starlette": ">=0.36",
    "fastapi": ">=0.110",
    "flask": ">=2.3",
    "django": ">=4.2",
    "aiohttp": ">=3.10",
    "litestar": ">=2.12,<3",
}
"""The frameworks that have an instrumentor, and the versions that it is for; pyproject.toml says the same."""

_PREFIX: Final = "outworx_"
# Frameworks that an instrumentor was asked for and left alone, and why.
_left_alone: dict[str, str] = {}


def disabled_instrumentors() -> list[str]:
    """Those of ours that the variable names and whose framework is installed."""
    named = {name.strip() for name in os.environ.get(DISABLED, "").split(",")}
    # Before, `*` is the name of an instrumentor that nobody has: all are loaded.
    every = "*" in named and not launcher_is_before("0.60b0")
    return [
        f"{_PREFIX}{framework}"
        for framework in installed_frameworks()
        if every or f"{_PREFIX}{framework}" in named
    ]


def installed_frameworks() -> list[str]:
    """Those of `SUPPORTED` that can be imported, in whatever version."""
    return [framework for framework in SUPPORTED if importlib.util.find_spec(framework) is not None]


def outside_range(framework: str) -> str | None:
    """What to say where the installed version is none that this was built for, else None.

    A version that cannot be read is taken for a good one.
    """
    from importlib import metadata

    from packaging.specifiers import SpecifierSet
    from packaging.version import InvalidVersion, Version

    try:
        installed = metadata.version(framework)
        if SpecifierSet(SUPPORTED[framework]).contains(Version(installed), prereleases=True):
            return None
    except (metadata.PackageNotFoundError, InvalidVersion, TypeError):
        return None
    return (
        f"{framework} {installed} is installed, and outworx-otel supports {framework} {SUPPORTED[framework]}"
    )


def launcher_is_before(version: str) -> bool:
    """Whether `opentelemetry-instrument` is an older one. One whose version cannot be read is taken for a new one."""
    from importlib import metadata

    from packaging.version import InvalidVersion, Version

    try:
        return Version(metadata.version("opentelemetry-instrumentation")) < Version(version)
    except (metadata.PackageNotFoundError, InvalidVersion, TypeError):
        return False


def leave_alone(framework: str, why: str) -> None:
    """Remembers that nobody guards the applications of a framework."""
    _left_alone[framework] = why


def forget_left_alone() -> None:
    """Forgets it, for an instrumentor that is asked for again."""
    _left_alone.clear()


def left_alone() -> dict[str, str]:
    """Frameworks whose applications nobody guards, and why. Under the loader also those it has not come to yet."""
    found = dict(_left_alone)
    if LOADER in sys.modules:
        for framework in installed_frameworks():
            why = None if framework in found else outside_range(framework)
            if why is not None:
                found[framework] = why
    return found


def nobody_guards(paths: Iterable[str], *, in_code: bool = False) -> Iterator[str]:
    """What to say of endpoints that verify, a sentence for each reason why somebody may get past them.

    Args:
        paths: the endpoints.
        in_code: the application calls us itself, so that nothing told to `opentelemetry-instrument` counts.
    """
    where = ", ".join(sorted(paths))
    if not where:
        return
    for framework, why in left_alone().items():
        yield (
            f"{why}: it is left alone, so in applications of {framework} NOBODY GUARDS {where}, and deliveries "
            f"there run unverified; install {framework} {SUPPORTED[framework]}"
        )
    names = [] if in_code or LOADER not in sys.modules else disabled_instrumentors()
    if not names:
        return
    frameworks = [name[len(_PREFIX) :] for name in names]
    among = "" if frameworks == installed_frameworks() else f" in applications of {', '.join(frameworks)}"
    yield (
        f"{DISABLED}={os.environ[DISABLED]} keeps {', '.join(names)} away, so{among} NOBODY GUARDS "
        f"{where}: deliveries there run unverified; take ours out of it, or call "
        "outworx_otel.instrument() in the application"
    )
