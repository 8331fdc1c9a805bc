"""Chooses the secret that a command uses: from its options, else from the endpoint's configuration."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from outworx_otel.cli.console import say
from outworx_otel.cli.secrets_in_code import SecretInCode, same_provider, secrets_in_code
from outworx_otel.errors import ConfigurationError
from outworx_otel.process import environment
from outworx_otel.server.replay import Credentials, credentials_for, variable_for
from outworx_otel.setup.configuration import SECRET_PREFIX
from outworx_otel.signatures import scheme_for

# The prefix of a tunnel's path; the rest is the path of the application's endpoint.
_TUNNEL: Final = re.compile(r"/t/[0-9a-f]{16,64}(?=/|$)")
# A line of a `.env` that means the same to a shell: no spaces round `=`, nothing that it would expand or run.
_READ_ALIKE_BY_A_SHELL: Final = re.compile(
    r"""\s*(?:\#.*|(?:export[ ]+)?\w+=(?:'[^']*'|"[^"$`\\]*"|[\w./:@%+=,-]*)[ \t]*(?:[ \t]\#.*)?)?(?<!\r)"""
)


def chosen_credentials(
    provider: str, paths: list[str], literal: Sequence[str], variables: Sequence[str]
) -> Credentials:
    """The credentials to use; without secrets where none is configured.

    Args:
        provider: whose endpoint it is.
        paths: of the endpoint, the likeliest first.
        literal: `--secret`.
        variables: `--secret-env`.

    Raises:
        ConfigurationError: a variable that is named is not set, or a secret is empty.
    """
    configured = _configured(provider, paths)
    given: list[str] = []
    for name in variables:
        value = environment.raw(name)
        if value is None or not value.strip():
            raise ConfigurationError(
                f"the environment variable {name} (--secret-env) is not set, or is empty"
            )
        given.append(value)
    if literal:
        say(
            "warning: --secret stays in your shell's history and is seen in the list of processes; "
            "--secret-env NAME does not",
            "yellow",
            err=True,
        )
        given += literal
    if not all(secret.strip() for secret in given):
        raise ConfigurationError("--secret is empty")
    if not given:
        return configured if configured.secrets else _from_code(provider, configured)
    source = ", ".join([*variables, *(["--secret"] if literal else [])])
    return dataclasses.replace(configured, secrets=tuple(given), source=source, problem=None)


def _configured(provider: str, paths: list[str]) -> Credentials:
    """Returns the credentials of the first path that has secrets, else of the first path."""
    behind = [_TUNNEL.sub("", path, count=1) or "/" for path in paths if _TUNNEL.match(path)]
    found = [credentials_for(provider, path) for path in [*paths, *behind]] or [Credentials()]
    ranked = sorted(found, key=lambda one: (not one.secrets, one.problem is None))
    return ranked[0]


def _from_code(provider: str, configured: Credentials) -> Credentials:
    """The same with the secret that the application's code in this folder names, else by the usual name of it."""
    named = [one.variable for one in _secrets_in_code(provider)]
    for variable in [*named, _usual_variable(provider)]:
        value = environment.raw(variable)
        if value is not None and value.strip():
            return dataclasses.replace(configured, secrets=(value,), source=variable, problem=None)
    return configured


def _secrets_in_code(provider: str) -> list[SecretInCode]:
    try:
        found = secrets_in_code(Path.cwd())
    except OSError:  # the folder was removed, or is none of ours to look into
        return []
    return [one for one in found if same_provider(one.provider, provider)]


def _usual_variable(provider: str) -> str:
    """`STRIPE_WEBHOOK_SECRET` of `stripe`: how people call it, and the README too."""
    return f"{variable_for(provider).removeprefix(SECRET_PREFIX)}_WEBHOOK_SECRET"


def _where_it_may_stand(variable: str) -> str:
    """Whether a `.env` in this folder has it: nobody but the application reads that."""
    try:
        text = Path(".env").read_bytes().decode("utf-8", "replace")
    except OSError:
        return ""
    if re.search(rf"^\s*(?:export\s+)?{re.escape(variable)}\s*=", text, re.MULTILINE) is None:
        return ""
    if all(map(_READ_ALIKE_BY_A_SHELL.fullmatch, text.split("\n"))):
        return " (it stands in .env, which is not read here: `set -a; . ./.env; set +a` exports it)"
    return (
        f" (it stands in .env, which is not read here, and which a shell would read otherwise: export {variable} "
        "with the value that stands there)"
    )


def no_secret(provider: str, path: str, credentials: Credentials) -> str:
    """Returns the advice for when there is no secret."""
    if credentials.problem is not None:
        unset = re.search(r"environment variable (\w+)", credentials.problem)
        where = _where_it_may_stand(unset[1]) if unset is not None else ""
        return f"{credentials.problem}{where}; or name the variable that holds it with --secret-env"
    scheme = scheme_for(provider)
    what = "the private key that signs" if scheme is not None and scheme.asymmetric else "the signing secret"
    path = _TUNNEL.sub("", path, count=1) if _TUNNEL.match(path) else path
    named = _secrets_in_code(provider)
    if named:
        variable = named[0].variable
        return (
            f"no secret for {provider}: {named[0].place} takes it from {variable}, which is not set here"
            f"{_where_it_may_stand(variable)}; set it to {what}, or name another variable with --secret-env"
        )
    return (
        f"no secret for {provider}: set {variable_for(provider)} to {what}, or name another variable with "
        f"--secret-env, or give the endpoint {path.partition('?')[0]} a signature_secret_env in outworx.toml"
    )
