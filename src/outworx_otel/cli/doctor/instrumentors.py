"""What `opentelemetry-instrument` will load, in which order, and whether anything will record."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint, PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from outworx_otel.cli.doctor.check_result import CheckResult, hint, ok, problem, warning
from outworx_otel.cli.doctor.entries import installed
from outworx_otel.process import environment
from outworx_otel.setup.options import unknown_name
from outworx_otel.setup.unguarded import launcher_is_before

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

CHECK: Final = "instrumentors"
CONFIGURATOR: Final = "configurator"
DISABLED: Final = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
_GROUP: Final = "opentelemetry_instrumentor"
_OUR_PREFIX: Final = "outworx_"
_NOT_INSTALLED: Final = "what it instruments is not installed"
# Where our package says which frameworks, of which versions, its instrumentors know.
_KNOWN_FRAMEWORKS: Final = "instruments-any"


def loaded() -> list[str]:
    """The instrumentors that `opentelemetry-instrument` loads, in its order."""
    return [entry.name for entry in installed(_GROUP) if _obstacle(entry, disabled_names()) is None]


def disabled_names() -> list[str]:
    """What OTEL_PYTHON_DISABLED_INSTRUMENTATIONS names; `*` only where the launcher knows it."""
    named = [name.strip() for name in os.environ.get(DISABLED, "").split(",") if name.strip()]
    return [name for name in named if name != "*"] if launcher_is_before("0.60b0") else named


def instrumentors() -> Iterator[CheckResult]:
    """The instrumentors in the loader's order, and what stands in their way."""
    entries = list(installed(_GROUP))
    disabled = disabled_names()
    names = [entry.name for entry in entries if _obstacle(entry, disabled) is None]
    if names:
        yield ok(CHECK, f"opentelemetry-instrument loads, in this order: {', '.join(names)}")
    yield from _in_the_way(entries, disabled)
    known = [entry.name for entry in entries]
    for name in disabled:
        if name != "*" and name not in known:
            yield warning(
                CHECK, f"{DISABLED}: {unknown_name('instrumentor', name, known)}", "correct the name"
            )
    if not any(name.startswith(_OUR_PREFIX) for name in names):
        yield problem(
            CHECK,
            "none of ours will be loaded, so no endpoint is verified or reported under opentelemetry-instrument",
            f"install a framework, or take ours out of {DISABLED}; in code, outworx_otel.instrument() does it",
            unguarded=True,
        )
    hooks = [entry.name for entry in installed("opentelemetry_pre_instrument")]
    if hooks:
        yield hint(
            CHECK, f"before them run {', '.join(hooks)}; if one of these raises, nothing is instrumented"
        )


def _in_the_way(entries: Iterable[EntryPoint], disabled: list[str]) -> Iterator[CheckResult]:
    for entry in entries:
        why = _obstacle(entry, disabled)
        if why is None or "not installed" in why:
            # A framework that is not there needs no instrumentor.
            continue
        if entry.name in disabled or "*" in disabled:
            # What that costs is said with the endpoints.
            yield hint(CHECK, f"{entry.name} is switched off by {DISABLED}")
        else:
            yield warning(CHECK, f"{entry.name} will be passed over: {why}", "install a version it knows")


def _obstacle(entry: EntryPoint, disabled: list[str]) -> str | None:
    if entry.name in disabled or "*" in disabled:
        return "disabled"
    if entry.name.startswith(_OUR_PREFIX):
        return _obstacle_to_ours(entry)
    return _obstacle_to_theirs(entry)


def _obstacle_to_theirs(entry: EntryPoint) -> str | None:
    from opentelemetry.instrumentation import dependencies

    from_metadata = getattr(dependencies, "get_dist_dependency_conflicts", None)
    if from_metadata is not None:
        conflict = None if entry.dist is None else from_metadata(entry.dist)
    else:
        # The launcher of 0.55b0 asks the instrumentor itself.
        try:
            conflict = dependencies.get_dependency_conflicts(entry.load()().instrumentation_dependencies())
        except ModuleNotFoundError:
            return _NOT_INSTALLED
        except Exception as error:  # noqa: BLE001  # somebody else's code
            return f"it cannot be imported: {type(error).__name__}: {error}"
    if conflict is None:
        return None
    if not (conflict.found or getattr(conflict, "found_any", None)):
        return _NOT_INSTALLED
    return str(conflict)


def _obstacle_to_ours(entry: EntryPoint) -> str | None:
    from packaging.requirements import Requirement

    framework = entry.name.removeprefix(_OUR_PREFIX)
    requires = () if entry.dist is None else entry.dist.requires or ()
    for needed in map(Requirement, requires):
        marker = needed.marker
        if needed.name != framework or marker is None or marker.evaluate({"extra": ""}):
            continue
        if marker.evaluate({"extra": _KNOWN_FRAMEWORKS}):
            return _obstacle_of_version(needed.name, needed.specifier)
    return None


def _obstacle_of_version(framework: str, known: SpecifierSet) -> str | None:
    try:
        have = version(framework)
    except PackageNotFoundError:
        return f"{framework} is not installed"
    return None if known.contains(have, prereleases=True) else f"{framework} {have} is not {known}"


def configurator() -> Iterator[CheckResult]:
    """Whether `opentelemetry-instrument` finds something that sets the SDK up."""
    if (environment.text("OTEL_SDK_DISABLED") or "").lower() == "true":
        yield problem(CONFIGURATOR, "OTEL_SDK_DISABLED=true: nothing is recorded or exported", "unset it")
        return
    yield from _several("distribution", "opentelemetry_distro", "OTEL_PYTHON_DISTRO")
    names = [entry.name for entry in installed("opentelemetry_configurator")]
    wanted = environment.text("OTEL_PYTHON_CONFIGURATOR") or ""
    if not names:
        yield warning(
            CONFIGURATOR,
            "there is none, so opentelemetry-instrument sets up no SDK; ours does it only where "
            "OUTWORX_API_KEY or OUTWORX_ENDPOINT is set",
            "pip install 'outworx-otel[auto]'; not needed where the code calls outworx_otel.init()",
        )
    elif wanted and wanted not in names:
        yield problem(
            CONFIGURATOR,
            f"OTEL_PYTHON_CONFIGURATOR: {unknown_name('configurator', wanted, names)}",
            "correct or unset it",
        )
    else:
        several = list(_several("configurator", "opentelemetry_configurator", "OTEL_PYTHON_CONFIGURATOR"))
        yield from several or [ok(CONFIGURATOR, f"{wanted or names[0]} sets up the SDK")]


def _several(what: str, group: str, variable: str) -> Iterator[CheckResult]:
    """Warns where the launcher takes the first of several, of which nobody has named one."""
    wanted = environment.text(variable)
    entries = [entry for entry in installed(group) if wanted in (None, entry.name)]
    if len(entries) < 2:
        return
    if len({entry.name for entry in entries}) == len(entries):
        advice = f"name one in {variable}"
    else:
        advice = (
            "uninstall those that you do not use: beside a vendor's distribution, opentelemetry-distro, which "
            "'outworx-otel[auto]' brings, is not needed"
        )
    named = ", ".join(f"{entry.name} ({origin(entry)})" for entry in entries)
    yield warning(CONFIGURATOR, f"there is more than one {what}, and the first counts: {named}", advice)


def origin(entry: EntryPoint) -> str:
    """The package that brings an entry point."""
    return entry.dist.name if entry.dist is not None else entry.name
