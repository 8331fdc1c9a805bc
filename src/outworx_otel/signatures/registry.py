"""The table of providers: look-up by name, detection by header, rows of the user's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures import rows_special, rows_standard, rows_symmetric, rows_symmetric_more
from outworx_otel.signatures.scheme import SignatureScheme

_SCHEMES: dict[str, SignatureScheme] = {}
_ALIASES: dict[str, str] = {}
_listeners: list[Callable[[], object]] = []

DETECTION_HEADERS: dict[bytes | str, str] = {}
"""Header name in lower case, as `bytes` (ASGI) and as `str`, to the one provider that sends it."""

# Its headers are shared by all who follow the specification, so any other find is better.
_GENERIC = "standardwebhooks"


def _fold(name: str) -> str:
    return name.strip().lower().replace("-", "").replace("_", "").replace(" ", "")


def _add(scheme: SignatureScheme) -> None:
    _SCHEMES[scheme.provider] = scheme
    _ALIASES[_fold(scheme.provider)] = scheme.provider
    for name in scheme.detection_headers:
        DETECTION_HEADERS[name] = DETECTION_HEADERS[name.encode("latin-1")] = scheme.provider


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
    _add(scheme)
    for changed in _listeners:
        changed()


def unregister_provider(name: str) -> None:
    """Take a row out that was registered; a row of our own that it replaced comes back. Unknown names do nothing."""
    scheme = _SCHEMES.pop(name, None)
    if scheme is None:
        return
    if _ALIASES.get(_fold(name)) == name:
        del _ALIASES[_fold(name)]
    for header in [header for header, owner in DETECTION_HEADERS.items() if owner == name]:
        del DETECTION_HEADERS[header]
    if name in _OWN:
        _add(_OWN[name])
    for changed in _listeners:
        changed()


def on_change(listener: Callable[[], object]) -> None:
    """Call `listener` whenever a row is added, so that what was made from old rows can be dropped."""
    _listeners.append(listener)


def providers() -> tuple[SignatureScheme, ...]:
    """Every supported provider's row, in the order of their names."""
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


for _row in (*rows_symmetric.ROWS, *rows_symmetric_more.ROWS, *rows_standard.ROWS, *rows_special.ROWS):
    _add(_row)
_OWN = dict(_SCHEMES)
