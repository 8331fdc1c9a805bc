"""Alerts on their way to real receivers."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from support.receiver import Call, Receiver, Reply
from support.scale import scaled
from support.serve_command import Command as Serve

from outworx_otel import TrackOptions
from outworx_otel.integrations.fastapi import OutworxHooksMiddleware
from outworx_otel.server.channels.channel import NotSent
from outworx_otel.server.channels.command import Command
from outworx_otel.server.channels.notice import Notice
from outworx_otel.server.rule_settings import RuleSettings
from outworx_otel.server.rules import Evaluator
from outworx_otel.server.store import Store
from server.problems.staged import came
from server.relay.waiting import PATIENCE, wait_for
from server.store.conftest import OpenStore
from server.store.samples import batch

from .scene import (
    SECRET,
    change_alert,
    claim,
    end_alert,
    raise_alert,
    sender,
    sendings,
    webhook,
)


@pytest.fixture
def store(sqlite_url: str, open_store: OpenStore) -> Store:
    return open_store(sqlite_url, clock=time.time)


def all_told(store: Store, count: int, notices: int = 1) -> Callable[[], bool]:
    return lambda: [one.told for one in sendings(store)] == [notices] * count


def test_two_servers_on_one_postgresql_send_each_alert_once(
    postgresql_url: str, open_store: OpenStore, receiver: Receiver
) -> None:
    count = scaled(100, 12)
    stores = [open_store(postgresql_url, clock=time.time) for _ in range(2)]
    for id in range(1, count + 1):
        raise_alert(stores[0], id)
    running = [sender(store, webhook(receiver.endpoint)) for store in stores]
    wait_for(all_told(stores[0], count))
    for one in running:
        one.close()
    assert claim(stores[0]) is None
    ids = [call.headers["webhook-id"] for call in receiver.calls]
    assert len(ids) == len(set(ids)) == count


def test_a_server_that_is_killed_while_it_sends_loses_nothing(
    tmp_path: Path, sqlite_url: str, open_store: OpenStore, receiver: Receiver
) -> None:
    store = open_store(sqlite_url, clock=time.time)
    raise_alert(store, 1)
    is_called, may_answer = threading.Event(), threading.Event()

    def hold(call: Call, index: int) -> Reply:
        is_called.set()
        assert may_answer.wait(PATIENCE)
        return Reply()

    receiver.script = hold
    config = tmp_path / "server.toml"
    config.write_text(f'[[channels]]\nname = "ops"\nwebhook = "{receiver.endpoint}"\nsecret_env = "SIGNS"\n')
    arguments = ("--database", sqlite_url, "--config", str(config))
    server = Serve(tmp_path, arguments, {"SIGNS": SECRET}).start()
    try:
        assert is_called.wait(PATIENCE), server.said()
        server.end(signal.SIGKILL)
    finally:
        server.kill()
        may_answer.set()
    # Until its lease is over, it may still be about to record it.
    assert claim(store) is None
    assert [one.told for one in sendings(store)] == [0]
    later = open_store(sqlite_url, clock=lambda: time.time() + 61)
    running = sender(later, webhook(receiver.endpoint))
    wait_for(all_told(store, 1))
    running.close()
    # A receiver can tell that it is the same one.
    assert len({call.headers["webhook-id"] for call in receiver.calls}) == 1


def test_a_channel_that_is_down_for_a_while_is_tried_again_and_that_is_said_once(
    store: Store, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.script = lambda call, index: Reply(503 if index < 4 else 200)
    raise_alert(store, 1)
    with caplog.at_level(logging.WARNING, "outworx_otel.server"):
        running = sender(store, webhook(receiver.endpoint))
        wait_for(all_told(store, 1))
        running.close()
    assert [record.getMessage() for record in caplog.records] == [
        "an alert to channel ops could not be sent: it answered 503; it is tried again, for about a day",
        "alerts to channel ops are sent again",
    ]
    assert len(receiver.calls) == 5
    assert len({call.headers["webhook-id"] for call in receiver.calls}) == 1


def test_an_alert_that_goes_on_and_ends_is_told_each_time(store: Store, receiver: Receiver) -> None:
    raise_alert(store, 7)
    running = sender(store, webhook(receiver.endpoint))
    wait_for(all_told(store, 1))
    change_alert(store, 7, notices=2, count=360)
    wait_for(all_told(store, 1, 2))
    end_alert(store, 7, time.time_ns(), notices=3)
    wait_for(all_told(store, 1, 3))
    running.close()
    told = [json.loads(call.body) for call in receiver.calls]
    assert [one["type"] for one in told] == ["alert.raised", "alert.raised", "alert.ended"]
    assert [one["data"]["title"].partition(" ")[0] for one in told] == ["stripe", "Still:", "Over:"]
    assert [one["data"]["count"] for one in told] == [36, 360, 360]
    assert {one["data"]["url"] for one in told} == {"http://s/deliveries?problem=7"}


def test_what_a_rule_finds_reaches_the_receiver_and_so_does_its_end(
    sqlite_store: Store, receiver: Receiver
) -> None:
    store = sqlite_store
    evaluator = Evaluator(store, RuleSettings(), lambda: 0.0)
    store.write(batch(came("accepted"), came("error", 60, exception="shop.BankError: closed"))).result(
        PATIENCE
    )
    running = sender(store, webhook(receiver.endpoint))
    evaluator.look()
    wait_for(all_told(store, 1))
    problem = store.sendings.page().alerts[0][0].problem_id
    assert problem is not None
    store.set_problem_state(problem, "resolved")
    evaluator.look()
    wait_for(all_told(store, 1, 2))
    running.close()
    raised, ended = (json.loads(call.body) for call in receiver.calls)
    assert (raised["type"], ended["type"]) == ("alert.raised", "alert.ended")
    assert "BankError" in raised["data"]["headline"]
    assert raised["data"]["url"] == ended["data"]["url"] == f"http://s/deliveries?problem={problem}"


def test_a_channel_that_hangs_holds_up_no_other(store: Store, receiver: Receiver) -> None:
    may_end = threading.Event()

    class Hanging:
        def send(self, notice: Notice, stopping: threading.Event) -> None:
            assert may_end.wait(PATIENCE)

    raise_alert(store, 1)
    hanging = sender(store, Hanging(), "hanging")
    wait_for(lambda: len(sendings(store)) == 1)
    running = sender(store, webhook(receiver.endpoint))
    wait_for(lambda: sorted(one.told for one in sendings(store)) == [0, 1])
    may_end.set()
    running.close()
    hanging.close()


def test_the_webhook_is_verified_by_our_own_package_in_a_real_application(store: Store) -> None:
    ran: list[object] = []
    app = FastAPI()

    @app.post("/alerts")
    async def alerts(request: Request) -> dict[str, bool]:
        ran.append((await request.json())["data"]["headline"])
        return {"received": True}

    options = TrackOptions(provider="standardwebhooks", signature_secret=SECRET, paths=["/alerts"])
    app.add_middleware(OutworxHooksMiddleware, options=options)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        wait_for(lambda: server.started)
        url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/alerts"
        raise_alert(store, 1)
        notice = Notice(store.sendings.page().alerts[0][0], "http://s/1")
        webhook(url).send(notice, threading.Event())
        assert ran == ["stripe /webhooks/stripe: the signature does not fit"]
        other = type(webhook(url))(url, SECRET.replace("M", "N"))
        with pytest.raises(NotSent, match="it answered 401"):
            other.send(notice, threading.Event())
        assert len(ran) == 1
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


def test_a_command_gets_the_alert_on_its_standard_input(store: Store, tmp_path: Path) -> None:
    raise_alert(store, 1)
    notice = Notice(store.sendings.page().alerts[0][0], "http://s/1")
    file = tmp_path / "a file; with $odd signs"
    writes = "import sys, pathlib; pathlib.Path(sys.argv[1]).write_bytes(sys.stdin.buffer.read())"
    Command((sys.executable, "-c", writes, str(file))).send(notice, threading.Event())
    told = json.loads(file.read_bytes())
    assert told["type"] == "alert.raised"
    for name in ("what", "where", "since", "count", "advice", "url"):
        assert told["data"][name], name


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((sys.executable, "-c", "import sys; sys.exit(3)"), "ended with exit status 3"),
        ((sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"), "ended with signal 9"),
        (("/nowhere/at/all",), "/nowhere/at/all cannot be started: No such file"),
    ],
)
def test_a_command_that_fails_is_said(arguments: tuple[str, ...], said: str, store: Store) -> None:
    raise_alert(store, 1)
    notice = Notice(store.sendings.page().alerts[0][0], "http://s/1")
    with pytest.raises(NotSent, match=said):
        Command(arguments).send(notice, threading.Event())


def test_a_command_that_does_not_end_is_ended_with_what_it_started(store: Store, tmp_path: Path) -> None:
    raise_alert(store, 1)
    notice = Notice(store.sendings.page().alerts[0][0], "http://s/1")
    pids = tmp_path / "pids"
    starts = (
        "import os, pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "pathlib.Path(sys.argv[1]).write_text(f'{os.getpid()} {child.pid}')\n"
        "time.sleep(600)\n"
    )
    stopping = threading.Event()
    # Once the server is to end, as after its time.
    waits = threading.Thread(
        target=lambda: (wait_for(lambda: pids.exists() and pids.read_text()), stopping.set())
    )
    waits.start()
    with pytest.raises(NotSent, match="did not end"):
        Command((sys.executable, "-c", starts, str(pids)), seconds=PATIENCE).send(notice, stopping)
    waits.join(PATIENCE)

    def is_gone(pid: int) -> bool:
        # An orphan may be left as a zombie where nobody reaps.
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except OSError:
            return True

    wait_for(lambda: all(is_gone(int(pid)) for pid in pids.read_text().split()))


def test_a_command_is_not_given_the_servers_own_keys(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTWORX_SERVE_API_KEYS", "hunter2hunter2")
    raise_alert(store, 1)
    notice = Notice(store.sendings.page().alerts[0][0], "http://s/1")
    file = tmp_path / "environ"
    writes = "import os, sys, pathlib; pathlib.Path(sys.argv[1]).write_text(str(dict(os.environ)))"
    Command((sys.executable, "-c", writes, str(file))).send(notice, threading.Event())
    assert "hunter2" not in file.read_text()
    assert "PATH" in os.environ


def test_what_could_not_be_sent_is_shown_and_no_secret_with_it(
    tmp_path: Path, sqlite_url: str, open_store: OpenStore, receiver: Receiver
) -> None:
    receiver.script = lambda call, index: Reply(500, body=call.path.encode())
    store = open_store(sqlite_url, clock=time.time)
    raise_alert(store, 1)
    config = tmp_path / "server.toml"
    config.write_text(
        f'[[channels]]\nname = "ops"\nwebhook = "{receiver.endpoint}/tokenintheurl"\nsecret_env = "SIGNS"\n'
        f'[[channels]]\nname = "chat"\nurl_env = "CHAT"\n'
    )
    # Apprise tells the host where it cannot be reached, and in many services' URLs that is a token.
    environ = {"SIGNS": SECRET, "CHAT": "json://127.0.0.1:9/tokenofchat?-x=tokenofquery"}
    server = Serve(tmp_path, ("--database", sqlite_url, "--config", str(config)), environ).start()
    try:
        assert "Alerts to   ops, chat\n" in server.said()

        def failed() -> list[dict[str, object]]:
            (alert,) = httpx.get(f"{server.url}/api/alerts?state=raised").json()["alerts"]
            return [one for one in alert["sendings"] if one["error"]]

        shown = wait_for(lambda: failed() if len(failed()) == 2 else None, server.said)
        by_channel = {one["channel"]: one for one in shown}
        assert by_channel["ops"]["error"] == "it answered 500"
        assert "***" in str(by_channel["chat"]["error"])
        assert "127.0.0.1" not in str(by_channel["chat"]["error"])
        assert all(one["told"] == 0 and one["next_try"] for one in shown)
        page = httpx.get(f"{server.url}/alerts").text
        assert "could not be told" in page
        assert "it answered 500" in page
        seen = "".join(
            httpx.get(server.url + path).text for path in ("/", "/deliveries", "/alerts", "/api/alerts")
        )
        wait_for(lambda: server.said().count("could not be sent") == 2)
        server.end()
    finally:
        server.kill()
    for secret in (SECRET, SECRET[6:], "tokenintheurl", "tokenofchat", "tokenofquery"):
        assert secret not in seen + server.said()
    assert server.process.returncode == 0
