"""The table of providers: look-up by name, detection by header, rows of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.provider import WebhookProvider
from outworx_otel.signatures.providers import load
from outworx_otel.signatures.providers._index import DETECTION, NAMES
from outworx_otel.signatures.scheme import SignatureScheme

_Name = TypeVar("_Name", str, bytes | str)

_BUILT_IN = frozenset(NAMES)

_REGISTERED: dict[str, SignatureScheme] = {}
"""The user's own rows, which go before built-in ones of the same name."""
_ALIASES: dict[str, str] = {}
_listeners: list[Callable[[], object]] = []

DETECTION_HEADERS: dict[bytes | str, str] = {}
"""Header name in lower case, as `bytes` (ASGI) and as `str`, to the one provider that sends it."""

# Others send their headers as well, so any other find is better: Gitea those of Gogs and GitHub, Gogs those of
# GitHub, and everybody who follows the specification those of Standard Webhooks.
_IMITATED = ("gogs", "github", "standardwebhooks")


def _fold(name: str) -> str:
    return name.strip().lower().replace("-", "").replace("_", "").replace(" ", "")


def _index() -> None:
    """Make aliases and detection headers fit the rows; both tables are looked at by others, so they stay the same."""
    aliases = {_fold(name): name for name in (*NAMES, *_REGISTERED)}
    owners = {header: name for header, name in DETECTION.items() if name not in _REGISTERED}
    for scheme in _REGISTERED.values():
        owners.update(dict.fromkeys(scheme.detection_headers, scheme.provider))
    detection: dict[bytes | str, str] = {}
    for header, name in owners.items():
        detection[header] = detection[header.encode("latin-1")] = name
    _replace(_ALIASES, aliases)
    _replace(DETECTION_HEADERS, detection)


def _replace(table: dict[_Name, str], fresh: dict[_Name, str]) -> None:
    # Never empty in between, for requests look things up at the same time.
    table.update(fresh)
    for name in [name for name in table if name not in fresh]:
        del table[name]


def _changed() -> None:
    _index()
    for listener in _listeners:
        listener()


def register_provider(scheme: SignatureScheme) -> None:
    """Add a provider to the table, or replace the row of the same name.

    Args:
        scheme: The row. Its `detection_headers` must not belong to another provider.

    Raises:
        ConfigurationError: One of the detection headers is another provider's.
    """
    for name in scheme.detection_headers:
        owner = DETECTION_HEADERS.get(name, scheme.provider)
        if owner != scheme.provider:
            raise ConfigurationError(
                f"{scheme.provider}: the detection header {name} already means {owner}; leave it out"
            )
    _REGISTERED[scheme.provider] = scheme
    _changed()


def unregister_provider(name: str) -> None:
    """Undo `register_provider`: the built-in row of that name comes back, or there is none any more.

    A name that was never registered is left as it is.
    """
    known = _known_name(name)
    if known is not None and known in _REGISTERED:
        del _REGISTERED[known]
        _changed()


def on_change(listener: Callable[[], object]) -> None:
    """Call `listener` whenever the table changes, so that what was made from old rows can be dropped."""
    _listeners.append(listener)


def built_in_providers() -> tuple[WebhookProvider, ...]:
    """What comes with the package, in the order of the names, whatever was registered since."""
    return tuple(load(name) for name in NAMES)


def built_in_provider(name: str) -> WebhookProvider | None:
    """What comes with the package about a provider; None where the row that counts is the user's own."""
    known = _known_name(name)
    return None if known is None or known in _REGISTERED else load(known)


def provider_names() -> tuple[str, ...]:
    """The names of every supported provider, in their order, registered ones too; no provider's file is read."""
    return tuple(sorted({*NAMES, *_REGISTERED}))


def providers() -> tuple[SignatureScheme, ...]:
    """Every supported provider's row, in the order of their names, registered ones too."""
    return tuple(_row(name) for name in provider_names())


def scheme_for(provider: str) -> SignatureScheme | None:
    """The row of a provider; upper case, hyphens, underscores and spaces in the name make no difference."""
    name = _known_name(provider)
    return None if name is None else _row(name)


def _row(name: str) -> SignatureScheme:
    return _REGISTERED.get(name) or load(name).scheme


def _known_name(provider: str) -> str | None:
    """The name under which a provider stands in the table, or None."""
    if not isinstance(provider, str):
        return None
    return provider if provider in _REGISTERED or provider in _BUILT_IN else _ALIASES.get(_fold(provider))


def detect(headers: Iterable[tuple[bytes, bytes]] | Mapping[str, str]) -> str | None:
    """The provider whose unmistakable header is there, for telemetry only: it proves nothing.

    Args:
        headers: ASGI's pairs of lower-case bytes, or a mapping by lower-case name.
    """
    imitated = set()
    names: Iterable[bytes | str]
    names = headers if isinstance(headers, Mapping) else [pair[0] for pair in headers]
    for name in names:
        provider = DETECTION_HEADERS.get(name)
        if provider is not None:
            if provider not in _IMITATED:
                return provider
            imitated.add(provider)
    return next((provider for provider in _IMITATED if provider in imitated), None)


_index()
