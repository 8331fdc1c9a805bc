"""`outworx verify`: the verdict on a delivery, from wherever it is kept, in plain words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.commands import invoked, outworx

from outworx_otel.cli.verify.captured_request import from_http
from outworx_otel.errors import ConfigurationError
from outworx_otel.server.replay import SavedDelivery, write_saved
from outworx_otel.signatures import sign, sign_request

SECRET = "whsec_of_the_cli_tests"  # noqa: S105
BODY = b'{"id":"evt_1","type":"charge.succeeded"}'
THEN = 1_790_000_000.0


@pytest.fixture
def stripe(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A delivery of Stripe's as options, and its secret in a variable."""
    monkeypatch.setenv("STRIPE_SECRET", SECRET)
    (folder / "body").write_bytes(BODY)
    header = sign("stripe", BODY, SECRET, now=THEN)["stripe-signature"]
    return [
        *("verify", "--header", f"Stripe-Signature: {header}", "--body", "body", "--now", "1790000012"),
        *("--secret-env", "STRIPE_SECRET"),
    ]


def test_a_valid_delivery_says_by_which_secret_and_when(stripe: list[str]) -> None:
    done = invoked(*stripe)

    assert done.code == 0
    assert done.lines[0] == "valid: Stripe signed this delivery"
    assert "secret:  STRIPE_SECRET" in done.out
    assert "12 s before 2026-09-21T14:13:32Z" in done.out
    assert SECRET not in done.out


def test_the_secret_that_matched_is_named_by_its_index(
    stripe: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLDER", "another secret")
    done = invoked(*stripe[:-2], "--secret-env", "OLDER", "--secret-env", "STRIPE_SECRET", "--json")

    assert done.code == 0
    assert done.json()[0]["key_index"] == 1
    assert done.json()[0]["signed_at"] == THEN


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        (f"{SECRET}\n", "Proved: secret 0 is right but for white space"),
        (f'"{SECRET}"', "Proved: secret 0 is right but for quotes"),
        ("sk_live_0123456789", "begins with sk_live_"),
        ("another secret", "does not match"),
    ],
)
def test_an_invalid_delivery_says_why(
    stripe: list[str], secret: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_SECRET", secret)
    done = invoked(*stripe)

    assert done.code == 1
    assert done.lines[0] == "INVALID: hmac_mismatch"
    assert said in done.out
    assert secret.strip() not in done.out


def test_a_mix_up_with_another_configured_secret_is_proved(
    stripe: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STRIPE_SECRET", "another secret")
    monkeypatch.setenv("SHOP", SECRET)
    (folder / "outworx.toml").write_text(
        '[endpoints."/shop/stripe"]\nprovider = "stripe"\nsignature_secret_env = "SHOP"\n'
    )

    assert "signed with the secret of /shop/stripe (stripe)" in invoked(*stripe).out


def test_an_old_delivery_is_judged_at_its_own_time_or_at_any(stripe: list[str]) -> None:
    without_now = [*stripe[:5], *stripe[7:]]

    assert invoked(*without_now).lines[0] == "INVALID: timestamp_drift"
    assert invoked(*without_now, "--now", "2026-09-21T14:13:32Z").code == 0
    assert invoked(*without_now, "--tolerance", "inf").code == 0


def test_a_saved_delivery_is_judged_when_it_came_by_the_endpoints_secret(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP", SECRET)
    (folder / "outworx.toml").write_text(
        '[endpoints."/shop/*"]\nprovider = "stripe"\nsignature_secret_env = "SHOP"\n'
    )
    headers = tuple(sign("stripe", BODY, SECRET, now=THEN).items())
    saved = SavedDelivery("1", "2026-09-21T14:13:21.5Z", "POST", "/shop/in", "a=1", headers, BODY)
    write_saved(folder / "one.json", saved)

    assert invoked("verify", "--saved", "one.json").code == 0
    assert "timestamp_drift" in invoked("verify", "--saved", "one.json", "--now", "now").out


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("newline", ["\r\n", "\n"])
def test_a_raw_request_is_read_to_the_byte(
    newline: str, chunked: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP", SECRET)
    signed = sign_request("square", BODY, SECRET, url="https://shop.example/in?a=%20")
    ((name, value),) = signed.headers.items()
    head = ["POST /in?a=%20 HTTP/1.1", "Host: shop.example", f"{name}: {value}"]
    body = BODY
    if chunked:
        head.append("Transfer-Encoding: chunked")
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    (folder / "raw.http").write_bytes(newline.join([*head, "", ""]).encode() + body)

    done = invoked("verify", "--request", "raw.http", "--secret-env", "SHOP")

    assert done.code == 0, done


def test_a_body_of_another_length_than_announced_is_remarked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTWORX_SECRET_GITHUB", SECRET)
    header = sign("github", BODY, SECRET)["x-hub-signature-256"]
    raw = f"POST /in HTTP/1.1\r\nX-Hub-Signature-256: {header}\r\nX-GitHub-Event: push\r\nContent-Length: {len(BODY)}"
    done = outworx(
        *("verify", "--request", "-"),
        cwd=folder,
        stdin=raw.encode() + b"\r\n\r\n" + BODY + b"\n",
        OUTWORX_SECRET_GITHUB=SECRET,
    )

    assert done.code == 1
    assert f"Content-Length says {len(BODY)} bytes and the body has {len(BODY) + 1}" in done.out
    assert "Proved" in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "one of --body FILE, --saved FILE and --request FILE"),
        (("--body", "body", "--saved", "x"), "one of --body FILE"),
        (("--body", "nowhere"), "cannot be read: No such file"),
        (("--saved", "nowhere"), "cannot be read: No such file"),
        (("--request", "body"), "no blank line"),
        (("--body", "body"), "no header shows who sent it: say --provider"),
        (("--body", "body", "--provider", "strpe"), "did you mean 'stripe'?"),
        (("--body", "body", "--provider", "github"), "set OUTWORX_SECRET_GITHUB"),
        (("--body", "body", "--provider", "square", "--secret", "x"), "give it with --url"),
        (("--body", "body", "--provider", "github", "--secret", "x", "--now", "soon"), "is no time"),
        (("--body", "body", "--provider", "github", "--secret", "x", "--now", "nan"), "is no time"),
        (("--body", "body", "--provider", "svix", "--secret", "whsec_%"), "not base64"),
    ],
)
def test_what_cannot_be_told_ends_with_2(arguments: tuple[str, ...], said: str, folder: Path) -> None:
    (folder / "body").write_bytes(BODY)

    done = invoked("verify", *arguments)

    assert done.code == 2
    assert said in done.err


def test_json_is_one_document_and_holds_no_secret(stripe: list[str]) -> None:
    done = invoked(*stripe, "--json")

    assert json.loads(done.out)["valid"] is True
    assert SECRET not in done.out


@given(
    raw=st.binary(max_size=200)
    | st.binary(max_size=80).map(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n".__add__)
)
def test_any_bytes_are_a_request_or_are_refused(raw: bytes) -> None:
    try:
        evidence = from_http(raw)
    except ConfigurationError:
        return
    assert raw.endswith(evidence.body) or b"chunked" in raw.lower()
