"""What the environment and TOML say: endpoints by path, and a few switches."""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from outworx_otel.errors import ConfigurationError
from outworx_otel.setup.options import TrackOptions, unknown_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]  # installed there alone

CONFIG_FILE: Final = "OUTWORX_CONFIG_FILE"
ROUTES: Final = "OUTWORX_ROUTES"
SECRET_PREFIX: Final = "OUTWORX_SECRET_"  # noqa: S105  # a variable's name, no secret
DETECT: Final = "OUTWORX_DETECT"
STORE: Final = "OUTWORX_IDEMPOTENCY_STORE"
_KNOWN_KEYS: Final = ("endpoints", "providers", "detect", "idempotency_store")


@dataclasses.dataclass(frozen=True)
class ConfiguredEndpoint:
    """One endpoint as it was found.

    Args:
        pattern: the path, with `*` for any rest.
        options: what is wanted there.
        source: where it stands, for people.
        problem: why it cannot be used as it was meant. Where it was to verify signatures, its deliveries are
            turned away until this is put right, rather than let in unverified.
    """

    pattern: str
    options: TrackOptions
    source: str
    problem: str | None = None


@dataclasses.dataclass(frozen=True)
class Configuration:
    """Everything that the environment and the file say."""

    endpoints: tuple[ConfiguredEndpoint, ...] = ()
    detect: bool = True
    store_url: str | None = None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    providers: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)


def read_configuration(
    environ: Mapping[str, str] | None = None, directory: Path | None = None
) -> Configuration:
    """Reads `OUTWORX_CONFIG_FILE`, else `outworx.toml`, else `[tool.outworx]`, and the variables beside it.

    Nothing is raised: what is wrong stands in `problems`, and in the `problem` of the endpoint it concerns.

    Args:
        environ: environment variables; None is the process's own.
        directory: where to look for the file; None is the working directory.
    """
    environ = os.environ if environ is None else environ
    directory = Path.cwd() if directory is None else directory
    problems: list[str] = []
    warnings: list[str] = []
    found: dict[str, ConfiguredEndpoint] = {}
    where = ""
    table: Mapping[str, Any] = {}
    for endpoint in _from_routes(environ, problems, warnings):
        found[endpoint.pattern] = endpoint
    try:
        where, table = _read_table(environ, directory)
        for name in table:
            if name not in _KNOWN_KEYS:
                problems.append(f"{where}: {unknown_name('key', name, _KNOWN_KEYS)}")
        for endpoint in _from_table(where, table.get("endpoints", {})):
            found[endpoint.pattern] = endpoint
            if "signature_secret" in table["endpoints"][endpoint.pattern]:
                warnings.append(
                    f"{where}: the secret of {endpoint.pattern} stands in the file; name an environment variable "
                    'instead, e.g. signature_secret_env = "STRIPE_WEBHOOK_SECRET"'
                )
    except ConfigurationError as error:
        problems.append(str(error))
    problems.extend(endpoint.problem for endpoint in found.values() if endpoint.problem is not None)
    detect, store_url = table.get("detect", True), table.get("idempotency_store")
    if not isinstance(detect, bool):
        problems.append(f"{where}: detect must be true or false, not {detect!r}")
        detect = True
    if not isinstance(store_url, str | None):
        problems.append(f"{where}: idempotency_store must be a URL, not {store_url!r}")
        store_url = None
    detect = _flag(environ.get(DETECT), detect, problems)
    store_url = environ.get(STORE) or store_url
    providers = table.get("providers", {})
    if not isinstance(providers, dict) or not all(isinstance(row, dict) for row in providers.values()):
        problems.append(
            f'{where}: providers must be tables, e.g. [providers.acme] signature_header = "x-acme"'
        )
        providers = {}
    return Configuration(
        tuple(found.values()), detect, store_url, tuple(problems), tuple(warnings), providers
    )


def _flag(text: str | None, default: bool, problems: list[str]) -> bool:
    if text is None or not text.strip():
        return default
    word = text.strip().lower()
    if word not in ("true", "1", "yes", "on", "false", "0", "no", "off"):
        problems.append(f"{DETECT} must be true or false, not {text!r}")
        return default
    return word in ("true", "1", "yes", "on")


def _read_table(environ: Mapping[str, str], directory: Path) -> tuple[str, Mapping[str, Any]]:
    named = environ.get(CONFIG_FILE)
    if named:
        path = Path(named)
        return path.name, _inner_table(path, _parse(path, f"{CONFIG_FILE}={named}"))
    path = directory / "outworx.toml"
    if path.is_file():
        return path.name, _parse(path, path.name)
    path = directory / "pyproject.toml"
    if path.is_file():
        try:
            return "pyproject.toml [tool.outworx]", _inner_table(path, _parse(path, path.name))
        except ConfigurationError:
            # Somebody else's file: their own tools complain if it is broken.
            return path.name, {}
    return "outworx.toml", {}


def _inner_table(path: Path, table: Mapping[str, Any]) -> Mapping[str, Any]:
    if path.name != "pyproject.toml":
        return table
    tools = table.get("tool", {})
    inner = tools.get("outworx", {}) if isinstance(tools, dict) else {}
    return inner if isinstance(inner, dict) else {}


def _parse(path: Path, where: str) -> Mapping[str, Any]:
    try:
        table: Mapping[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"{where}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{where}: is not valid TOML: {error}") from error
    return table


def _from_table(where: str, endpoints: Any) -> Iterator[ConfiguredEndpoint]:
    if not isinstance(endpoints, dict):
        raise ConfigurationError(f'{where}: endpoints must be tables, e.g. [endpoints."/webhooks/stripe"]')
    for pattern, table in endpoints.items():
        here = f'{where}, endpoint "{pattern}"'
        if not isinstance(table, dict):
            raise ConfigurationError(f'{here}: must be a table, e.g. {{ provider = "stripe" }}')
        problem = _path_problem(pattern)
        if problem is not None:
            raise ConfigurationError(f"{here}: {problem}")
        try:
            yield ConfiguredEndpoint(pattern, TrackOptions.from_mapping(table, here), where)
        except ConfigurationError as error:
            yield _broken(pattern, str(table.get("provider") or "unknown"), where, error, table)


def _from_routes(
    environ: Mapping[str, str], problems: list[str], warnings: list[str]
) -> Iterator[ConfiguredEndpoint]:
    for entry in environ.get(ROUTES, "").split(","):
        if not entry.strip():
            continue
        pattern, _, provider = (part.strip() for part in entry.rpartition("="))
        if not provider or _path_problem(pattern) is not None:
            problems.append(
                f'{ROUTES}: {entry.strip()!r} is no "path=provider", e.g. /webhooks/stripe=stripe,/hooks/*=github'
            )
            continue
        variable = SECRET_PREFIX + re.sub(r"[^A-Z0-9]", "_", provider.upper())
        secret = environ.get(variable)
        try:
            options = TrackOptions(provider, signature_secret=secret)
        except ConfigurationError:
            error = ConfigurationError(
                f"{variable} is set but empty; set it to the signing secret or unset it"
            )
            yield _broken(pattern, provider, ROUTES, error, {"signature_secret": secret})
        else:
            if secret is None:
                warnings.append(f"{ROUTES}: {pattern} is not verified, because {variable} is not set")
            yield ConfiguredEndpoint(pattern, options, ROUTES)


def _path_problem(pattern: str) -> str | None:
    return None if pattern.startswith(("/", "*")) else f"the path {pattern!r} must begin with /"


def _broken(
    pattern: str, provider: str, source: str, error: ConfigurationError, table: Mapping[str, Any]
) -> ConfiguredEndpoint:
    # Whoever spoke of a signature, however misspelt, meant deliveries to be verified.
    verified = any("sig" in name.lower() or "secret" in name.lower() for name in table)
    options = TrackOptions(provider, signature_valid=False if verified else None)
    return ConfiguredEndpoint(pattern, options, source, str(error))
