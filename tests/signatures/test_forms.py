"""Signatures that stand in forms: URL-encoded and multipart."""

from __future__ import annotations

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scale import scaled

from outworx_otel.errors import ConfigurationError
from outworx_otel.http.headers import Headers
from outworx_otel.signatures import Verifier, sign_request, verify
from outworx_otel.signatures.forms import read_multipart
from outworx_otel.signatures.procedure import SignedRequest

from .deliveries import NOW

SECRET = "a signing key"  # noqa: S105 - made up
NAMES = ("timestamp", "token", "signature")
EXAMPLES = int(os.environ.get("OUTWORX_FUZZ_EXAMPLES", scaled(300, 100)))


CONTENT_TYPE = {"content-type": "multipart/form-data; boundary=xYzZY"}


def _read(body: bytes, *names: str) -> dict[str, str]:
    parts = read_multipart(SignedRequest(body, Headers(list(CONTENT_TYPE.items()))), names)
    assert parts is not None
    return {name: part.text for name, part in parts.items()}


def _signed() -> dict[str, str]:
    return _read(sign_request("mailgun", b"", SECRET, now=NOW, headers=CONTENT_TYPE).body, *NAMES)


def _part(text: bytes | str, disposition: str) -> bytes:
    content = text.encode() if isinstance(text, str) else text
    return f"Content-Disposition: form-data; {disposition}\r\n\r\n".encode() + content


def _multipart(fields: dict[str, str], attachment: bytes = b"") -> bytes:
    """A form as clients write it; the file stands in the middle."""
    parts = [_part(text, f'name="{name}"') for name, text in fields.items()]
    parts.insert(len(parts) // 2, _part(attachment, 'name="attachment-1"; filename="a.txt"'))
    return b"".join([b"--xYzZY\r\n" + part + b"\r\n" for part in parts]) + b"--xYzZY--\r\n"


def _verified(body: bytes, content_type: str = "multipart/form-data; boundary=xYzZY") -> str | None:
    result = verify("mailgun", body, {"Content-Type": content_type}, SECRET, now=NOW)
    assert result.reason != "verifier_threw", result.hint
    return result.reason


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data; boundary=xYzZY",
        'multipart/form-data; boundary="xYzZY"',
        "Multipart/Form-Data; charset=utf-8; BOUNDARY=xYzZY",
    ],
)
def test_mailguns_multipart_form_is_verified(content_type: str) -> None:
    body = _multipart(
        {"event": "delivered", **_signed(), "recipient": "a@b.example"}, attachment=b"\r\n--xYz\r\n\0"
    )

    assert _verified(body, content_type) is None


def test_mailguns_form_as_a_library_writes_it_is_verified() -> None:
    import httpx

    request = httpx.Request(
        "POST", "https://a.example", data=_signed(), files={"attachment-1": b"\0" * 100_000}
    )

    assert verify("mailgun", request.read(), request.headers, SECRET, now=NOW)


@pytest.mark.parametrize("name", NAMES)
def test_a_changed_or_lost_field_of_the_multipart_form_is_rejected(name: str) -> None:
    fields = _signed()
    changed = "0" + fields[name][1:] if name != "timestamp" else "1700000000"

    assert _verified(_multipart({**fields, name: changed})) == "hmac_mismatch"
    del fields[name]
    assert _verified(_multipart(fields)) == "malformed_header"


def _broken() -> dict[str, bytes]:
    good = _multipart(_signed())
    again = b"--xYzZY\r\n" + _part("00", 'name="signature"') + b"\r\n"
    file = b"--xYzZY\r\n" + _part(_signed()["signature"], 'name="signature"; filename="x"') + b"\r\n"
    return {
        "empty": b"",
        "no boundary at all": b"timestamp=1",
        "cut off": good[:-8],
        "line feeds only": good.replace(b"\r\n", b"\n"),
        "a field twice": again + good,
        "too many parts": b"--xYzZY\r\n\r\n\r\n" * 201 + good,
        "a value that is too long": _multipart({**_signed(), "token": "x" * 2000}),
        "the signature as a file": file + good.replace(b'name="signature"', b'name="other"'),
        "no headers": b"--xYzZY\r\n\r\ntimestamp\r\n--xYzZY--",
        "a boundary with a tail": good.replace(b"--xYzZY\r\n", b"--xYzZYY\r\n"),
    }


@pytest.mark.parametrize("name", _broken())
def test_a_broken_multipart_form_is_malformed(name: str) -> None:
    assert _verified(_broken()[name]) == "malformed_header"


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=" + "x" * 5000,
        "multipart/form-data; boundary*=utf-8''%FF%00",
        "multipart/form-data; boundary*0=x; boundary*=y; boundary*x*=z",
        "multipart/mixed; boundary=xYzZY",
        'multipart/form-data; boundary="\\',
    ],
)
def test_a_content_type_without_a_usable_boundary_is_malformed(content_type: str) -> None:
    assert _verified(_multipart(_signed()), content_type) == "malformed_header"


PIECES = st.sampled_from(
    [
        b"--b",
        b"\r\n",
        b"--",
        b"\r\n--b\r\n",
        b"\r\n--b--",
        b"\r\n\r\n",
        b'Content-Disposition: form-data; name="signature"',
        b"Content-Disposition: form-data; name=token",
        b"content-disposition: form-data; name*=utf-8''signature",
        b'name="timestamp"; name*0=a; name*1*=b',
        b"\xff\0",
    ]
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    pieces=st.lists(st.one_of(PIECES, st.binary(max_size=6)), max_size=20),
    boundary=st.one_of(st.just("b"), st.text(max_size=5)),
)
def test_any_multipart_body_gets_an_answer(pieces: list[bytes], boundary: str) -> None:
    assert _verified(b"".join(pieces), f"multipart/form-data; boundary={boundary}") == "malformed_header"


FIELDS = st.dictionaries(
    st.sampled_from(["event", "token", "signature", "message"]), st.text("ab -\r\n", max_size=9)
)


@settings(max_examples=60, deadline=None)
@given(fields=FIELDS, attachment=st.binary(max_size=60))
def test_signing_a_multipart_form_keeps_its_other_fields(fields: dict[str, str], attachment: bytes) -> None:
    body = _multipart(fields, attachment)

    signed = sign_request("mailgun", body, SECRET, now=NOW, headers=CONTENT_TYPE).body

    assert _verified(signed) is None
    others = {name: text for name, text in fields.items() if name in ("event", "message")}
    assert _read(signed, "event", "message") == others
    assert attachment in signed


def test_signing_what_is_no_multipart_form_is_an_error_that_names_mailgun() -> None:
    with pytest.raises(ConfigurationError, match="mailgun"):
        sign_request("mailgun", b"no form", SECRET, headers=CONTENT_TYPE)


def test_a_large_attachment_costs_no_parsing() -> None:
    lines = b"\r\n" * 2_000_000

    assert _verified(_multipart(_signed(), attachment=lines)) is None


def test_a_multipart_body_is_never_covered_by_twilios_signature_and_the_hint_says_so() -> None:
    url = "https://hooks.example.com/in"
    signature = sign_request("twilio", b"", SECRET, url=url).headers

    result = Verifier("twilio", SECRET).verify(
        _multipart({"Body": "hello"}), {**CONTENT_TYPE, **signature}, url=url
    )

    assert result.reason == "hmac_mismatch"
    assert "multipart/form-data" in (result.hint or "")
