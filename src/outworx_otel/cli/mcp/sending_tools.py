"""The tools that send: a sample or a stored delivery, to an application on this machine and nowhere else."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

from outworx_otel.cli.mcp.tool_context import ToolAnswer, ToolContext
from outworx_otel.cli.mcp.variables import NEEDED, sends_the_secret
from outworx_otel.cli.replay.preparing import Preparation, ReplayOptions
from outworx_otel.cli.server_calls import NoServer
from outworx_otel.cli.trigger.send_samples import (
    TriggerOptions,
    chosen_sample,
    is_expected,
    sample_deliveries,
)
from outworx_otel.errors import ConfigurationError
from outworx_otel.server.purposes import EVERY, Purpose, refused
from outworx_otel.server.replay import (
    Outgoing,
    ReplayAnswer,
    ReplayError,
    ReplaySender,
    completeness,
    target_url,
)
from outworx_otel.server.replay.sending import ascii_url, loopback_addresses
from outworx_otel.signatures import scheme_for
from outworx_otel.telemetry import semconv

_TIMEOUT_SECONDS: Final = 10.0
_VALID: Final = semconv.SIGNATURE_VALID.removeprefix("outworx.webhook.")
_TUNNEL: Final = re.compile(r"/+t/")
_NO_ANSWER: Final = "No answer came: is the application running there?"
_A_STRANGERS: Final = (
    "Its signature was not valid, so a stranger may have sent it; signed anew it would be taken for the provider's. A"
    " person who knows better can send it: outworx replay ID --to ..."
)


def trigger(context: ToolContext, given: Mapping[str, Any]) -> ToolAnswer:
    """Sends a sample, or twice the same."""
    _must_be_allowed(context)
    sample = chosen_sample(given["provider"], given["event"])
    _check(context, given, sample.provider)
    deliveries = sample_deliveries(_trigger_options(given), sample)
    prepared, reason = deliveries.make(), given["bad_signature"]
    said = [f"Sent {sample.provider} {sample.event} to {_shown(given['to'])}."]
    answers = _sent(prepared.request, 2 if given["duplicate"] else 1)
    if isinstance(answers, ToolAnswer):
        return answers
    said += map(_answered, answers)
    expected = all(is_expected(answer.status, reason) for answer in answers)
    if reason is not None and not expected:
        said.append(
            "It was to be rejected: this endpoint verifies no signatures, or does not reject invalid ones."
        )
    return ToolAnswer("\n".join(said), _quoted(answers), is_error=not expected)


def _trigger_options(given: Mapping[str, Any]) -> TriggerOptions:
    return TriggerOptions(
        provider=given["provider"],
        event=given["event"],
        to=given["to"],
        secret_variables=_variables(given),
        changes=given["changes"] or (),
        duplicate=bool(given["duplicate"]),
        bad_signature=given["bad_signature"],
        timeout=_TIMEOUT_SECONDS,
    )


def replay(context: ToolContext, given: Mapping[str, Any]) -> ToolAnswer:
    """Sends a stored delivery."""
    _must_be_allowed(context)
    document = context.server.read(f"/api/deliveries/{quote(given['id'], safe='')}")
    if not isinstance(document, Mapping):
        return ToolAnswer(
            "There is no delivery of this id: it may have been removed by its age.", is_error=True
        )
    if document.get(_VALID) is False:
        return ToolAnswer(_A_STRANGERS, is_error=True)
    found = completeness(document)
    if found.request is None:
        return ToolAnswer(f"This delivery cannot be sent again: {found.reason}", is_error=True)
    _check(context, given, found.request.provider)
    request, _ = Preparation(_replay_options(given)).prepare(found.request, needs_signature=True)
    said = f"{'Would send' if given['dry_run'] else 'Sent'} it to {_shown(given['to'])}, signed anew."
    if given["dry_run"]:
        return ToolAnswer(said, (("what would be sent", _outline(request)),))
    answers = _sent(request, 1)
    if isinstance(answers, ToolAnswer):
        return answers
    good = 200 <= answers[0].status < 300
    return ToolAnswer(f"{said}\n{_answered(answers[0])}", _quoted(answers), is_error=not good)


def _replay_options(given: Mapping[str, Any]) -> ReplayOptions:
    return ReplayOptions(
        what=given["id"],
        dry_run=given["dry_run"],
        to=given["to"],
        secret_variables=_variables(given),
        timeout=_TIMEOUT_SECONDS,
    )


def _sent(request: Outgoing, times: int) -> list[ReplayAnswer] | ToolAnswer:
    """Sends it; returns what to say where no answer came: why may be in words of the target's."""
    with ReplaySender(timeout=_TIMEOUT_SECONDS, loopback_only=True) as sender:
        try:
            return [sender.send(request) for _ in range(times)]
        except ReplayError as error:
            return ToolAnswer(_NO_ANSWER, (("why no answer came", {"error": str(error)}),), is_error=True)


def _must_be_allowed(context: ToolContext) -> None:
    """Returns where whoever asks may send.

    Raises:
        ConfigurationError: the server has keys, and this one is not for `admin`.
        ServerCallFailed: the server does not say.
    """
    try:
        purposes = context.server.purposes()
    except NoServer:
        # Where no server is, there are no keys.
        purposes = EVERY
    if Purpose.ADMIN not in purposes:
        raise ConfigurationError(refused(Purpose.ADMIN, purposes))


def _check(context: ToolContext, given: Mapping[str, Any], provider: str) -> None:
    """Looks at the target and at the secret's variable.

    Raises:
        ConfigurationError: the target leads off this machine by a tunnel, or the variable may not be used.
        ReplayError: the target is another machine.
    """
    try:
        # As it goes over the wire: what is written in another way is the same address.
        parts = urlsplit(ascii_url(target_url(given["to"])))
    except ValueError:
        raise ConfigurationError("to: this is no address to send to") from None
    loopback_addresses(parts.hostname or "")
    if _TUNNEL.match(unquote(parts.path)):
        raise ConfigurationError("to: this is the address of a tunnel, which leads off this machine")
    scheme, variable = scheme_for(provider), given["secret_env"]
    if variable is not None and not context.may_use(variable, scheme is None or sends_the_secret(scheme)):
        raise ConfigurationError(f"secret_env: {NEEDED}")


def _variables(given: Mapping[str, Any]) -> list[str]:
    return [] if given["secret_env"] is None else [given["secret_env"]]


def _shown(target: str) -> str:
    """The target without its query, which may hold credentials."""
    parts = urlsplit(target_url(target))
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _answered(answer: ReplayAnswer) -> str:
    replayed = ", out of the idempotency store: it was handled before" if answer.replayed else ""
    return f"Answered {answer.status} in {answer.seconds * 1000:.0f} ms{replayed}."


def _quoted(answers: list[ReplayAnswer]) -> tuple[tuple[str, Any], ...]:
    kept = [answer.body.decode("utf-8", "replace") for answer in answers if answer.body]
    return (("the bodies of the answers", kept),) if kept else ()


def _outline(request: Outgoing) -> dict[str, Any]:
    return {
        "method": request.method,
        "path": urlsplit(request.url).path,
        "fresh_signature": request.fresh,
        "note": request.note or None,
        "body_bytes": len(request.body),
    }
