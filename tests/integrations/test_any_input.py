"""Whatever strangers send: never a 500 of ours, and never another body than theirs."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from support import deliveries
from support.calls import PATH, Call, Framework, Witness
from support.deliveries import BODY, SECRET

import outworx_otel
from outworx_otel import TrackOptions

from .asgi_apps import FastAPIKind
from .asgi_wire import Wire
from .conftest import Telemetry
from .django_apps import DjangoKind
from .flask_apps import FlaskKind
from .inputs import VISIBLE, bodies, encodings, header_lists, lengths

Monitor = Callable[..., None]

OPTIONS = {
    "verified": TrackOptions("stripe", signature_secret=SECRET, capture_body=True),
    "reported": TrackOptions(
        "github",
        signature_secret=["one", SECRET],
        reject_invalid_signatures=False,
        idempotency_key=True,
        capture_body=True,
        event_type_field="data.type.name",
        redact=["body.*.email", "$.a.0.b", "x-*"],
        require_processing_mark=True,
    ),
    "keyed": TrackOptions(
        "any", idempotency_key="body.id.x", event_type_header="user-agent", capture_body=True
    ),
    "asked": TrackOptions(
        "mine",
        signature_verifier=lambda body, headers: str(body).encode("utf-8", "surrogateescape") == bytes(body),
        idempotency_key=lambda req, body, headers: body["id"],
    ),
}


@pytest.fixture(params=OPTIONS)
def options(request: pytest.FixtureRequest) -> TrackOptions:
    """Endpoints that verify, report, deduplicate and ask functions."""
    return OPTIONS[request.param]


@given(headers=header_lists, body=bodies)
def test_any_headers_and_body_get_the_handlers_answer_or_a_documented_one(
    headers: list[tuple[str, str]],
    body: bytes,
    options: TrackOptions,
    each: Framework,
    monitor: Monitor,
    telemetry: Telemetry,
) -> None:
    telemetry.exporter.clear()
    monitor({PATH: options})
    handler = Witness()
    answer = each.serve(handler, raises=True).post(body, headers)
    assert answer.status in ((200, 401) if options.reject_invalid_signatures else (200,))
    assert handler.bodies in (
        [body],
        [] if answer.status == 401 or "idempotent-replayed" in answer.headers else [body],
    )
    assert len(telemetry.deliveries()) <= 1
    encode_spans(telemetry.spans())


@given(body=bodies, headers=header_lists)
def test_any_signed_body_arrives_as_it_was_sent(
    body: bytes, headers: list[tuple[str, str]], each: Framework, monitor: Monitor
) -> None:
    monitor({PATH: OPTIONS["verified"]})
    handler = Witness()
    others = [pair for pair in headers if pair[0] not in ("stripe-signature", "content-type")]
    signed = list(deliveries.stripe(body).items())
    assert each.serve(handler, raises=True).post(body, signed + others).status == 200
    assert handler.bodies == [body]


@given(length=lengths, encoding=encodings, body=st.binary(max_size=12), parts=st.integers(1, 3))
def test_asgi_any_announced_length_is_survived(
    length: str, encoding: str | None, body: bytes, parts: int, options: TrackOptions, monitor: Monitor
) -> None:
    headers = [("content-length", length), *([] if encoding is None else [("transfer-encoding", encoding)])]
    step = max(1, len(body) // parts)
    pieces = [body[start : start + step] for start in range(0, len(body), step)] or [b""]
    messages = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    messages[-1]["more_body"] = False
    monitor({PATH: options})
    handler = Witness()
    answer = Wire(FastAPIKind("fastapi").serve(handler).app, messages).run(headers)
    assert answer is not None
    assert answer.status in (200, 400, 401, 413)
    assert handler.bodies in ([], [body])


def wsgi_environ(length: str | None, encoding: str | None, body: bytes, path: str) -> dict[str, Any]:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if length is not None:
        environ["CONTENT_LENGTH"] = length
    if encoding is not None:
        environ["HTTP_TRANSFER_ENCODING"] = encoding
        environ["wsgi.input_terminated"] = True
    return environ


def wsgi_status(app: Any, environ: dict[str, Any]) -> int:
    started: list[str] = []
    parts = app(environ, lambda status, headers, error=None: started.append(status))
    try:
        b"".join(parts)
    finally:
        getattr(parts, "close", lambda: None)()
    return int(started[0].split()[0])


def flask_under_wsgi(handler: Witness, environ: dict[str, Any]) -> int:
    return wsgi_status(FlaskKind("flask").serve(handler).app, environ)


def django_under_wsgi(handler: Witness, environ: dict[str, Any]) -> int:
    app = DjangoKind("django").serve(handler)
    from .django_apps import _Urls

    with override_settings(ROOT_URLCONF=_Urls(urlpatterns=list(app.urlpatterns))):
        return wsgi_status(WSGIHandler(), environ)


@pytest.mark.parametrize("served", [flask_under_wsgi, django_under_wsgi])
@given(length=st.none() | lengths, encoding=encodings, body=st.binary(max_size=12))
def test_wsgi_any_announced_length_is_survived_and_the_body_is_what_it_was_without_us(
    served: Callable[..., int],
    length: str | None,
    encoding: str | None,
    body: bytes,
    options: TrackOptions,
    monitor: Monitor,
) -> None:
    outworx_otel.uninstrument()
    bare, ours = Witness(), Witness()
    before = served(bare, wsgi_environ(length, encoding, body, PATH))
    monitor({PATH: options})
    after = served(ours, wsgi_environ(length, encoding, body, PATH))
    assert after == before or after in (200, 400, 401, 413)
    # Where no length was announced, a stream that ends by itself is read: the handler gets what was verified.
    unannounced = [[body]] if length in (None, "") and encoding is None else []
    assert ours.bodies in ([], bare.bodies, *unannounced)


@given(
    path=st.text(VISIBLE, max_size=30).map(lambda text: "/hooks/" + text.replace("?", "").replace("#", "")),
    reason=st.text(max_size=100),
    metadata=st.dictionaries(
        st.text(max_size=20), st.integers() | st.floats() | st.text(max_size=20), max_size=4
    ),
)
def test_any_mark_can_be_exported(
    path: str, reason: str, metadata: dict[str, Any], monitor: Monitor, telemetry: Telemetry
) -> None:
    def marks(call: Call) -> None:
        assert call.track is not None
        call.track.failed(reason, metadata)

    monitor({"*": TrackOptions("stripe")})
    telemetry.exporter.clear()
    Wire(
        FastAPIKind("fastapi").serve(Witness(marks), "/hooks/{rest:path}").app,
        [{"type": "http.request", "body": BODY}],
    ).run([("content-length", str(len(BODY)))], path, raw_path=b"/")
    encode_spans(telemetry.spans())
    assert len(telemetry.deliveries()) == 1


@pytest.mark.parametrize("reason", ["lone \ud800 surrogate", "\udcff" * 3], ids=["one", "all"])
def test_text_that_is_no_unicode_can_be_exported(
    reason: str, each: Framework, monitor: Monitor, telemetry: Telemetry, request: pytest.FixtureRequest
) -> None:
    # The frameworks log the exception, and no log file could hold it.
    logging.disable(logging.CRITICAL)
    request.addfinalizer(lambda: logging.disable(logging.NOTSET))

    def marks(call: Call) -> None:
        assert call.track is not None
        call.track.failed(reason, {reason: reason, "big": 10**400})
        raise RuntimeError(reason)

    monitor({PATH: TrackOptions("stripe", event_type_field="t", capture_body=True)})
    each.serve(Witness(marks)).post(b'{"t": "\\ud800"}', deliveries.JSON)
    encode_spans(telemetry.spans())
    assert telemetry.said("processing.status") == "failed"
