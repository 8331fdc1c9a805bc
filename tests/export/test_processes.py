"""SIGTERM, ordinary exit and fork, in real processes that report to a real receiver."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable

import pytest
from support.receiver import Call, Receiver, Reply, free_port

from .scene import start_program

Receive = Callable[..., Receiver]

PROVIDER = """
import os, signal, sys, threading, time
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from outworx_otel.export import OutworxSpanExporter, OutworxSpanProcessor, flush_at_exit

def make(processor):
    global provider, tracer
    provider = TracerProvider()
    provider.add_span_processor(processor)
    tracer = provider.get_tracer("outworx_otel")

def deliver(count, prefix):
    for number in range(count):
        tracer.start_span(f"{prefix} {number}", attributes={"outworx.webhook.provider": "stripe"}).end()

def ready():
    print("ready", flush=True)
    time.sleep(60)
"""
OWN_QUEUE = "make(OutworxSpanProcessor(schedule_delay=60_000))\n"
SDK_QUEUE = "make(BatchSpanProcessor(OutworxSpanExporter(), schedule_delay_millis=60_000))\n"


def run(code: str, endpoint: str, **environ: str) -> subprocess.Popen[str]:
    return start_program(
        PROVIDER + code, OUTWORX_HOOKS_ENDPOINT=endpoint, OUTWORX_HOOKS_API_KEY="ohk_process", **environ
    )


def terminate(program: subprocess.Popen[str]) -> tuple[int, str]:
    assert program.stdout is not None
    assert program.stdout.readline().strip() == "ready"
    program.send_signal(signal.SIGTERM)
    _, errors = program.communicate(timeout=60)
    return program.returncode, errors


@pytest.mark.parametrize("queue", [OWN_QUEUE, SDK_QUEUE], ids=["processor", "exporter"])
def test_a_thousand_deliveries_then_sigterm_all_arrive_and_the_status_stays_143(
    queue: str, receive: Receive
) -> None:
    receiver = receive()
    program = run(f"{queue}assert flush_at_exit(provider)\ndeliver(1000, 'd')\nready()", receiver.endpoint)
    status, errors = terminate(program)
    assert len(set(receiver.span_names())) == len(receiver.span_names()) == 1000
    assert status == -signal.SIGTERM  # what a shell shows as 143
    assert errors == ""


@pytest.mark.parametrize("queue", [OWN_QUEUE, SDK_QUEUE], ids=["processor", "exporter"])
def test_what_is_queued_at_an_ordinary_exit_arrives(queue: str, receive: Receive) -> None:
    receiver = receive()
    program = run(f"{queue}deliver(1000, 'd')", receiver.endpoint)
    _, errors = program.communicate(timeout=60)
    assert (program.returncode, errors) == (0, "")
    assert len(set(receiver.span_names())) == 1000


def test_a_span_that_ends_when_no_thread_can_be_started_any_more_still_arrives(receive: Receive) -> None:
    receiver = receive()
    code = f"import atexit\n{OWN_QUEUE}\natexit.register(deliver, 5, 'd')"
    program = run(code, receiver.endpoint)
    _, errors = program.communicate(timeout=60)
    assert (program.returncode, errors) == (0, "")
    assert len(receiver.span_names()) == 5


def test_sigterm_in_the_middle_of_deliveries_loses_none_that_ended_before(receive: Receive) -> None:
    code = """
make(OutworxSpanProcessor(schedule_delay=5, max_queue_size=100_000))
flush_at_exit(provider)
print("ready", flush=True)
count = 0
while True:
    tracer.start_span(f"d {count}").end()
    count += 1
    if count % 20 == 0:
        time.sleep(0.001)
"""
    for _ in range(3):
        receiver = receive()
        program = run(code, receiver.endpoint)
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        assert receiver.wait_for(lambda r: bool(r.span_names()))
        program.send_signal(signal.SIGTERM)
        program.communicate(timeout=60)
        numbers = sorted(int(name.split()[1]) for name in receiver.span_names())
        assert numbers
        assert numbers == list(range(len(numbers)))
        assert program.returncode == -signal.SIGTERM


def test_a_receiver_that_is_down_at_exit_holds_the_process_up_for_about_five_seconds(
    receive: Receive,
) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    metrics = """
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from outworx_otel.export import OutworxMetricExporter
meters = MeterProvider([PeriodicExportingMetricReader(OutworxMetricExporter())])
meters.get_meter("outworx_otel").create_counter("outworx.webhook.deliveries").add(1)
deliver(1000, "d")
"""
    up = "print('ready', flush=True)\n"
    ordinary = run(OWN_QUEUE + metrics + up, endpoint)
    terminated = run(f"{SDK_QUEUE}{metrics}flush_at_exit(provider)\nflush_at_exit(meters)\nready()", endpoint)
    # Not before both are up: on a busy machine that takes its time.
    for program in (ordinary, terminated):
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
    began = time.monotonic()
    terminated.send_signal(signal.SIGTERM)
    _, errors = terminated.communicate(timeout=60)
    assert terminated.returncode == -signal.SIGTERM
    _, other_errors = ordinary.communicate(timeout=60)
    assert ordinary.returncode == 0
    assert time.monotonic() - began < 12
    for text in (errors, other_errors):
        assert "dropped spans" in text
        assert "Traceback" not in text


def test_every_forked_child_exports_its_own_and_none_of_its_parents(receive: Receive) -> None:
    code = """
make(OutworxSpanProcessor(schedule_delay=60_000))
flush_at_exit(provider)
deliver(50, "parent")
children = []
for worker in range(3):
    pid = os.fork()
    if pid == 0:
        deliver(200, f"child-{worker}")
        if worker == 0:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        sys.exit(0)
    children.append(pid)
statuses = [os.waitpid(pid, 0)[1] for pid in children]
deliver(50, "late-parent")
print(statuses)
"""
    receiver = receive()
    program = run(code, receiver.endpoint)
    output, errors = program.communicate(timeout=60)
    assert output.strip() == str([signal.SIGTERM.value, 0, 0])
    names = receiver.span_names()
    counts = {
        prefix: sum(name.startswith(f"{prefix} ") for name in names) for prefix in ("parent", "late-parent")
    }
    assert counts == {"parent": 50, "late-parent": 50}
    assert [sum(name.startswith(f"child-{worker} ") for name in names) for worker in range(3)] == [200] * 3
    assert errors == ""


def test_a_fork_with_a_live_connection_does_not_write_into_its_parents_socket(receive: Receive) -> None:
    code = """
make(OutworxSpanProcessor(schedule_delay=10))
deliver(5, "parent")
assert provider.force_flush()
pid = os.fork()
deliver(300, "child" if pid == 0 else "parent-after")
assert provider.force_flush()
if pid:
    os.waitpid(pid, 0)
"""
    receiver = receive()
    program = run(code, receiver.endpoint)
    _, errors = program.communicate(timeout=60)
    assert errors == ""
    assert len(set(receiver.span_names())) == len(receiver.span_names()) == 605


def test_sigterm_is_chained_only_where_nobody_else_wants_it() -> None:
    # Each case in a child of one program: SIGTERM's disposition belongs to a whole process.
    code = """
make(OutworxSpanProcessor())
assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
assert threading.active_count() == 1

def in_a_child(name, prepare=lambda: None, **options):
    if os.fork() == 0:
        prepare()
        print(name, flush_at_exit(provider, **options), flush_at_exit(provider, **options), flush=True)
        os._exit(0)
    os.wait()

def elsewhere():
    thread = threading.Thread(target=lambda: print("thread", flush_at_exit(provider), flush=True))
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL

in_a_child("default")
in_a_child("argument", enabled=False)
in_a_child("variable", lambda: os.environ.update(OUTWORX_HOOKS_EXIT_FLUSH="false"))
in_a_child("handler", lambda: signal.signal(signal.SIGTERM, lambda *_: None))
in_a_child("ignored", lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN))
elsewhere()
"""
    output, errors = run(code, "http://127.0.0.1:9").communicate(timeout=60)
    assert errors == ""
    assert output.splitlines() == [
        "default True True",
        "argument False False",
        "variable False False",
        "handler False False",
        "ignored False False",
        "thread False",
    ]


def test_a_server_that_installs_and_restores_handlers_gives_sigterm_back_to_us(receive: Receive) -> None:
    # What uvicorn does: its own handler while it serves, then the one it found, then the signal again.
    code = f"""
{OWN_QUEUE}
flush_at_exit(provider)
stop = []
found = signal.signal(signal.SIGTERM, lambda *_: stop.append(True))
print("ready", flush=True)
# Neither an Event, whose lock the handler may find held, nor one long sleep: Python 3.14 may call the handler late.
while not stop:
    time.sleep(0.05)
deliver(700, "d")
signal.signal(signal.SIGTERM, found)
signal.raise_signal(signal.SIGTERM)
"""
    receiver = receive()
    status, errors = terminate(run(code, receiver.endpoint))
    assert (status, errors) == (-signal.SIGTERM, "")
    assert len(receiver.span_names()) == 700


def test_a_second_sigterm_does_not_cut_the_delivery_short(receive: Receive) -> None:
    def slow(call: Call, index: int) -> Reply:
        time.sleep(0.5)
        return Reply()

    receiver = receive(slow)
    program = run(f"{OWN_QUEUE}flush_at_exit(provider)\ndeliver(1000, 'd')\nready()", receiver.endpoint)
    assert program.stdout is not None
    assert program.stdout.readline() == "ready\n"
    for _ in range(3):
        program.send_signal(signal.SIGTERM)
        time.sleep(0.1)
    _, errors = program.communicate(timeout=60)
    assert (program.returncode, errors) == (-signal.SIGTERM, "")
    assert len(receiver.span_names()) == 1000


def test_a_provider_whose_shutdown_raises_does_not_keep_the_process_alive() -> None:
    code = """
class Broken:
    def shutdown(self):
        raise RuntimeError("broken")
broken = Broken()
flush_at_exit(broken)
ready()
"""
    status, errors = terminate(run(code, "http://127.0.0.1:9"))
    assert status == -signal.SIGTERM
    assert "shutting down Broken failed" in errors


def test_importing_the_package_starts_nothing_and_loads_no_client() -> None:
    code = """
import sys, threading
import outworx_otel.export
print(threading.active_count(), "requests" in sys.modules or "httpcore" in sys.modules)
"""
    output, errors = start_program(code).communicate(timeout=60)
    assert (output.strip(), errors) == ("1 False", "")


CHILD = """
import multiprocessing
from opentelemetry import metrics
import outworx_otel
outworx_otel.init()
counter = metrics.get_meter("outworx_otel").create_counter("outworx.webhook.deliveries")
counter.add(1)

def work(count):
    tracer = __import__("opentelemetry.trace").trace.get_tracer("outworx_otel")
    for number in range(count):
        tracer.start_span(f"child {number}", attributes={"outworx.webhook.provider": "stripe"}).end()

for count in COUNTS:
    child = multiprocessing.get_context("fork").Process(target=work, args=(count,))
    child.start()
    child.join()
    assert child.exitcode == 0
"""


def test_a_child_of_multiprocessing_sends_its_own_though_it_ends_without_atexit(receive: Receive) -> None:
    receiver = receive()
    program = run(CHILD.replace("COUNTS", "[30]"), receiver.endpoint, OUTWORX_HOOKS_QUIET="true")
    _, errors = program.communicate(timeout=60)
    assert errors == ""
    assert sum(name.startswith("child ") for name in receiver.span_names()) == 30


def test_a_child_that_has_nothing_to_send_does_not_send_its_parents_counts_again(receive: Receive) -> None:
    receiver = receive()
    program = run(CHILD.replace("COUNTS", "[0, 0, 0]"), receiver.endpoint, OUTWORX_HOOKS_QUIET="true")
    _, errors = program.communicate(timeout=60)
    assert errors == ""
    sent = [call for call in receiver.calls if call.path.endswith("/v1/metrics")]
    assert len(sent) == 1
