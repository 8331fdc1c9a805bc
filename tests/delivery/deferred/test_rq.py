"""A real RQ worker on a real Redis goes on with what a real web process has answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from e2e.conftest import serving_from
from support.deployment import uvicorn
from support.receiver import Receiver
from support.scale import rows

from .workers import SITES, Arrived, arrived, environment, run_to_its_end

CLI = ("-m", "rq.cli", "worker", "--burst", "--url")
# What becomes of each job in the eyes of RQ.
ENDS = {"charge": "finished", "charge_in_vain": "failed", "forget": "finished"}


@pytest.fixture(scope="module")
def redis_server() -> Iterator[Any]:
    # The newest Python, which is given other tests of this folder, has no client of Redis.
    from support.databases import RedisServer

    with RedisServer() as server:
        yield server


@pytest.fixture
def enqueue(redis_server: Any, receiver: Receiver, tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Sends a delivery whose handler enqueues a job; gives the job's id."""
    with serving_from(tmp_path) as serve:
        site = uvicorn("shop_site:app").bare()
        environ = environment(receiver, JOBS_URL=redis_server.url)
        server = serve(site, configuration=None, **environ)

        def send(job: str) -> str:
            answer = httpx.post(f"{server.url}/webhooks/shop?job={job}", json={"id": "evt_1"}, timeout=20)
            assert answer.status_code == 200, server.log()
            return str(answer.json()["job"])

        yield send


def work(how: str, url: str, receiver: Receiver, directory: Path) -> str:
    """Runs a worker in a process of its own until its queue is empty."""
    environ = environment(receiver, JOBS_URL=url)
    command = [*CLI, url] if how == "rq worker" else [str(SITES / "worker_before_fork.py")]
    return run_to_its_end(command, directory, environ)


@pytest.mark.parametrize("how", rows(["a worker that is set up before it forks"], ["rq worker"]))
def test_what_becomes_of_each_job_is_told_by_a_span_linked_to_its_delivery(
    how: str, enqueue: Callable[[str], str], redis_server: Any, receiver: Receiver, tmp_path: Path
) -> None:
    from rq.job import Job

    jobs = {**ENDS, **({} if how == "rq worker" else {"charge_asynchronously": "finished"})}
    ids = {job: enqueue(job) for job in jobs}
    log = work(how, redis_server.url, receiver, tmp_path)
    with redis_server.client() as client:
        statuses = {job: Job.fetch(ids[job], client).get_status(refresh=True).value for job in jobs}
    assert statuses == jobs, log

    deliveries = sorted(arrived(receiver, "webhook shop", len(jobs)), key=lambda span: span.began)
    assert {span.said("processing.status") for span in deliveries} == {"deferred"}
    assert not any(span.is_error for span in deliveries)
    by_link: dict[Any, Arrived] = {}
    for span in arrived(receiver, "process", len(jobs)):
        (link,) = span.links
        by_link[link] = span
        assert 0 <= span.said("processing.queue_delay") < 60
        assert span.said("http.route") == "/webhooks/shop"
    assert set(by_link) == {span.identity for span in deliveries}

    # One after the other, as they were sent.
    spans = {job: by_link[delivery.identity] for job, delivery in zip(jobs, deliveries, strict=True)}
    assert spans["charge"].said("metadata.order") == 7
    assert spans["charge_in_vain"].said("error.type") == "shop_jobs.CardDeclined"
    assert spans["charge_in_vain"].events == ["exception"]
    outcomes = {job: (span.said("processing.status"), span.is_error) for job, span in spans.items()}
    expected = {
        "charge": ("completed", False),
        "charge_in_vain": (None, True),
        "forget": ("silent_drop", True),
        "charge_asynchronously": ("completed", False),
    }
    assert outcomes == {job: expected[job] for job in jobs}


INTEGRATED: dict[str, tuple[str | None, str | None]] = {
    "charge": ("completed", None),
    "charge_in_vain": (None, "ValueError"),
    "charge_at_second_try": ("completed", None),
    "charge_and_ask_for_another_try": ("completed", None),
}


def test_after_defer_the_end_of_each_job_ends_the_process_span_once(
    redis_server: Any, receiver: Receiver, tmp_path: Path
) -> None:
    environ = environment(receiver, JOBS_URL=redis_server.url)
    run_to_its_end(["-m", "shop_rq", *INTEGRATED], tmp_path, environ)
    deliveries = sorted(arrived(receiver, "webhook shop", len(INTEGRATED)), key=lambda span: span.began)
    log = run_to_its_end(["-m", "rq.cli", "worker", "--burst", "-c", "shop_rq"], tmp_path, environ)
    by_link = {span.links[0]: span for span in arrived(receiver, "process", len(INTEGRATED))}
    told = {}
    for job, delivery in zip(INTEGRATED, deliveries, strict=True):
        assert delivery.identity in by_link, log
        span = by_link[delivery.identity]
        told[job] = (span.said("processing.status"), span.said("error.type"))
    assert told == INTEGRATED, log
