"""`outworx trigger` against real applications."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e.arrivals import Span, webhooks
from support.commands import Outcome, invoked, outworx, quiet_environment
from support.process import wait_until

from outworx_otel.server.replay import variable_for

from .site import SECRETS, Site

Trigger = Callable[..., Outcome]


@pytest.fixture
def trigger(monkeypatch: pytest.MonkeyPatch) -> Trigger:
    """Runs the command in an application's folder, with its secrets."""

    def run(site: Site, *arguments: object) -> Outcome:
        monkeypatch.chdir(site.folder)
        for name, value in SECRETS.items():
            monkeypatch.setenv(name, value)
        return invoked("trigger", *arguments)

    return run


def _spans(site: Site, path: str, count: int) -> list[Span]:
    def found() -> list[Span]:
        return [span for span in webhooks(site.receiver) if span.attributes["url.path"] == path]

    wait_until(lambda: len(found()) >= count, lambda: f"{len(found())} spans of {path}\n{site.server.log()}")
    return found()


def test_what_arrives_is_verified_by_the_application(trigger: Trigger, application: Site) -> None:
    url = f"{application.url}/hooks/stripe/first"

    done = trigger(
        application,
        *("stripe", "charge.succeeded", "--to", url, "--set", "data.object.amount=5", "--json"),
    )

    assert (done.code, done.err) == (0, "")
    (line,) = done.json()
    assert (line["status"], line["event_id"][:4], line["error"]) == (200, "evt_", None)
    (span,) = _spans(application, "/hooks/stripe/first", 1)
    assert span.short("signature.valid") is True
    assert span.short("event.type") == "charge.succeeded"
    assert span.short("event.id") == line["event_id"]


def test_a_form_is_signed_with_the_url_that_is_called(trigger: Trigger, application: Site) -> None:
    url = f"{application.url}/hooks/twilio?tenant=7&back=%2Fa%20b&x=%C3%A9"

    done = trigger(
        application,
        "twilio",
        "message.received",
        "--to",
        url,
        "--json",
    )

    assert done.code == 0, done
    assert json.loads(done.json()[0]["body"])["query"] == "tenant=7&back=%2Fa%20b&x=%C3%A9"


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("missing_header", 401),
        ("malformed_header", 401),
        ("timestamp_drift", 401),
        ("hmac_mismatch", 401),
        ("parsed_body", 401),
        ("body_unavailable", 413),
    ],
)
def test_a_bad_signature_is_rejected_for_the_very_reason(
    trigger: Trigger, application: Site, reason: str, status: int
) -> None:
    path = f"/hooks/stripe/{reason}"

    done = trigger(
        application,
        *("stripe", "charge.succeeded", "--to", application.url + path),
        *("--bad-signature", reason, "--json"),
    )

    assert (done.code, done.json()[0]["status"]) == (0, status)
    (span,) = _spans(application, path, 1)
    assert span.short("signature.reason") == reason


def test_a_duplicate_is_the_same_event_and_is_answered_from_the_store(
    trigger: Trigger, fastapi: Site
) -> None:
    done = trigger(
        fastapi,
        *("github", "push", "--to", f"{fastapi.url}/hooks/github/twice"),
        *("--duplicate", "--count", "2", "--json"),
    )

    lines = done.json()
    assert done.code == 0
    assert [line["replayed"] for line in lines] == [False, True, False, True]
    assert lines[0]["event_id"] == lines[1]["event_id"] != lines[2]["event_id"]
    assert [span.short("idempotency.outcome") for span in _spans(fastapi, "/hooks/github/twice", 4)].count(
        "replayed"
    ) == 2


def test_headers_are_the_providers_and_those_of_the_user(trigger: Trigger, fastapi: Site) -> None:
    done = trigger(
        fastapi,
        *("github", "pull_request.opened", "--to", f"{fastapi.url}/hooks/github/headers"),
        *("--header", "User-Agent: mine/1.0", "--header", "X-Twice: a", "--header", "X-Twice: b", "--json"),
    )

    seen = json.loads(done.json()[0]["body"])["headers"]
    names = [name for name, _ in seen]
    assert ["x-github-event", "pull_request"] in seen
    assert [value for name, value in seen if name in ("user-agent", "x-twice")] == ["mine/1.0", "a", "b"]
    assert "accept-encoding" not in names


def test_lines_for_people_say_when_what_and_how_it_went(trigger: Trigger, fastapi: Site) -> None:
    to = ("--to", f"{fastapi.url}/hooks/stripe/lines")
    good = outworx("trigger", "stripe", "charge.refunded", *to, "--count", "2", cwd=fastapi.folder, **SECRETS)
    bad = trigger(
        fastapi,
        "stripe",
        "charge.refunded",
        *to,
        "--secret",
        "another",
    )

    assert good.code == 0
    assert len(good.lines) == 3
    assert "stripe charge.refunded  evt_" in good.lines[0]
    assert "  200  " in good.lines[0]
    assert good.lines[2] == "2 sent: 2 x 200"
    assert bad.code == 1
    assert "Invalid webhook signature" in bad.lines[1]
    assert "--secret stays in your shell's history" in bad.err
    assert "another" not in bad.out + bad.err


def test_an_endpoint_that_takes_a_bad_signature_in_is_a_failure(fastapi: Site, tmp_path: Path) -> None:
    done = outworx(
        *("trigger", "slack", "message", "--to", f"{fastapi.url}/hooks/slack"),
        *("--bad-signature", "hmac_mismatch"),
        cwd=tmp_path,
    )

    assert done.code == 1
    assert "does not verify signatures, or does not reject" in done.out


def test_nothing_listening_is_said_in_plain_words(tmp_path: Path) -> None:
    from support.receiver import free_port

    done = outworx(
        *("trigger", "stripe", "charge.succeeded", "--to", f"{free_port()}/hooks"),
        cwd=tmp_path,
        **{variable_for("stripe"): "a secret"},
    )

    assert done.code == 1
    assert "is the application running there?" in done.out
    assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("stripe", "charge.succeeded", "--to", "8000"), "set OUTWORX_SECRET_STRIPE to the signing secret"),
        (("discord", "ping", "--to", "8000"), "OUTWORX_SECRET_DISCORD to the private key"),
        (
            ("stripe", "charge.succeeded", "--to", "8000", "--secret-env", "NOT_SET"),
            "NOT_SET (--secret-env) is not",
        ),
        (("strpe", "charge.succeeded", "--to", "8000"), "did you mean stripe?"),
        (("stripe", "charge.suceeded", "--to", "8000"), "did you mean 'charge.succeeded'?"),
        (("stripe", "charge.succeeded"), "say where to"),
        (("stripe", "--to", "8000"), "which event? There are charge.refunded, "),
        # Of one event nobody has to be asked which.
        (("telegram", "--to", "8000", "--secret", " "), "--secret is empty"),
        (("stripe", "charge.succeeded", "--to", "ftp://x"), "is no address to send to"),
        (("stripe", "charge.succeeded", "--to", "8000", "--secret", " "), "--secret is empty"),
        (("github", "push", "--to", "8000", "--secret", "x", "--set", "a"), "is no path=value"),
        (("github", "push", "--to", "8000", "--secret", "x", "--header", "a b"), "--header must read"),
        (
            ("github", "push", "--to", "8000", "--secret", "x", "--bad-signature", "timestamp_drift"),
            "can drift",
        ),
        (("github", "push", "--to", "8000", "--bad-signature", "nonsense"), "there are missing_header"),
        (("svix", "user.created", "--to", "8000", "--secret", "whsec_%%"), "not base64"),
    ],
)
def test_a_wrong_use_ends_with_2_and_says_what_to_do(
    arguments: tuple[str, ...], said: str, folder: Path
) -> None:
    done = invoked("trigger", *arguments)

    assert done.code == 2
    assert said in done.err
    assert done.out == ""
    assert "Traceback" not in done.err


def test_the_variable_that_the_configuration_names_is_the_one_to_set(fastapi: Site) -> None:
    done = outworx("trigger", "github", "push", "--to", f"{fastapi.url}/hooks/github", cwd=fastapi.folder)

    assert done.code == 2
    assert "GITHUB_SECRET (signature_secret_env) is not set" in done.err


def test_through_the_tunnel_the_secret_is_that_of_the_endpoint_behind_it(
    fastapi: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address that `outworx forward` prints is what people try first."""
    monkeypatch.chdir(fastapi.folder)
    monkeypatch.setenv("STRIPE_SECRET", SECRETS["STRIPE_SECRET"])
    tunnel = f"{fastapi.url}/t/8b3a9f1c2d4e5067"
    with_secret = invoked("trigger", "stripe", "charge.succeeded", "--to", f"{tunnel}/hooks/stripe", "--json")
    without = invoked("trigger", "stripe", "charge.succeeded", "--to", f"{tunnel}/else", "--json")

    assert with_secret.json()[0]["status"] == 404
    assert (without.code, "the endpoint /else a signature_secret_env" in without.err) == (2, True)


def test_the_lists_name_every_provider_and_every_event(folder: Path) -> None:
    everything = invoked("trigger")
    stripes = invoked("trigger", "stripe")
    as_json = invoked("trigger", "--list", "--json")

    assert [done.code for done in (everything, stripes, as_json)] == [0, 0, 0]
    assert "charge.succeeded" in stripes.lines
    assert [line.split()[0] for line in everything.lines] == [one["provider"] for one in as_json.json()]


@pytest.mark.parametrize(
    ("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colour_is_for_terminals_that_want_it(
    environ: dict[str, str], coloured: bool, tmp_path: Path
) -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "outworx_otel.cli", "trigger", "github", "push", "--to", "1"],
        cwd=tmp_path,
        env={**quiet_environment(), "TERM": "xterm", "OUTWORX_SECRET_GITHUB": "a secret", **environ},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=subprocess.PIPE,
        timeout=30,
        check=False,
    )
    os.close(theirs)
    shown = os.read(ours, 4096)
    os.close(ours)

    assert done.returncode == 1
    assert b"no answer" in shown
    assert (b"\x1b[" in shown) is coloured


def test_a_pipe_gets_no_control_characters(fastapi: Site) -> None:
    done = outworx(
        *("trigger", "github", "push", "--to", f"{fastapi.url}/nowhere\u00e9", "--count", "2"),
        cwd=fastapi.folder,
        **SECRETS,
        **{variable_for("github"): "a secret"},
    )

    assert done.code == 1
    assert all(sign.isprintable() or sign == "\n" for sign in done.out + done.err)


def test_the_same_bytes_arrive_that_were_made(trigger: Trigger, fastapi: Site) -> None:
    done = trigger(
        fastapi,
        *("clerk", "user.created", "--to", f"{fastapi.url}/hooks/clerk"),
        *("--set", "data.first_name=Zoë 🐝", "--json"),
    )

    seen = json.loads(done.json()[0]["body"])
    assert done.code == 0
    assert len(seen["sha256"]) == len(hashlib.sha256().hexdigest())
    assert ["content-length", str(seen["size"])] in seen["headers"]
