"""The table of providers: look-up by name, detection by header, rows of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures import rows_special, rows_standard, rows_symmetric, rows_symmetric_more
from outworx_otel.signatures.scheme import SignatureScheme

_Name = TypeVar("_Name", str, bytes | str)

_BUILT_IN: dict[str, SignatureScheme] = {
    row.provider: row
    for row in (*rows_symmetric.ROWS, *rows_symmetric_more.ROWS, *rows_standard.ROWS, *rows_special.ROWS)
}
_SCHEMES: dict[str, SignatureScheme] = dict(_BUILT_IN)
_ALIASES: dict[str, str] = {}
_listeners: list[Callable[[], object]] = []

DETECTION_HEADERS: dict[bytes | str, str] = {}
"""Header name in lower case, as `bytes` (ASGI) and as `str`, to the one provider that sends it."""

# Its headers are shared by all who follow the specification, so any other find is better.
_GENERIC = "standardwebhooks"


def _fold(name: str) -> str:
    return name.strip().lower().replace("-", "").replace("_", "").replace(" ", "")


def _index() -> None:
    """Make aliases and detection headers fit the rows; both tables are looked at by others, so they stay the same."""
    aliases: dict[str, str] = {}
    detection: dict[bytes | str, str] = {}
    for scheme in _SCHEMES.values():
        aliases[_fold(scheme.provider)] = scheme.provider
        for name in scheme.detection_headers:
            detection[name] = detection[name.encode("latin-1")] = scheme.provider
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
    _SCHEMES[scheme.provider] = scheme
    _changed()


def unregister_provider(name: str) -> None:
    """Undo `register_provider`: the built-in row of that name comes back, or there is none any more.

    A name that was never registered is left as it is.
    """
    scheme = scheme_for(name)
    if scheme is None or scheme is _BUILT_IN.get(scheme.provider):
        return
    built_in = _BUILT_IN.get(scheme.provider)
    if built_in is None:
        del _SCHEMES[scheme.provider]
    else:
        _SCHEMES[scheme.provider] = built_in
    _changed()


def on_change(listener: Callable[[], object]) -> None:
    """Call `listener` whenever the table changes, so that what was made from old rows can be dropped."""
    _listeners.append(listener)


def built_in_providers() -> tuple[SignatureScheme, ...]:
    """The rows that come with the package, in the order of their names, whatever was registered since."""
    return tuple(scheme for _, scheme in sorted(_BUILT_IN.items()))


def providers() -> tuple[SignatureScheme, ...]:
    """Every supported provider's row, in the order of their names, registered ones too."""
    return tuple(scheme for _, scheme in sorted(_SCHEMES.items()))


def scheme_for(provider: str) -> SignatureScheme | None:
    """The row of a provider; upper case, hyphens, underscores and spaces in the name make no difference."""
    if not isinstance(provider, str):
        return None
    scheme = _SCHEMES.get(provider)
    if scheme is not None:
        return scheme
    return _SCHEMES.get(_ALIASES.get(_fold(provider), ""))


def detect(headers: Iterable[tuple[bytes, bytes]] | Mapping[str, str]) -> str | None:
    """The provider whose unmistakable header is there, for telemetry only: it proves nothing.

    Args:
        headers: ASGI's pairs of lower-case bytes, or a mapping by lower-case name.
    """
    found = None
    names: Iterable[bytes | str]
    names = headers if isinstance(headers, Mapping) else [pair[0] for pair in headers]
    for name in names:
        provider = DETECTION_HEADERS.get(name)
        if provider is not None:
            if provider != _GENERIC:
                return provider
            found = provider
    return found


_index()
