"""What a delivery's key is, what it is unique within, and what is said where there is none or no store."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import pytest

from outworx_otel import TrackOptions
from outworx_otel.delivery._lifecycle import Delivery
from outworx_otel.delivery._messages import InboundRequest, OutboundResponse, Respond
from outworx_otel.delivery.flow import run_sync
from outworx_otel.errors import OutworxError, StoreError
from outworx_otel.http.headers import Headers
from outworx_otel.idempotency import BreakerOpen, Claim, MemoryStore
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.runtime import Runtime
from outworx_otel.telemetry import Record

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


class Site:
    """One endpoint, and a handler that answers 200."""

    def __init__(self, key: Any, provider: str = "any", store: Any = None, **options: Any) -> None:
        self.errors: list[OutworxError] = []
        self.runtime = Runtime(store=store or MemoryStore(), on_error=self.errors.append)
        self.endpoint = Endpoint(TrackOptions(provider, idempotency_key=key, **options), "code")
        self.runs = 0

    def post(
        self,
        body: bytes = b"",
        content_type: str = JSON,
        path: str = "/hooks",
        own_path: str = "",
        **headers: str,
    ) -> Record:
        """Delivers; what is known of the delivery afterwards."""
        pairs = [("content-type", content_type), *((k.replace("_", "-"), v) for k, v in headers.items())]
        request = InboundRequest(
            method="POST",
            path=path,
            route=None,
            headers=Headers(pairs),
            body=body,
            body_size=len(body),
            url=lambda: f"https://example.com{path}",
            native=lambda: None,
            own_path=own_path,
        )
        delivery = Delivery(self.endpoint, request, self.runtime, time.time_ns())
        admitted = run_sync(delivery.admit())
        if not isinstance(admitted, Respond):
            self.runs += 1
            run_sync(delivery.settle(OutboundResponse(200, None, b"done")))
        delivery.finish()
        return delivery.record


def outcomes(site: Site, *bodies: bytes) -> list[str | None]:
    return [site.post(body).idempotency_outcome for body in bodies]


NOTHING = [None, "", False, [], {}, [None], [None, None], {"a": None}, [[], {"a": [""]}], "  ", "null", True]


@pytest.mark.parametrize("value", NOTHING, ids=repr)
def test_different_events_whose_key_distinguishes_nothing_all_run(value: Any) -> None:
    site = Site("body.id")
    bodies = [json.dumps({"id": value, "n": n}).encode() for n in range(2)]
    assert outcomes(site, *bodies) == ["no_key", "no_key"]
    assert site.runs == 2


@pytest.mark.parametrize(
    "value", [(None, None), [None], {"a": None}, (), b"", None, "", (b"", [None])], ids=repr
)
def test_a_function_that_gives_such_a_key_gives_none(value: Any) -> None:
    site = Site(lambda req, body, headers: value)
    assert outcomes(site, b"{}", b'{"n": 1}') == ["no_key", "no_key"]


@pytest.mark.parametrize(
    ("key", "provider", "body"),
    [
        (True, "stripe", b"{}"),
        ("body", "any", b""),
        ("header.x-id", "any", b"{}"),
        ("body.a.b", "any", b'{"a": 1}'),
    ],
)
def test_every_kind_of_setting_can_yield_no_key(key: Any, provider: str, body: bytes) -> None:
    site = Site(key, provider)
    assert outcomes(site, body, body) == ["no_key", "no_key"]


def test_the_first_missing_key_of_an_endpoint_is_a_warning_that_says_what_to_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    sites = Site("body.id"), Site("body.id")
    for site in (*sites, *sites):
        outcomes(site, b"{}", b"{}")
    said = [record for record in caplog.records if "gave no key" in record.message]
    assert len(said) == 2
    assert said[0].levelno == logging.WARNING
    assert "body.id" in said[0].message
    assert 'or to "body"' in said[0].message


SAME_EVENT = [
    b'{"id": "evt_1", "name": "\\ud800"}',
    b'{"id": "evt_1", "ratio": NaN}',
    b'\xef\xbb\xbf{"id": "evt_1"}',
    b'{"id": "evt_1", "big": 1e400}',
    b'{"id": "evt_1", "most": -Infinity}',
    json.dumps({"id": "evt_1"}).encode("utf-16"),
    # of the same kind, found here
    json.dumps({"id": "evt_1"}).encode("utf-16-be"),
    json.dumps({"id": "evt_1"}).encode("utf-32"),
    b'{"id": "evt_1", "digits": ' + b"9" * 5000 + b"}",
    b' \r\n\t{"id": "evt_1"}',
]


@pytest.mark.parametrize("key", ["body.id", True], ids=["path", "own id"])
@pytest.mark.parametrize("body", SAME_EVENT, ids=lambda body: repr(body[:30]))
def test_a_key_is_found_whatever_the_rest_of_the_json_is_like(body: bytes, key: Any) -> None:
    site = Site(key, "stripe")
    assert outcomes(site, body, b'{"id": "evt_1"}', body) == ["executed", "replayed", "replayed"]


FORM_BODY = b"id=evt_1&name=%C3%BC"
MULTIPART = (
    b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nid=other\r\n'
    b'--xyz\r\nContent-Disposition: form-data; name="id"\r\n\r\nevt_1\r\n--xyz--\r\n'
)


@pytest.mark.parametrize("body", [b'{"id": "evt_1"}', b'[{"id": "evt_1"}]', FORM_BODY, MULTIPART], ids=repr)
def test_a_key_from_the_body_does_not_depend_on_the_unsigned_content_type(body: bytes) -> None:
    def key(req: Any, parsed: Any, headers: Any) -> Any:
        return parsed[0]["id"] if isinstance(parsed, list) else parsed["id"]

    for setting in (key, "body.id") if not body.startswith(b"[") else (key,):
        site = Site(setting)
        types = (JSON, FORM, "", "text/plain", "multipart/form-data; boundary=no", "application/xml")
        records = [site.post(body, content_type) for content_type in types]
        assert [record.idempotency_outcome for record in records] == ["executed"] + ["replayed"] * 5
        assert len({record.idempotency_key for record in records}) == 1


def test_half_a_surrogate_pair_is_part_of_a_key() -> None:
    site = Site("body.id")
    first, second = b'{"id": "evt_\\ud800"}', b'{"id": "evt_\\ud801"}'
    assert outcomes(site, first, second, first, second) == ["executed", "executed", "replayed", "replayed"]


@pytest.mark.parametrize(
    ("one", "other"), [(b"1", b'"1"'), (b"[1]", b'["1"]'), (b'{"a": 1}', b"\"{'a': 1}\""), (b"10", b"16")]
)
def test_ids_that_print_alike_are_two(one: bytes, other: bytes) -> None:
    site = Site("body.id")
    assert outcomes(site, b'{"id": %b}' % one, b'{"id": %b}' % other) == ["executed", "executed"]


def test_the_order_of_names_in_a_key_does_not_matter() -> None:
    site = Site("body.id")
    assert outcomes(site, b'{"id": {"a": 1, "b": 2}}', b'{"id": {"b": 2, "a": 1}}') == [
        "executed",
        "replayed",
    ]


@pytest.mark.parametrize("where", ["header", "body"])
def test_long_ids_are_told_apart_to_their_last_character(where: str) -> None:
    site = Site(True, "github" if where == "header" else "stripe")
    long = "e" * 5000

    def post(event_id: str) -> Record:
        if where == "header":
            return site.post(b"{}", x_github_delivery=event_id)
        return site.post(json.dumps({"id": event_id}).encode())

    records = [post(long + "1"), post(long + "2"), post(long + "1")]
    assert [record.idempotency_outcome for record in records] == ["executed", "executed", "replayed"]
    assert [len(record.event_id or "") for record in records] == [256] * 3


@pytest.mark.parametrize(
    "spelling",
    [
        {"path": "/hooks/"},
        {"path": "/hooks\n"},
        {"path": "/hooks//"},
        {"path": "/hooks/\n"},
        {"path": "/prefix/hooks", "own_path": "/hooks"},
        {"path": "/%68ooks", "own_path": "/hooks/"},
    ],
    ids=repr,
)
def test_spellings_of_a_path_that_lead_to_one_endpoint_share_its_keys(spelling: dict[str, str]) -> None:
    site = Site("body.id")
    site.post(b'{"id": "evt_1"}')
    assert site.post(b'{"id": "evt_1"}', **spelling).idempotency_outcome == "replayed"


@pytest.mark.parametrize(
    "other",
    [{"path": "/eu/hooks"}, {"path": "/hooks/eu"}, {"path": "/hooks", "own_path": "/us/hooks"}],
    ids=repr,
)
def test_two_places_of_an_application_take_an_event_each(other: dict[str, str]) -> None:
    site = Site("body.id")
    site.post(b'{"id": "evt_1"}')
    assert site.post(b'{"id": "evt_1"}', **other).idempotency_outcome == "executed"


class Away(MemoryStore):
    """A store that fails."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def claim(self, key: str, token: str, lease: float) -> Claim:
        raise self.error


AWAY: list[Callable[[], Exception]] = [
    lambda: StoreError("the store is away"),
    lambda: BreakerOpen("left alone"),
    lambda: OSError("a store of somebody else's: redis://me:hunter2@cache"),
]


@pytest.mark.parametrize("make", AWAY)
@pytest.mark.parametrize(("policy", "outcome"), [("proceed", "fail_open"), ("reject", "rejected")])
def test_a_store_that_is_away_is_noted_with_its_error_whoever_made_it(
    make: Callable[[], Exception], policy: str, outcome: str
) -> None:
    site = Site("body.id", store=Away(make()), idempotency_on_store_error=policy)
    record = site.post(b'{"id": "evt_1"}')
    assert record.idempotency_outcome == outcome
    assert site.runs == (policy == "proceed")
    assert [isinstance(cause, StoreError) for cause in record.causes] == [True]
    assert [type(error) for error in site.errors] == [type(record.causes[0])]
    assert "hunter2" not in str(record.causes[0])


@pytest.mark.parametrize(
    "key",
    [
        lambda req, body, headers: body["no such"],
        lambda: None,
        lambda *_: object(),
        lambda *_: ["x"] * 200_000,
    ],
    ids=["raises", "arguments", "an object", "too large"],
)
def test_a_key_function_that_fails_is_noted_and_the_handler_runs(key: Any) -> None:
    site = Site(key)
    record = site.post(b"{}")
    assert (record.idempotency_outcome, site.runs) == ("key_error", 1)
    (cause,) = record.causes
    assert site.errors[0].__cause__ is cause


def test_an_event_id_that_cannot_be_exported_is_made_so() -> None:
    record = Site(True, "stripe").post(b'{"id": "evt_\\ud800", "type": "\\udfff"}')
    assert (record.event_id, record.event_type) == ("evt_?", "?")
