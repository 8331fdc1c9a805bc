"""Hypotheses about the secret: the right one, written wrongly, or another endpoint's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.diagnosis.case import Case, Explanation, Trial
from outworx_otel.signatures.keys import DERIVATIONS, WHSEC, key_from_bytes, make_key
from outworx_otel.signatures.procedure import Key
from outworx_otel.signatures.scheme import KeyForm
from outworx_otel.signatures.secret import Secret, split_secrets

_MAX_KNOWN = 32
_ASSIGNMENT = re.compile(r"(?:export\s+)?[A-Za-z_][A-Za-z0-9_]*\s*=\s*(.+)", re.DOTALL)

# Beginnings of credentials that are never signing secrets.
_OTHER_CREDENTIALS: dict[str, tuple[str, ...]] = {
    "stripe": ("sk_test_", "sk_live_", "rk_test_", "rk_live_", "pk_test_", "pk_live_", "we_"),
    "github": ("ghp_", "gho_", "ghs_", "github_pat_"),
    "shopify": ("shpat_", "shpca_"),
    "slack": ("xoxb-", "xoxp-", "xapp-"),
    "svix": ("testsk_", "sk_"),
    "clerk": ("sk_test_", "sk_live_", "pk_test_", "pk_live_"),
    "openai": ("sk-",),
    "resend": ("re_",),
}


def untidy_secret(case: Case) -> Iterator[Trial]:
    """White space, quotes or a whole line of an .env file round the secret."""
    for index, secret in case.checker.secrets:
        for what, tidy in _tidied(_text(secret)):
            explanation = Explanation(
                f"Proved: secret {index} is right but for {what}; configure it without."
            )
            yield case.with_key((index, what), explanation, _key, case, tidy)


def _tidied(secret: str) -> Iterator[tuple[str, str]]:
    bare = secret.strip()
    if bare != secret:
        yield "white space or a newline round it", bare
    for quoted in dict.fromkeys((bare, bare.removesuffix("\\n"))):
        unquoted = quoted.strip("\"'`").strip()
        if unquoted not in (bare, secret):
            yield "quotes or an escaped newline round it", unquoted
    name, colon, value = bare.partition(":")
    if colon and (name.strip(), value.strip()) != (name, value):
        yield "white space round its colon", f"{name.strip()}:{value.strip()}"
    assignment = _ASSIGNMENT.fullmatch(bare)
    if assignment is not None:
        yield "the variable's name in front of it", assignment[1].strip("\"' ")


def known_secret(case: Case) -> Iterator[Trial]:
    """The secret of another endpoint or provider signed this delivery."""
    if case.known_secrets is None:
        return
    own = {secret for _, secret in case.checker.secrets}
    for label, provider, secrets in islice(case.known_secrets(), _MAX_KNOWN):
        explanation = Explanation(
            f"Proved: this delivery is signed with the secret of {label} ({provider}), not with this endpoint's; "
            "exchange the secrets or correct the endpoint's URL at the provider."
        )
        for place, secret in enumerate(split_secrets(secrets)):
            if secret not in own:
                yield case.with_key((label, provider, place), explanation, _key, case, secret)


_FORM_NAMES: dict[KeyForm, str] = {
    "utf8": "plain text",
    "utf8-nfkd": "plain text in Unicode's form NFKD",
    "base64": "base64",
    "hex": "hex",
    "sha1": "plain text, hashed with SHA-1",
    "whsec": "base64 after whsec_",
}


def key_form(case: Case) -> Iterator[Trial]:
    """The secret was taken as text where it is base64 or hex, or the other way round."""
    scheme = case.checker.scheme
    if not scheme.algorithm.startswith("hmac-"):
        return
    usual = _FORM_NAMES.get(scheme.key, scheme.key)
    for index, secret in case.checker.secrets:
        text = _text(secret).strip()
        bare = text.removeprefix(WHSEC)
        readings: list[tuple[KeyForm, str, str]] = [
            ("utf8", text, "plain text"),
            ("utf8", bare, "plain text without its whsec_"),
            ("utf8", WHSEC + bare, "plain text with whsec_ in front"),
            ("base64", bare, "base64"),
            ("hex", bare, "hex"),
        ]
        tried = {_derived(scheme.key, text)}
        for form, reading, name in readings:
            raw = _derived(form, reading)
            if raw is None or raw in tried:
                continue
            tried.add(raw)
            explanation = Explanation(
                f"Proved: secret {index} signs as {name}, while {scheme.title} secrets are read as {usual}; check "
                "how it was copied: whsec_, base64, hex."
            )
            yield case.with_key((index, name), explanation, key_from_bytes, scheme.algorithm, raw)


def other_credential(case: Case) -> Explanation | None:
    """An API key was configured where a signing secret belongs; its beginning says so."""
    for index, secret in case.checker.secrets:
        for beginning in _OTHER_CREDENTIALS.get(case.checker.scheme.provider, ()):
            if _text(secret).strip().startswith(beginning):
                mode = " test" if "test" in beginning else " live" if "live" in beginning else ""
                return Explanation(
                    f"Secret {index} begins with {beginning}: that is a{mode} API key or id, not the signing "
                    "secret of the webhook endpoint.",
                )
    return None


def _text(secret: Secret) -> str:
    return secret.decode("latin-1") if isinstance(secret, bytes) else secret


def _key(case: Case, secret: Secret) -> Key | None:
    try:
        return make_key(case.checker.scheme, secret)
    except ConfigurationError:
        return None


def _derived(form: KeyForm, text: str) -> bytes | None:
    derive = DERIVATIONS.get(form)
    try:
        return derive(text) if derive is not None else None
    except ConfigurationError:
        return None
