"""What the environment and TOML say: endpoints by path, and a few switches."""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from outworx_otel.errors import ConfigurationError
from outworx_otel.setup import enforcement
from outworx_otel.setup.files import ConfigurationFile, find_file
from outworx_otel.setup.options import TrackOptions, unknown_name
from outworx_otel.setup.salvage import salvaged, speaks_of_verification

ROUTES: Final = "OUTWORX_ROUTES"
SECRET_PREFIX: Final = "OUTWORX_SECRET_"  # noqa: S105  # a variable's name, no secret
TOKEN_PREFIX: Final = "OUTWORX_VERIFY_TOKEN_"  # noqa: S105  # likewise
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
        unset: whether all that is wrong is a secret that is not set in this environment.
    """

    pattern: str
    options: TrackOptions
    source: str
    problem: str | None = None
    unset: bool = False


@dataclasses.dataclass(frozen=True)
class Configuration:
    """Everything that the environment and the file say; `file` is where that stands, if there is one."""

    endpoints: tuple[ConfiguredEndpoint, ...] = ()
    detect: bool = True
    store_url: str | None = None
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    providers: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    file: str | None = None
    closed: tuple[str, ...] = ()


def read_configuration(
    environ: Mapping[str, str] | None = None, directory: Path | None = None
) -> Configuration:
    """Reads `OUTWORX_CONFIG_FILE`, else `outworx.toml`, else `[tool.outworx]`, and the variables beside it.

    Nothing is raised: what is wrong stands in `problems`, and in the `problem` of the endpoint it concerns. An
    endpoint that is known to want verification and cannot have it is among the endpoints all the same, closed.

    Args:
        environ: environment variables; None is the process's own.
        directory: where to look for the file, and then upwards; None is the working directory, and after that the
            folder of the program.
    """
    environ = os.environ if environ is None else environ
    problems: list[str] = enforcement.wrong_values()
    warnings: list[str] = []
    found: dict[str, ConfiguredEndpoint] = {}
    for endpoint in _from_routes(environ, problems):
        found[endpoint.pattern] = endpoint
    file = find_file(environ, directory)
    where, table = file.shown, file.table or {}
    for endpoint in _from_file(file, problems, warnings):
        replaced = found.get(endpoint.pattern)
        if replaced is not None and _verifies(replaced) and not _verifies(endpoint):
            warnings.append(
                f"{where}: {endpoint.pattern} names no secret, so what {replaced.source} says of it counts, which is "
                "to verify"
            )
        else:
            found[endpoint.pattern] = endpoint
    told = {one.problem: one.unset for one in found.values() if one.problem is not None}
    problems.extend(problem for problem, unset in told.items() if not unset and problem not in problems)
    closed = tuple(problem for problem, unset in told.items() if unset)
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
        tuple(found.values()),
        detect,
        store_url,
        tuple(problems),
        tuple(warnings),
        providers,
        None if file.path is None else str(file.path.absolute()),
        closed,
    )


def _verifies(endpoint: ConfiguredEndpoint) -> bool:
    return endpoint.options.verifies or endpoint.options.signature_valid is not None


def _flag(text: str | None, default: bool, problems: list[str]) -> bool:
    if text is None or not text.strip():
        return default
    word = text.strip().lower()
    if word not in ("true", "1", "yes", "on", "false", "0", "no", "off"):
        problems.append(f"{DETECT} must be true or false, not {text!r}")
        return default
    return word in ("true", "1", "yes", "on")


def _from_file(
    file: ConfigurationFile, problems: list[str], warnings: list[str]
) -> Iterator[ConfiguredEndpoint]:
    where = file.shown
    if file.problem is not None:
        problems.append(file.problem)
        for pattern, provider in salvaged(file.text).items():
            yield _closed(pattern, provider, where, file.problem)
    for name, value in (file.table or {}).items():
        if name == "endpoints":
            yield from _from_table(where, value, problems, warnings)
        elif name not in _KNOWN_KEYS:
            problem = f"{where}: {unknown_name('key', name, _KNOWN_KEYS)}"
            problems.append(problem)
            if isinstance(value, dict) and difflib.get_close_matches(name, ["endpoints"]):
                for pattern, table in value.items():
                    if isinstance(table, dict) and speaks_of_verification(table):
                        yield _closed(pattern, _provider(table), where, problem)


def _from_table(
    where: str, endpoints: Any, problems: list[str], warnings: list[str]
) -> Iterator[ConfiguredEndpoint]:
    if not isinstance(endpoints, dict):
        problems.append(f'{where}: endpoints must be tables, e.g. [endpoints."/webhooks/stripe"]')
        return
    for pattern, table in endpoints.items():
        here = f'{where}, endpoint "{pattern}"'
        if not isinstance(table, dict):
            problems.append(f'{here}: must be a table, e.g. {{ provider = "stripe" }}')
            continue
        problem = _path_problem(pattern)
        if problem is not None:
            problems.append(f"{here}: {problem}")
            if speaks_of_verification(table):
                yield _closed(pattern, _provider(table), where, f"{here}: {problem}")
            continue
        try:
            options = TrackOptions.from_mapping(table, here)
        except ConfigurationError as error:
            if speaks_of_verification(table):
                yield _closed(pattern, _provider(table), where, str(error))
            else:
                yield ConfiguredEndpoint(pattern, TrackOptions(_provider(table)), where, str(error))
            continue
        if options.signature_secret is not None:
            warnings.append(
                f"{where}: the secret of {pattern} stands in the file; name an environment variable "
                'instead, e.g. signature_secret_env = "STRIPE_WEBHOOK_SECRET"'
            )
        if options.verify_token is not None:
            warnings.append(
                f"{where}: the verify token of {pattern} stands in the file; name an environment variable "
                'instead, e.g. verify_token_env = "META_VERIFY_TOKEN"'
            )
        try:
            options.verify_tokens()
        except ConfigurationError as error:
            problems.append(f"{here}: {error}")
        yield ConfiguredEndpoint(pattern, options, where, _no_secret(options, here))


def _no_secret(options: TrackOptions, here: str) -> str | None:
    try:
        options.secrets()
    except ConfigurationError as error:
        return f"{here}: {error}"
    return None


def _from_routes(environ: Mapping[str, str], problems: list[str]) -> Iterator[ConfiguredEndpoint]:
    for entry in environ.get(ROUTES, "").split(","):
        if not entry.strip():
            continue
        pattern, _, provider = (part.strip() for part in entry.rpartition("="))
        if not provider or _path_problem(pattern) is not None:
            problem = (
                f'{ROUTES}: {entry.strip()!r} is no "path=provider", e.g. /webhooks/stripe=stripe,'
                "/hooks/*=github"
            )
            problems.append(problem)
            if pattern:
                yield _closed(pattern, provider or "unknown", ROUTES, problem)
            continue
        suffix = re.sub(r"[^A-Z0-9]", "_", provider.upper())
        variable = SECRET_PREFIX + suffix
        secret = environ.get(variable)
        if secret is not None and secret.strip():
            token = environ.get(TOKEN_PREFIX + suffix, "").strip() or None
            options = TrackOptions(provider, signature_secret=secret, verify_token=token)
            yield ConfiguredEndpoint(pattern, options, ROUTES)
            continue
        state = "not set" if secret is None else "set but empty"
        problem = (
            f"{ROUTES}: {variable} is {state}, so nothing can verify {pattern} and every delivery there is answered "
            "401; set it to the signing secret, or configure the path in outworx.toml to run without verification"
        )
        yield dataclasses.replace(_closed(pattern, provider, ROUTES, problem), unset=True)


def _path_problem(pattern: str) -> str | None:
    return None if pattern.startswith(("/", "*")) else f"the path {pattern!r} must begin with /"


def _provider(table: Mapping[str, Any]) -> str:
    return str(table.get("provider") or "").strip() or "unknown"


def _closed(pattern: str, provider: str, source: str, problem: str) -> ConfiguredEndpoint:
    """An endpoint that is known to want verification, and lets nothing in until the problem is put right."""
    if _path_problem(pattern) is not None:
        pattern = f"/{pattern}"
    return ConfiguredEndpoint(pattern, TrackOptions(provider, signature_valid=False), source, problem)
