"""Whether the installed OpenTelemetry packages fit each other: contrib's pin one another to the very version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import Distribution, distributions
from typing import Final

from outworx_otel.cli.doctor.check_result import CheckResult, ok, problem
from outworx_otel.version import __version__

CHECK: Final = "packages"
_OURS: Final = "outworx-otel"
_FAMILY: Final = "opentelemetry-"
_SHOWN: Final = ("opentelemetry-api", "opentelemetry-sdk", "opentelemetry-instrumentation")


def packages(installed: Iterable[Distribution] | None = None) -> Iterator[CheckResult]:
    """Versions, and each requirement among them that does not hold."""
    found = _by_name(distributions() if installed is None else installed)
    versions = {name: one.version for name, one in found.items()}
    conflicts = list(_conflicts(found, versions))
    yield from conflicts
    if not conflicts:
        shown = ", ".join(f"{name} {versions[name]}" for name in _SHOWN if name in versions)
        family = sum(name.startswith(_FAMILY) for name in versions)
        yield ok(CHECK, f"{_OURS} {__version__}, {shown}; all {family} OpenTelemetry packages fit together")


def _by_name(installed: Iterable[Distribution]) -> dict[str, Distribution]:
    from packaging.utils import canonicalize_name

    found: dict[str, Distribution] = {}
    for distribution in installed:
        # A broken installation leaves directories behind that have no name.
        name = distribution.metadata["Name"] if distribution.metadata is not None else None
        if name:
            # The first on the path is the one that is imported.
            found.setdefault(str(canonicalize_name(name)), distribution)
    return found


def _conflicts(found: Mapping[str, Distribution], versions: Mapping[str, str]) -> Iterator[CheckResult]:
    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    for name, distribution in sorted(found.items()):
        if name != _OURS and not name.startswith(_FAMILY):
            continue
        for text in distribution.requires or ():
            try:
                requirement = Requirement(text)
            except InvalidRequirement:
                continue
            needed = str(canonicalize_name(requirement.name))
            if not needed.startswith(_FAMILY):
                continue
            if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
                continue
            have = versions.get(needed)
            if have is None:
                text = f"{name} {versions[name]} needs {requirement}, which is not installed"
            elif requirement.specifier.contains(have, prereleases=True):
                continue
            else:
                text = f"{name} {versions[name]} needs {requirement}, and {have} is installed"
            yield problem(CHECK, text, _advice(name, needed, versions))


def _advice(name: str, needed: str, versions: Mapping[str, str]) -> str:
    contrib = sorted(
        one for one in versions if one.startswith((_FAMILY + "instrumentation", _FAMILY + "util"))
    )
    if name in contrib or needed in contrib:
        return f"bring contrib's packages to one version: pip install --upgrade {' '.join(contrib)}"
    return f"pip install --upgrade {name} {needed}"
