"""Hypotheses about a token, or about a user and a password: where they went, and which part is wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import partial
from itertools import islice
from urllib.parse import quote, unquote_to_bytes

from outworx_otel.http.headers import Headers
from outworx_otel.signatures.diagnosis.case import Case, Explanation, Trial
from outworx_otel.signatures.encoding import decode_base64, header_bytes
from outworx_otel.signatures.evidence import display
from outworx_otel.signatures.keys import DERIVATIONS, TokenKey
from outworx_otel.signatures.procedure import Evidence
from outworx_otel.signatures.registry import scheme_for
from outworx_otel.signatures.scheme import SignatureScheme

_MAX_HEADERS = 64
_MAX_VALUE = 4096
# Written by who sends, so only these are repeated in a hint.
_SCHEMES = ("Basic", "Bearer", "Digest", "HMAC", "Token")
_NOTHING = (b"", b"", b"")


def wrong_part(case: Case) -> Explanation | None:
    """Of a user and a password, one is right.

    No trial: it takes the same time whichever is right, and is not remembered, so that a stranger who guesses names
    learns nothing by his clock.
    """
    if case.checker.scheme.key != "user-password" or case.result.reason != "credentials_mismatch":
        return None
    found = None
    compare = f"compare it with the one set at {case.checker.scheme.title}"
    for index, raw in _raw_secrets(case):
        user, _, password = raw.partition(b":")
        sent = [one.partition(b":") for one in _sent(case)]
        has_user = TokenKey(user).matches(_NOTHING, [one[0] for one in sent])
        has_password = TokenKey(password).matches(_NOTHING, [one[2] for one in sent])
        # A user's name is easily guessed: that it is right proves nobody genuine.
        by_user = f"The user is that of secret {index}, the password is not; {compare}."
        by_password = f"Proved: the password is that of secret {index}, the user is not; {compare}."
        found = by_password if has_password else by_user if has_user else found
    return None if found is None else Explanation(found)


def escaped(case: Case) -> Iterator[Trial]:
    """A password with special characters was escaped for the URL it was written in, on one side only."""
    if case.checker.scheme.key != "user-password":
        return
    for index, raw in _raw_secrets(case):
        user, _, password = raw.partition(b":")
        for what, change in (("unescaped", unquote_to_bytes), ("escaped", _quoted)):
            explanation = Explanation(
                f"Proved: secret {index} is right once it is {what} (%40 stands for @ in a URL); write it the way it "
                "arrives."
            )
            changed = change(user) + b":" + change(password)
            if changed != raw:
                yield case.with_key((index, what), explanation, TokenKey, changed)


def _quoted(part: bytes) -> bytes:
    return quote(part, safe="").encode("ascii")


def scheme_word(case: Case) -> Iterator[Trial]:
    """The word before the token, as in `Bearer abc`, is there on one side only."""
    if case.checker.scheme.encoding != "text":
        return
    for index, raw in _raw_secrets(case):
        for word in _SCHEMES:
            before = word.encode() + b" "
            if raw.startswith(before):
                hint = f"Proved: the token came without the {word} that secret {index} begins with; leave it out."
                yield case.with_key((index, word), Explanation(hint), TokenKey, raw.removeprefix(before))
            else:
                hint = f"Proved: the header holds {word} before the token; write it in front of secret {index} too."
                yield case.with_key((index, word), Explanation(hint), TokenKey, before + raw)


def another_header(case: Case) -> Iterator[Trial]:
    """The right credentials came, in another header than the one that is looked at."""
    scheme = case.checker.scheme
    if scheme.algorithm != "token":
        return
    where = (
        scheme.procedure.place if scheme.procedure is not None else display(tuple(scheme.signature_header))
    )
    for name, value in islice(case.request.headers.items(), _MAX_HEADERS):
        if name not in scheme.signature_header and 0 < len(value) <= _MAX_VALUE:
            explanation = Explanation(
                f"Proved: the right credentials came in the header {display((name,))}, not in {where}: something in "
                "front of the application renamed the header, or another one was chosen at the provider."
            )
            yield Trial(name, partial(_fits_value, case, value), explanation)


def _fits_value(case: Case, value: str) -> bool:
    case.budget.spend(0)
    candidates = _readings(value)
    found = False
    for _, key in case.checker.keys:
        found |= key.matches(_NOTHING, candidates)
    return found


def other_kind(case: Case) -> Iterator[Trial]:
    """The provider sends its other kind of secret: a token where a signature is awaited."""
    scheme = case.checker.scheme
    token = scheme_for(scheme.provider)
    if token is None or token.algorithm != "token" or scheme.algorithm == "token":
        return
    for name in token.signature_header:
        value = case.request.headers.get(name)
        if not value:
            continue
        for index, secret in case.checker.secrets:
            explanation = Explanation(
                f"Proved: secret {index} came as it is in {display((name,))}: at {scheme.title} it was entered as "
                "the secret token; enter it as the signing token."
            )
            raw = secret if isinstance(secret, bytes) else secret.encode("utf-8", "surrogatepass")
            yield Trial((name, index), partial(_is_token, case, raw, value), explanation)


def _is_token(case: Case, raw: bytes, value: str) -> bool:
    case.budget.spend(0)
    return TokenKey(raw).matches(_NOTHING, [header_bytes(value)])


def sent_otherwise(case: Case) -> Explanation | None:
    """Nothing is proved, but what was sent, and what is missing, can be seen."""
    scheme, result = case.checker.scheme, case.result
    headers = case.request.headers
    other = scheme_for(scheme.provider)
    if scheme.algorithm != "token":
        if other is not None and other.algorithm == "token" and _sent_names(other, headers):
            names = display(_sent_names(other, headers))
            return Explanation(
                f"{result.hint} It carries {names}, though: {scheme.title} was given a secret token, while a signing "
                "token is configured here."
            )
        return None
    signed = next((row for _, row in scheme.alternatives if _sent_names(row, headers)), None)
    if signed is not None:
        names = display(_sent_names(signed, headers))
        return Explanation(
            f"{result.hint} It carries {names}, though: {scheme.title} was given a signing token, while a secret "
            "token is configured here."
        )
    if scheme.signature_header == ("authorization",):
        word = (headers.get("authorization") or "").partition(" ")[0]
        known = next((one for one in _SCHEMES if one.lower() == word.lower()), None)
        if known is not None and result.reason == "malformed_header":
            return Explanation(f"{result.hint} It holds {known} credentials: {_forms(scheme)}.")
    if result.reason != "missing_header" or scheme.procedure is not None:
        return None
    return _missing(case)


def _missing(case: Case) -> Explanation:
    scheme = case.checker.scheme
    name = display(tuple(scheme.signature_header))
    said = [case.result.hint or ""]
    marks = [one for one in scheme.detection_headers if one not in scheme.signature_header]
    seen = [one for one in marks if one in case.request.headers]
    if seen:
        said.append(f"It carries {display((seen[0],))}, as {scheme.title} sends it.")
    said.append(f"Either no credentials are set at {scheme.title}, or something in front drops {name}.")
    if scheme.signature_header == ("authorization",) and _under_mod_wsgi():
        said.append("This process runs under mod_wsgi, which does so unless WSGIPassAuthorization is On.")
    if "_" in name:
        said.append("nginx drops headers with an underscore unless underscores_in_headers is on.")
    return Explanation(" ".join(said))


def _under_mod_wsgi() -> bool:
    # The package of that name has no such attribute; the module that Apache puts into the process does.
    return hasattr(sys.modules.get("mod_wsgi"), "process_group")


def _forms(scheme: SignatureScheme) -> str:
    own = " or, for a header of your own, `Header-Name: value`" if scheme.own_header else ""
    return f"the secret has to be written in its form, `user:password`{own}"


def _sent_names(scheme: SignatureScheme, headers: Headers) -> tuple[str, ...]:
    return tuple(name for name in scheme.signature_header if headers.get(name))


def _raw_secrets(case: Case) -> Iterator[tuple[int, bytes]]:
    for index, secret in case.checker.secrets:
        yield index, DERIVATIONS[case.checker.scheme.key](secret)


def _sent(case: Case) -> list[bytes]:
    evidence = case.checker.extract(case.request)
    return evidence.checks[0].signatures if isinstance(evidence, Evidence) else []


def _readings(value: str) -> list[bytes]:
    """A header's value as a token: whole, after its first word, and what its base64 stands for."""
    word, _, rest = value.partition(" ")
    found = [header_bytes(value)]
    if rest:
        found.append(header_bytes(rest))
    decoded = decode_base64(rest or word)
    return [*found, decoded] if decoded else found
