"""Which requests are deliveries, and whose options count."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import deliveries
from support.calls import PATH, Framework, Witness
from support.deliveries import BODY, JSON, SECRET

import outworx_otel
from outworx_otel import ConfigurationError, TrackOptions

from .conftest import Telemetry

Monitor = Callable[..., None]
NAMES: dict[str, Callable[[], dict[str, str]]] = {
    "stripe": deliveries.stripe,
    "github": deliveries.github,
    "shopify": deliveries.shopify,
    "svix": deliveries.svix,
    "slack": deliveries.slack,
}


@pytest.mark.parametrize("provider", NAMES)
def test_unmistakable_headers_are_detected_on_a_route_nobody_configured(
    provider: str, framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    handler = Witness()
    monitor()
    assert framework.serve(handler).post(BODY, NAMES[provider]()).status == 200
    assert handler.bodies == [BODY]
    assert telemetry.delivery().name == f"webhook {provider}"
    assert telemetry.said("detected") is True
    assert telemetry.said("signature.valid") is None
    assert not [name for name in telemetry.delivery().attributes if name.startswith("http.request.header")]


def test_a_guess_never_rejects_nor_deduplicates(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    handler = Witness()
    monitor({"/elsewhere": TrackOptions("stripe", signature_secret=SECRET, idempotency_key=True)})
    app = framework.serve(handler)
    for _ in range(2):
        assert app.post(BODY, {**JSON, "stripe-signature": "t=1,v1=00"}).status == 200
    assert len(handler.calls) == 2
    assert telemetry.deliveries()[0].attributes["outworx.webhook.event.type"] == "charge.succeeded"


@pytest.mark.parametrize("word", ["false", "0", "no", "OFF"])
def test_detection_can_be_turned_off(
    word: str, each: Framework, monitor: Monitor, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTWORX_DETECT", word)
    monitor()
    assert each.serve(Witness()).post(BODY, deliveries.stripe()).status == 200
    assert telemetry.deliveries() == []


def test_ordinary_requests_are_left_alone(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({"/elsewhere": TrackOptions("stripe", signature_secret=SECRET)})
    handler = Witness()
    app = framework.serve(handler)
    assert app.post(BODY, JSON).status == 200
    assert app.post(b"", deliveries.stripe(), method="GET").status == 200
    assert [call.track for call in handler.calls] == [None, None]
    assert telemetry.deliveries() == []


@pytest.mark.parametrize(
    ("variable", "options"),
    [
        ("OTEL_PYTHON_OUTWORX_EXCLUDED_URLS", TrackOptions("stripe", signature_secret=SECRET)),
        ("OTEL_PYTHON_EXCLUDED_URLS", TrackOptions("stripe")),
    ],
    ids=["ours", "general"],
)
def test_excluded_urls_are_passed_through(
    variable: str,
    options: TrackOptions,
    framework: Framework,
    monitor: Monitor,
    telemetry: Telemetry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(variable, "health,webhooks/str")
    monitor({PATH: options})
    assert framework.serve(Witness()).post(BODY, deliveries.stripe()).status == 200
    assert telemetry.deliveries() == []


def test_what_is_excluded_from_traces_in_general_is_verified_all_the_same(
    each: Framework, monitor: Monitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_PYTHON_EXCLUDED_URLS", "webhooks")
    monitor({PATH: TrackOptions("stripe", signature_secret=SECRET)})
    assert each.serve(Witness()).post(BODY, JSON).status == 401


def test_a_body_is_verified_whatever_its_method_where_signatures_are_enforced(
    each: Framework, monitor: Monitor
) -> None:
    monitor({PATH: TrackOptions("stripe", signature_secret=SECRET)})
    handler = Witness()
    app = each.serve(handler)
    assert app.post(BODY, JSON, method="GET").status == 401
    assert handler.calls == []


def test_a_configured_method_list_decides(each: Framework, monitor: Monitor, telemetry: Telemetry) -> None:
    monitor({PATH: TrackOptions("stripe", signature_secret=SECRET, methods=["get"])})
    app = each.serve(Witness())
    assert app.post(b"", {}, method="GET").status == 401
    assert app.post(BODY, JSON).status == 200
    assert len(telemetry.deliveries()) == 1


TOML = f"""
[endpoints."{PATH}"]
provider = "toml-provider"
signature_secret = "toml"
[endpoints."/only/in/toml"]
provider = "only-toml"
"""


@pytest.mark.parametrize(
    ("code", "toml", "env", "expected"),
    [
        (True, True, True, "code-provider"),
        (False, True, True, "toml-provider"),
        (False, False, True, "env-provider"),
        (False, False, False, "stripe"),
    ],
)
def test_code_outranks_the_file_outranks_the_environment_outranks_detection(
    code: bool,
    toml: bool,
    env: bool,
    expected: str,
    each: Framework,
    monitor: Monitor,
    telemetry: Telemetry,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    if toml:
        (tmp_path / "outworx.toml").write_text(TOML)
    if env:
        monkeypatch.setenv("OUTWORX_ROUTES", f"{PATH}=env-provider")
        monkeypatch.setenv("OUTWORX_SECRET_ENV_PROVIDER", "env")
    monitor({PATH: TrackOptions("code-provider", signature_secret="code")} if code else None)  # noqa: S106
    each.serve(Witness()).post(BODY, deliveries.stripe())
    assert telemetry.said("provider") == expected


def test_code_outranks_the_rest_however_its_path_is_written(
    each: Framework, monitor: Monitor, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTWORX_ROUTES", f"{PATH}=env-provider,{PATH}/=slashed")
    monkeypatch.setenv("OUTWORX_SECRET_ENV_PROVIDER", "env")
    monkeypatch.setenv("OUTWORX_SECRET_SLASHED", "env")
    monitor({PATH: TrackOptions("code-provider", signature_secret="code")})  # noqa: S106
    each.serve(Witness()).post(BODY, JSON)
    assert telemetry.said("provider") == "code-provider"


def test_the_file_named_by_the_environment_configures_everything(
    framework: Framework,
    monitor: Monitor,
    telemetry: Telemetry,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    file = tmp_path / "elsewhere.toml"
    file.write_text(
        f'[endpoints."{PATH}"]\nprovider = "stripe"\nsignature_secret_env = "SHOP_SECRET"\n'
        "require_processing_mark = true\n"
    )
    monkeypatch.setenv("OUTWORX_CONFIG_FILE", str(file))
    monkeypatch.setenv("SHOP_SECRET", SECRET)
    monitor()
    app = framework.serve(Witness())
    assert app.post(BODY, deliveries.stripe()).status == 200
    assert app.post(BODY, JSON).status == 401
    assert telemetry.deliveries()[0].attributes["outworx.webhook.processing.status"] == "silent_drop"


def test_the_longest_pattern_wins_and_exact_paths_before_all(
    each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor(
        {
            "*": TrackOptions("all"),
            "/webhooks/*": TrackOptions("some"),
            "/webhooks/s*": TrackOptions("few"),
            "/webhooks/stripe": TrackOptions("one"),
        }
    )
    for path in ("/orders", "/webhooks/github", "/webhooks/slack", "/webhooks/stripe"):
        each.serve(Witness(), path).post(BODY, JSON, path)
    assert [span.name.removeprefix("webhook ") for span in telemetry.deliveries()] == [
        "all",
        "some",
        "few",
        "one",
    ]


@pytest.mark.parametrize(
    ("configured", "message"),
    [
        ({"webhooks": TrackOptions("stripe")}, "must begin with /"),
        ({PATH: {"provider": "stripe", "signature_secrt": "x"}}, "did you mean 'signature_secret'"),
        ({PATH: {"provider": "svix", "signature_secret": "whsec_not base64!"}}, "svix"),
    ],
)
def test_what_code_says_wrong_is_an_error_at_once(configured: Any, message: str, monitor: Monitor) -> None:
    with pytest.raises(ConfigurationError, match=message):
        monitor(configured)


def test_uninstrumenting_restores_every_class_and_instrumenting_twice_changes_nothing(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    import fastapi.routing
    import flask
    import starlette.routing
    from django.core.handlers.base import BaseHandler

    seams = [
        (starlette.routing.Route, "handle"),
        (starlette.routing.Router, "lifespan"),
        (fastapi.routing.APIRoute, "handle"),
        (flask.Flask, "dispatch_request"),
        (BaseHandler, "make_view_atomic"),
    ]
    before = [vars(owner).get(name) for owner, name in seams]
    monitor({PATH: TrackOptions("stripe", signature_secret=SECRET)})
    monitor({PATH: TrackOptions("stripe", signature_secret=SECRET)})
    app = framework.serve(Witness())
    assert app.post(BODY, JSON).status == 401
    assert len(telemetry.deliveries()) == 1
    outworx_otel.uninstrument()
    outworx_otel.uninstrument()
    assert [vars(owner).get(name) for owner, name in seams] == before
    assert app.post(BODY, JSON).status == 200


def test_fastapi_and_starlette_can_be_switched_off_one_at_a_time(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    from outworx_otel.integrations.fastapi import FastAPIInstrumentor

    from .asgi_apps import StarletteKind

    monitor({PATH: TrackOptions("stripe", signature_secret=SECRET)})
    FastAPIInstrumentor().uninstrument()
    assert StarletteKind("starlette").serve(Witness()).post(BODY, JSON).status == 401
