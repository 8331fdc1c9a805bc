"""From what code, a file and the environment say to endpoints that are ready, and to what is wrong with them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from outworx_otel.errors import ConfigurationError
from outworx_otel.idempotency import IdempotencyStore, TransactionStore, open_store
from outworx_otel.setup.configuration import Configuration, ConfiguredEndpoint
from outworx_otel.setup.endpoints import Endpoint, with_standing_verification
from outworx_otel.setup.options import TrackOptions, unknown_name
from outworx_otel.signatures import KnownSecret, SignatureScheme, register_provider
from outworx_otel.signatures.registry import unregister_provider

Stores = dict[str, IdempotencyStore | TransactionStore]
# The providers that a file added to the table.
_registered: list[str] = []


class Assembly:
    """Everything that is configured, put together. `problems` have to be put right, `warnings` to be known.

    Args:
        configuration: what the file and the environment say.
        from_code: endpoints given in code, which come before.
        store: the idempotency store given in code, or its URL.
        known_secrets: all configured secrets, for the diagnosis.
        stores: those that were opened before, by their URL; gets the one that is opened now.

    Raises:
        ConfigurationError: the store given in code cannot be used.
    """

    def __init__(
        self,
        configuration: Configuration,
        from_code: Mapping[str, Endpoint],
        store: IdempotencyStore | TransactionStore | str | None,
        known_secrets: Callable[[], Iterable[KnownSecret]],
        stores: Stores | None = None,
    ) -> None:
        self.problems = list(configuration.problems)
        # Endpoints whose secret is not set in this environment: said at start, and closed.
        self.closed = list(configuration.closed)
        self.warnings = list(configuration.warnings)
        self.endpoints: dict[str, Endpoint] = {}
        self._known_secrets = known_secrets
        self._stores: Stores = {} if stores is None else stores
        for name, row in configuration.providers.items():
            self._register(name, row)
        for found in configuration.endpoints:
            self.endpoints[found.pattern] = self._endpoint(found)
        for pattern, endpoint in from_code.items():
            standing = endpoint
            # With a slash at its end and without, a path is the same one: the later of two counts.
            for spelling in [one for one in self.endpoints if one.rstrip("/") == pattern.rstrip("/")]:
                standing, said = with_standing_verification(pattern, standing, self.endpoints.pop(spelling))
                if said is not None:
                    self.warnings.append(said)
            if endpoint.problem is not None:
                self.closed.append(endpoint.problem)
            if endpoint.handshakes.problem is not None:
                self.closed.append(endpoint.handshakes.problem)
            self.endpoints[pattern] = standing
        if isinstance(store, str):
            self.store = _opened(store, self._stores)
        else:
            self.store = self._store(configuration.store_url) if store is None else store

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
            _registered.append(name)
        except (ConfigurationError, TypeError, AttributeError) as error:
            self.problems.append(f"provider {name!r}: {error}")

    def _endpoint(self, found: ConfiguredEndpoint) -> Endpoint:
        options = found.options
        # Whoever wanted verification and cannot have it gets no deliveries, rather than unverified ones.
        wants = options.verifies or options.signature_valid is not None
        try:
            return Endpoint(
                options,
                found.source,
                known_secrets=self._known_secrets,
                problem=found.problem if wants and options.signature_secret_file is None else None,
                quiet=True,
            )
        except ConfigurationError as error:
            problem = f"{found.source}, endpoint {found.pattern!r}: {error}"
            self.problems.append(problem)
            closed = TrackOptions(options.provider, signature_valid=False)
            return Endpoint(closed, found.source, problem=problem, quiet=True)

    def _store(self, url: str | None) -> IdempotencyStore | TransactionStore:
        try:
            return _opened(url or "memory://", self._stores)
        except ConfigurationError as error:
            self.problems.append(f"{error}; until then, keys are kept in this process's memory")
            return _opened("memory://", self._stores)


def forget_providers() -> None:
    """Takes the providers that a file described out of the table again."""
    while _registered:
        unregister_provider(_registered.pop())


def checked_store(
    store: IdempotencyStore | TransactionStore | str, stores: Stores
) -> IdempotencyStore | TransactionStore | str:
    """The store itself, or its URL.

    Args:
        store: one of the two.
        stores: as for `Assembly`.

    Raises:
        ConfigurationError: the URL cannot be used, or it is no store.
    """
    if isinstance(store, str):
        _opened(store, stores)
    elif not isinstance(store, TransactionStore) and not callable(getattr(store, "claim", None)):
        raise ConfigurationError(f"idempotency_store must be a URL or a store, not {type(store).__name__}")
    return store


def _opened(url: str, stores: Stores) -> IdempotencyStore | TransactionStore:
    store = stores.get(url)
    if store is None:
        store = stores[url] = open_store(url)
    return store
