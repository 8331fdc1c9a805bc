"""The pages behind a real nginx on a port of its own, by every way of telling the server its name."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from server.dashboard.browsing import chromium, visitor
from server.dashboard.kept import one_of_each
from server.dashboard.program import nginx_program
from server.dashboard.serving import csrf_of, filled, listening

KEY = "owx_a-key-that-is-taken"
# Over plain HTTP browsers say who asks (Sec-Fetch-Site) only to this machine's own names: both kinds are tried.
NAMES = ("hooks.localhost", "hooks.example")
# How nginx passes the name on; `{port}` is its own.
VARIANTS = {
    "host": "proxy_set_header Host $host;",
    "http_host": "proxy_set_header Host $http_host;",
    "host and port": "proxy_set_header Host $host:$server_port;",
    "host and forwarded port": "proxy_set_header Host $host; proxy_set_header X-Forwarded-Port $server_port;",
    "forwarded host": "proxy_set_header X-Forwarded-Host $http_host;",
    "forwarded host without its port": "proxy_set_header X-Forwarded-Host $host;",
    "host and forwarded host": "proxy_set_header Host $host; proxy_set_header X-Forwarded-Host $http_host;",
}
EVERY = [(name, variant) for variant in VARIANTS for name in NAMES]
FEW = [("hooks.example", "host"), ("hooks.example", "forwarded host"), ("hooks.localhost", "host")]
SEEN = EVERY if os.environ.get("OUTWORX_TEST_FULL") == "1" else FEW
_SERVER = """
server {{
  listen 127.0.0.1:{port};
  location / {{
    proxy_pass {server};
    {variant}
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_http_version 1.1;
    proxy_buffering off;
  }}
}}
"""
_CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  {servers}
}}
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium for which the other name is this machine too."""
    with chromium("--host-resolver-rules=MAP hooks.example 127.0.0.1") as browser:
        yield browser


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("served")
    settings = filled(folder, one_of_each(), api_keys=(KEY,), allowed_hosts=NAMES)
    with listening(settings) as address:
        yield address


@pytest.fixture(scope="module")
def nginx(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    """The port of each variant."""
    folder = tmp_path_factory.mktemp("nginx")
    ports = dict(zip(VARIANTS, _free_ports(len(VARIANTS)), strict=True))
    servers = "".join(
        _SERVER.format(port=ports[name], server=server, variant=variant) for name, variant in VARIANTS.items()
    )
    configuration = folder / "nginx.conf"
    configuration.write_text(_CONFIGURATION.format(folder=folder, servers=servers))
    process = subprocess.Popen(  # noqa: S603  # a server of the tests' own
        [nginx_program(), "-e", f"{folder}/error.log", "-p", str(folder), "-c", str(configuration)]
    )
    try:
        _wait(process, next(iter(ports.values())), folder)
        yield ports
    finally:
        process.terminate()
        process.wait(30)


@pytest.mark.parametrize(("name", "variant"), SEEN)
def test_the_page_runs_logs_in_and_is_live(
    browser: Browser, nginx: dict[str, int], name: str, variant: str
) -> None:
    address = f"http://{name}:{nginx[variant]}"
    with visitor(browser) as one:
        # Chromium says so of every plain HTTP that is not this machine's.
        one.expected = ("Cross-Origin-Opener-Policy",)
        page = one.page
        page.goto(f"{address}/deliveries")
        expect(page.get_by_label("API key")).to_be_focused()
        page.keyboard.type(KEY)
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{address}/deliveries")
        expect(page.get_by_text("Live", exact=True)).to_be_visible()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("site", [{}, {"Sec-Fetch-Site": "same-origin"}])
def test_the_pages_own_requests_pass(nginx: dict[str, int], variant: str, site: dict[str, str]) -> None:
    host = f"hooks.example:{nginx[variant]}"
    own = {"Host": host, "Origin": f"http://{host}", **site}
    with httpx.Client(base_url=f"http://127.0.0.1:{nginx[variant]}", headers=own) as page:
        shown = page.get("/login", headers={"Accept": "text/html"})
        script = re.search(r'src="([^"]+/main.js)"', shown.text)
        assert script is not None
        assert page.get(script[1]).status_code == 200
        form = {"key": KEY, "csrf": csrf_of(shown.text)}
        assert page.post("/login", data=form).status_code == 303


@pytest.mark.parametrize("variant", VARIANTS)
def test_another_sites_page_is_refused_all_the_same(nginx: dict[str, int], variant: str) -> None:
    own = {"Host": f"hooks.localhost:{nginx[variant]}"}
    with httpx.Client(base_url=f"http://127.0.0.1:{nginx[variant]}", headers=own) as client:
        for origin in ("https://evil.example", f"http://evil.example:{nginx[variant]}", "null"):
            for site in ({}, {"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "cross-site"}):
                answer = client.post("/login", headers={**site, "Origin": origin}, data={"key": KEY})
                assert answer.status_code == 403, (origin, site)
        same_site = {"Sec-Fetch-Site": "same-site", "Origin": "http://hooks.localhost:3000"}
        assert client.post("/login", headers=same_site).status_code == 403


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        bound = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(one.getsockname()[1]) for one in bound]


def _wait(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    while process.poll() is None:
        with contextlib.suppress(httpx.HTTPError):
            httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=10)
            return
    raise AssertionError((folder / "error.log").read_text())
