"""Every file masks credentials by a header's name and by their shape, and changes nothing else."""

from __future__ import annotations

from typing import Any, Final

import pytest
from e2e.conftest import Receive
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from support.exports import put, span, traces

from outworx_otel.telemetry.redaction import REDACTED, Redactor, scrub

from .conftest import StartCollector
from .daemon import until
from .files import COLLECTORS
from .sending import ACCEPTED, OF_OTHERS, arrived, post

HEADER: Final = "http.request.header."
# Shapes that the package knows, made here so that no scanner takes them for somebody's.
SHAPES: Final = {
    "webhook secret": "whsec_" + "dGhpcyBpcyBub25lIQ",
    "live key": "sk_live_" + "a1B2c3D4e5F6",
    "our key": "ohk_" + "0123456789abcdef",
    "Slack token": "xoxb-" + "123456789-abcdefgh",
    "GitHub token": "ghp_" + "0123456789abcdefghij",
    "bearer": "Bearer " + "abcdef0123456789",
    "basic": "Basic " + "dXNlcjpwYXNzd29yZA==",
    "JWT": "eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl",
    "password in a URL": "postgresql://shop:hunter22@db/shop",
}
SECRET_PARTS: Final = [
    value.rpartition(" ")[2].rpartition("@")[0].rpartition(":")[2] or value.rpartition(" ")[2]
    for value in SHAPES.values()
]
SENSITIVE: Final = [
    "authorization", "proxy-authorization", "cookie", "set-cookie", "x-api-key", "x-goog-api-key", "stripe-signature",
    "x-hub-signature-256", "x-auth-token", "x_access_key", "x-session-id", "x-client-secret", "svix-signature",
    "x-sig", "x-authorization-of-a-kind",
]  # fmt: skip
HARMLESS: Final[dict[str, Any]] = {
    HEADER + "svix-id": ["msg_2b3c4d5e"],
    HEADER + "webhook-id": ["evt_123"],
    HEADER + "x-slack-request-timestamp": ["1700000000"],
    HEADER + "x-twilio-webhooks-signature-settings": ["a=b"],
    HEADER + "content-type": ["application/json", "charset=utf-8"],
    HEADER + "x-author": ["someone"],
    HEADER + "authority": ["example.com"],
    HEADER + "x-designer": ["me"],
    HEADER + "authorization-of-ours": [REDACTED],
    "outworx.webhook.idempotency.key": "9f86d081884c7d65",
    "outworx.webhook.signature.key_index": 1,
    "outworx.webhook.signature.key_count": 2,
    "outworx.webhook.signature.valid": True,
    "outworx.webhook.signature.age": 1.5,
    "outworx.webhook.event.id": "evt_4242424242424242",
    "outworx.webhook.metadata.token_count": 3,
    "url.full": "https://shop.example/hooks?page=2",
    "db.query.text": "select 1 -- basic rules: @all",
    "numbers": [1, 2, 3],
    "mixed": {"a": [True, None], "b": "c"},
    "empty": "",
}


def everything() -> Span:
    """A span with a credential wherever one may stand."""
    attributes: dict[str, Any] = {**ACCEPTED, **HARMLESS}
    attributes |= {HEADER + name: ["of no shape", "at all"] for name in SENSITIVE}
    attributes |= {"http.response.header.set-cookie": ["sid=1"]}
    attributes |= {f"text of {name}": f"it said {value} and went" for name, value in SHAPES.items()}
    attributes |= {f"list of {name}": ["first", value] for name, value in SHAPES.items()}
    attributes |= {f"map of {name}": {"inner": [value]} for name, value in SHAPES.items()}
    said = "; ".join(SHAPES.values())
    made = span(
        attributes=attributes, status=Status(code=Status.STATUS_CODE_ERROR, message=f"failed: {said}")
    )
    event = made.events.add(name="exception")
    put(event.attributes, {"exception.message": said, "exception.stacktrace": f"Traceback\n  {said}\n"})
    return made


def all_to(endpoint: str, **others: str) -> dict[str, str]:
    """Every variable that a file may take."""
    names = ("OUTWORX_HOOKS_ENDPOINT", "OTLP_BACKEND_ENDPOINT", "OTLP_METRICS_ENDPOINT")
    environ = dict.fromkeys((*names, "OUTWORX_GATEWAY_1", "OUTWORX_GATEWAY_2"), endpoint)
    return {**environ, "OUTWORX_HOOKS_API_KEY": "any", "OUTWORX_DECISION_WAIT": "1s", **others}


@pytest.mark.parametrize("file", COLLECTORS)
def test_credentials_are_masked_and_nothing_else(
    collect: StartCollector, receive: Receive, file: str
) -> None:
    receiver = receive()
    collector = collect(file, all_to(receiver.endpoint))
    sent = everything()
    assert post(collector.url, traces([sent], OF_OTHERS)) == 200
    [got, *_] = until(lambda: arrived(receiver))
    whole = got.SerializeToString().decode("latin-1")
    assert [part for part in SECRET_PARTS if part in whole] == []
    before = {pair.key: pair.value for pair in sent.attributes}
    after = {pair.key: pair.value for pair in got.attributes}
    assert set(before) == set(after), "it tells nobody what it masked"
    for name in (*ACCEPTED, *HARMLESS):
        assert after[name] == before[name], name
    for name in SENSITIVE:
        assert after[HEADER + name] == AnyValue(string_value="****"), name
    assert after["http.response.header.set-cookie"] == AnyValue(string_value="****")
    assert after["text of bearer"].string_value == "it said **** and went"


def test_the_masks_know_what_the_package_knows() -> None:
    """So that a shape or a name that is added there is added here."""
    for value in SHAPES.values():
        assert REDACTED in scrub(value)
    shown: dict[str, Any] = {}
    Redactor().add_headers(shown, dict.fromkeys(SENSITIVE, "value"))
    assert set(map(tuple, shown.values())) == {(REDACTED,)}
    harmless = {
        name.removeprefix(HEADER): value[0] for name, value in HARMLESS.items() if name.startswith(HEADER)
    }
    shown.clear()
    Redactor().add_headers(shown, harmless)
    assert [name for name, value in shown.items() if value == (REDACTED,)] == [
        HEADER + "authorization-of-ours"
    ]
