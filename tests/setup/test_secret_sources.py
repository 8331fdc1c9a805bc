"""Secrets that come from a variable, a file that changes or a function: whatever is missing closes the endpoint."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.own_clock import set_clock

from outworx_otel import ConfigurationError, TrackOptions, VerifierError, webhook
from outworx_otel.delivery import Delivery, InboundRequest, Proceed, Respond
from outworx_otel.delivery.flow import run_async, run_sync
from outworx_otel.http.headers import Headers
from outworx_otel.setup.assembly import Assembly
from outworx_otel.setup.configuration import Configuration
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.runtime import Runtime
from outworx_otel.setup.secret_sources import SecretMemory
from outworx_otel.signatures import sign

BODY = b'{"id": "evt_1"}'
OLD, NEW = "whsec_the_old_one", "whsec_the_new_one"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    set_clock(monkeypatch, "setup.secret_sources", lambda: now[0])
    return now


def deliver(
    endpoint: Endpoint, secret: str, url: Any = "https://shop.example/hook", runtime: Runtime | None = None
) -> tuple[Proceed | Respond, Delivery]:
    delivery = Delivery(
        endpoint,
        InboundRequest(
            method="POST",
            path="/hook",
            route=None,
            headers=Headers([(k.encode(), v.encode()) for k, v in sign("stripe", BODY, secret).items()]),
            body=BODY,
            body_size=len(BODY),
            url=(lambda: url) if isinstance(url, str) else url,
            native=lambda: SimpleNamespace(url=url),
        ),
        runtime or Runtime(),
        start_ns=time.time_ns(),
    )
    return run_sync(delivery.admit()), delivery


def reason(endpoint: Endpoint, secret: str, **others: Any) -> str | None:
    answer, delivery = deliver(endpoint, secret, **others)
    signature = delivery.record.signature
    assert signature is not None
    assert isinstance(answer, Proceed) is signature.valid
    return signature.reason


def test_a_variable_is_read_at_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP", OLD)
    endpoint = Endpoint(TrackOptions("stripe", signature_secret_env="SHOP"), "code")  # noqa: S106
    monkeypatch.setenv("SHOP", NEW)
    assert reason(endpoint, OLD) is None
    assert reason(endpoint, NEW) == "hmac_mismatch"
    assert OLD not in repr(endpoint.options)


@pytest.mark.parametrize("value", [None, "", "  "])
@pytest.mark.parametrize("where", ["decorator", "code"])
def test_an_unset_variable_closes_the_endpoint_with_one_error_that_names_it(
    value: str | None, where: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("SHOP", raising=False)
    if value is not None:
        monkeypatch.setenv("SHOP", value)
    if where == "decorator":
        handler = webhook("stripe", signature_secret_env=["SHOP"])(lambda: None)
        endpoint: Any = handler.__outworx_webhook__  # type: ignore[attr-defined]
    else:
        endpoint = Endpoint(TrackOptions("stripe", signature_secret_env="SHOP"), "code")  # noqa: S106
    assert endpoint.verifies
    assert reason(endpoint, OLD) == "missing_secret"
    (error,) = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert "SHOP" in error


def test_a_file_is_read_again_when_it_changes_and_closed_while_it_is_gone(
    tmp_path: Path, clock: list[float], caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{OLD}\n")
    endpoint = Endpoint(TrackOptions("stripe", signature_secret_file=file), "code")
    assert reason(endpoint, OLD) is None
    # Kubernetes puts another file in its place.
    (tmp_path / "next").write_text(f"{NEW}\r\n")
    (tmp_path / "next").replace(file)
    assert reason(endpoint, OLD) is None  # looked at a moment ago
    clock[0] += 1.5
    assert [reason(endpoint, secret) for secret in (OLD, NEW)] == ["hmac_mismatch", None]
    assert endpoint.secrets == (NEW,)
    file.unlink()
    for _ in range(3):
        clock[0] += 1.5
        assert reason(endpoint, NEW) == "missing_secret"
    assert caplog.text.count(f"{file} cannot be read") == 1
    file.write_text(NEW)
    clock[0] += 1.5
    assert reason(endpoint, NEW) is None


@pytest.mark.parametrize("content", [None, b"", b"\n\n", b"x" * 70_000])
def test_a_file_without_a_usable_secret_closes_the_endpoint(
    content: bytes | None, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    options = TrackOptions("stripe", signature_secret_file=str(file))
    assert reason(Endpoint(options, "code"), OLD) == "missing_secret"
    assert caplog.text.count("signature_secret_file") >= 1
    with pytest.raises(ConfigurationError):
        options.secrets()


def test_a_file_whose_secret_is_no_key_lets_nothing_in(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("whsec_***")
    heard: list[Exception] = []
    endpoint = Endpoint(TrackOptions("svix", signature_secret_file=file), "code")
    assert reason(endpoint, OLD, runtime=Runtime(on_error=heard.append)) == "verifier_threw"
    assert len(heard) == 1


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_function_gives_each_tenant_its_own_and_is_asked_once_a_minute(
    asynchronous: bool, clock: list[float]
) -> None:
    asked: list[str] = []

    def secret_of(request: Any) -> Any:
        asked.append(request.url)
        return {"a": OLD, "b": [NEW, OLD], "c": None}[request.url[-1]]

    async def secret_of_async(request: Any) -> Any:
        await asyncio.sleep(0)
        return secret_of(request)

    function = secret_of_async if asynchronous else secret_of
    endpoint = Endpoint(TrackOptions("stripe", signature_secret=function), "code")
    assert endpoint.admits_by_body
    assert endpoint.asks_functions
    # Tenants that differ by path, by query alone, and by host alone.
    for url in ("https://x/{}", "https://x/?t={}", "https://shop-{}"):
        a, b, c = (url.format(tenant) for tenant in "abc")
        for _ in range(2):
            assert [reason(endpoint, secret, url=a) for secret in (OLD, NEW)] == [None, "hmac_mismatch"]
            assert [reason(endpoint, secret, url=b) for secret in (OLD, NEW)] == [None, None]
            assert reason(endpoint, OLD, url=c) == "missing_secret"
    assert len(asked) == 9
    clock[0] += 61
    assert reason(endpoint, OLD, url="https://x/a") is None
    assert len(asked) == 10


def test_an_event_loop_waits_for_the_function() -> None:
    async def secret_of(request: Any) -> str:
        await asyncio.sleep(0)
        return OLD

    endpoint = Endpoint(TrackOptions("stripe", signature_secret=secret_of), "code")
    _, delivery = deliver(endpoint, OLD)

    async def admit() -> Any:
        return await run_async(
            Delivery(endpoint, delivery.request, Runtime(), delivery.record.start_ns).admit()
        )

    assert isinstance(asyncio.run(admit()), Proceed)


class Odd:
    """Neither text nor bytes."""


@pytest.mark.parametrize(
    "given", [ZeroDivisionError("db down: password=hunter2"), Odd(), [Odd()], 5, {"a": 1}]
)
def test_what_a_function_raises_or_should_not_give_lets_nothing_in_and_is_told(given: Any) -> None:
    heard: list[Exception] = []

    def secret_of(request: Any) -> Any:
        if isinstance(given, Exception):
            raise given
        return given

    endpoint = Endpoint(TrackOptions("stripe", signature_secret=secret_of), "code")
    answer, delivery = deliver(endpoint, OLD, runtime=Runtime(on_error=heard.append))
    assert isinstance(answer, Respond)
    assert delivery.record.signature is not None
    assert delivery.record.signature.reason == "verifier_threw"
    (error,) = heard
    assert isinstance(error, VerifierError)
    assert delivery.record.causes == (error.__cause__,)
    # What failed is not remembered.
    assert deliver(endpoint, OLD, runtime=Runtime())[1].record.signature.reason == "verifier_threw"  # type: ignore[union-attr]


@pytest.mark.parametrize("nothing", [None, "", b"", [], ["", b" "]])
def test_a_function_that_gives_nothing_leaves_the_delivery_out(nothing: Any) -> None:
    endpoint = Endpoint(TrackOptions("stripe", signature_secret=lambda request: nothing), "code")
    assert reason(endpoint, OLD) == "missing_secret"


def test_an_address_that_cannot_be_told_is_asked_for_each_time() -> None:
    def disallowed() -> str:
        raise ValueError("DisallowedHost")

    asked = itertools.count()

    def secret_of(request: Any) -> str:
        next(asked)
        return OLD

    endpoint = Endpoint(TrackOptions("stripe", signature_secret=secret_of), "code")
    assert [reason(endpoint, OLD, url=disallowed) for _ in range(2)] == [None, None]
    assert next(asked) == 2


def test_what_is_remembered_is_bounded_and_forgets_the_least_used(clock: list[float]) -> None:
    memory = SecretMemory()
    memory.keep("kept", ("a",))
    for n in range(5000):
        memory.keep(n, ("b",))
        assert memory.recall("kept") == ("a",)
    assert len(memory._kept) == 1024
    memory.keep("nobody", ())
    clock[0] += 6
    assert memory.recall("nobody") is None
    assert memory.recall("kept") == ("a",)


def test_the_other_secrets_are_known_to_the_diagnosis_wherever_they_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP", "from a variable")
    (tmp_path / "s").write_text("from a file")
    given = {
        "/a": TrackOptions("stripe", signature_secret_env="SHOP"),  # noqa: S106
        "/b": TrackOptions("stripe", signature_secret_file=tmp_path / "s"),
        "/c": TrackOptions("stripe", signature_secret=lambda request: "by function"),
        "/d": TrackOptions("stripe", signature_secret=["in", "code"]),
    }
    runtime = Runtime({path: Endpoint(options, "code") for path, options in given.items()})
    assert [known.secret for known in runtime.known_secrets()] == [
        "from a variable",
        "from a file",
        "in",
        "code",
    ]


def test_options_in_code_keep_the_verification_that_a_file_asks_for() -> None:
    from outworx_otel.setup.configuration import ConfiguredEndpoint

    for provider, merged in (("stripe", True), ("github", False)):
        file = ConfiguredEndpoint("/hook", TrackOptions("stripe", signature_secret=OLD), "outworx.toml")
        code = {"/hook/": Endpoint(TrackOptions(provider, idempotency_key="body.id"), "code")}
        assembly = Assembly(Configuration((file,)), code, None, tuple)
        (endpoint,) = assembly.endpoints.values()
        assert reason(endpoint, OLD) is None
        assert reason(endpoint, NEW) == "hmac_mismatch"
        assert bool(endpoint.options.idempotency_key) is merged
        assert "outworx.toml" in assembly.warnings[0]
