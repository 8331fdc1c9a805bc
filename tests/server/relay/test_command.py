"""`outworx forward` as it is called: what it prints, options, exit codes."""

from __future__ import annotations

import json
import re
import signal
import ssl
import subprocess
import sys

import pytest
from support.receiver import free_port
from support.scale import rows

from outworx_otel.cli.console import terminal_safe
from outworx_otel.cli.forward.json_output import JsonOutput
from outworx_otel.server.replay.saved import read_saved
from outworx_otel.signatures import sign

from .waiting import wait_for


def test_what_it_prints_is_what_the_page_shows(serve, forward, application, callers):
    local = application()
    client = forward(serve(), local.port)
    callers.send(client.public_url + "/webhooks/stripe?secret=1").result()
    client.says("POST")
    lines = client.out.splitlines()
    assert lines[0] == f"  outworx forward  →  http://localhost:{local.port}"
    assert re.fullmatch(r"  Public URL:  http://127\.0\.0\.1:\d+/t/[0-9a-f]{32}", lines[1])
    assert re.fullmatch(r"  Expires:     \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", lines[2])
    assert lines[3:5] == ["  Press Ctrl+C to stop.", ""]
    # In a pipe there is no colour, no footer, and no query, which may hold secrets.
    assert re.fullmatch(r"  \d\d:\d\d:\d\d  POST /webhooks/stripe  200  \d+ms", lines[5])
    assert client.interrupt() == 0
    assert client.out.splitlines()[6:] == ["", "  Closed. 1 delivery  1 ok"]
    assert client.err == ""


@pytest.mark.parametrize("number", rows([signal.SIGTERM], [signal.SIGHUP]))
def test_it_ends_its_session_however_it_is_asked_to_stop(serve, forward, callers, number):
    serving = serve()
    client = forward(serving, 3000)
    client.send(number)
    assert client.wait() == 0
    assert callers.send(client.public_url).result().status_code == 410


def test_each_run_has_a_url_of_its_own_also_beside_another(serve, forward):
    serving = serve()
    first = forward(serving, 3000)
    beside = forward(serving, 3000)
    assert first.public_url != beside.public_url
    assert first.interrupt() == beside.interrupt() == 0
    assert forward(serving, 3000).public_url not in (first.public_url, beside.public_url)


def test_it_ends_when_nobody_reads_what_it_says(serve, run, application, callers, tmp_path):
    serving, url = serve(), tmp_path / "url"
    command = (
        f"{sys.executable} -m outworx_otel.cli forward {application().port} --json --endpoint {serving.url}"
    )
    process = run("/bin/sh", "-c", f"{command} | head -1 > {url}; echo over")
    wait_for(lambda: url.exists() and url.read_text())
    public_url = json.loads(url.read_text())["public_url"]
    assert callers.send(public_url).result().status_code == 200
    process.says("over")
    assert callers.send(public_url).result().status_code == 410
    assert "Traceback" not in process.err


def test_new_asks_for_a_new_url_after_a_crash(serve, forward):
    serving = serve()
    crashed = forward(serving, 3000)
    crashed.kill()
    assert forward(serving, 3000, "--new").public_url != crashed.public_url
    assert forward(serving, 3000).public_url == crashed.public_url


def test_a_local_server_that_is_down_is_a_502_and_is_said(serve, forward, callers):
    port = free_port()
    client = forward(serve(), port)
    answer = callers.send(client.public_url + "/x").result()
    assert answer.status_code == 502
    # A stranger learns nothing of this machine.
    assert str(port) not in answer.text
    client.says(
        rf"POST /x  502  \d+ms  http://localhost:{port} cannot be reached: is the local server running\?"
    )


def test_a_local_server_that_is_slow_is_a_504_and_is_said(serve, forward, site, callers):
    client = forward(serve(), site.port, "--timeout", 1)
    assert callers.send(client.public_url, headers={"x-gate": "never"}).result().status_code == 504
    client.says(r"504  1\d{3}ms  http://localhost:\d+ did not answer within 1 s")


def test_what_is_filtered_is_answered_200_and_said(serve, forward, application, callers):
    local = application()
    client = forward(serve(), local.port, "--filter", "type=charge.*")
    headers = {"stripe-signature": "t=1,v1=x"}
    passed = callers.send(client.public_url, content=b'{"type":"charge.succeeded"}', headers=headers).result()
    stopped = callers.send(client.public_url, content=b'{"type":"invoice.paid"}', headers=headers).result()
    assert (passed.status_code, passed.text, passed.headers.get("x-outworx-filtered")) == (200, "ok", None)
    assert (stopped.status_code, stopped.text) == (200, "")
    assert stopped.headers["x-outworx-filtered"] == "type=charge.*"
    assert len(local.requests) == 1
    client.says(r"POST /  200  filtered: type=charge\.\* not met")


def test_headers_of_ones_own_replace_the_callers(serve, forward, application, callers):
    local = application()
    client = forward(serve(), local.port, "--header", "X-Own: a: b", "--header", "Host: shop.test")
    callers.send(client.public_url, headers=[("x-own", "1"), ("x-own", "2")]).result()
    ((lines, _),) = local.requests
    given = sorted(line.lower() for line in lines if line.lower().startswith((b"x-own", b"host")))
    assert given == [b"host: shop.test", b"x-own: a: b"]


def test_several_targets_and_the_longest_prefix_wins(serve, forward, application, callers):
    every, stripe, deep = application(), application(), application()
    client = forward(
        serve(), every.port, f"/stripe={stripe.port}", f"/stripe/deep=http://127.0.0.1:{deep.port}/base/"
    )
    for path in ("/stripe", "/stripe/x", "/stripex", "/stripe/deep/y?q=1", "/"):
        callers.send(client.public_url + path).result()
    asked = [[lines[0].split()[1] for lines, _ in local.requests] for local in (every, stripe, deep)]
    assert asked == [[b"/stripex", b"/"], [b"/stripe", b"/stripe/x"], [b"/base/stripe/deep/y?q=1"]]
    assert client.out.splitlines()[:3] == [
        f"  outworx forward  →  /stripe/deep  http://127.0.0.1:{deep.port}/base",
        f"                      /stripe  http://localhost:{stripe.port}",
        f"                      http://localhost:{every.port}",
    ]


def test_a_path_that_no_target_is_named_for_is_a_404_and_is_said(serve, forward, callers):
    client = forward(serve(), "/stripe=3000")
    assert callers.send(client.public_url + "/github").result().status_code == 404
    client.says("POST /github  404  0ms  no local server is named for this path")


def test_saved_deliveries_can_be_sent_again(serve, forward, application, callers, tmp_path):
    local = application(b"HTTP/1.1 202 Accepted\r\nX-A: 1\r\nContent-Length: 2\r\n\r\n\x00\xff")
    client = forward(serve(), local.port, "--save", "deliveries")
    body = b'{"type":"charge.succeeded","name":"\xff"}'
    headers = {"stripe-signature": "t=1,v1='$(x)'", "x-r": "1"}
    callers.send(client.public_url + "/hooks/a%20b?q=%2F", content=body, headers=headers).result()
    (file,) = wait_for(lambda: list(tmp_path.glob("deliveries/*.sh")))
    wait_for(lambda: file.read_text().endswith("\n"))
    (saved_file,) = tmp_path.glob("deliveries/*.json")
    assert "stripe-charge.succeeded" in saved_file.name
    assert (saved_file.stat().st_mode & 0o77, file.stat().st_mode & 0o77) == (0, 0)
    saved = read_saved(saved_file)
    assert (saved.method, saved.path, saved.query_string) == ("POST", "/hooks/a%20b", "q=%2F")
    assert saved.body == body
    assert saved.response is not None
    assert (saved.response.status, saved.response.body_base64) == (202, b"\x00\xff")
    subprocess.run(["/bin/sh", str(file)], check=True, capture_output=True)  # noqa: S603  # what we wrote
    (first, first_body), (again, again_body) = local.requests
    assert (again[0], again_body) == (first[0], first_body)
    assert {line.lower() for line in first if line.startswith((b"x-", b"stripe"))} <= {
        line.lower() for line in again
    }


def test_json_is_all_that_a_script_gets(serve, forward, application, callers):
    key = {"OUTWORX_API_KEY": "ohk_secret_1"}
    client = forward(serve(), application().port, "--json", "--filter", "type=charge.*", **key)
    stripe = {"stripe-signature": "t=1,v1=x"}
    callers.send(client.public_url + "/a?b=1", content=b'{"type":"charge.x"}', headers=stripe).result()
    callers.send(client.public_url + "/b", content=b'{"type":"other"}', headers=stripe).result()
    wait_for(lambda: len(client.lines("delivery")) == 2)
    assert client.interrupt() == 0
    opened, first, second, closed = client.lines()
    assert opened["event"] == "opened"
    assert opened["public_url"].startswith("http://127.0.0.1:")
    assert (first["method"], first["path"], first["query_string"], first["status"]) == (
        "POST",
        "/a",
        "b=1",
        200,
    )
    assert (first["provider"], first["event_type"], first["filtered"]) == ("stripe", "charge.x", None)
    assert second["filtered"] == "type=charge.*"
    assert (closed["event"], closed["succeeded"], closed["filtered"]) == ("closed", 1, 1)
    assert client.err == ""
    assert "ohk_secret_1" not in client.out


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    subprocess.run(  # noqa: S603
        [
            "/usr/bin/openssl",
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-keyout",
            str(directory / "key.pem"),
            "-out",
            str(directory / "cert.pem"),
        ],
        check=True,
        capture_output=True,
    )
    return directory


@pytest.mark.parametrize(("option", "status"), [("none", 502), ("--insecure", 200), ("--ca-bundle", 200)])
def test_a_local_server_with_a_certificate_of_its_own(
    serve, forward, application, callers, certificate, option, status
):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    local = application()
    local.wrap(context)
    options = {"none": (), "--ca-bundle": (option, certificate / "cert.pem")}.get(option, (option,))
    client = forward(serve(), f"https://localhost:{local.port}", *options)
    assert callers.send(client.public_url).result().status_code == status
    if status == 502:
        client.says("certificate that is not trusted here: give --ca-bundle FILE, or --insecure")


def test_signed_deliveries_are_still_valid_on_the_other_side(tunnel, callers):
    _, client, local = tunnel
    body = b'{"ref": "main"}'
    signature = sign("github", body, "secret")
    callers.send(client.public_url, content=body, headers=signature).result()
    ((lines, arrived),) = local.requests
    assert arrived == body
    for name, value in signature.items():
        assert f"{name.lower()}: {value}".encode() in [
            line.partition(b":")[0].lower() + b":" + line.partition(b":")[2] for line in lines
        ]


def test_strangers_cannot_write_to_the_terminal():
    assert terminal_safe("\x1b]0;owned\x07\r\n\u202e") == "\\x1b]0;owned\\x07\\r\\n\\u202e"
    assert len(terminal_safe("a" * 10_000)) == 200


def test_strangers_cannot_write_to_the_terminal_through_json_lines(capsys):
    JsonOutput().noted("\x9b2J\u202e \x1b[2J")
    written = capsys.readouterr().out
    assert written.isascii()
    assert written.rstrip("\n").isprintable()
    assert json.loads(written)["message"] == "\x9b2J\u202e \x1b[2J"
