"""Flask: every kind of view, what is no delivery, and the decorator mounted by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flask
import pytest
from flask.views import MethodView
from support import deliveries
from support.calls import PATH
from support.deliveries import BODY, JSON, SECRET
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from outworx_otel import TrackOptions, webhook
from outworx_otel.integrations.flask import FlaskInstrumentor, with_webhook_monitoring

from .conftest import Telemetry
from .flask_apps import UnderFlaskClient

Monitor = Callable[..., None]
STRIPE = TrackOptions("stripe", signature_secret=SECRET)
EVERYWHERE = {"*": STRIPE}


class Receiver(MethodView):
    """Takes POST alone."""

    def post(self, **parameters: str) -> bytes:
        flask.g.outworx_track.processed()
        return flask.request.get_data()


def app_with(view: Any, path: str = PATH, **options: Any) -> UnderFlaskClient:
    app = flask.Flask("shop")
    app.add_url_rule(path, "view", view, methods=options.pop("methods", ["POST"]), **options)
    return UnderFlaskClient(app)


def test_method_views_and_blueprints_are_deliveries(monitor: Monitor, telemetry: Telemetry) -> None:
    inner = flask.Blueprint("inner", "inner", url_prefix="/inner")
    inner.add_url_rule("/hook/<tenant>", view_func=Receiver.as_view("hook"))
    outer = flask.Blueprint("outer", "outer", url_prefix="/outer")
    outer.register_blueprint(inner)
    app = flask.Flask("shop")
    app.register_blueprint(outer)
    monitor({"/outer/inner/hook/<tenant>": STRIPE})
    client = UnderFlaskClient(app)
    assert client.post(BODY, deliveries.stripe(), "/outer/inner/hook/acme").body == BODY
    assert client.post(BODY, JSON, "/outer/inner/hook/acme").status == 401
    assert client.post(BODY, JSON, "/outer/inner/hook/acme", "PUT").status == 405
    good, _ = telemetry.deliveries()
    assert good.attributes["http.route"] == "/outer/inner/hook/<tenant>"
    assert good.attributes["url.path"] == "/outer/inner/hook/acme"


def test_a_mounted_application_is_known_by_the_whole_path(monitor: Monitor, telemetry: Telemetry) -> None:
    sub = app_with(lambda: "received", "/hook").app
    app = flask.Flask("outer")
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/sub": sub})  # type: ignore[method-assign]
    monitor({"/sub/hook": STRIPE})
    client = UnderFlaskClient(app)
    assert client.post(BODY, deliveries.stripe(), "/sub/hook").body == b"received"
    assert client.post(BODY, JSON, "/sub/hook").status == 401


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", PATH, 405), ("HEAD", PATH, 405), ("OPTIONS", PATH, 200), ("GET", "/nowhere", 404)],
)
def test_what_is_no_delivery_passes_untouched(
    method: str, path: str, status: int, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor(EVERYWHERE)
    assert app_with(lambda: "received").post(b"", {}, path, method).status == status
    assert telemetry.deliveries() == []


def test_before_and_after_request_stay_outside(monitor: Monitor, telemetry: Telemetry) -> None:
    client = app_with(lambda: "received")
    seen: list[str] = []
    client.app.before_request(lambda: seen.append("before"))

    @client.app.after_request
    def after(response: flask.Response) -> flask.Response:
        response.headers["x-shop"] = "1"
        return response

    monitor(EVERYWHERE)
    assert client.post(BODY, JSON).status == 401
    assert seen == [], "nothing of the application runs on what was not verified"
    answer = client.post(BODY, deliveries.stripe())
    assert (answer.status, answer.headers["x-shop"]) == (200, "1")
    assert seen == ["before"]


def test_before_request_may_answer_for_the_view(monitor: Monitor, telemetry: Telemetry) -> None:
    client = app_with(lambda: "received")
    client.app.before_request(lambda: ("closed", 503))
    monitor(EVERYWHERE)
    assert client.post(BODY, deliveries.stripe()).status == 503
    assert telemetry.said("signature.valid") is True
    assert telemetry.said("outcome") == "error"


def test_a_stream_with_context_is_settled_at_its_end(monitor: Monitor, telemetry: Telemetry) -> None:
    def streams() -> Any:
        @flask.stream_with_context
        def answer() -> Any:
            yield flask.request.path
            flask.g.outworx_track.processed()

        return answer(), 200

    monitor({PATH: TrackOptions("stripe", require_processing_mark=True)})
    assert app_with(streams).post(BODY, JSON).body == PATH.encode()
    assert telemetry.said("processing.status") == "completed"


def test_a_stream_that_breaks_off_is_an_error(monitor: Monitor, telemetry: Telemetry) -> None:
    def streams() -> Any:
        def answer() -> Any:
            yield b"one"
            raise RuntimeError("lost the rest")

        return answer(), 200

    monitor({PATH: TrackOptions("stripe")})
    with pytest.raises(RuntimeError, match="lost"):
        app_with(streams).post(BODY, JSON)
    assert telemetry.delivery().attributes["error.type"] == "RuntimeError"


def test_a_stream_that_nobody_reads_is_still_reported(monitor: Monitor, telemetry: Telemetry) -> None:
    monitor({PATH: TrackOptions("stripe")})
    app = app_with(lambda: (iter([b"one"]), 200)).app
    app.test_client().post(PATH, data=BODY, buffered=False).close()
    assert telemetry.delivery().attributes["http.response.status_code"] == 200


def test_a_file_is_sent_untouched(tmp_path: Any, monitor: Monitor, telemetry: Telemetry) -> None:
    file = tmp_path / "answer.bin"
    file.write_bytes(b"\x00\xff")
    monitor({PATH: TrackOptions("stripe", idempotency_key="body.id", capture_body=True)})
    client = app_with(lambda: flask.send_file(file))
    assert client.post(BODY, JSON).body == b"\x00\xff"
    assert telemetry.said("response.body") is None


def test_the_decorator_marks_functions_classes_and_methods(monitor: Monitor, telemetry: Telemetry) -> None:
    class ByMethod(MethodView):
        @webhook("github", signature_secret=SECRET)
        def post(self) -> str:
            return "method"

    @webhook("shopify", signature_secret=SECRET)
    def function() -> str:
        return "function"

    @webhook("stripe", signature_secret=SECRET)
    class Marked(Receiver):
        """Marked as a whole."""

    monitor()
    assert app_with(function).post(BODY, deliveries.shopify()).body == b"function"
    assert app_with(Marked.as_view("a")).post(BODY, deliveries.stripe()).body == BODY
    assert app_with(ByMethod.as_view("b")).post(BODY, deliveries.github()).body == b"method"
    assert app_with(ByMethod.as_view("c")).post(BODY, JSON).status == 401
    assert len(telemetry.deliveries()) == 4


def mounted_by_hand() -> UnderFlaskClient:
    @with_webhook_monitoring(STRIPE)
    def view() -> bytes:
        flask.g.outworx_track.processed()
        return flask.request.get_data()

    return app_with(view, methods=["POST", "GET"])


def test_mounted_by_hand_it_needs_no_instrumentor(telemetry: Telemetry, monkeypatch: Any) -> None:
    from outworx_otel.setup import runtime as runtimes
    from outworx_otel.telemetry import Telemetry as Instruments

    runtimes.replace(runtimes.Runtime(telemetry=Instruments(telemetry.tracer_provider)))
    client = mounted_by_hand()
    assert client.post(BODY, deliveries.stripe()).body == BODY
    assert client.post(BODY, JSON).status == 401
    assert len(telemetry.deliveries()) == 2


def test_mounted_by_hand_and_instrumented_it_is_one_span(monitor: Monitor, telemetry: Telemetry) -> None:
    monitor({PATH: TrackOptions("github")})
    client = mounted_by_hand()
    assert client.post(BODY, deliveries.stripe()).body == BODY
    assert telemetry.delivery().name == "webhook stripe"
    assert telemetry.said("processing.status") == "completed"


def test_mounted_by_hand_it_leaves_other_methods_and_excluded_urls_alone(
    monitor: Monitor, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    @with_webhook_monitoring(STRIPE)
    def view() -> str:
        return "received"

    client = app_with(view, methods=["POST", "GET"])
    monkeypatch.setenv("OTEL_PYTHON_OUTWORX_EXCLUDED_URLS", "stripe")
    for _ in range(2):
        assert client.post(b"", {}, PATH, "GET").status == 200
        assert client.post(BODY, JSON).status == 200
        monitor()
    assert telemetry.deliveries() == []


def test_mounted_by_hand_on_an_async_view(monitor: Monitor, telemetry: Telemetry) -> None:
    @with_webhook_monitoring(STRIPE)
    async def view() -> str:
        flask.g.outworx_track.processed()
        return "received"

    monitor()
    assert app_with(view).post(BODY, deliveries.stripe()).body == b"received"
    assert telemetry.said("processing.status") == "completed"


def test_outside_of_a_request_a_view_mounted_by_hand_is_the_view() -> None:
    @with_webhook_monitoring(STRIPE)
    def view(name: str) -> str:
        return name

    with flask.Flask("shop").app_context():
        assert view("x") == "x"


def test_one_application_alone_can_be_instrumented(telemetry: Telemetry) -> None:
    chosen, other = app_with(lambda: "received"), app_with(lambda: "received")
    FlaskInstrumentor.instrument_app(
        chosen.app, tracer_provider=telemetry.tracer_provider, endpoints=EVERYWHERE
    )
    try:
        assert chosen.post(BODY, JSON).status == 401
        assert other.post(BODY, JSON).status == 200
    finally:
        FlaskInstrumentor.uninstrument_app(chosen.app)
    assert chosen.post(BODY, JSON).status == 200
