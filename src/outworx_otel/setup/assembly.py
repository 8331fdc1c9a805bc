"""From what code, a file and the environment say to endpoints that are ready, and to what is wrong with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from outworx_otel.errors import ConfigurationError
from outworx_otel.idempotency import IdempotencyStore, open_store
from outworx_otel.setup.configuration import Configuration, ConfiguredEndpoint
from outworx_otel.setup.endpoints import Endpoint, undone_verification
from outworx_otel.setup.options import TrackOptions, unknown_name
from outworx_otel.signatures import KnownSecret, SignatureScheme, register_provider

_stores: dict[str, IdempotencyStore] = {}


class Assembly:
    """Everything that is configured, put together. `problems` have to be put right, `warnings` to be known.

    Args:
        configuration: what the file and the environment say.
        from_code: endpoints given in code, which come before.
        store_url: the idempotency store given in code.
        known_secrets: all configured secrets, for the diagnosis.

    Raises:
        ConfigurationError: the store given in code cannot be used.
    """

    def __init__(
        self,
        configuration: Configuration,
        from_code: Mapping[str, Endpoint],
        store_url: str | None,
        known_secrets: Callable[[], Iterable[KnownSecret]],
    ) -> None:
        self.problems = list(configuration.problems)
        self.warnings = list(configuration.warnings)
        self.endpoints: dict[str, Endpoint] = {}
        self._known_secrets = known_secrets
        for name, row in configuration.providers.items():
            self._register(name, row)
        for found in configuration.endpoints:
            self.endpoints[found.pattern] = self._endpoint(found)
        # Last, because of two spellings of a path (with a slash at its end and without) the later one counts.
        for pattern, endpoint in from_code.items():
            said = undone_verification(pattern, endpoint, self.endpoints.pop(pattern, None))
            if said is not None:
                self.warnings.append(said)
            self.endpoints[pattern] = endpoint
        self.store = self._store(configuration.store_url) if store_url is None else _opened(store_url)

    def _register(self, name: str, row: Mapping[str, Any]) -> None:
        """Adds the row of a provider that a file describes."""
        known = [field.name for field in dataclasses.fields(SignatureScheme) if field.name != "provider"]
        unknown = [key for key in row if key not in known]
        if unknown:
            self.problems.append(f"provider {name!r}: {unknown_name('key', unknown[0], known)}")
            return
        values: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in row.items()
        }
        try:
            register_provider(SignatureScheme(provider=name, **values))
        except (ConfigurationError, TypeError, AttributeError) as error:
            self.problems.append(f"provider {name!r}: {error}")

    def _endpoint(self, found: ConfiguredEndpoint) -> Endpoint:
        # Whoever wanted verification and cannot have it gets no deliveries, rather than unverified ones.
        problem = found.problem if found.options.signature_valid is False else None
        try:
            return Endpoint(found.options, found.source, known_secrets=self._known_secrets, problem=problem)
        except ConfigurationError as error:
            problem = f"{found.source}, endpoint {found.pattern!r}: {error}"
            self.problems.append(problem)
            options = TrackOptions(found.options.provider, signature_valid=False)
            return Endpoint(options, found.source, problem=problem)

    def _store(self, url: str | None) -> IdempotencyStore:
        try:
            return _opened(url or "memory://")
        except ConfigurationError as error:
            self.problems.append(f"{error}; until then, keys are kept in this process's memory")
            return _opened("memory://")


def checked_store(url: str) -> None:
    """Makes sure that a store's URL can be used.

    Raises:
        ConfigurationError: it cannot.
    """
    _opened(url)


def _opened(url: str) -> IdempotencyStore:
    store = _stores.get(url)
    if store is None:
        store = _stores[url] = open_store(url)
    return store
