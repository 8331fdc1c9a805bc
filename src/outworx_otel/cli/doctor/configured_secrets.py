"""Checks the configured secrets for signs that they are wrong. No secret is shown."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from outworx_otel.cli.doctor.check_result import CheckResult, ok, problem, warning
from outworx_otel.cli.secrets_in_code import SecretInCode, secrets_in_code
from outworx_otel.setup.options import unknown_name
from outworx_otel.signatures import SignatureScheme, scheme_for
from outworx_otel.signatures.keys import WHSEC
from outworx_otel.signatures.registry import built_in_provider, built_in_providers, provider_names

if TYPE_CHECKING:
    from outworx_otel.cli.doctor.configured_setup import ConfiguredSetup

CHECK: Final = "secrets"
_VARIABLES: Final = "OUTWORX_SECRET_"
_SHORTEST: Final = 12
# What takes off white space before it decodes a secret.
_TRIMMED_KEYS: Final = frozenset({"whsec", "base64", "hex", "public"})
_PLACEHOLDER: Final = re.compile(
    r"change.?me|your[-_ ]|^(secret|password|test|todo|none|null|undefined)$|^x+$|^<.*>$|^\$\{?\w+\}?$|\.\.\.",
    re.IGNORECASE,
)
_ASSIGNMENT: Final = re.compile(r"(?:export\s+)?[A-Z][A-Z0-9_]*=.+", re.DOTALL)
# Whatever the provider, these never sign its webhooks.
_OTHERS: Final = {"ohk_": "a key of Outworx itself", "Bearer ": "an Authorization header"}


def secrets(setup: ConfiguredSetup) -> Iterator[CheckResult]:
    """Every configured secret, and the OUTWORX_SECRET_* variables that nobody uses."""
    sound = 0
    owners: dict[str, tuple[str, str]] = {}
    for pattern, endpoint in setup.endpoints.items():
        provider = endpoint.options.provider
        for secret in endpoint.secrets:
            text = secret.decode("latin-1") if isinstance(secret, bytes) else secret
            doubts = list(_doubts(pattern, provider, text))
            other = owners.setdefault(text, (pattern, provider))
            if other[1] != provider:
                doubts.append(
                    warning(
                        CHECK,
                        f"{pattern} ({provider}) has the same secret as {other[0]} ({other[1]})",
                        "each provider gives out its own: one of them is in the wrong place",
                    )
                )
            yield from doubts
            sound += not doubts
    if sound:
        yield ok(CHECK, f"{sound} set, and nothing odd about {'it' if sound == 1 else 'them'}")
    yield from _unused(setup)
    yield from _named_in_code()


def _named_in_code() -> Iterator[CheckResult]:
    """Variables that the code takes secrets from and that are not set here; the code is not run."""
    missing: dict[str, SecretInCode] = {}
    for found in secrets_in_code(Path.cwd()):
        if not os.environ.get(found.variable, "").strip():
            missing.setdefault(found.variable, found)
    for name, found in missing.items():
        yield warning(
            CHECK,
            f"{found.place} takes the secret of {found.provider} from {name}, which is not set here",
            "set it to the provider's signing secret where the application starts: deliveries get a 401 without it",
        )


def _doubts(pattern: str, provider: str, secret: str) -> Iterator[CheckResult]:
    scheme = scheme_for(provider)
    here = f"the secret of {pattern}"
    bare = secret.strip()
    if bare != secret:
        # Where the key is decoded, white space falls off by itself.
        harmless = scheme is not None and scheme.key in _TRIMMED_KEYS
        say = warning if harmless else problem
        yield say(CHECK, f"{here} has white space or a newline round it", "set it without")
    if len(bare) > 1 and bare[0] in "\"'`" and bare[-1] == bare[0]:
        yield problem(CHECK, f"{here} has quotes round it", "set it without; some .env readers keep them")
        bare = bare[1:-1]
    if _ASSIGNMENT.fullmatch(bare):
        yield problem(CHECK, f"{here} begins with a variable's name and =", "set only what follows the =")
        return
    if _PLACEHOLDER.search(bare):
        yield warning(CHECK, f"{here} looks like a placeholder", "copy the real one from the provider")
        return
    allowed = None if scheme is None else _prefixes_of(scheme)
    for beginning, what in _other_credentials().items():
        if bare.startswith(beginning) and beginning not in (allowed or ()):
            yield problem(
                CHECK,
                f"{here} begins with {beginning.strip()}: that is {what}, not a signing secret",
                "copy the signing secret of the webhook endpoint from the provider's dashboard",
            )
            return
    begins = next((prefix for prefix in _prefixes() if bare.startswith(prefix)), None)
    if begins is not None and allowed is not None and begins not in allowed:
        yield warning(
            CHECK,
            f"{here} begins with {begins}, as those of {_owners(begins)} do, and the provider is {provider}",
            "check which provider's secret it is",
        )
    if len(bare) < _SHORTEST and (scheme is None or scheme.algorithm != "token"):
        yield warning(
            CHECK,
            f"{here} has {len(bare)} characters: such a one can be guessed",
            f"use one of {_SHORTEST} or more",
        )


@functools.cache
def _other_credentials() -> dict[str, str]:
    """The beginnings of credentials that never sign webhooks, and what they are."""
    found = dict(_OTHERS)
    for provider in built_in_providers():
        found.update(provider.other_credentials)
    return found


@functools.cache
def _prefixes() -> dict[str, list[str]]:
    """The beginnings of signing secrets, and the titles of those that say they hand out such ones."""
    found: dict[str, list[str]] = {}
    for provider in built_in_providers():
        for prefix in provider.secret_prefixes:
            found.setdefault(prefix, []).append(provider.scheme.title)
    return found


def _owners(prefix: str) -> str:
    *most, last = _prefixes()[prefix]
    return f"{', '.join(most)} and {last}" if most else last


def _prefixes_of(scheme: SignatureScheme) -> set[str]:
    """How this provider's secrets may begin."""
    own = built_in_provider(scheme.provider)
    found = {beginning for beginning, _ in scheme.alternatives}
    found.update(own.secret_prefixes if own is not None else ())
    if scheme.key in ("whsec", "whsec-or-utf8"):
        found.add(WHSEC)
    return found


def _unused(setup: ConfiguredSetup) -> Iterator[CheckResult]:
    from outworx_otel.server.replay import variable_for

    configured = {variable_for(endpoint.options.provider) for endpoint in setup.endpoints.values()}
    known = {variable_for(name): name for name in provider_names()}
    for name, value in sorted(os.environ.items()):
        if not name.startswith(_VARIABLES) or name in configured:
            continue
        if not value.strip():
            yield warning(CHECK, f"{name} is set and empty", "unset it, or set it to the secret")
        elif name not in known:
            said = unknown_name("provider", name, list(known))
            yield warning(
                CHECK, f"{name} belongs to no endpoint here; {said}", "correct the name, or unset it"
            )
