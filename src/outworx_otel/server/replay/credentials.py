"""Which secret signs for an endpoint: the one its application verifies with, from this machine's configuration."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from outworx_otel.errors import ConfigurationError
from outworx_otel.http.paths import PathMap
from outworx_otel.process import environment
from outworx_otel.setup.configuration import SECRET_PREFIX, read_configuration
from outworx_otel.setup.options import TrackOptions
from outworx_otel.signatures import KnownSecret, scheme_for
from outworx_otel.signatures.registry import provider_names

_NOT_OF_A_NAME: Final = re.compile(r"[^A-Z0-9]")


@dataclasses.dataclass(frozen=True)
class Credentials:
    """What an endpoint is configured with.

    Args:
        secrets: the newest first, as configured; never shown.
        source: where they stand, for people.
        public_url: the address that the application takes for its own, where that is configured.
        max_body_size: bytes that the endpoint takes, where it is configured.
        tolerance: seconds that a signature may be off, where the endpoint has its own.
        problem: why the endpoint's own configuration gives no secret.
    """

    secrets: tuple[str | bytes, ...] = dataclasses.field(default=(), repr=False)
    source: str = ""
    public_url: str | None = None
    max_body_size: int | None = None
    tolerance: float | None = None
    problem: str | None = None

    @property
    def secret(self) -> str | bytes | None:
        """The one to sign with."""
        return self.secrets[0] if self.secrets else None


def variable_for(provider: str) -> str:
    """`OUTWORX_SECRET_STRIPE` of `stripe`."""
    return SECRET_PREFIX + _NOT_OF_A_NAME.sub("_", provider.upper())


def credentials_for(provider: str, path: str, directory: Path | None = None) -> Credentials:
    """What outworx.toml and the environment say of an endpoint; never a database.

    Args:
        provider: whose deliveries they are. An endpoint of another provider at this path has no say.
        path: as the provider calls it.
        directory: where outworx.toml is looked for; None is the working directory.
    """
    configuration = read_configuration(directory=directory)
    by_path = PathMap({found.pattern: found for found in configuration.endpoints})
    found = by_path.find(path.partition("?")[0])
    options = None if found is None else found.options
    if found is None or options is None or _canonical(options.provider) != _canonical(provider):
        return Credentials(_from_environment(provider), variable_for(provider))
    secrets, source = _secrets(options), f"{found.source}, endpoint {found.pattern}"
    if not secrets:
        secrets, source = _from_environment(provider), variable_for(provider)
    return Credentials(
        secrets,
        source,
        options.public_url,
        options.max_body_size,
        options.signature_tolerance,
        None if secrets else found.problem,
    )


def provider_at(path: str, directory: Path | None = None) -> str | None:
    """The provider that outworx.toml or OUTWORX_ROUTES names for a path."""
    configuration = read_configuration(directory=directory)
    found = PathMap({found.pattern: found for found in configuration.endpoints}).find(path.partition("?")[0])
    return None if found is None else found.options.provider


def secret_for(provider: str, path: str, directory: Path | None = None) -> str | bytes | None:
    """The secret to sign a provider's delivery to `path` with, or None; see `credentials_for`."""
    return credentials_for(provider, path, directory).secret


def known_secrets(
    directory: Path | None = None, environ: Mapping[str, str] | None = None
) -> Iterator[KnownSecret]:
    """Every secret that is configured here, so that a diagnosis can prove a mix-up."""
    for found in read_configuration(directory=directory).endpoints:
        for secret in _secrets(found.options):
            yield KnownSecret(found.pattern, found.options.provider, secret)
    by_variable = {variable_for(name): name for name in provider_names()}
    for name, value in environment.beginning_with(SECRET_PREFIX, environ).items():
        provider = by_variable.get(name, name.removeprefix(SECRET_PREFIX).lower())
        yield KnownSecret(name, provider, value)


def _secrets(options: TrackOptions) -> tuple[str | bytes, ...]:
    try:
        return options.secrets()
    except ConfigurationError:  # said where the configuration is shown
        return ()


def _from_environment(provider: str) -> tuple[str | bytes, ...]:
    value = environment.raw(variable_for(provider)) or ""
    return (value,) if value.strip() else ()


def _canonical(provider: str) -> str:
    scheme = scheme_for(provider)
    return provider.lower() if scheme is None else scheme.provider
