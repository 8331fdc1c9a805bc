"""`outworx doctor` on hosts that freeze a process which has answered."""

from __future__ import annotations

import pytest

from outworx_otel.cli.doctor.hosts import hosts

VARIABLES = (
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_LAMBDA_FUNCTION_NAME",
    "FUNCTIONS_WORKER_RUNTIME",
    "K_SERVICE",
    "VERCEL",
    "OUTWORX_FLUSH_EACH",
)


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environ", "status", "words"),
    [
        ({"AWS_LAMBDA_FUNCTION_NAME": "hooks"}, "hint", "each delivery sends its telemetry itself"),
        ({"FUNCTIONS_WORKER_RUNTIME": "python"}, "hint", "FUNCTIONS_WORKER_RUNTIME"),
        (
            {"AWS_LAMBDA_RUNTIME_API": "x", "OUTWORX_FLUSH_EACH": "false"},
            "hint",
            "may be sent late or never",
        ),
        ({"K_SERVICE": "hooks"}, "hint", "Cloud Run"),
        ({"VERCEL": "1"}, "hint", "Vercel"),
        ({"K_SERVICE": "hooks", "OUTWORX_FLUSH_EACH": "true"}, "hint", "OUTWORX_FLUSH_EACH"),
        ({"OUTWORX_FLUSH_EACH": "sometimes"}, "problem", "must be true or false"),
    ],
)
def test_a_host_that_freezes_is_named(
    environ: dict[str, str], status: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    (finding,) = hosts()
    assert finding.status == status
    assert words in finding.text


def test_an_ordinary_server_is_not_spoken_of(monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(hosts()) == []
    monkeypatch.setenv("K_SERVICE", "hooks")
    monkeypatch.setenv("OUTWORX_FLUSH_EACH", "false")
    assert list(hosts()) == []
