"""Plain worker processes: what they report reaches a real receiver before they are gone."""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path

import pytest
from integrations.conftest import Telemetry
from support.receiver import Receiver

from .delivering import Monitor, handed_on
from .workers import SITES, arrived, environment, run_to_its_end

FORKED = """
import multiprocessing, sys
{first}
def work(token):
    import shop_jobs
    shop_jobs.charge(token, 7)

context = multiprocessing.get_context("fork")
workers = [context.Process(target=work, args=(token,)) for token in sys.argv[1:]]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
    assert worker.exitcode == 0
"""


@pytest.fixture
def tokens(secret: str, monitor: Monitor) -> list[str]:
    return [handed_on(monitor) for _ in range(2)]


def identities(telemetry: Telemetry) -> set[tuple[bytes, bytes]]:
    contexts = [span.context for span in telemetry.deliveries()]
    return {
        (context.trace_id.to_bytes(16, "big"), context.span_id.to_bytes(8, "big")) for context in contexts
    }


def test_a_spawned_process_resumes_and_its_span_arrives(
    tokens: list[str], receiver: Receiver, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(receiver).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "path", [str(SITES), *sys.path])
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_charge, args=(token, 7)) for token in tokens]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    spans = arrived(receiver, "process", 2)
    assert {span.said("processing.status") for span in spans} == {"completed"}
    assert {span.said("metadata.order") for span in spans} == {7}
    assert {link for span in spans for link in span.links} == identities(telemetry)


def _charge(token: str, order: int) -> None:
    import shop_jobs

    shop_jobs.charge(token, order)


@pytest.mark.parametrize("first", ["import shop_jobs", "import outworx_otel", ""])
def test_a_forked_process_that_ends_without_a_goodbye_resumes_and_its_span_arrives(
    first: str, tokens: list[str], receiver: Receiver, telemetry: Telemetry, tmp_path: Path
) -> None:
    run_to_its_end(["-c", FORKED.format(first=first), *tokens], tmp_path, environment(receiver))
    spans = arrived(receiver, "process", 2)
    assert {span.said("processing.status") for span in spans} == {"completed"}
    assert {link for span in spans for link in span.links} == identities(telemetry)


def test_a_forked_worker_tries_a_receiver_that_is_away_and_ends(tokens: list[str], tmp_path: Path) -> None:
    away = Receiver().start()
    away.stop()
    ran = ["-c", FORKED.format(first="import shop_jobs"), *tokens]
    said = run_to_its_end(ran, tmp_path, environment(away))
    assert said.count("spans are kept and tried again") == len(tokens)
