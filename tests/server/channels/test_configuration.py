"""Channels as the server's file names them: what cannot work is said at start, by its line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope
from support.receiver import Receiver
from typer.testing import CliRunner

from outworx_otel.cli._app import app
from outworx_otel.errors import ConfigurationError
from outworx_otel.server.channels import read_channels
from outworx_otel.server.channels.notice import Notice
from outworx_otel.server.channels.services import message_of, without_secrets
from outworx_otel.server.config_file import server_config
from outworx_otel.server.problems.alert import Alert

from .scene import SECRET

ENVIRON = {"SIGNS": SECRET, "EMPTY": " ", "SHORT": "whsec_!!"}
HOOK = '[[channels]]\nwebhook = "https://x.example/a"\nsecret_env = "SIGNS"\n'


def read(text: str, tmp_path: Path) -> Any:
    file = tmp_path / "server.toml"
    file.write_text(text)
    return read_channels(server_config(file).channels, ENVIRON)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[[channels]\n", None, r"is not valid TOML: .*line 1"),
        ("[[chanels]]\n", None, "unknown table 'chanels': did you mean 'channels'"),
        ("channels = 3\n", None, "each below"),
        (HOOK + "colour = 'red'\n", 4, r"channels\[0\].colour: unknown key 'colour'"),
        ("# of ours\n" + HOOK + "rules = ['silense']\n", 5, "did you mean 'silence'"),
        (HOOK + "rules = []\n", 4, "is empty"),
        (HOOK + "services = 'shop'\n", 4, "must be a list"),
        (HOOK + "name = '../x'\n", 4, "1 to 64 letters"),
        (HOOK + "\n" + HOOK, 5, r"channels\[1\].name: there is another channel called 'webhook'"),
        ("[[channels]]\nname = 'x'\n", 1, "give one of url, url_env, webhook, command"),
        (HOOK + "command = ['cat']\n", 4, "one only"),
        ("[[channels]]\nwebhook = 'https://x.example/hunter2'\n", 1, "needs secret_env"),
        ("[[channels]]\nwebhook = 'x.example/hunter2'\nsecret_env = 'SIGNS'\n", 2, "http:// or https://"),
        ("[[channels]]\nwebhook = 'http://a:hunter2@x.example'\nsecret_env = 'SIGNS'\n", 2, "no user"),
        ("[[channels]]\nwebhook = 'http://x.example'\nsecret_env = 'EMPTY'\n", 3, "EMPTY is not set"),
        ("[[channels]]\nwebhook = 'http://x.example'\nsecret_env = 'SHORT'\n", 3, "cannot sign"),
        (
            "[[channels]]\nwebhook = 'http://x.example'\nsecret_env = '$A'\n",
            3,
            "name of an environment variable",
        ),
        ("[[channels]]\ncommand = 'cat'\n", 2, "must be a list"),
        ("[[channels]]\ncommand = ['cat']\nsecret_env = 'SIGNS'\n", 3, "signs a webhook"),
        ("[[channels]]\nurl = 'hunter2'\n", 2, "no URL of Apprise"),
        ("[[channels]]\nurl_env = 'EMPTY'\n", 2, "EMPTY is not set"),
        ("[[channels]]\ncommand = ['cat']\n" * 33, None, "32 are the most"),
    ],
)
def test_what_cannot_work_is_said(text: str, line: int | None, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read(text, tmp_path)
    message = str(raised.value)
    assert re.search(said, message), message
    assert str(tmp_path / "server.toml") in message
    if line is not None:
        assert f"server.toml, line {line}: " in message
    assert "hunter2" not in message


def test_a_file_that_is_not_there_is_said_by_its_option(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["serve", "--port", "0", "--config", str(tmp_path / "none.toml")])
    assert result.exit_code == 2
    assert "--config" in result.output
    assert "No such file" in result.output


def test_channels_are_read(tmp_path: Path) -> None:
    text = (
        HOOK
        + "rules = ['silence']\nservices = ['shop']\n[[channels]]\nname = 'own'\ncommand = ['a', 'b c']\n"
    )
    hook, own = read(text, tmp_path)
    assert (hook.name, hook.kind, hook.rules, hook.services) == (
        "webhook",
        "webhook",
        ("silence",),
        ("shop",),
    )
    assert (own.name, own.kind, own.way.arguments) == ("own", "command", ("a", "b c"))
    assert SECRET not in repr(hook)


class Mailbox:
    """What a mail server was given."""

    def __init__(self) -> None:
        self.letters: list[Envelope] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        self.letters.append(envelope)
        return "250 OK"


class OnAnyPort(Controller):
    """It asks itself whether it runs, by the port that it was told, which is none."""

    def _trigger_server(self) -> None:
        assert self.server is not None
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    kept = Mailbox()
    controller = OnAnyPort(
        kept,
        hostname="127.0.0.1",
        port=0,
        auth_require_tls=False,
        authenticator=lambda *_: AuthResult(success=True),
    )
    controller.start()
    yield kept, controller.port
    controller.stop()


def test_every_channel_is_tried_with_real_receivers(
    tmp_path: Path, mailbox: tuple[Mailbox, int], receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, port = mailbox
    address = receiver.endpoint.removeprefix("http://")
    file = tmp_path / "server.toml"
    file.write_text(
        f'[[channels]]\nurl = "mailto://me:hunter2@127.0.0.1:{port}?from=me@shop.example&to=ops@shop.example"\n'
        f'[[channels]]\nurl = "json://{address}/apprise"\n'
        f'[[channels]]\nwebhook = "{receiver.endpoint}/hook"\nsecret_env = "SIGNS"\n'
        '[[channels]]\ncommand = ["false"]\n'
    )
    monkeypatch.setenv("SIGNS", SECRET)
    result = CliRunner().invoke(
        app, ["alerts", "test", "--config", str(file), "--public-url", "https://o.example"]
    )
    assert result.output.splitlines() == [
        "ok      mailto",
        "ok      json",
        "ok      webhook",
        "failed  command: false ended with exit status 1",
    ]
    assert result.exit_code == 1
    (letter,) = kept.letters
    assert letter.rcpt_tos == ["ops@shop.example"]
    content = letter.content
    assert isinstance(content, bytes)
    assert b"Test of outworx alerts" in content
    assert {call.path.rstrip("/") for call in receiver.calls} == {"/apprise", "/hook"}
    assert all(b"https://o.example/" in call.body for call in receiver.calls)


def test_what_a_delivery_says_calls_nobody_and_forges_no_line() -> None:
    alert = Alert(
        **{"id": 1, "rule": "problem", "state": "raised", "subject": "problem:1", "since_ns": 1, "count": 1},
        **{"headline": "<!channel> shop.Error", "what": "@everyone said\nWhat to do: pay", "where": "a\nb"},
        **{"advice": "", "raised_ns": 1, "changed_ns": 1},
    )
    told = message_of(Notice(alert, "http://s/"))
    assert "<!channel" not in told["title"]
    assert "@everyone" not in told["body"]
    assert [line for line in told["body"].splitlines() if line.startswith("What to do")] == []


def test_a_url_that_apprise_cannot_use_is_said_by_its_line(tmp_path: Path) -> None:
    text = "[[channels]]\nurl = 'json://x.example'\n[[channels]]\nurl = 'slack://hunter2'\n"
    with pytest.raises(ConfigurationError, match=r"line 4: channels\[1\].url: Apprise cannot use") as raised:
        read(text, tmp_path)
    assert "hunter2" not in str(raised.value)


def test_without_apprise_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "apprise.py").write_text("raise ModuleNotFoundError('none', name='apprise')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"line 2: .*pip install 'outworx-otel\[alerts\]'"):
        read("[[channels]]\nurl = 'json://x.example'\n", tmp_path)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("slack://TokenAAAA/TokenBBBB/TokenCCCC", "Slack: TokenAAAA, TokenBBBB and TokenCCCC"),
        ("mailto://me:p%40ssword@x.example", "login with p@ssword or p%40ssword"),
        ("json://x.example/path?-x=tokenofquery", "x: tokenofquery"),
        ("tgram://123456789:abcdefg_hijklmnop/12345", "bot 123456789:abcdefg_hijklmnop"),
    ],
)
def test_what_a_service_says_is_told_without_its_url_s_secrets(url: str, said: str) -> None:
    told = without_secrets(f"{said}: {url}", url)
    assert not re.search(r"Token|ssword|tokenof|abcdefg|123456789", told), told
    assert "***" in told
