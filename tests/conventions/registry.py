"""The registry in `model/`, and what a span, a metric or an event has that does not stand there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

MODEL = Path(__file__).resolve().parents[2] / "model"
OURS = "outworx.webhook."
# What the SDK, or the bound on a metric's series, puts in the place of a data point's attributes.
OVERFLOW = {"otel.metric.overflow": True}

Stability = Literal["development", "alpha", "beta", "release_candidate", "stable"]
Level = (
    Literal["required", "recommended", "opt_in"]
    | dict[Literal["conditionally_required", "recommended", "opt_in"], str]
)


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    """What weaver's format (definition/2) says, as far as the registry uses it; anything else is an error."""


class Member(_Strict):
    id: str
    value: str
    brief: str
    stability: Stability


class Members(_Strict):
    members: list[Member]


class Attribute(_Strict):
    key: str
    type: Literal["string", "int", "double", "boolean", "string[]", "template[any]"] | Members
    brief: str
    stability: Stability
    note: str = ""
    examples: list[Any] = []

    @property
    def values(self) -> tuple[str, ...]:
        """The members of an enumeration."""
        return tuple(member.value for member in self.type.members) if isinstance(self.type, Members) else ()

    @property
    def is_template(self) -> bool:
        return isinstance(self.type, str) and self.type.startswith("template")


class Reference(_Strict):
    """Of an attribute, or of a group."""

    ref: str = ""
    ref_group: str = ""
    requirement_level: Level = "recommended"
    sampling_relevant: bool = False
    brief: str = ""


class Group(_Strict):
    id: str
    visibility: Literal["internal"]
    attributes: list[Reference]


class Name(_Strict):
    note: str


class Signal(_Strict, kw_only=True):
    brief: str
    stability: Stability = "development"
    requirement_level: Literal["recommended", "opt_in"] = "recommended"
    note: str = ""
    attributes: list[Reference] = []


class Span(Signal, kw_only=True):
    type: str
    kind: Literal["consumer"]
    name: Name


class Metric(Signal, kw_only=True):
    name: str
    instrument: Literal["counter", "histogram"]
    unit: str


class Event(Signal, kw_only=True):
    name: str


class Refinement(Signal, kw_only=True):
    """Of an event that OpenTelemetry's own registry has."""

    id: str
    ref: str


class Dependency(_Strict):
    schema_url: str
    registry_path: str


class Manifest(_Strict):
    schema_url: str
    description: str
    stability: Stability
    dependencies: list[Dependency]


class _File(_Strict):
    file_format: Literal["definition/2"]
    attributes: list[Attribute] = []
    attribute_groups: list[Group] = []
    spans: list[Span] = []
    metrics: list[Metric] = []
    events: list[Event] = []
    event_refinements: list[Refinement] = []


# What OpenTelemetry's registry gives the event `exception`.
_UPSTREAM_EVENTS = {"exception": ("exception.type", "exception.message", "exception.stacktrace")}
_PLAIN: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "int": (int,),
    "double": (float,),
    "boolean": (bool,),
    "string[]": (list, tuple),
}


class Registry:
    """What the files of `model/` say."""

    def __init__(self, folder: Path = MODEL) -> None:
        self.manifest = msgspec.yaml.decode((folder / "manifest.yaml").read_bytes(), type=Manifest)
        files = [
            msgspec.yaml.decode(path.read_bytes(), type=_File)
            for path in sorted(folder.glob("*.yaml"))
            if path.name != "manifest.yaml"
        ]
        self.attributes = {one.key: one for file in files for one in file.attributes}
        self._groups = {group.id: group for file in files for group in file.attribute_groups}
        self.spans = [span for file in files for span in file.spans]
        self.metrics = {metric.name: metric for file in files for metric in file.metrics}
        self.events: dict[str, Signal] = {event.name: event for file in files for event in file.events}
        self.events |= {one.ref: one for file in files for one in file.event_refinements}

    def references(self, signal: Signal) -> dict[str, Level]:
        """The attributes of a signal, those of its groups included, each with its requirement level."""
        levels: dict[str, Level] = {}
        for reference in signal.attributes:
            group = self._groups[reference.ref_group].attributes if reference.ref_group else [reference]
            for one in group:
                assert one.ref not in levels, f"{one.ref} stands twice in {signal}"
                levels[one.ref] = one.requirement_level
        return levels

    @property
    def referenced(self) -> set[str]:
        """Every attribute that some signal has."""
        signals: Iterable[Signal] = [*self.spans, *self.metrics.values(), *self.events.values()]
        return {key for signal in signals for key in self.references(signal)}

    def faults_of_span(
        self,
        name: str,
        kind: str,
        attributes: Mapping[str, Any],
        events: Iterable[tuple[str, Mapping[str, Any]]] = (),
    ) -> Iterator[str]:
        """What a span has that the registry does not know, or lacks that it requires."""
        for span in self.spans:
            if _filled_in(span.name.note, attributes) == name:
                break
        else:
            yield f"the span {name!r} is none of the registry"
            return
        if kind.lower() != span.kind:
            yield f"the span {name!r} is of the kind {kind}"
        yield from self._faults(f"the span {name!r}", span, attributes)
        for event, of_event in events:
            yield from self.faults_of_event(event, of_event)

    def faults_of_event(self, name: str, attributes: Mapping[str, Any]) -> Iterator[str]:
        """Likewise of an event of a span, or of a log record."""
        if name not in self.events:
            yield f"the event {name!r} is none of the registry"
            return
        yield from self._faults(
            f"the event {name!r}", self.events[name], attributes, _UPSTREAM_EVENTS.get(name, ())
        )

    def faults_of_metric(self, name: str, unit: str, points: Iterable[Mapping[str, Any]]) -> Iterator[str]:
        """Likewise of a metric's data points."""
        metric = self.metrics.get(name)
        if metric is None:
            yield f"the metric {name!r} is none of the registry"
            return
        if unit != metric.unit:
            yield f"the metric {name!r} has the unit {unit!r}"
        for attributes in points:
            if attributes != OVERFLOW:
                yield from self._faults(f"the metric {name!r}", metric, attributes)

    def _faults(
        self, what: str, signal: Signal, attributes: Mapping[str, Any], more: tuple[str, ...] = ()
    ) -> Iterator[str]:
        levels = self.references(signal)
        templates = tuple(
            f"{key}." for key in levels if key == "http.request.header" or self._is_template(key)
        )
        for key, value in attributes.items():
            if key not in more and key not in levels and not key.startswith(templates):
                yield f"{what} has {key}, which stands at no such signal in model/"
            elif (known := self.attributes.get(key)) is not None and not _fits(known, value):
                yield f"{what} has {key} = {value!r}, which model/ says is {known.values or known.type}"
        for key, level in levels.items():
            if level == "required" and key not in attributes:
                yield f"{what} lacks {key}, which model/ requires"

    def _is_template(self, key: str) -> bool:
        return key in self.attributes and self.attributes[key].is_template


@cache
def registry() -> Registry:
    """The one of the repository."""
    return Registry()


def _filled_in(name: str, attributes: Mapping[str, Any]) -> str:
    return re.sub(r"\{([^}]+)\}", lambda found: str(attributes.get(found[1])), name)


def _fits(attribute: Attribute, value: Any) -> bool:
    if isinstance(attribute.type, Members):
        return value in attribute.values
    expected = _PLAIN[attribute.type]
    return isinstance(value, expected) and (bool in expected or not isinstance(value, bool))
