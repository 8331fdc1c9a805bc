"""Which samples there are, read from the providers' own files and folders."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import msgspec

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures import scheme_for
from outworx_otel.signatures.provider import Samples
from outworx_otel.signatures.providers import load
from outworx_otel.signatures.providers._index import NAMES

if TYPE_CHECKING:
    # `importlib.resources.abc` came with Python 3.11.
    from importlib.abc import Traversable

_PROVIDERS: Final = "outworx_otel.signatures.providers"
_KINDS: Final = (".json", ".form")
_FORM_TYPE: Final = "application/x-www-form-urlencoded"


class UnknownSample(ConfigurationError):
    """There is no such provider or event; the message suggests the nearest."""


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


@lru_cache(maxsize=64)
def listed(provider: str) -> tuple[Sample, ...]:
    """A provider's samples, in the order of their names.

    Raises:
        UnknownSample: it has none.
    """
    scheme = scheme_for(provider)
    name = scheme.provider if scheme is not None else provider
    if name not in NAMES:
        nearest = difflib.get_close_matches(name.lower(), NAMES, 1)
        said = f"did you mean {nearest[0]}?" if nearest else f"there are {', '.join(NAMES)}"
        raise UnknownSample(f"no samples of {provider!r}: {said}")
    about = load(name).samples
    folder = files(_PROVIDERS) / name / "samples"
    found = [_sample(name, about, event, json.dumps(payload)) for event, payload in about.payloads.items()]
    if folder.is_dir():
        found += _in_folder(name, about, folder, "")
    return tuple(sorted(found, key=lambda sample: sample.event))


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


def _in_folder(provider: str, about: Samples, folder: Traversable, prefix: str) -> Iterator[Sample]:
    for entry in folder.iterdir():
        stem, dot, kind = entry.name.rpartition(".")
        if entry.is_dir():
            yield from _in_folder(provider, about, entry, f"{prefix}{entry.name}/")
        elif dot + kind in _KINDS:
            text = entry.read_text(encoding="utf-8")
            yield _sample(provider, about, prefix + stem, text, is_form=kind == "form")


def _sample(provider: str, about: Samples, stem: str, text: str, is_form: bool = False) -> Sample:
    headers = {**about.headers, **about.event_headers.get(stem, {})}
    if "content-type" not in {name.lower() for name in about.headers}:
        headers["Content-Type"] = about.content_type or (_FORM_TYPE if is_form else "application/json")
    return Sample(provider, about.names.get(stem, stem), stem, text, is_form, headers, about.indent)
