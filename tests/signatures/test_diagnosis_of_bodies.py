"""What happened to a body is explained when, and only when, the explanation proves itself."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from urllib.parse import quote

import pytest

from .deliveries import BODY
from .diagnosed import COMPACT, DATA, diagnosed


def _dumps(**how: object) -> bytes:
    return json.dumps(DATA, **how).encode()  # type: ignore[arg-type]  # forwarded


SENDERS: dict[str, bytes] = {
    "compact, raw": COMPACT,
    "compact, escaped": _dumps(separators=(",", ":")),
    "python's default": _dumps(),
    "default, raw": _dumps(ensure_ascii=False),
    "indented by 2, raw": _dumps(indent=2, ensure_ascii=False),
    "indented by 2": _dumps(indent=2),
    "indented by 4": _dumps(indent=4),
    "indented by a tab": _dumps(indent="\t"),
    "compact with newline": COMPACT + b"\n",
    "indented with newline": _dumps(indent=2) + b"\n",
    "PHP's slashes": _dumps(separators=(",", ":")).replace(b"/", b"\\/"),
    "Rails' HTML": COMPACT.replace(b"<", b"\\u003c").replace(b">", b"\\u003e").replace(b"&", b"\\u0026"),
}
RECEIVERS: dict[str, bytes] = {
    "json.dumps": _dumps(),
    "JSON.stringify": COMPACT,
    "json.dumps(indent=4)": _dumps(indent=4),
}


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("receiver", RECEIVERS)
def test_reserialised_json_is_proved_whatever_the_sender_wrote(sender: str, receiver: str) -> None:
    signed, received = SENDERS[sender], RECEIVERS[receiver]
    if signed.strip() == received:
        return

    result = diagnosed(signed, received)

    assert result.reason == "parsed_body"
    assert "raw" in (result.hint or "")


def test_json_with_a_changed_value_is_not_called_parsed() -> None:
    changed = json.dumps({**DATA, "n": 2}).encode()

    assert diagnosed(COMPACT, changed).reason == "hmac_mismatch"


@pytest.mark.parametrize("body", [b"{" * 5000, b'{"a":' + b"9" * 5000 + b"}", b"[" * 60_000, b"{\xff}"])
def test_json_that_cannot_be_read_stays_a_mismatch(body: bytes) -> None:
    assert diagnosed(b"{}", body).reason == "hmac_mismatch"


def test_a_large_body_is_not_reserialised_and_the_hint_says_so() -> None:
    large = json.dumps({"text": "x" * 70_000}).encode()

    result = diagnosed(large.replace(b": ", b":"), large)

    assert result.reason == "hmac_mismatch"
    assert "64 KiB" in (result.hint or "")


@pytest.mark.parametrize(
    ("signed", "received", "words"),
    [
        (COMPACT + b"\n", COMPACT, "trailing newline that was stripped"),
        (b"plain\r\n", b"plain", "trailing newline that was stripped"),
        (COMPACT, COMPACT + b"\n", "trailing newline or white space"),
        (COMPACT, COMPACT + b" ", "trailing newline or white space"),
        (COMPACT, b" " + COMPACT + b"\n", "trailing newline or white space"),
        (b"a\r\nb\r\n", b"a\nb\n", "CRLF line endings"),
        (b"a\nb\n", b"a\r\nb\r\n", "LF line endings"),
        (COMPACT, b"\xef\xbb\xbf" + COMPACT, "byte order mark"),
        (b"\xef\xbb\xbf" + COMPACT, COMPACT, "byte order mark"),
        (COMPACT, COMPACT.decode("latin-1").encode(), "decoded as latin-1"),
        (BODY, str(BODY).encode(), "str() of the bytes"),
    ],
)
def test_what_a_text_layer_did_to_the_body_is_proved(signed: bytes, received: bytes, words: str) -> None:
    result = diagnosed(signed, received)

    assert result.reason == "hmac_mismatch"
    assert (result.hint or "").startswith("Proved:")
    assert words in (result.hint or "")


@pytest.mark.parametrize(
    "compress",
    [
        lambda body: gzip.compress(body, mtime=0),
        lambda body: gzip.compress(body, 6, mtime=0),
        lambda body: gzip.compress(body, mtime=int(time.time())),
    ],
)
def test_a_body_decompressed_on_its_way_is_proved(compress: Callable[[bytes], bytes]) -> None:
    result = diagnosed(compress(COMPACT), COMPACT, provider="stripe", headers={"content-encoding": "gzip"})

    assert "decompressed on the way" in (result.hint or "")


def test_a_body_still_compressed_is_proved() -> None:
    assert "still gzip" in (diagnosed(COMPACT, gzip.compress(COMPACT)).hint or "")


def test_a_form_that_was_parsed_and_encoded_again_is_proved() -> None:
    signed = b"text=a+b%21&token=x%2Fy&empty="
    received = ("text=" + quote("a b!", safe="!") + "&token=" + quote("x/y") + "&empty=").encode()

    assert "encoded again" in (diagnosed(signed, received, provider="slack").hint or "")


def test_an_empty_body_with_a_length_was_read_before() -> None:
    result = diagnosed(COMPACT, b"", headers={"content-length": "120"})

    assert "read it before" in (result.hint or "")
