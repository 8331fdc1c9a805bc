"""The codes of a delivery in plain words: what each means, and what to do about it."""

from __future__ import annotations

from typing import Final, NamedTuple

from outworx_otel.server.model import NOT_CALLED
from outworx_otel.telemetry.outcomes import OUTCOMES, Outcome


class OutcomeKind(NamedTuple):
    """How an outcome is shown; `tone` is a class of the style sheet: good, calm, warn, bad."""

    label: str
    tone: str
    meaning: str


KINDS: Final[dict[Outcome, OutcomeKind]] = {
    "accepted": OutcomeKind("Accepted", "good", "the handler ran and answered 2xx or 3xx"),
    "handshake": OutcomeKind(
        "Handshake", "calm", "the provider asked whether the endpoint is there; no event came"
    ),
    "replayed": OutcomeKind(
        "Replayed", "calm", "a duplicate: the stored answer was given, the handler did not run"
    ),
    "deferred": OutcomeKind("Deferred", "calm", "the work goes on after the answer"),
    "in_flight": OutcomeKind(
        "In flight", "calm", "a duplicate that came while the first was still running: 409"
    ),
    "unprotected": OutcomeKind(
        "Unprotected", "warn", "the handler ran without its idempotency key: it may have run twice"
    ),
    "rejected": OutcomeKind("Rejected", "warn", "the signature was not valid: 401, the handler did not run"),
    "refused": OutcomeKind("Refused", "warn", "the handler answered 4xx"),
    "turned_away": OutcomeKind("Turned away", "warn", "something in front of the handler answered 4xx"),
    "redirected": OutcomeKind("Redirected", "warn", "answered with another address, before the handler"),
    "unrouted": OutcomeKind("Unrouted", "warn", "nothing serves this path, or not with this method"),
    "failed": OutcomeKind("Failed", "bad", "the handler said that the event was not handled"),
    "silent_drop": OutcomeKind(
        "Silent drop", "bad", "answered 2xx without ever saying that the work was done"
    ),
    "error": OutcomeKind("Error", "bad", "an exception or a 5xx"),
}
assert tuple(KINDS) == OUTCOMES


class Advice(NamedTuple):
    """What a code means, and what to do."""

    title: str
    meaning: str
    action: str


REASONS: Final[dict[str, Advice]] = {
    "missing_header": Advice(
        "the signature header is missing",
        "The provider's signature header was not in the request.",
        "Check the URL in the provider's dashboard, and look for a proxy that strips headers.",
    ),
    "malformed_header": Advice(
        "the signature header is malformed",
        "The signature header is there, in another form than this provider's.",
        "Look for a proxy or middleware that changes headers, and check that the endpoint has the right provider.",
    ),
    "timestamp_drift": Advice(
        "the signed time is too far off",
        "The signed time lies outside of the tolerance.",
        "Synchronise the server's clock (NTP). If the clock is right, this is an old or replayed request.",
    ),
    "hmac_mismatch": Advice(
        "the signature does not match",
        "The signature was computed with another secret, or over another body.",
        "Compare the endpoint's secret with the one in the provider's dashboard; check that nothing changes the body "
        "on its way.",
    ),
    "parsed_body": Advice(
        "the body was re-serialised on its way",
        "Proved: the body was parsed and written again before it was verified, so its bytes are not those that were "
        "signed.",
        "Something in front of the application (a proxy, a gateway, a middleware) rewrites JSON: let it pass the "
        "body on byte by byte. Where the application calls verify itself, give it the raw body.",
    ),
    "unsupported_provider": Advice(
        "this provider is not known",
        "There is no verification scheme for this provider.",
        "Give the endpoint a signature_verifier, or register the provider's scheme.",
    ),
    "verifier_threw": Advice(
        "the verifier raised",
        "Your signature_verifier raised an exception.",
        "Mend what the exception below says; error_message, on_error and the application's log have it too.",
    ),
    "missing_secret": Advice(
        "the endpoint has no usable secret",
        "The endpoint's secret is not set, or its options cannot be used; its deliveries are turned away.",
        "Set the secret that the hint and the application's log name.",
    ),
    "body_unavailable": Advice(
        "the body could not be read",
        "The body is too large, incomplete, or was read by somebody else first.",
        "See the hint: max_body_size, a client that hung up, or a middleware that reads the body.",
    ),
    "credentials_mismatch": Advice(
        "the credentials are wrong",
        "The token, user or password that came with the request is not the configured one.",
        "Compare the endpoint's secret with the token that is set in the provider's dashboard.",
    ),
    "key_unavailable": Advice(
        "the provider's key cannot be had",
        "The key that the provider publishes could not be fetched, so nothing could be verified.",
        "Look for what keeps the application from the provider's key server; the provider will send again.",
    ),
}

CAUSES: Final[dict[str, Advice]] = {
    "early_return": Advice(
        "it returned before the mark",
        "The handler holds a mark that was not reached: it returned before.",
        "If this event is none of its business, say track.ignored() before that return; else handle it there.",
    ),
    "swallowed_exception": Advice(
        "an exception was swallowed",
        "The application's own code handled an exception, and the mark was never made.",
        "Let the exception through (the provider tries again), or say track.failed(reason) where it is caught.",
    ),
    "missing_await": Advice(
        "a coroutine was never awaited",
        "A coroutine was made and thrown away, so its work never ran.",
        "Put await before that call.",
    ),
    "never_marked": Advice(
        "there is no mark at all",
        "Neither the handler nor anything that it calls holds a mark.",
        "Call track.processed() where the work is done, or switch require_processing_mark off for this endpoint.",
    ),
}

IDEMPOTENCY: Final[dict[str, Advice]] = {
    "executed": Advice("ran", "First of its key: the handler ran.", ""),
    "replayed": Advice("replayed", "The event was finished before: the stored answer was given again.", ""),
    "in_flight": Advice(
        "in flight", "The first run of this event was not over: 409, so that the provider tries again.", ""
    ),
    "fail_open": Advice(
        "store down, ran",
        "The idempotency store did not answer in time, so the handler ran without a claim: it may have run twice.",
        "Check the store that OUTWORX_IDEMPOTENCY_STORE names.",
    ),
    NOT_CALLED: Advice(
        "track.once() not called",
        "The handler answered without coming to its track.once(session), so nothing keeps it from running twice.",
        "Put all that must happen once into the block, on every way through the handler.",
    ),
    "rejected": Advice(
        "store down, turned away",
        "The idempotency store did not answer in time, and the endpoint is set to turn deliveries away then (503).",
        "Check the store that OUTWORX_IDEMPOTENCY_STORE names.",
    ),
    "no_key": Advice(
        "no key",
        "track.once(session) ran without a key: the endpoint has no idempotency_key, or the event has none.",
        "Set the endpoint's idempotency_key, such as True.",
    ),
    "key_error": Advice(
        "no key",
        "The idempotency_key function raised, so the handler ran without a claim.",
        "Mend what the exception says; error_message, on_error and the application's log have it too.",
    ),
}

_NOT_KNOWN: Final = "The application did not say more."


def advice_for(table: dict[str, Advice], code: str | None) -> Advice | None:
    """Returns the explanation of a code; a code of a later release is shown as it is."""
    return None if code is None else table.get(code) or Advice(code, _NOT_KNOWN, "")
