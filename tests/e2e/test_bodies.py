"""Bodies over a real socket: what the handler sees is what was sent, and the signature holds."""

from __future__ import annotations

import gzip
import hashlib
import socket
import uuid
from collections.abc import Iterator

import httpx
import pytest
from support.deployment import gunicorn, uvicorn
from support.process import Server, wait_until
from support.receiver import Receiver
from support.sender import post, signed

from .arrivals import Span, webhooks
from .conftest import Serve, serving_from

SITES = {
    "fastapi": uvicorn("fastapi_site:app"),
    "flask": gunicorn("flask_site:app"),
    "django-wsgi": gunicorn("django_site:wsgi"),
    "django-asgi": uvicorn("django_site:asgi"),
}
BODIES = {
    "gzip": gzip.compress(b'{"ref":"main"}', mtime=0),
    "binary": bytes(range(256)) * 3,
    "megabyte": hashlib.shake_128(b"body").digest(1024 * 1024),
    "json-in-utf-16": '{"ref":"größe"}'.encode("utf-16"),
    "empty": b"",
}


class Site:
    """A server with a receiver of its own, for all tests of the module."""

    def __init__(self, name: str, server: Server, receiver: Receiver) -> None:
        self.name = name
        self.server = server
        self.receiver = receiver

    @property
    def github(self) -> str:
        return f"{self.server.url}/webhooks/github"

    def span_of(self, delivery: str) -> Span:
        """The span of the delivery that carried this id in its header, once it arrived."""
        name = "http.request.header.x-github-delivery"

        def found() -> list[Span]:
            return [span for span in webhooks(self.receiver) if span.attributes.get(name) == [delivery]]

        wait_until(lambda: bool(found()), lambda: f"no span of {delivery} arrived\n{self.server.log()}")
        (span,) = found()
        return span


@pytest.fixture(scope="module", params=SITES)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    receiver = Receiver().start()
    with serving_from(tmp_path_factory.mktemp("bodies")) as serve:
        yield Site(request.param, start(serve, request.param, receiver), receiver)
    receiver.stop()


def start(serve: Serve, name: str, receiver: Receiver) -> Server:
    return serve(
        SITES[name],
        OTEL_TRACES_EXPORTER="outworx",
        OTEL_METRICS_EXPORTER="none",
        OTEL_LOGS_EXPORTER="none",
        OTEL_BSP_SCHEDULE_DELAY="20",
        OUTWORX_HOOKS_ENDPOINT=receiver.endpoint,
    )


@pytest.fixture
def delivery() -> str:
    return str(uuid.uuid4())


@pytest.mark.parametrize("kind", BODIES)
def test_a_body_reaches_the_handler_byte_for_byte(site: Site, kind: str, delivery: str) -> None:
    body = BODIES[kind]
    headers = {"x-github-delivery": delivery}
    if kind == "gzip":
        headers["content-encoding"] = "gzip"
    answer = post(site.github, body, headers)
    assert answer.status_code == 200
    assert (answer.json()["size"], answer.json()["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
    span = site.span_of(delivery)
    assert span.short("signature.valid") is True
    assert span.attributes["http.request.body.size"] == len(body)


def test_a_chunked_body_is_verified_and_reaches_the_handler(site: Site, delivery: str) -> None:
    parts = [b'{"ref":', b'"main"', b"}" + b" " * 100_000]
    body = b"".join(parts)
    headers = signed(body, {"x-github-delivery": delivery})
    answer = httpx.post(site.github, content=iter(parts), headers=headers, timeout=20)
    span = site.span_of(delivery)
    if site.name == "django-wsgi":
        # Django gives its views an empty body here, with or without us; that must not pass for a wrong secret.
        assert answer.status_code == 400
        assert span.short("signature.reason") == "body_unavailable"
        assert "chunked" in span.short("signature.hint")
        return
    assert answer.status_code == 200
    assert answer.json()["sha256"] == hashlib.sha256(body).hexdigest()
    assert span.short("signature.valid") is True


def test_a_multipart_upload_is_verified_and_left_intact(site: Site, delivery: str) -> None:
    report = hashlib.shake_128(b"file").digest(200_000)
    request = httpx.Request(
        "POST",
        f"{site.server.url}/webhooks/upload",
        data={"title": "quarterly"},
        files={"report": ("report.bin", report, "application/octet-stream")},
    )
    body = request.read()
    content_type = {"content-type": request.headers["content-type"], "x-github-delivery": delivery}
    answer = httpx.post(str(request.url), content=body, headers=signed(body, content_type), timeout=20)
    assert answer.status_code == 200
    seen = answer.json()
    assert (seen["title"], seen["filename"]) == ("quarterly", "report.bin")
    assert seen["sha256"] == hashlib.sha256(report).hexdigest()
    assert site.span_of(delivery).short("signature.valid") is True


def test_a_client_that_hangs_up_in_the_middle_of_its_body_is_reported_and_harms_nobody(
    site: Site, delivery: str
) -> None:
    body = b'{"ref":"main"}' * 1000
    headers = signed(body, {"x-github-delivery": delivery, "host": "127.0.0.1"})
    lines = [f"{name}: {value}" for name, value in {**headers, "content-length": len(body)}.items()]
    head = "\r\n".join(["POST /webhooks/github HTTP/1.1", *lines, "", ""]).encode()
    with socket.create_connection(("127.0.0.1", site.server.port)) as connection:
        connection.sendall(head + body[:500])
    # Under ASGI, Django reads the body before it looks for a view: such a request never becomes a delivery.
    if site.name != "django-asgi":
        span = site.span_of(delivery)
        assert span.short("signature.valid") is False
        assert span.short("signature.reason") == "body_unavailable"
    assert post(site.github).status_code == 200
    assert "Traceback" not in site.server.log()
