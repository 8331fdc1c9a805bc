"""SIGTERM at the worst moments: the process ends, in time, with the right status, and what can be sent is."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest
from support.receiver import Call, Receiver, Reply, free_port

from .test_processes import OWN_QUEUE, SDK_QUEUE, run, terminate

Receive = Callable[..., Receiver]

# Raises SIGTERM in the main thread at the `line`th line that it runs of a function: within its locks.
STRIKE = """
import logging
import threading
logging.basicConfig()

def strike(file, function, line):
    left = line
    def each(frame, event, argument):
        nonlocal left
        if event == "line":
            left -= 1
            if left == 0:
                sys.settrace(None)
                signal.raise_signal(signal.SIGTERM)
        return each
    def enter(frame, event, argument):
        code = frame.f_code
        return each if code.co_name == function and code.co_filename.endswith(file) else None
    sys.settrace(enter)
"""
LAST = """
for line in range(1, 40):
    pid = os.fork()
    if pid == 0:
        deliver(20, f"d{{line}}")
        strike({file!r}, {function!r}, line)
        {act}
        os._exit(7)
    # 7: the function has fewer lines.
    status = os.waitpid(pid, 0)[1]
    print(status if os.WIFSIGNALED(status) else "none", flush=True)
    if not os.WIFSIGNALED(status):
        break
"""
PLACES = [
    pytest.param("export/export_queue.py", "put", "deliver(1, 'last')", id="our queue's lock"),
    pytest.param("logging/__init__.py", "emit", "logging.warning('a line')", id="logging's lock"),
    pytest.param("sdk/trace/__init__.py", "end", "deliver(1, 'last')", id="a span's lock"),
    pytest.param("threading.py", "enumerate", "threading.enumerate()", id="threading's lock"),
]


def hang(call: Call, index: int) -> Reply:
    time.sleep(30)
    return Reply()


@pytest.mark.parametrize(("file", "function", "act"), PLACES)
def test_sigterm_at_any_line_that_holds_a_lock_loses_nothing(
    file: str, function: str, act: str, receive: Receive
) -> None:
    receiver = receive()
    code = LAST.format(file=file, function=function, act=act)
    # A name, which is looked up while the lock is held.
    endpoint = receiver.endpoint.replace("127.0.0.1", "localhost")
    program = run(f"{STRIKE}{OWN_QUEUE}assert flush_at_exit(provider, timeout=1)\n{code}", endpoint)
    output, errors = program.communicate(timeout=60)
    assert "Traceback" not in errors
    *struck, last = output.split()
    assert last == "none"
    assert struck
    assert set(struck) == {str(signal.SIGTERM.value)}
    names = receiver.span_names()
    for line in range(1, len(struck) + 1):
        assert sum(name.startswith(f"d{line} ") for name in names) == 20


@pytest.mark.parametrize(
    ("queue", "receiver_is"), [(OWN_QUEUE, "hanging"), (SDK_QUEUE, "down")], ids=["processor", "exporter"]
)
def test_a_lock_that_is_never_released_and_a_dead_receiver_do_not_keep_the_process(
    queue: str, receiver_is: str, receive: Receive
) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}" if receiver_is == "down" else receive(hang).endpoint
    # The main thread holds logging's lock, which everybody who complains of the receiver waits for.
    code = f"""
import logging
{queue}
assert flush_at_exit(provider, timeout=1)
logging.basicConfig()
deliver(100, "d")
logging.getLogger().handlers[0].acquire()
ready()
"""
    status, _ = terminate(run(code, endpoint))
    assert status == -signal.SIGTERM


def test_a_shutdown_that_never_returns_does_not_keep_the_process() -> None:
    code = """
class Stuck:
    def shutdown(self):
        threading.Lock().acquire()
        time.sleep(1000)
stuck = Stuck()
flush_at_exit(stuck, timeout=0.2)
ready()
"""
    status, errors = terminate(run(code, "http://127.0.0.1:9"))
    assert (status, errors) == (-signal.SIGTERM, "")


def test_a_handler_that_gets_stuck_itself_is_ended_with_the_status_of_sigterm() -> None:
    code = """
from outworx_otel.export import exit
exit.finish_within = lambda seconds: time.sleep(1000)
flush_at_exit(make(OutworxSpanProcessor()) or provider, timeout=0.1)
ready()
"""
    status, _ = terminate(run(code, "http://127.0.0.1:9"))
    assert status == 128 + signal.SIGTERM


@pytest.mark.parametrize("when", ["before", "after"])
def test_sigterm_while_atexit_runs_lets_it_finish_and_keeps_the_status(when: str, receive: Receive) -> None:
    receiver = receive()
    register = "import atexit\natexit.register(signal.raise_signal, signal.SIGTERM)\n"
    # `atexit` begins with what was registered last: the provider's own shutdown comes before or after.
    parts = [register, OWN_QUEUE] if when == "after" else [OWN_QUEUE, register]
    program = run("".join(parts) + "flush_at_exit(provider)\ndeliver(700, 'd')", receiver.endpoint)
    _, errors = program.communicate(timeout=60)
    assert (program.returncode, errors) == (-signal.SIGTERM, "")
    assert len(set(receiver.span_names())) == 700


LATE = """
from outworx_otel.export import late_signals
late_signals.NEEDED = True
class Noted:
    def shutdown(self):
        print("shut down", flush=True)
noted = Noted()
assert flush_at_exit(noted, timeout=0.1)
"""


@pytest.mark.parametrize(
    ("before", "forked"),
    [
        ("", ""),
        ("", "if os.fork(): os._exit(os.waitstatus_to_exitcode(os.wait()[1]) & 0xff)\n"),
        ("import httpcore, trio", ""),
        ("import httpcore, trio", "if os.fork(): os._exit(os.waitstatus_to_exitcode(os.wait()[1]) & 0xff)\n"),
    ],
    ids=["plain", "forked", "trio", "trio-forked"],
)
def test_a_signal_that_the_main_thread_does_not_see_is_repeated(before: str, forked: str) -> None:
    # It is delivered to another thread, so that nothing interrupts the main thread's sleep.
    code = f"""
{before}
{LATE}{forked}
elsewhere = threading.Thread(target=time.sleep, args=(1000,), daemon=True)
elsewhere.start()
threading.Timer(0.2, lambda: signal.pthread_kill(elsewhere.ident, signal.SIGTERM)).start()
time.sleep(1000)
"""
    program = run(code, "http://127.0.0.1:9")
    output, errors = program.communicate(timeout=60)
    assert (output, errors) == ("shut down\n", "")
    assert program.returncode == (-signal.SIGTERM if not forked else -signal.SIGTERM & 0xFF)


def test_a_main_thread_that_never_looks_again_is_ended_with_the_status_of_sigterm() -> None:
    code = f"""
{LATE}
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
threading.Timer(0.2, lambda: signal.pthread_kill(other.ident, signal.SIGTERM)).start()
def unblocked():
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    time.sleep(1000)
other = threading.Thread(target=unblocked, daemon=True)
other.start()
time.sleep(1000)
"""
    program = run(code, "http://127.0.0.1:9")
    program.communicate(timeout=60)
    assert program.returncode == 128 + signal.SIGTERM


@pytest.mark.parametrize("order", ["import trio\n{late}", "{late}\nimport httpcore"])
def test_trio_finds_the_wake_up_pipe_free_when_it_runs(order: str) -> None:
    code = f"""
{order.format(late=LATE)}
assert late_signals._ours is not None
import trio, warnings
warnings.simplefilter("error")
async def see_whose_it_is():
    taken = signal.set_wakeup_fd(-1)
    assert taken not in (-1, late_signals._ours[1])
    signal.set_wakeup_fd(taken)
assert signal.set_wakeup_fd(late_signals._ours[1], warn_on_full_buffer=False) == late_signals._ours[1]
trio.run(see_whose_it_is)
"""
    program = run(code, "http://127.0.0.1:9")
    _, errors = program.communicate(timeout=60)
    assert (program.returncode, errors) == (0, "")


def test_a_wake_up_pipe_that_a_trio_would_find_taken_is_left_free() -> None:
    code = f"""
import trio._core._wakeup_socketpair as elsewhere
del elsewhere.WakeupSocketpair
{LATE}
assert signal.set_wakeup_fd(-1) == -1
"""
    _, errors = run(code, "http://127.0.0.1:9").communicate(timeout=60)
    assert errors == ""


def test_a_wake_up_pipe_that_is_somebody_elses_stays_theirs() -> None:
    code = f"""
theirs = os.pipe()
os.set_blocking(theirs[1], False)
signal.set_wakeup_fd(theirs[1])
{LATE}
assert signal.set_wakeup_fd(-1) == theirs[1]
"""
    _, errors = run(code, "http://127.0.0.1:9").communicate(timeout=60)
    assert errors == ""
