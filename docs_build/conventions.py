"""What spans, events and metrics say, from the registry in `model/`, which the tests hold against the code."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from docs_build.references import row

MODEL = Path(__file__).resolve().parents[1] / "model"
_LEVELS = {"required": "always", "opt_in": "if it is asked for", "recommended": "mostly"}
# Names that a part follows; the registry says so by their type.
_TEMPLATES = {"http.request.header": "http.request.header.<name>"}
_STANDARD = "as in OpenTelemetry's conventions"


@cache
def _file(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((MODEL / f"{name}.yaml").read_text(encoding="utf-8"))
    return loaded


def _attributes() -> dict[str, dict[str, Any]]:
    return {one["key"]: one for one in _file("attributes")["attributes"]}


def _members(key: str) -> list[dict[str, str]]:
    kind = _attributes().get(key, {}).get("type")
    return list(kind["members"]) if isinstance(kind, dict) else []


def _references(entry: dict[str, Any], groups: dict[str, list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    for reference in entry["attributes"]:
        if "ref_group" in reference:
            yield from _references({"attributes": groups[reference["ref_group"]]}, groups)
        else:
            yield reference


def _of(file: str, entry: dict[str, Any]) -> list[dict[str, Any]]:
    groups = {one["id"]: one["attributes"] for one in _file(file).get("attribute_groups", ())}
    return list(_references(entry, groups))


def _name(key: str) -> str:
    if str(_attributes().get(key, {}).get("type", "")).startswith("template"):
        return f"`{key}.<key>`"
    return f"`{_TEMPLATES.get(key, key)}`"


def _when(reference: dict[str, Any]) -> str:
    level = reference.get("requirement_level", "recommended")
    said = _LEVELS[level] if isinstance(level, str) else next(iter(level.values()))
    return said.rstrip(".").replace("If ", "if ", 1).replace("On ", "on ", 1)


def _what(reference: dict[str, Any]) -> str:
    attribute = _attributes().get(reference["ref"], {})
    said = reference.get("brief") or attribute.get("brief") or _STANDARD
    values = ", ".join(f"`{one['value']}`" for one in _members(reference["ref"]))
    # Of a quotation in a cell only the words are left.
    note = " ".join(
        word for word in str(attribute.get("note", "")).split() if word not in (">", "[!WARNING]")
    )
    return " ".join(part for part in (said, f"{values}." if values else "", note) if part)


def span(kind: str) -> str:
    """The attributes of one kind of span."""
    (entry,) = (one for one in _file("spans")["spans"] if one["type"] == f"outworx.webhook.{kind}")
    lines = [row("attribute", "what", "when"), "|---|---|---|"]
    lines += [row(_name(one["ref"]), _what(one), _when(one)) for one in _of("spans", entry)]
    return "\n".join(lines) + "\n"


def events() -> str:
    """The events, each with its attributes."""
    lines = [row("event", "when", "with"), "|---|---|---|"]
    refined = [{**one, "name": one["ref"]} for one in _file("events")["event_refinements"]]
    for one in [*_file("events")["events"], *refined]:
        with_these = ", ".join(_name(part["ref"]) for part in _of("events", one))
        note = " ".join(str(one.get("note", "")).split())
        lines.append(row(f"`{one['name']}`", f"{one['brief']} {note}".strip(), with_these))
    return "\n".join(lines) + "\n"


def metrics() -> str:
    """The metrics, each with its attributes."""
    lines = [row("metric", "kind", "what", "by"), "|---|---|---|---|"]
    for one in _file("metrics")["metrics"]:
        by = ", ".join(_name(part["ref"]) for part in _of("metrics", one))
        lines.append(row(f"`{one['name']}`", f"{one['instrument']}, {one['unit']}", one["brief"], by))
    return "\n".join(lines) + "\n"
