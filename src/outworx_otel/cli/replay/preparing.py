"""Makes the request to send, of a stored one, as the command's options say."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from urllib.parse import urlsplit

from outworx_otel.cli.console import headers_of
from outworx_otel.cli.delivery_filters import DeliveryFilters
from outworx_otel.cli.secret_options import chosen_credentials, no_secret
from outworx_otel.errors import ConfigurationError
from outworx_otel.server.replay import (
    Credentials,
    Outgoing,
    ReplayError,
    StoredRequest,
    provider_at,
    resigned,
    target_url,
)
from outworx_otel.signatures import scheme_for


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReplayOptions:
    """What is asked for, on the command line or by a coding agent. Without `endpoint` no server is asked."""

    what: str | None
    to: str
    timeout: float
    filters: DeliveryFilters = dataclasses.field(default_factory=DeliveryFilters)
    unhandled: bool = False
    limit: int = 1
    dry_run: bool = False
    secrets: Sequence[str] = dataclasses.field(default=(), repr=False)
    secret_variables: Sequence[str] = ()
    public_url: str | None = None
    headers: Sequence[str] = ()
    as_received: bool = False
    curl: bool = False
    endpoint: str = ""
    api_key: str | None = dataclasses.field(default=None, repr=False)
    insecure: bool = False
    authorities: Sequence[tuple[str, str]] = ()
    as_json: bool = False


class Preparation:
    """Prepares requests; looks each endpoint's secret up once."""

    def __init__(self, wish: ReplayOptions) -> None:
        self._wish = wish
        self._headers = headers_of(wish.headers)
        self._configured: dict[tuple[str, ...], str | None] = {}
        self._credentials: dict[tuple[str, ...], Credentials] = {}

    def prepare(self, stored: StoredRequest, *, needs_signature: bool = False) -> tuple[Outgoing, str]:
        """Returns the request to send, and where its secret came from.

        Args:
            stored: what was received.
            needs_signature: only one that is of now will do, unless the options want the old one.

        Raises:
            ConfigurationError: an option cannot be used.
            ReplayError: there is no secret for a signature that is needed.
        """
        wish, url = self._wish, target_url(self._wish.to, stored)
        paths = (urlsplit(url).path, stored.path)
        provider = self._provider(stored, paths)
        stored = dataclasses.replace(stored, provider=provider)
        credentials = Credentials() if wish.as_received else self._credentials_of(provider, paths)
        request = resigned(
            stored, credentials.secret, url=url, public_url=wish.public_url or credentials.public_url
        )
        if wish.as_received:
            request = dataclasses.replace(request, note="sent with the signature it came with, as you wished")
        elif needs_signature and not request.fresh:
            raise ReplayError(_why_unsigned(request, provider, paths[0], credentials))
        names = {name.lower() for name, _ in self._headers}
        kept = tuple(pair for pair in request.headers if pair[0].lower() not in names)
        return dataclasses.replace(request, headers=(*kept, *self._headers)), credentials.source

    def _provider(self, stored: StoredRequest, paths: tuple[str, ...]) -> str:
        wish = self._wish
        named = wish.filters.values("provider") if wish.what is not None else ()
        if named:
            scheme = scheme_for(named[0])
            if scheme is None:
                raise ConfigurationError(f"--provider {named[0]!r} is none that is known here")
            return scheme.provider
        # Clerk's headers are Svix's, and Meta's are GitHub's older ones: what is configured knows better.
        if paths not in self._configured:
            self._configured[paths] = next(filter(None, map(provider_at, paths)), None)
        return self._configured[paths] or stored.provider

    def _credentials_of(self, provider: str, paths: tuple[str, ...]) -> Credentials:
        key, wish = (provider, *paths), self._wish
        if key not in self._credentials:
            self._credentials[key] = chosen_credentials(
                provider, list(paths), wish.secrets, wish.secret_variables
            )
        return self._credentials[key]


def _why_unsigned(request: Outgoing, provider: str, path: str, credentials: Credentials) -> str:
    why = no_secret(provider, path, credentials)
    if scheme_for(provider) is None or credentials.secret is not None:
        why = request.unsigned
    return f"{why} (--as-received sends it with the signature it came with)"
