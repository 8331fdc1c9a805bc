"""What is wrong with a configuration is said in the server's log, and harms only what it is about."""

from __future__ import annotations

import pytest
from support.deployment import Deployment, gunicorn, uvicorn
from support.sender import post

from .arrivals import webhooks
from .conftest import CONFIGURATION, Receive, Serve

EXPORTING = {
    "OTEL_TRACES_EXPORTER": "outworx",
    "OTEL_METRICS_EXPORTER": "none",
    "OTEL_LOGS_EXPORTER": "none",
    "OUTWORX_HOOKS_API_KEY": "ohk_misconfiguration",
}
FASTAPI = uvicorn("fastapi_site:app")
FLASK = gunicorn("flask_site:app")
DJANGO = gunicorn("django_site:wsgi", "--preload", workers=2)

UPLOADS_BROKEN = '[endpoints."/webhooks/upload"]\nprovider = "github"\n'
PROBLEMS = {
    "missing secret": (
        f'{CONFIGURATION}{UPLOADS_BROKEN}signature_secret_env = "NOBODY_SET_THIS"\n',
        "NOBODY_SET_THIS (signature_secret_env) is not set",
    ),
    "misspelt option": (
        f'{CONFIGURATION}{UPLOADS_BROKEN}signature_secert_env = "GITHUB_SECRET"\n',
        "did you mean 'signature_secret_env'?",
    ),
    "empty secret": (f'{CONFIGURATION}{UPLOADS_BROKEN}signature_secret = ""\n', "signature_secret is empty"),
    "wrong type": (
        f'{CONFIGURATION}{UPLOADS_BROKEN}signature_secret_env = "GITHUB_SECRET"\nmax_body_size = "big"\n',
        "max_body_size must be a",
    ),
}


@pytest.mark.parametrize(
    ("deployment", "problem"),
    [
        (FASTAPI, "missing secret"),
        (FLASK, "misspelt option"),
        (DJANGO, "empty secret"),
        (FASTAPI, "wrong type"),
    ],
    ids=["fastapi-missing-secret", "flask-misspelt-option", "django-empty-secret", "fastapi-wrong-type"],
)
def test_an_endpoint_that_cannot_verify_turns_its_deliveries_away_and_leaves_the_others_alone(
    deployment: Deployment, problem: str, receive: Receive, serve: Serve
) -> None:
    configuration, said = PROBLEMS[problem]
    receiver = receive()
    server = serve(
        deployment, configuration=configuration, OUTWORX_HOOKS_ENDPOINT=receiver.endpoint, **EXPORTING
    )
    assert said in server.log()
    assert server.log().count('outworx.toml, endpoint "/webhooks/upload"') == 1
    assert post(f"{server.url}/webhooks/github").status_code == 200
    assert post(f"{server.url}/webhooks/upload").status_code == 401
    server.terminate()
    verdicts = {span.attributes["url.path"]: span for span in webhooks(receiver)}
    assert verdicts["/webhooks/github"].short("signature.valid") is True
    assert verdicts["/webhooks/upload"].short("signature.reason") == "missing_secret"


@pytest.mark.parametrize(
    ("configuration", "said"),
    [
        ("[endpoints.", "outworx.toml: is not valid TOML"),
        ("endpoint = 1\n" + CONFIGURATION, "unknown key 'endpoint': did you mean 'endpoints'?"),
        ('[endpoints."webhooks/github"]\nprovider = "github"\n', "'webhooks/github' must begin with /"),
    ],
    ids=["no-toml", "unknown-key", "relative-path"],
)
def test_a_file_that_cannot_be_used_is_said_once_and_the_application_serves(
    configuration: str, said: str, serve: Serve
) -> None:
    server = serve(FLASK, configuration=configuration, **{**EXPORTING, "OTEL_TRACES_EXPORTER": "none"})
    assert server.log().count(said) == 1
    assert post(f"{server.url}/webhooks/github").status_code == 200
    assert "Traceback" not in server.log()


def test_a_literal_secret_works_and_is_warned_of_without_being_shown(serve: Serve) -> None:
    literal = '[endpoints."/webhooks/*"]\nprovider = "github"\nsignature_secret = "a literal secret"\n'
    server = serve(FASTAPI, configuration=literal, **{**EXPORTING, "OTEL_TRACES_EXPORTER": "none"})
    assert post(f"{server.url}/webhooks/github", key="a literal secret").status_code == 200
    assert post(f"{server.url}/webhooks/github").status_code == 401
    assert server.log().count("signature_secret_env") == 1
    assert "a literal secret" not in server.log()


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("OUTWORX_HOOKS_API_KEY", "two words", "api_key contains white space"),
        ("OUTWORX_HOOKS_ENDPOINT", "ftp://localhost", "endpoint must be an http:// or https:// URL"),
    ],
    ids=["key", "endpoint"],
)
def test_a_destination_that_cannot_be_used_costs_telemetry_and_no_verification(
    variable: str, value: str, said: str, serve: Serve
) -> None:
    environ = {**EXPORTING, "OTEL_METRICS_EXPORTER": "outworx", variable: value}
    server = serve(FASTAPI, **environ)
    assert said in server.log()
    assert "Traceback" not in server.log()
    assert "two words" not in server.log()
    assert post(f"{server.url}/webhooks/github").status_code == 200
    assert post(f"{server.url}/webhooks/github", key="wrong").status_code == 401
