"""Exporter, store, doctor, forward and replay: the same proxies, the same authorities, the same words."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from .clients import ANSWER, CLIENTS, KEY, CannotCallError
from .conftest import Authority
from .parts import Listening, Proxy, Request, answering

Listen = Callable[..., Listening]
Proxies = Callable[..., Proxy]

NAME = "outworx.test"
each_client = pytest.mark.parametrize("client", CLIENTS)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@each_client
@pytest.mark.parametrize("scheme", ["http", "socks5", "socks5h", "socks"])
def test_a_server_is_reached_through_the_proxy_alone(
    client: str, scheme: str, listen: Listen, proxy: Proxies, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Request] = []
    way = proxy(listen(answering(ANSWER, seen)).port, user="me:secret word")
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://me:secret%20word@127.0.0.1:{way.port}")

    # The name cannot be looked up here: that is the proxy's business.
    CLIENTS[client](f"http://{NAME}:4318")

    assert seen
    assert all(NAME in asked for asked in way.asked)
    assert all(request.headers["host"] == f"{NAME}:4318" for request in seen)
    assert all("proxy-authorization" not in request.headers for request in seen if scheme != "http")


@each_client
@pytest.mark.parametrize("scheme", ["http", "socks5h"])
def test_tls_goes_through_the_proxy_as_a_whole(
    client: str,
    scheme: str,
    listen: Listen,
    proxy: Proxies,
    company: Authority,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Request] = []
    way = proxy(listen(answering(ANSWER, seen), company.context()).port)
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://127.0.0.1:{way.port}")
    monkeypatch.setenv("SSL_CERT_FILE", str(company.file))

    CLIENTS[client](f"https://{NAME}")

    assert seen
    assert set(way.asked) == {f"{NAME}:443"}
    assert not any(KEY in told for told in way.seen)


@each_client
def test_nothing_that_is_for_this_machine_goes_to_the_proxy(
    client: str, listen: Listen, proxy: Proxies, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Request] = []
    server = listen(answering(ANSWER, seen))
    way = proxy(server.port)
    for variable in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{way.port}")

    for host in ("127.0.0.1", "localhost"):
        CLIENTS[client](f"http://{host}:{server.port}")

    assert seen
    assert way.seen == []


@each_client
@pytest.mark.parametrize("no_proxy", ["192.0.2.0/24,2001:db8::/32,::1", "[2001:db8::1]", ".test"])
def test_no_proxy_may_hold_networks_and_ipv6(
    client: str, no_proxy: str, listen: Listen, proxy: Proxies, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = proxy(listen(answering(ANSWER, [])).port)
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{way.port}")
    monkeypatch.setenv("NO_PROXY", no_proxy)

    CLIENTS[client]("http://198.51.100.7:4318")

    assert way.asked


@each_client
@pytest.mark.parametrize(
    "variable",
    [
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "OTEL_EXPORTER_OTLP_CERTIFICATE",
        "SSL_CERT_DIR",
    ],
)
def test_a_companys_authority_is_trusted_by_whatever_variable_names_it(
    client: str, variable: str, listen: Listen, company: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Request] = []
    server = listen(answering(ANSWER, seen), company.context())
    named = company.hashed if variable == "SSL_CERT_DIR" else company.file
    monkeypatch.setenv(variable, str(named))

    CLIENTS[client](server.url)

    assert seen


@each_client
def test_an_authority_that_nobody_names_is_refused_with_what_to_do(
    client: str, listen: Listen, company: Authority
) -> None:
    seen: list[Request] = []
    server = listen(answering(ANSWER, seen), company.context())

    with pytest.raises(CannotCallError, match="SSL_CERT_FILE"):
        CLIENTS[client](server.url)
    assert seen == []


@each_client
def test_a_certificate_of_another_name_is_refused(
    client: str, listen: Listen, company: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Request] = []
    server = listen(answering(ANSWER, seen), company.context("another.test"))
    monkeypatch.setenv("SSL_CERT_FILE", str(company.file))

    with pytest.raises(CannotCallError):
        CLIENTS[client](server.url)
    assert seen == []


@each_client
@pytest.mark.parametrize(
    ("variable", "holds"),
    [
        ("SSL_CERT_FILE", "nothing"),
        ("SSL_CERT_DIR", "nothing"),
        ("REQUESTS_CA_BUNDLE", "nothing"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "nothing"),
        ("SSL_CERT_FILE", "no certificate"),
        ("SSL_CERT_DIR", "an empty folder"),
    ],
)
def test_what_holds_no_certificates_is_an_error_that_names_the_variable(
    client: str,
    variable: str,
    holds: str,
    listen: Listen,
    company: Authority,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = listen(answering(ANSWER, []), company.context())
    place = tmp_path / "named"
    if holds == "no certificate":
        place.write_text("hello")
    elif holds == "an empty folder":
        place.mkdir()
    monkeypatch.setenv(variable, str(place))

    with pytest.raises(CannotCallError, match=variable) as raised:
        CLIENTS[client](server.url)
    assert str(place) in str(raised.value)


@each_client
def test_a_file_of_certificates_that_is_missing_matters_only_to_tls(
    client: str, listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Request] = []
    server = listen(answering(ANSWER, seen))
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/company.pem")

    # The doctor says that it is missing, and that the server answers.
    CLIENTS[client](server.url)

    assert seen


@each_client
@pytest.mark.parametrize("value", ["socks4://me:pa55word@127.0.0.1:1", "http://me:pa55word@:"])
def test_a_proxy_that_cannot_be_used_is_an_error_that_names_the_variable(
    client: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALL_PROXY", value)

    with pytest.raises(CannotCallError, match="ALL_PROXY") as raised:
        CLIENTS[client](f"http://{NAME}:4318")
    assert "pa55word" not in str(raised.value)


@each_client
@pytest.mark.parametrize("scheme", ["http", "socks5h"])
def test_a_proxy_that_refuses_is_named_without_its_password(
    client: str, scheme: str, proxy: Proxies, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = proxy(1, user="me:right")
    monkeypatch.setenv("HTTPS_PROXY", f"{scheme}://me:pa55word@127.0.0.1:{way.port}")

    with pytest.raises(CannotCallError, match=rf"127\.0\.0\.1:{way.port} \(HTTPS_PROXY\)") as raised:
        CLIENTS[client](f"https://{NAME}")
    assert "pa55word" not in str(raised.value)


@each_client
def test_two_variables_with_two_authorities_both_count(
    client: str, listen: Listen, company: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = listen(answering(ANSWER, []), company.context())
    other = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(other.file))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(company.file))

    CLIENTS[client](server.url)


def test_the_sdks_certificate_counts_alone_for_the_exporter(
    listen: Listen, company: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = listen(answering(ANSWER, []), company.context())
    monkeypatch.setenv("SSL_CERT_FILE", str(company.file))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(Authority(tmp_path).file))

    for client in ("exporter", "doctor"):
        with pytest.raises(CannotCallError, match="OTEL_EXPORTER_OTLP_CERTIFICATE"):
            CLIENTS[client](server.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", str(company.file))
    for client in ("exporter", "doctor"):
        CLIENTS[client](server.url)
