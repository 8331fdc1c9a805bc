"""What a retry gets over the socket: the first answer to the byte, and nothing that was not meant for it."""

from __future__ import annotations

import gzip

import pytest

from .conftest import Site, at
from .seen import await_webhooks, runs
from .sending import deliver, until_not_in_flight

WRONG = "whsec_of_somebody_else"
BOTH = ("fastapi-redis", "flask-postgresql")
# Hop by hop, of this very answer, or the server's own.
UNCOUNTED = {"date", "server", "connection", "idempotent-replayed"}


@at(*BOTH)
@pytest.mark.parametrize("kind", ["work", "binary", "gzipped", "full"])
def test_a_replay_has_status_bytes_and_safe_headers_of_the_first_answer(kind: str, site: Site) -> None:
    first, second = (deliver(site.url(kind), f"exact-{kind}") for _ in range(2))
    assert (first.is_replay, second.is_replay) == (False, True)
    assert (second.status, second.body) == (first.status, first.body)
    expected = {name: value for name, value in first.headers.items() if name not in {*UNCOUNTED, "x-mine"}}
    assert {name: value for name, value in second.headers.items() if name not in UNCOUNTED} == expected
    assert runs(site.witness, f"exact-{kind}").total() == 1
    if kind == "gzipped":
        assert b"run" in gzip.decompress(second.body)


@at(*BOTH)
@pytest.mark.parametrize("kind", ["large", "packed", "streamed"])
def test_an_answer_that_is_too_large_or_streamed_replays_its_status_without_a_body(
    kind: str, site: Site
) -> None:
    first = deliver(site.url(kind), f"unkept-{kind}")
    # Under WSGI a streamed answer is whole for its caller before it is closed, which is when it is committed.
    second = until_not_in_flight(site.url(kind), f"unkept-{kind}")
    assert (first.status, first.is_replay, len(first.body) > 0) == (202, False, True)
    assert (second.status, second.is_replay, second.body) == (202, True, b"")
    assert second.headers["content-length"] == "0"
    assert second.headers["content-type"] == first.headers["content-type"]
    assert "content-encoding" not in second.headers
    assert runs(site.witness, f"unkept-{kind}").total() == 1


@at(*BOTH)
def test_a_replayed_204_is_one_as_rfc_9110_has_it(site: Site) -> None:
    first, second = (deliver(site.url("empty"), "empty") for _ in range(2))
    assert (first.status, second.status, second.is_replay) == (204, 204, True)
    # Section 8.6: a server must not send Content-Length in any answer with status 204.
    assert "content-length" not in first.headers
    assert "content-length" not in second.headers


@at(*BOTH)
def test_a_replays_span_links_to_the_span_that_did_the_work(site: Site) -> None:
    for _ in range(3):
        deliver(site.url(), "linked")
    done, *replays = await_webhooks(site.receiver, 3, "linked")
    assert [span.outcome for span in (done, *replays)] == ["executed", "replayed", "replayed"]
    assert done.said("idempotency.committed") is True
    assert [span.links for span in replays] == [[done.span_id]] * 2
    assert len({span.said("idempotency.key") for span in (done, *replays)}) == 1


@at(*BOTH)
def test_the_same_key_with_another_body_is_replayed_and_noted_or_refused_where_that_is_wanted(
    site: Site,
) -> None:
    first, other = (deliver(site.url(), "differing", note=number) for number in range(2))
    assert (other.is_replay, other.body) == (True, first.body)
    deliver(site.url("checked"), "checked", note=0)
    assert deliver(site.url("checked"), "checked", note=1).status == 422
    assert deliver(site.url("checked"), "checked", note=0).is_replay
    for key, expected in (("differing", [None, True]), ("checked", [None, True, None])):
        spans = await_webhooks(site.receiver, len(expected), key)
        assert [span.said("idempotency.fingerprint_mismatch") for span in spans] == expected


@at(*BOTH)
def test_a_forged_delivery_neither_claims_its_key_nor_learns_the_answer(site: Site) -> None:
    assert deliver(site.url(), "forged", secret=WRONG).status == 401
    assert not deliver(site.url(), "forged").is_replay
    assert deliver(site.url(), "forged", secret=WRONG).status == 401
    assert runs(site.witness, "forged").total() == 1
    spans = await_webhooks(site.receiver, 3, "forged")
    assert [span.outcome for span in spans] == [None, "executed", None]


@at(*BOTH)
def test_a_forged_delivery_that_is_let_in_all_the_same_runs_beside_the_keys(site: Site) -> None:
    url = site.url("lenient")
    answers = [deliver(url, "lenient", secret=secret) for secret in (WRONG, WRONG)]
    genuine = [deliver(url, "lenient") for _ in range(2)]
    assert [answer.is_replay for answer in (*answers, *genuine)] == [False, False, False, True]
    assert not deliver(url, "lenient", secret=WRONG).is_replay


@at("fastapi-redis")
def test_a_failed_delivery_is_run_again_by_whichever_worker_its_retry_reaches(site: Site) -> None:
    assert until_not_in_flight(site.url(), "failing", fails=True).status == 500
    retried = deliver(site.url(), "failing", fails=True)
    assert (retried.status, retried.is_replay) == (200, False)
    assert deliver(site.url(), "failing", fails=True).body == retried.body
