"""Machines and a switch between them, out of Linux's network namespaces: with addresses, and cables to pull."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeVar

from support.programs import system_program

T = TypeVar("T")

_CLONE_NEWNET: Final = 0x40000000
_SUBNET: Final = "10.77.0"


class NoNamespaces(Exception):
    """Machines cannot be made here."""

    def __init__(self, why: str) -> None:
        super().__init__(
            "several machines are tested in network namespaces, and NOTHING OF THAT WAS TESTED: it needs root and "
            f"`ip` (apt-get install iproute2), and here {why}"
        )


def ip_program() -> str:
    """The path of `ip`, where it can make namespaces.

    Raises:
        NoNamespaces: it is not installed, or may not.
    """
    found = system_program("ip")
    if found is None:
        raise NoNamespaces("`ip` is missing")
    with contextlib.ExitStack() as stack:
        try:
            Network(stack, found)
        except subprocess.CalledProcessError as error:
            raise NoNamespaces(f"{error.cmd[1:]} says {error.stderr.strip()!r}") from error
    return found


class Network:
    """A switch, which is a namespace too: nothing of it can be seen on the machine that runs the tests.

    Args:
        stack: takes down what is made.
        program: the path of `ip`.
    """

    def __init__(self, stack: contextlib.ExitStack, program: str) -> None:
        self._stack, self._program = stack, program
        self._prefix = f"outworx-{os.getpid()}-{id(self) % 10_000}"
        self._switch = self._namespace("switch")
        self._ip("-n", self._switch, "link", "add", "bridge0", "type", "bridge")
        self._ip("-n", self._switch, "link", "set", "bridge0", "up")
        self._count = 0

    def machine(self, name: str) -> Machine:
        """One more machine, plugged in."""
        self._count += 1
        namespace, port = self._namespace(name), f"port{self._count}"
        address = f"{_SUBNET}.{self._count}"
        self._ip(
            *(
                "-n",
                self._switch,
                "link",
                "add",
                port,
                "type",
                "veth",
                "peer",
                "name",
                "eth0",
                "netns",
                namespace,
            )
        )
        self._ip("-n", self._switch, "link", "set", port, "master", "bridge0", "up")
        self._ip("-n", namespace, "address", "add", f"{address}/24", "dev", "eth0")
        for device in ("lo", "eth0"):
            self._ip("-n", namespace, "link", "set", device, "up")
        return Machine(namespace, address, self._program, lambda up: self._plug(port, up))

    def _plug(self, port: str, up: bool) -> None:
        self._ip("-n", self._switch, "link", "set", port, "up" if up else "down")

    def _namespace(self, name: str) -> str:
        full = f"{self._prefix}-{name}"
        self._ip("netns", "add", full)
        self._stack.callback(self._ip, "netns", "delete", full)
        return full

    def _ip(self, *arguments: str) -> None:
        command = [self._program, *arguments]
        subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  # ours


class Machine:
    """One machine.

    Args:
        namespace: its name.
        address: its IPv4 address, by which the others reach it.
        program: the path of `ip`.
        plug: puts its cable in (True), or pulls it out.
    """

    def __init__(self, namespace: str, address: str, program: str, plug: Callable[[bool], None]) -> None:
        self.address = address
        self._namespace, self._program, self.plug = namespace, program, plug

    def command(self, *command: str) -> list[str]:
        """The same, run there; the process keeps its id."""
        return [self._program, "netns", "exec", self._namespace, *command]

    @contextlib.contextmanager
    def cut_off(self) -> Iterator[None]:
        """Without its cable for as long as the block runs. Nobody is told: packets just get lost."""
        self.plug(False)
        try:
            yield
        finally:
            self.plug(True)

    def do(self, call: Callable[[], T]) -> T:
        """Calls a function in a thread that stands on this machine."""
        found: list[T] = []
        failures: list[BaseException] = []

        def run() -> None:
            try:
                self.enter()
                found.append(call())
            except BaseException as error:  # noqa: BLE001  # raised again below
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        if failures:
            raise failures[0]
        return found[0]

    def enter(self) -> None:
        """Puts the calling thread on this machine, for good."""
        libc = ctypes.CDLL(None, use_errno=True)
        with Path(f"/run/netns/{self._namespace}").open() as there:
            if libc.setns(there.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
