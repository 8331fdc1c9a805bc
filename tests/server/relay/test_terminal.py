"""A session on a terminal: the screen as somebody sees it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading

import pyte
import pytest

from .processes import _quiet_environment
from .waiting import PATIENCE, wait_for

COLUMNS, LINES = 100, 24


# The command, which waits for what is under way for as long as any test has patience.
WAITING_LONG = """
import outworx_otel.cli.forward.tunnel as tunnel
from outworx_otel.cli import main
tunnel._LAST_WAIT = 600.0
main()
"""


class Terminal:
    """`outworx forward` in a pseudo-terminal, whose screen is kept as a terminal would draw it."""

    def __init__(self, arguments, directory, program=("-m", "outworx_otel.cli"), **environ) -> None:
        self.screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self.screen)
        self.written = b""
        self._lock = threading.Lock()
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        variables = _quiet_environment(directory) | {"TERM": "xterm-256color", **environ}
        variables.pop("COLUMNS", None)
        self._process = subprocess.Popen(  # noqa: S603  # a command of our own
            [sys.executable, *program, "forward", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=variables,
            cwd=directory,
            start_new_session=True,
            # Its controlling terminal, so that ^C typed there is Ctrl+C.
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            with self._lock:
                self.written += data
                self._stream.feed(data)

    def lines(self) -> list[str]:
        """What is on the screen, without what is blank at the end."""
        with self._lock:
            return "\n".join(line.rstrip() for line in self.screen.display).rstrip().split("\n")

    def shows(self, pattern: str) -> re.Match[str]:
        return wait_for(
            lambda: re.search(pattern, "\n".join(self.lines()), re.MULTILINE), lambda: "\n".join(self.lines())
        )

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def wait(self) -> int:
        code = self._process.wait(PATIENCE)
        self._thread.join(PATIENCE)
        return code

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        os.close(self._master)


@pytest.fixture
def terminal(started, tmp_path):
    def start(serving, *arguments, **environ):
        given = [str(one) for one in arguments]
        terminal = Terminal(given, tmp_path, OUTWORX_ENDPOINT=serving.url, **environ)
        started.callback(terminal.stop)
        return terminal

    return start


def test_the_screen_of_a_session_from_its_start_to_ctrl_c(serve, terminal, site, callers):
    serving = serve()
    shown = terminal(serving, site.port, "--filter", "method=P*")
    url = shown.shows(r"Public URL:  (\S+)")[1]
    shown.shows(r"^  0 deliveries  0 ok$")
    stripe = {"stripe-signature": "x"}
    callers.send(f"{url}/webhooks/stripe", headers=stripe).result()
    shown.shows("POST /webhooks/stripe  200")
    callers.send(f"{url}/webhooks/stripe", headers={"x-status": "500", **stripe}).result()
    shown.shows("POST /webhooks/stripe  500")
    callers.send(f"{url}/other", "GET").result()
    shown.shows(r"^  3 deliveries  1 ok  1 failed  1 filtered  stripe 2$")
    lines = shown.lines()
    assert lines[0] == f"  outworx forward  →  http://localhost:{site.port}"
    assert lines[1] == f"  Public URL:  {url}"
    assert re.fullmatch(r"  Expires:     \S+Z", lines[2])
    assert lines[3:5] == ["  Press Ctrl+C to stop.", ""]
    assert re.fullmatch(r"  \d\d:\d\d:\d\d  POST /webhooks/stripe  200  \d+ms", lines[5])
    assert re.fullmatch(r"  \d\d:\d\d:\d\d  POST /webhooks/stripe  500  \d+ms", lines[6])
    assert re.fullmatch(r"  \d\d:\d\d:\d\d  GET /other  200  filtered: method=P\* not met", lines[7])
    # The footer is the last line, and is drawn anew below whatever comes.
    assert lines[8:] == ["  3 deliveries  1 ok  1 failed  1 filtered  stripe 2"]
    # Colours: a good status green, a bad one red, what is filtered dim.
    assert shown.screen.buffer[5][lines[5].index("200")].fg == "green"
    assert shown.screen.buffer[6][lines[6].index("500")].fg == "red"
    shown.type(b"\x03")
    assert shown.wait() == 0
    assert shown.lines()[8:] == [
        "",
        "  Closed. 3 deliveries  1 ok  1 failed  1 filtered  stripe 2",
    ] or shown.lines()[8:] == ["^C", "  Closed. 3 deliveries  1 ok  1 failed  1 filtered  stripe 2"]
    # The cursor is given back.
    assert not shown.screen.cursor.hidden
    assert callers.send(url).result().status_code == 410


def test_a_loss_and_the_return_are_told_on_the_screen(server, terminal, site, callers):
    shown = terminal(server, site.port)
    url = shown.shows(r"Public URL:  (\S+)")[1]
    server.send(signal.SIGKILL)
    server.wait()
    shown.shows(
        rf"^  \d\d:\d\d:\d\d  connection to {re.escape(server.url)} lost \(.+\); trying again in 1 s$"
    )
    server.start()
    shown.shows(r"^  \d\d:\d\d:\d\d  back; nothing was waiting$")
    assert callers.send(f"{url}/x").result().status_code == 200
    shown.shows(r"^  \d\d:\d\d:\d\d  POST /x  200  \d+ms$")
    shown.type(b"\x03")
    assert shown.wait() == 0


def test_no_color_means_none(serve, terminal, site, callers):
    shown = terminal(serve(), site.port, NO_COLOR="1")
    url = shown.shows(r"Public URL:  (\S+)")[1]
    callers.send(f"{url}/x").result()
    shown.shows(r"POST /x  200")
    shown.type(b"\x03")
    assert shown.wait() == 0
    # SGR with a colour: 30-49 and 90-107, alone or after others.
    assert not re.search(rb"\x1b\[(?:\d+;)*(?:3\d|4\d|9\d|10[0-7])(?:;\d+)*m", shown.written)


def test_a_terminal_that_can_do_nothing_gets_plain_lines(serve, terminal, site, callers):
    shown = terminal(serve(), site.port, TERM="dumb")
    url = shown.shows(r"Public URL:  (\S+)")[1]
    callers.send(f"{url}/x").result()
    shown.shows(r"POST /x  200")
    shown.type(b"\x03")
    assert shown.wait() == 0
    assert b"\x1b" not in shown.written


def test_a_second_ctrl_c_does_not_wait_for_what_is_under_way(serve, terminal, site, callers):
    serving = serve(response_timeout=600, poll_timeout=600)
    shown = terminal(serving, site.port, program=("-c", WAITING_LONG))
    url = shown.shows(r"Public URL:  (\S+)")[1]
    callers.send(f"{url}/x", headers={"x-gate": "never"})
    shown.shows("1 under way")

    def polls() -> int:
        (session,) = serving.relay._by_slug.values()
        return session.polls

    # It asks for more while it waits for the answer.
    wait_for(lambda: serving.on_loop(polls) == 1)
    shown.type(b"\x03")
    # Two signals at once would be one: the first must have been acted upon, and then it asks no more.
    wait_for(lambda: serving.on_loop(polls) == 0)
    shown.type(b"\x03")
    assert shown.wait() != 0
    # The terminal is left as it was all the same.
    shown.shows("Closed. 0 deliveries")
    assert not shown.screen.cursor.hidden
