"""Who asks providers for their keys: we do, or a function of the user's."""

from __future__ import annotations

from collections.abc import Callable

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.wanted_keys import KeyAnswer, KeyRequest

KeyFetcher = Callable[[KeyRequest], KeyAnswer]

_chosen: list[KeyFetcher] = []


def set_key_fetcher(fetcher: KeyFetcher | None) -> None:
    """Asks for providers' keys by a function of yours: through a gateway of your own, or in tests.

    Args:
        fetcher: `(request) -> KeyAnswer`. It is called on a thread of ours and may block; whatever it raises means
            that there is no key, and the delivery is answered 503. Addresses are checked before it is called, and
            time, size and number of calls are bounded as ever. None puts ours back.

    Raises:
        ConfigurationError: It is no function.
    """
    if fetcher is not None and not callable(fetcher):
        raise ConfigurationError(f"the key fetcher must be a function, not {type(fetcher).__name__}")
    _chosen[:] = [] if fetcher is None else [fetcher]


def key_fetcher() -> KeyFetcher | None:
    """The user's function, if there is one."""
    return _chosen[0] if _chosen else None
