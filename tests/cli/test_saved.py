"""The file of one delivery: every byte comes back, and a stranger's file does no harm."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outworx_otel.server.replay import (
    ReplayError,
    SavedDelivery,
    SavedResponse,
    curl_line,
    read_saved,
    write_saved,
)

TOKENS = st.text("abcXYZ-09!#$%&'*+.^_`|~", min_size=1, max_size=12)
VALUES = st.text(st.characters(max_codepoint=255, exclude_characters="\r\n\0"), max_size=30)
HEADERS = st.lists(st.tuples(TOKENS, VALUES), max_size=5).map(tuple)
PATHS = st.text("abc/%20.~()", max_size=20).map("/{}".format)

# What the shell would start instead of curl: it writes down its arguments and its input.
RECORDER = """#!{python}
import json, pathlib, sys
body = sys.stdin.buffer.read() if "@-" in sys.argv else b""
pathlib.Path(r"{record}").write_text(json.dumps([sys.argv[1:], body.hex()]))
"""


def _saved(**changes: object) -> SavedDelivery:
    values = {
        "id": "evt1",
        "received_at": "2026-11-07T16:18:51Z",
        "method": "POST",
        "path": "/webhooks/stripe",
        **changes,
    }
    return SavedDelivery(**values)  # type: ignore[arg-type]  # as given


@given(method=TOKENS, path=PATHS, headers=HEADERS, body=st.binary(max_size=200))
def test_what_is_written_is_read_again(
    method: str, path: str, headers: tuple[tuple[str, str], ...], body: bytes, tmp_path: Path
) -> None:
    saved = _saved(
        method=method,
        path=path,
        query_string="a=1&a=%32",
        headers=headers,
        body_base64=body,
        response=SavedResponse(500, headers, body, 12.3),
    )

    write_saved(tmp_path / "one.json", saved)

    assert read_saved(tmp_path / "one.json") == saved
    assert json.loads((tmp_path / "one.json").read_text())["body_base64"] == base64.b64encode(body).decode()


def test_the_file_is_its_owners_alone_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    write_saved(tmp_path / "one.json", _saved())

    assert stat.S_IMODE((tmp_path / "one.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["one.json"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is no delivery"),
        ("[]", "is no delivery"),
        ('{"version":1}', "is no delivery"),
        (
            json.dumps({"version": 2, "id": "", "received_at": "", "method": "GET", "path": "/"}),
            "has version 2",
        ),
        (json.dumps({"id": "", "received_at": "", "method": "G T", "path": "/"}), "is no HTTP method"),
        (json.dumps({"id": "", "received_at": "", "method": "GET", "path": "x"}), "must begin with /"),
        (json.dumps({"id": "", "received_at": "", "method": "GET", "path": "/a b"}), "percent-encoded"),
        (
            json.dumps(
                {"id": "", "received_at": "", "method": "GET", "path": "/", "headers": [["a", "b\r\nc: d"]]}
            ),
            "'a'",
        ),
        (
            json.dumps({"id": "", "received_at": "", "method": "GET", "path": "/", "body_base64": "@"}),
            "is no delivery",
        ),
    ],
)
def test_a_file_that_is_none_is_refused_with_its_name(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text(text)

    with pytest.raises(ReplayError) as raised:
        read_saved(tmp_path / "odd.json")

    assert said in str(raised.value)
    assert "odd.json" in str(raised.value)


@given(text=st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(text: bytes, tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_bytes(text)

    with pytest.raises(ReplayError):
        read_saved(tmp_path / "odd.json")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'{"a": "it\'s $HOME `id` \\n 100%"}\n',
        bytes(range(256)),
        "größe".encode(),
        b"\r\n\r\n",
        b"\t",
        b"-n\n\n",
    ],
    ids=repr,
)
def test_the_curl_line_carries_every_byte_through_the_shell(body: bytes, tmp_path: Path) -> None:
    headers = (
        ("X-Quote", 'it\'s "$HOME" `id` !'),
        ("X-Empty", ""),
        ("X-Twice", "1"),
        ("X-Twice", "2"),
        ("X-Odd", "\xe9\x1b[2J\t%s"),
    )
    saved = _saved(path="/hooks/a%20b", query_string="a=[1]&b={2}", headers=headers, body_base64=body)
    record = tmp_path / "record"
    curl = tmp_path / "curl"
    curl.write_text(RECORDER.format(python=sys.executable, record=record))
    curl.chmod(0o700)

    subprocess.run(  # noqa: S603  # what is tested
        ["/bin/sh", "-c", curl_line(saved, "http://localhost:3000/")],
        env={"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        check=True,
        timeout=30,
    )

    arguments, sent = json.loads(record.read_text())
    assert bytes.fromhex(sent) == body
    assert "http://localhost:3000/hooks/a%20b?a=[1]&b={2}" in arguments
    given = [arguments[number + 1] for number, word in enumerate(arguments) if word == "--header"]
    assert "\x1b" not in curl_line(saved, "http://localhost:3000/")
    assert os.fsencode(given[4]) == b"X-Odd: \xe9\x1b[2J\t%s"
    assert given[:4] == ['X-Quote: it\'s "$HOME" `id` !', "X-Empty;", "X-Twice: 1", "X-Twice: 2"]


def test_the_provider_of_a_saved_delivery_is_seen_by_its_headers() -> None:
    saved = _saved(headers=(("Stripe-Signature", "t=1,v1=00"),), body_base64=b"{}")

    assert (saved.request().provider, saved.request().body) == ("stripe", b"{}")
    assert _saved().request().provider == ""
