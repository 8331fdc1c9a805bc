"""Which samples there are, read from the files beside this one."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import msgspec

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures import scheme_for

if TYPE_CHECKING:
    # `importlib.resources.abc` came with Python 3.11.
    from importlib.abc import Traversable

_ABOUT: Final = "provider.json"
_KINDS: Final = (".json", ".form")
_FORM_TYPE: Final = "application/x-www-form-urlencoded"


class UnknownSample(ConfigurationError):
    """There is no such provider or event; the message suggests the nearest."""


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `provider.json` says.

    Args:
        headers: sent with every event; `${event}` is the event's name, `${kind}` what stands before its first dot.
        names: the event's real name where it cannot be a file's.
        event_headers: further headers of single events, by file name.
        content_type: where it is not plain JSON or a plain form.
        indent: how the provider writes its JSON; 0 is compactly.
    """

    headers: Mapping[str, str] = {}
    names: Mapping[str, str] = {}
    event_headers: Mapping[str, Mapping[str, str]] = {}
    content_type: str = ""
    indent: int = 0


class Sample(msgspec.Struct, frozen=True):
    """One sample as it stands in its file.

    Args:
        provider: as in the table of signatures.
        event: the provider's own name of the event.
        stem: the file's name; it may be used instead.
        template: the payload with its placeholders.
        is_form: whether that is a form, one field a line.
        headers: with their placeholders.
        indent: of the JSON.
    """

    provider: str
    event: str
    stem: str
    template: str
    is_form: bool
    headers: Mapping[str, str]
    indent: int


def providers_with_samples() -> tuple[str, ...]:
    """Every provider that has samples, in the order of the alphabet."""
    return tuple(sorted(entry.name for entry in _root().iterdir() if (entry / _ABOUT).is_file()))


@lru_cache(maxsize=64)
def listed(provider: str) -> tuple[Sample, ...]:
    """A provider's samples, in the order of their names.

    Raises:
        UnknownSample: it has none.
    """
    scheme = scheme_for(provider)
    name = scheme.provider if scheme is not None else provider
    known = providers_with_samples()
    if name not in known:
        nearest = difflib.get_close_matches(name.lower(), known, 1)
        said = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(known)}"
        raise UnknownSample(f"no samples of {provider!r}: {said}")
    folder = _root() / name
    about = msgspec.json.decode((folder / _ABOUT).read_bytes(), type=About)
    return tuple(sorted(_samples(name, folder, about, ""), key=lambda sample: sample.event))


def find(provider: str, event: str) -> Sample:
    """The sample of an event, by the provider's name for it or the file's.

    Raises:
        UnknownSample: there is none.
    """
    samples = listed(provider)
    for sample in samples:
        if event in (sample.event, sample.stem):
            return sample
    names = [sample.event for sample in samples]
    nearest = difflib.get_close_matches(event, [*names, *(sample.stem for sample in samples)], 1)
    said = f"did you mean {nearest[0]!r}?" if nearest else f"there are {', '.join(map(repr, names))}"
    raise UnknownSample(f"no sample of {samples[0].provider}'s {event!r}: {said}")


def _samples(provider: str, folder: Traversable, about: About, prefix: str) -> Iterator[Sample]:
    for entry in folder.iterdir():
        stem, dot, kind = entry.name.rpartition(".")
        if entry.is_dir():
            yield from _samples(provider, entry, about, f"{prefix}{entry.name}/")
        elif entry.name != _ABOUT and dot + kind in _KINDS:
            stem = prefix + stem
            is_form = kind == "form"
            given = {name.lower() for name in about.headers}
            headers = {**about.headers, **about.event_headers.get(stem, {})}
            if "content-type" not in given:
                headers["Content-Type"] = about.content_type or (
                    _FORM_TYPE if is_form else "application/json"
                )
            text = entry.read_text(encoding="utf-8")
            yield Sample(provider, about.names.get(stem, stem), stem, text, is_form, headers, about.indent)


def _root() -> Traversable:
    return files(__package__)
