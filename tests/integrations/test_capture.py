"""Captured bodies: only when asked for, without their secrets, and bounded."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import pytest
from support.calls import PATH, Framework, Reply, Witness
from support.deliveries import BODY, JSON

from outworx_otel import TrackOptions

from .conftest import Telemetry

Monitor = Callable[..., None]


def test_bodies_are_captured_only_when_asked_for(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: TrackOptions("stripe")})
    framework.serve(Witness()).post(BODY, JSON)
    assert telemetry.said("request.body") is None
    assert telemetry.said("response.body") is None


def test_captured_bodies_are_redacted_by_name_by_path_and_by_shape(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    body = json.dumps(
        {
            "id": "evt_1",
            "password": "hunter2",
            "customer": {"email": "a@example.org"},
            "items": [{"price": 5}, {"price": 6}],
            "note": "use sk_live_abcdefghijklmnop here",
        }
    ).encode()
    options = TrackOptions("stripe", capture_body=True, redact=["body.customer.email", "$.items.*.price"])
    monitor({PATH: options})
    framework.serve(Witness(replies=Reply(body=b'{"token": "s3cr3t"}'))).post(body, JSON)
    assert json.loads(telemetry.said("request.body")) == {
        "id": "evt_1",
        "password": "[redacted]",
        "customer": {"email": "[redacted]"},
        "items": [{"price": "[redacted]"}, {"price": "[redacted]"}],
        "note": "use [redacted] here",
    }
    assert json.loads(telemetry.said("response.body")) == {"token": "[redacted]"}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/x-www-form-urlencoded", b"token=s3cr3t&user%5Bpassword%5D=s3cr3t&text=fine"),
        ("application/json", b'{"text": "fine", "password": "s3cr3t"'),
        ("application/json", b'{"text": "fine"}\n{"password": "s3cr3t"}\n'),
        (
            "multipart/form-data; boundary=cut",
            b'--cut\r\nContent-Disposition: form-data; name="text"\r\n\r\nfine\r\n'
            b'--cut\r\nContent-Disposition: form-data; name="password"\r\n\r\ns3cr3t\r\n--cut--\r\n',
        ),
    ],
)
def test_secrets_are_taken_out_of_bodies_that_are_no_whole_json(
    content_type: str, body: bytes, each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: TrackOptions("slack", capture_body=True)})
    each.serve(Witness()).post(body, {"content-type": content_type})
    assert "fine" in telemetry.said("request.body")
    assert "s3cr3t" not in telemetry.said("request.body")


def test_bytes_that_are_no_text_are_captured_as_base64(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    body = b"\xff\x00\xfe"
    monitor({PATH: TrackOptions("stripe", capture_body=True)})
    framework.serve(Witness()).post(body, {"content-type": "application/octet-stream"})
    assert base64.b64decode(telemetry.said("request.body")) == body


def test_captured_bodies_end_at_64_kib(framework: Framework, monitor: Monitor, telemetry: Telemetry) -> None:
    monitor({PATH: TrackOptions("stripe", capture_body=True)})
    framework.serve(Witness()).post(b"x" * 70_000, {"content-type": "text/plain"})
    assert len(telemetry.said("request.body")) == 65_536
