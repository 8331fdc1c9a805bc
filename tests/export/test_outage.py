"""Receivers that are away, refuse the key, or are slow: what is kept, retried, bounded and said."""

from __future__ import annotations

import dataclasses
import socket
import threading
import time
from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Tracer
from support.receiver import Call, Receiver, Reply, free_port

from outworx_otel.export import OutworxSpanExporter, OutworxSpanProcessor, RetryPolicy
from outworx_otel.export.send_result import SendResult, Verdict
from outworx_otel.export.sizes import size_of_resource, size_of_span

from .scene import QUICK, deliver

KEY = "ohk_1"
Receive = Callable[..., Receiver]
Tracing = Callable[..., Tracer]


def test_a_receiver_that_is_down_for_three_seconds_loses_nothing(
    receive: Receive, tracing: Tracing, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    processor = OutworxSpanProcessor(KEY, f"http://127.0.0.1:{port}", schedule_delay=50)
    tracer = tracing(processor)
    deliver(tracer, 600, "early")
    time.sleep(1.5)
    deliver(tracer, 400, "late")
    time.sleep(1.5)
    receiver = receive(port=port)
    assert processor.force_flush(20_000)
    assert len(set(receiver.span_names())) == 1000
    assert caplog.text.count("cannot deliver") == 1
    assert caplog.text.count("answers again") == 1


def test_the_exporter_does_not_hold_up_the_batch_processor_while_the_receiver_is_down(
    receive: Receive, tracing: Tracing
) -> None:
    port = free_port()
    # Held up, each round would wait for its batch to be given up, and lose it: the receiver comes only afterwards.
    patient = dataclasses.replace(QUICK, keep=60.0)
    batch = BatchSpanProcessor(OutworxSpanExporter(KEY, f"http://127.0.0.1:{port}", retry_policy=patient))
    tracer = tracing(batch)
    for round_number in range(3):
        deliver(tracer, 600, f"round {round_number}")
        assert batch.force_flush()
    receiver = receive(port=port)
    assert receiver.wait_for(lambda r: len(set(r.span_names())) == 1800)


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_a_passing_failure_is_tried_again(status: int, receive: Receive, tracing: Tracing) -> None:
    receiver = receive(lambda call, index: Reply(status if index < 2 else 200))
    processor = OutworxSpanProcessor(KEY, receiver.endpoint, retry_policy=QUICK)
    deliver(tracing(processor))
    assert processor.force_flush()
    assert len(receiver.calls) == 3


def test_retry_after_is_respected(receive: Receive, tracing: Tracing) -> None:
    receiver = receive(lambda call, index: Reply(503, {"retry-after": "1"}) if index == 0 else Reply())
    processor = OutworxSpanProcessor(KEY, receiver.endpoint, retry_policy=QUICK)
    deliver(tracing(processor))
    assert processor.force_flush()
    assert receiver.calls[1].at - receiver.calls[0].at >= 0.95


def test_a_batch_is_given_up_when_its_time_is_over_and_that_is_said(
    receive: Receive, tracing: Tracing, caplog: pytest.LogCaptureFixture
) -> None:
    errors: list[Exception] = []
    processor = OutworxSpanProcessor(
        KEY,
        f"http://127.0.0.1:{free_port()}",
        on_error=errors.append,
        retry_policy=RetryPolicy(keep=0.5, first_wait=0.1),
    )
    deliver(tracing(processor), 3)
    assert processor.force_flush()
    assert "3 (Connection refused" in caplog.text
    assert len(errors) == 2


def test_a_rejected_key_is_said_once_and_not_tried_again_at_once(
    receive: Receive, tracing: Tracing, caplog: pytest.LogCaptureFixture
) -> None:
    errors: list[Exception] = []
    receiver = receive(lambda call, index: Reply(401))
    processor = OutworxSpanProcessor(KEY, receiver.endpoint, schedule_delay=20, on_error=errors.append)
    tracer = tracing(processor)
    began = time.monotonic()
    for _ in range(5):
        deliver(tracer, 600)
        time.sleep(0.1)
        assert not processor.force_flush()
    # A flush that waits does so for 30 seconds, and the key's pause is 60.
    assert time.monotonic() - began < 25
    assert len(receiver.calls) == 1
    assert caplog.text.count("the API key was rejected") == 1
    assert "OUTWORX_API_KEY" in caplog.text
    began = time.monotonic()
    processor.shutdown()
    assert time.monotonic() - began < 25
    assert len(receiver.calls) == 1
    assert processor._export_queue._report.total_dropped == 3000
    assert any("the key is rejected" in str(error) for error in errors)


def test_a_key_that_is_accepted_later_delivers_what_was_kept(receive: Receive, tracing: Tracing) -> None:
    receiver = receive(lambda call, index: Reply(403 if index < 2 else 200))
    processor = OutworxSpanProcessor(
        KEY, receiver.endpoint, schedule_delay=20, retry_policy=RetryPolicy(key_pause=0.2)
    )
    deliver(tracing(processor), 2)
    assert receiver.wait_for(lambda r: len(r.calls) == 3)
    assert processor.force_flush()
    assert receiver.calls[2].at - receiver.calls[0].at >= 0.38


def test_a_key_stays_rejected_only_for_a_bounded_number_of_attempts() -> None:
    retry_policy = RetryPolicy()
    waits = [
        retry_policy.wait(SendResult(Verdict.KEY_REJECTED), attempt, attempt * 60.0)
        for attempt in range(1, 7)
    ]
    assert waits == [60.0, 60.0, 60.0, 60.0, None, None]


def test_back_off_grows_with_jitter_and_ends_with_the_time_for_which_a_batch_is_kept() -> None:
    retry_policy = RetryPolicy()
    away = SendResult(Verdict.PASSING)
    waits = [retry_policy.wait(away, attempt, 0.0) or 0.0 for attempt in range(1, 9)]
    for wait, longest in zip(waits, [0.5, 1, 2, 4, 5, 5, 5, 5], strict=True):
        assert 0.6 * longest <= wait <= longest
    assert retry_policy.wait(away, 9, 58.0) == pytest.approx(2.0)
    assert retry_policy.wait(away, 9, 60.0) is None
    assert retry_policy.wait(SendResult(Verdict.PASSING, retry_after=30.0), 1, 0.0) == 30.0
    assert (retry_policy.wait(SendResult(Verdict.PASSING, retry_after=0.0), 1, 0.0) or 0.0) >= 0.3


def test_at_exit_a_batch_waits_no_longer_than_the_process_may_live() -> None:
    retry_policy = RetryPolicy()
    assert retry_policy.wait_at_exit(SendResult(Verdict.PASSING), 4.0) == 0.5
    assert retry_policy.wait_at_exit(SendResult(Verdict.PASSING, retry_after=3.0), 4.0) == 3.0
    assert retry_policy.wait_at_exit(SendResult(Verdict.PASSING, retry_after=30.0), 4.0) is None
    assert retry_policy.wait_at_exit(SendResult(Verdict.KEY_REJECTED), 4.0) is None


def test_the_queue_is_bounded_in_spans_and_what_is_refused_is_said(
    receive: Receive, tracing: Tracing, caplog: pytest.LogCaptureFixture
) -> None:
    begun, open_gate = threading.Event(), threading.Event()

    def script(call: Call, index: int) -> Reply:
        begun.set()
        open_gate.wait(10)
        return Reply()

    receiver = receive(script)
    processor = OutworxSpanProcessor(
        KEY, receiver.endpoint, max_queue_size=100, max_batch_size=10, timeout=10_000, schedule_delay=10
    )
    tracer = tracing(processor)
    deliver(tracer, 10, "in flight")
    assert begun.wait(60)
    deliver(tracer, 250)
    open_gate.set()
    assert processor.force_flush()
    assert len(receiver.span_names()) == 110
    assert "150 (the queue is full)" in caplog.text


def test_queue_and_batches_are_bounded_in_bytes(receive: Receive, tracing: Tracing) -> None:
    receiver = receive()
    processor = OutworxSpanProcessor(
        KEY, receiver.endpoint, max_queue_bytes=1_000_000, max_batch_bytes=200_000, schedule_delay=60_000
    )
    tracer = tracing(processor)
    # The first 10 fill a batch of 200 kB and begin to travel; of the rest about a megabyte fits.
    body = {"outworx.webhook.request.body": "x" * 20_000}
    deliver(tracer, 1, "large", **{"outworx.webhook.request.body": "x" * 600_000})
    deliver(tracer, 200, **body)
    assert processor.force_flush()
    assert 19 <= len(receiver.span_names()) < 200
    assert [len(list(call.spans())) for call in receiver.calls if len(call.body) > 200_000] == [1]


def test_a_span_larger_than_every_bound_is_sent_alone(receive: Receive, tracing: Tracing) -> None:
    receiver = receive()
    processor = OutworxSpanProcessor(KEY, receiver.endpoint, max_queue_bytes=1000, max_batch_bytes=500)
    deliver(tracing(processor), 1, **{"outworx.webhook.request.body": "x" * 5000})
    assert processor.force_flush()
    assert len(receiver.span_names()) == 1


def test_the_estimated_size_is_close_to_the_encoded_one(receive: Receive, tracing: Tracing) -> None:
    receiver = receive()
    processor = OutworxSpanProcessor(KEY, receiver.endpoint)
    headers = {f"http.request.header.name-{n}": ["v" * 80] for n in range(20)}
    tracer = tracing(processor)
    span = tracer.start_span("webhook x", attributes={"outworx.webhook.request.body": "x" * 3000, **headers})
    span.record_exception(ValueError("with its trace"))
    span.end()
    assert processor.force_flush()
    encoded = len(receiver.calls[0].body)
    estimated = size_of_span(span) + size_of_resource(span)  # type: ignore[arg-type] # an SDK span
    assert 0.8 * encoded < estimated < 1.2 * encoded


def test_shutdown_is_bounded_when_the_receiver_is_down_or_never_answers(
    tracing: Tracing, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        ports = (free_port(), deaf.getsockname()[1])
        processors = [OutworxSpanProcessor(KEY, f"http://127.0.0.1:{port}", timeout=30_000) for port in ports]
        for processor in processors:
            deliver(tracing(processor), 1500)
        time.sleep(0.2)  # the first attempt is under way, with its full time-out
        began = time.monotonic()
        threads = [threading.Thread(target=processor.shutdown) for processor in processors]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        # Less than the attempt's time-out of 30 s.
        assert time.monotonic() - began < 25
    # The deaf receiver's socket is closed by now, which ends that attempt: nothing is counted twice.
    time.sleep(0.3)
    assert [processor._export_queue._report.total_dropped for processor in processors] == [1500, 1500]
    assert caplog.text.count("dropped spans") >= 2


def test_one_attempt_takes_no_longer_than_the_timeout(receive: Receive, tracing: Tracing) -> None:
    def script(call: Call, index: int) -> Reply:
        if index == 0:
            time.sleep(1)
        return Reply()

    receiver = receive(script)
    processor = OutworxSpanProcessor(KEY, receiver.endpoint, timeout=200, retry_policy=QUICK)
    deliver(tracing(processor))
    assert processor.force_flush()
    assert receiver.wait_for(lambda r: len(r.calls) >= 2)


def test_a_flush_gives_up_in_time_and_says_so(tracing: Tracing) -> None:
    processor = OutworxSpanProcessor(KEY, f"http://127.0.0.1:{free_port()}")
    deliver(tracing(processor))
    began = time.monotonic()
    assert not processor.force_flush(300)
    # By default it would wait for 30 s.
    assert time.monotonic() - began < 25
    processor._export_queue.give_up_after(0)


def test_nothing_is_taken_after_shutdown(receive: Receive, tracing: Tracing) -> None:
    receiver = receive()
    processor = OutworxSpanProcessor(KEY, receiver.endpoint)
    tracer = tracing(processor)
    processor.shutdown()
    deliver(tracer)
    processor.shutdown()
    assert processor.force_flush()
    assert receiver.calls == []
