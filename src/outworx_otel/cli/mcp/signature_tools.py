"""The tools about signatures and endpoints. They need no server; where one is there, it says how endpoints do."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from outworx_otel.cli.console import headers_of
from outworx_otel.cli.endpoints import configured_endpoints
from outworx_otel.cli.mcp.tool_context import ToolAnswer, ToolContext, not_answered
from outworx_otel.cli.mcp.variables import NEEDED
from outworx_otel.cli.server_calls import ServerCallFailed
from outworx_otel.cli.trigger.samples import listed
from outworx_otel.cli.verify.captured_request import CapturedRequest
from outworx_otel.cli.verify.judgement import VerifyOptions, judgement
from outworx_otel.errors import ConfigurationError
from outworx_otel.http.paths import PathMap
from outworx_otel.server.explaining.codes import REASONS
from outworx_otel.server.replay import credentials_for, variable_for
from outworx_otel.setup.options import unknown_name
from outworx_otel.signatures import SignatureScheme, scheme_for
from outworx_otel.signatures.registry import provider_names

_MAX_EVENTS: Final = 60


def verify_signature(context: ToolContext, given: Mapping[str, Any]) -> ToolAnswer:
    """What `outworx verify` says, of a delivery that is given."""
    variable = given["secret_env"]
    if variable is not None and not context.may_use(variable, False):
        raise ConfigurationError(f"secret_env: {NEEDED}")
    evidence = _evidence(given)
    result, scheme, credentials, _ = judgement(_options(given), evidence)
    reason = REASONS.get(result.reason or "")
    said = [
        f"{'Valid' if result.valid else 'Not valid'}: {scheme.title}, {len(evidence.body)} bytes of body."
    ]
    if result.valid and result.kind == "authenticated":
        said.append("A token or a password was right: that proves the sender, and the body is not signed.")
    if reason is not None:
        said += [f"Reason: {result.reason}. {reason.meaning}", f"What to do: {reason.action}"]
    said.append(f"Secret: {credentials.source}.")
    found = {
        "hint": result.hint,
        "key_index": result.key_index,
        "signed_at": result.signed_at,
        "provider_note": scheme.note or None,
    }
    found = {name: one for name, one in found.items() if one is not None}
    return ToolAnswer("\n".join(said), (("what was found", found),) if found else ())


def _options(given: Mapping[str, Any]) -> VerifyOptions:
    variable = given["secret_env"]
    return VerifyOptions(
        provider=given["provider"],
        headers=[],
        body=None,
        saved=None,
        request=None,
        secrets=[],
        secret_variables=[] if variable is None else [variable],
        url=given["url"],
        method=given["method"],
        now=given["now"] or "now",
        tolerance=given["tolerance"],
        as_json=False,
    )


def _evidence(given: Mapping[str, Any]) -> CapturedRequest:
    if (given["body"] is None) == (given["body_base64"] is None):
        raise ConfigurationError("give the body as one of body and body_base64; an empty one is body=''")
    headers = tuple(headers_of(given["headers"] or []))
    method = (given["method"] or "POST").upper()
    path = re.sub(r"^https?://[^/?#]*", "", given["url"] or "")
    if given["body_base64"] is None:
        return CapturedRequest(headers, given["body"].encode("utf-8", "surrogatepass"), method, path)
    try:
        body = base64.b64decode(given["body_base64"], validate=True)
    except (binascii.Error, ValueError):
        raise ConfigurationError("body_base64 is no base64") from None
    return CapturedRequest(headers, body, method, path)


def list_providers(context: ToolContext, given: Mapping[str, Any]) -> ToolAnswer:
    """The names of all, or all of one."""
    names = provider_names()
    if given["provider"] is None:
        wanted = (given["search"] or "").lower()
        found = [name for name in names if wanted in name]
        return ToolAnswer(f"{len(found)} of {len(names)} providers: {', '.join(found) or 'none'}.")
    scheme = scheme_for(given["provider"])
    if scheme is None:
        # The name is the agent's own word; its likeness to one of ours is all that is said of it.
        raise ConfigurationError(unknown_name("provider", given["provider"].lower()[:60], names))
    return ToolAnswer("\n".join(_described(scheme)))


def _described(scheme: SignatureScheme) -> Iterator[str]:
    yield f"{scheme.title} ({scheme.provider})."
    proof = "the bytes are signed" if scheme.kind == "verified" else "a token proves the sender alone"
    yield f"Signature: {', '.join(scheme.signature_header) or 'in the body'}; {scheme.algorithm}; {proof}."
    if scheme.tolerance is not None:
        yield f"Its time may be {scheme.tolerance:g} s off."
    if scheme.signs_url:
        yield "It signs the URL that it calls: behind a proxy, set public_url."
    if scheme.note:
        yield scheme.note
    yield f"Rule: {scheme.source}"
    yield f"Its secret is read from {variable_for(scheme.provider)}, or from what outworx.toml names."
    try:
        events = [sample.event for sample in listed(scheme.provider)]
    except ConfigurationError:  # a row of the user's own has no samples
        return
    yield f"trigger can send: {', '.join(events[:_MAX_EVENTS])}{', ...' if len(events) > _MAX_EVENTS else ''}."


def describe_endpoint(context: ToolContext, given: Mapping[str, Any]) -> ToolAnswer:
    """What is configured here, and how that does at the server."""
    rows, warnings, problems = configured_endpoints()
    rows = [row for row in rows if _fits(given, row["path"], row["provider"])]
    said = f"{len(rows)} endpoints that fit are configured in this folder; {len(problems)} problems of all of them."
    told = [{**row, "secret_is_set": _has_secret(row)} for row in rows]
    configured = {"endpoints": told, "warnings": list(warnings), "problems": problems}
    here = ToolAnswer(said, (("what is configured here", configured),))
    try:
        found = _at_the_server(context, given)
    except ServerCallFailed as error:
        there = not_answered(error)
    else:
        known = f"{len(found)} that fit are known at the server; how they did in {given['range']} is quoted."
        there = ToolAnswer(known, (("how they do, one in a line", found),) if found else ())
    return ToolAnswer(f"{here.said}\n{there.said}", (*here.quoted, *there.quoted))


def _at_the_server(context: ToolContext, given: Mapping[str, Any]) -> list[Any]:
    query = [("range", given["range"]), *([("service", given["service"])] if given["service"] else [])]
    overview = context.server.read("/api/overview", query)
    endpoints = overview.get("endpoints") if isinstance(overview, Mapping) else None
    if not isinstance(endpoints, list):
        raise ServerCallFailed("the server answers with no overview: is it an outworx server?")
    return [
        one
        for one in endpoints
        if isinstance(one, Mapping) and _fits(given, one.get("route"), one.get("provider"))
    ]


def _fits(given: Mapping[str, Any], path: Any, provider: Any) -> bool:
    if given["provider"] is not None and given["provider"].lower() != provider:
        return False
    if given["path"] is None or given["path"] == path:
        return True
    return isinstance(path, str) and PathMap({path: True}).find(given["path"]) is not None


def _has_secret(row: Mapping[str, str]) -> bool:
    scheme = scheme_for(row["provider"])
    provider = row["provider"] if scheme is None else scheme.provider
    return bool(credentials_for(provider, row["path"]).secrets)
