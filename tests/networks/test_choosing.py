"""Which proxy a URL is called through: the variables' order, NO_PROXY in every form, and never for this machine."""

from __future__ import annotations

import pytest

from outworx_otel.errors import ConfigurationError
from outworx_otel.http.proxies import proxy_for

_PROXY = "http://proxy.test:3128"


def _chosen(url: str, **environ: str) -> str | None:
    proxy = proxy_for(url, environ)
    return None if proxy is None else proxy.url


@pytest.mark.parametrize(
    ("given", "means"),
    [
        ("http://proxy.test:3128", "http://proxy.test:3128"),
        ("http://proxy.test:3128/", "http://proxy.test:3128"),
        ("proxy.test:3128", "http://proxy.test:3128"),
        ("proxy.test", "http://proxy.test:80"),
        ("https://proxy.test", "https://proxy.test:443"),
        ("socks5://proxy.test", "socks5://proxy.test:1080"),
        ("socks5h://proxy.test:9050", "socks5://proxy.test:9050"),
        ("socks://proxy.test:9050/", "socks5://proxy.test:9050"),
        ("SOCKS5H://proxy.test:9050", "socks5://proxy.test:9050"),
        ("http://[2001:db8::1]:3128", "http://[2001:db8::1]:3128"),
    ],
)
@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_is_read_however_it_is_written(given: str, means: str, variable: str) -> None:
    assert _chosen("https://server.example/x", **{variable: given}) == means


def test_user_and_password_are_taken_out_and_never_shown() -> None:
    proxy = proxy_for("https://server.example", {"HTTPS_PROXY": "http://us%40er:p%3Aw@proxy.test:3128"})

    assert proxy is not None
    assert proxy.credentials == ("us@er", "p:w")
    assert "p:w" not in repr(proxy) + str(proxy)
    assert str(proxy) == "the proxy http://proxy.test:3128 (HTTPS_PROXY)"


@pytest.mark.parametrize(
    ("environ", "means"),
    [
        ({"HTTP_PROXY": "http://a:1", "ALL_PROXY": "http://b:2"}, "http://b:2"),
        ({"HTTPS_PROXY": "http://a:1", "ALL_PROXY": "http://b:2"}, "http://a:1"),
        ({"HTTPS_PROXY": "http://a:1", "https_proxy": "http://b:2"}, "http://b:2"),
        ({"HTTPS_PROXY": "http://a:1", "https_proxy": ""}, None),
        ({"HTTPS_PROXY": " ", "ALL_PROXY": "http://b:2"}, "http://b:2"),
        ({}, None),
    ],
)
def test_which_variable_counts(environ: dict[str, str], means: str | None) -> None:
    assert _chosen("https://server.example", **environ) == means


def test_a_callers_header_is_no_proxy_under_cgi() -> None:
    assert (
        _chosen("http://server.example", HTTP_PROXY="http://attacker.test:1", REQUEST_METHOD="POST") is None
    )
    assert _chosen("http://server.example", http_proxy=_PROXY, REQUEST_METHOD="POST") == _PROXY


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST.",
        "app.localhost",
        "127.0.0.1",
        "127.8.9.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",  # noqa: S104  # as a target it is this machine
        "[::]",
    ],
)
def test_this_machine_is_never_called_through_a_proxy(host: str) -> None:
    every = {"HTTP_PROXY": _PROXY, "HTTPS_PROXY": _PROXY, "ALL_PROXY": "socks5h://proxy.test"}

    assert _chosen(f"http://{host}:4318/v1/traces", **every) is None
    assert _chosen(f"https://{host}/v1/traces", **every) is None


@pytest.mark.parametrize(
    ("no_proxy", "url"),
    [
        ("*", "http://anything.example"),
        ("a.test, *", "http://anything.example"),
        ("server.example", "http://server.example"),
        ("server.example", "http://deep.server.example:8080"),
        (".server.example", "http://server.example"),
        ("*.server.example", "http://deep.server.example"),
        ("SERVER.example.", "http://server.EXAMPLE"),
        ("a.test server.example", "http://server.example"),
        ("server.example:8080", "http://server.example:8080"),
        ("server.example:443", "https://server.example"),
        ("http://server.example", "http://server.example"),
        ("10.1.2.3", "http://10.1.2.3"),
        ("10.1.2.3:81", "http://10.1.2.3:81"),
        ("10.0.0.0/8", "http://10.200.3.4:4318"),
        ("10.1.2.3/8", "http://10.200.3.4"),
        ("2001:db8::1", "http://[2001:db8::1]:4318"),
        ("[2001:db8::1]", "http://[2001:0db8:0::1]"),
        ("[2001:db8::1]:4318", "http://[2001:db8::1]:4318"),
        ("2001:db8::/32", "http://[2001:db8:5::7]"),
        ("10.0.0.0/8", "http://[::ffff:10.1.1.1]"),
    ],
)
def test_what_no_proxy_excepts(no_proxy: str, url: str) -> None:
    for variable in ("NO_PROXY", "no_proxy"):
        assert _chosen(url, ALL_PROXY=_PROXY, **{variable: no_proxy}) is None


@pytest.mark.parametrize(
    ("no_proxy", "url"),
    [
        ("", "http://server.example"),
        (",,", "http://server.example"),
        ("erver.example", "http://server.example"),
        ("server.example", "http://myserver.example"),
        ("server.example:81", "http://server.example:82"),
        ("server.example:80", "https://server.example"),
        ("10.0.0.0/8", "http://11.0.0.1"),
        ("2001:db8::/32", "http://[2001:db9::1]"),
        ("2001:db8::/32", "http://10.0.0.1"),
        ("0.1", "http://10.0.0.1"),
        ("10.0.0.0/99", "http://10.0.0.1"),
        ("[::1", "http://server.example"),
    ],
)
def test_what_no_proxy_does_not_except(no_proxy: str, url: str) -> None:
    assert _chosen(url, ALL_PROXY=_PROXY, NO_PROXY=no_proxy) == _PROXY


@pytest.mark.parametrize(
    "value",
    ["ftp://proxy.test", "socks4://proxy.test", "http://", "http://proxy.test:port", "://", "http://[::1"],
)
def test_what_is_no_proxy_is_an_error_that_names_the_variable_and_no_password(value: str) -> None:
    with pytest.raises(ConfigurationError, match="ALL_PROXY") as raised:
        proxy_for("https://server.example", {"ALL_PROXY": value.replace("proxy.test", "me:pa55@proxy.test")})
    assert "pa55" not in str(raised.value)
