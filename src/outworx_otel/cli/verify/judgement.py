"""Runs `outworx verify`: reads a delivery, verifies it, explains the result."""

from __future__ import annotations

import dataclasses
import math
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

import typer

from outworx_otel.cli.console import FAILED, headers_of, say, say_json, usage
from outworx_otel.cli.secret_options import chosen_credentials, no_secret
from outworx_otel.cli.verify.captured_request import CapturedRequest, from_http, from_saved, read_bytes
from outworx_otel.errors import ConfigurationError
from outworx_otel.server.replay import Credentials, ReplayError, known_secrets, provider_at, signed_url
from outworx_otel.setup.options import unknown_name
from outworx_otel.signatures import (
    SignatureResult,
    SignatureScheme,
    Verifier,
    detect,
    scheme_for,
)
from outworx_otel.signatures.registry import provider_names
from outworx_otel.signatures.timestamps import read_timestamp


@dataclasses.dataclass(frozen=True)
class VerifyOptions:
    """The options of the command line."""

    provider: str | None
    headers: list[str]
    body: str | None
    saved: str | None
    request: str | None
    secrets: list[str] = dataclasses.field(repr=False)
    secret_variables: list[str]
    url: str | None
    method: str | None
    now: str | None
    tolerance: float | None
    as_json: bool


class Judgement(NamedTuple):
    """What was found of a signature.

    Args:
        result: whether it is valid, and why not.
        scheme: of the provider.
        credentials: that were tried.
        moment: at which it was judged, in Unix seconds.
    """

    result: SignatureResult
    scheme: SignatureScheme
    credentials: Credentials
    moment: float


def judgement(wish: VerifyOptions, evidence: CapturedRequest) -> Judgement:
    """Judges a delivery's signature.

    Args:
        wish: with which secret, and when; where the delivery comes from does not matter.
        evidence: the delivery.

    Raises:
        ConfigurationError: it cannot be judged.
    """
    scheme = _scheme(wish, evidence)
    credentials = chosen_credentials(scheme.provider, [evidence.path], wish.secrets, wish.secret_variables)
    if not credentials.secrets:
        raise ConfigurationError(no_secret(scheme.provider, evidence.path or "/webhooks/...", credentials))
    moment = _moment(wish, evidence)
    return Judgement(_judged(wish, evidence, scheme, credentials, moment), scheme, credentials, moment)


def run(wish: VerifyOptions) -> None:
    """Runs the command. Exits with 1 for an invalid signature, with 2 if it cannot be judged."""
    try:
        evidence = _evidence(wish)
        result, scheme, credentials, moment = judgement(wish, evidence)
    except (ConfigurationError, ReplayError) as error:
        usage("verify", str(error))
    if wish.as_json:
        say_json(
            {
                "provider": scheme.provider,
                **result._asdict(),
                "secret": _secret_name(result, credentials),
                "judged_at": moment,
                "body_bytes": len(evidence.body),
                "remarks": list(evidence.remarks),
            }
        )
    else:
        _print(result, scheme, credentials, evidence, moment)
    if not result.valid:
        raise typer.Exit(FAILED)


def _evidence(wish: VerifyOptions) -> CapturedRequest:
    sources = [wish.body, wish.saved, wish.request]
    if sum(source is not None for source in sources) != 1:
        raise ConfigurationError("give the delivery as one of --body FILE, --saved FILE and --request FILE")
    if wish.saved is not None:
        evidence = from_saved(Path(wish.saved))
    elif wish.request is not None:
        evidence = from_http(read_bytes(wish.request, "--request"))
    else:
        assert wish.body is not None
        evidence = CapturedRequest((), read_bytes(wish.body, "--body"))
    given = headers_of(wish.headers)
    names = {name.lower() for name, _ in given}
    kept = tuple(pair for pair in evidence.headers if pair[0].lower() not in names)
    return dataclasses.replace(
        evidence, headers=(*kept, *given), method=(wish.method or evidence.method).upper()
    )


def _scheme(wish: VerifyOptions, evidence: CapturedRequest) -> SignatureScheme:
    known = provider_names()
    if wish.provider is not None:
        scheme = scheme_for(wish.provider)
        if scheme is None:
            raise ConfigurationError(f"--provider: {unknown_name('provider', wish.provider.lower(), known)}")
        return scheme
    configured = provider_at(evidence.path) if evidence.path else None
    found = configured or detect({name.lower(): value for name, value in evidence.headers})
    scheme = scheme_for(found) if found is not None else None
    if scheme is None:
        raise ConfigurationError(f"no header shows who sent it: say --provider, one of {', '.join(known)}")
    return scheme


def _judged(
    wish: VerifyOptions,
    evidence: CapturedRequest,
    scheme: SignatureScheme,
    credentials: Credentials,
    moment: float,
) -> SignatureResult:
    tolerance = credentials.tolerance if wish.tolerance is None else wish.tolerance
    url = wish.url
    if url is None and evidence.url is not None:
        url = signed_url(credentials.public_url, evidence.url)
    elif url is None and credentials.public_url is not None:
        url = signed_url(credentials.public_url, f"https://unknown{evidence.path}")
    if scheme.signs_url and url is None:
        raise ConfigurationError(f"{scheme.title} signs the URL that it calls: give it with --url")
    verifier = Verifier(
        scheme.provider, credentials.secrets, tolerance=tolerance, known_secrets=known_secrets
    )
    return verifier.verify(evidence.body, evidence.headers, now=moment, url=url, method=evidence.method)


def _moment(wish: VerifyOptions, evidence: CapturedRequest) -> float:
    text = wish.now if wish.now is not None else evidence.received_at or "now"
    if text == "now":
        return time.time()
    moment = read_timestamp(text.strip(), "iso8601")
    if moment is None:
        try:
            moment = float(text)
        except ValueError:
            moment = math.nan
    if not 0 <= moment < 253_402_300_800:
        raise ConfigurationError(f"--now {text[:40]!r} is no time: Unix seconds, or 2026-11-07T16:18:51Z")
    return moment


def _secret_name(result: SignatureResult, credentials: Credentials) -> str | None:
    return None if result.key_index is None else f"{result.key_index} ({credentials.source})"


def _print(
    result: SignatureResult,
    scheme: SignatureScheme,
    credentials: Credentials,
    evidence: CapturedRequest,
    moment: float,
) -> None:
    if result.valid:
        did = "signed" if result.kind == "verified" else "sent"
        more = "" if result.kind == "verified" else "; its body is not signed"
        say(f"valid: {scheme.title} {did} this delivery{more}", "green")
    else:
        say(f"INVALID: {result.reason}", "red")
    if result.hint:
        say(f"  {result.hint}")
    number = f" number {result.key_index}" if len(credentials.secrets) > 1 else ""
    if result.key_index is not None:
        say(f"  secret:  {credentials.source}{number}")
    elif not result.valid:
        say(f"  tried:   {credentials.source}")
    if result.signed_at is not None:
        away = moment - result.signed_at
        relation = f"{away:.0f} s before" if away >= 0 else f"{-away:.0f} s after"
        say(f"  signed:  {_iso(result.signed_at)}, {relation} {_iso(moment)}")
    say(f"  body:    {len(evidence.body)} bytes")
    for remark in evidence.remarks:
        say(f"  note:    {remark}", "yellow")
    if scheme.note:
        say(f"  {scheme.title}: {scheme.note}", dim=True)


def _iso(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, tz=timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
