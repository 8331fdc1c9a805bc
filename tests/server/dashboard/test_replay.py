"""The replay button: to this machine alone, signed anew, and honest where it cannot."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from outworx_otel.server.model import StoredDelivery
from outworx_otel.signatures import verify
from server.dashboard.kept import BODY
from server.dashboard.serving import csrf_of
from server.dashboard.target import Application

_SECRET = "whsec_0123456789abcdef0123456789abcdef"  # noqa: S105  # nobody's


def _replay(client: TestClient, one: StoredDelivery, to: str) -> str:
    """The page that the form leads to, which can be loaded again without sending anything."""
    page = client.get(f"/deliveries/{one.id}").text
    form = {"csrf": csrf_of(page), "to": to}
    posted = client.post(f"/deliveries/{one.id}/replay", data=form, follow_redirects=False)
    assert posted.status_code == 303
    answer = client.get(posted.headers["location"])
    assert answer.status_code == 200
    return answer.text


def test_the_stored_bytes_are_sent_signed_anew_and_the_answer_is_shown(
    client: TestClient,
    by_outcome: dict[str, StoredDelivery],
    application: Application,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OUTWORX_SECRET_STRIPE", _SECRET)
    page = _replay(client, by_outcome["accepted"], application.address)
    assert "Answered 202" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert _SECRET not in page
    (path, headers, body), *more = application.received
    assert not more
    assert path == "/webhooks/stripe"
    assert body == BODY.encode()
    assert verify("stripe", body, headers, _SECRET).valid


def test_without_a_secret_it_says_that_the_signature_is_not_fresh(
    client: TestClient, by_outcome: dict[str, StoredDelivery], application: Application
) -> None:
    page = client.get(f"/deliveries/{by_outcome['accepted'].id}").text
    assert "no secret is set here. OUTWORX_SECRET_STRIPE would be read." in page
    page = _replay(client, by_outcome["accepted"], f"{application.address}/elsewhere?x=1")
    assert "no secret is known for stripe" in page
    assert application.received[0][0] == "/elsewhere?x=1"


@pytest.mark.parametrize(
    "target",
    [
        "http://192.0.2.1/x",
        "http://169.254.169.254/latest/meta-data",
        "http://[2001:db8::1]/",
        "http://0.0.0.0:1/",
    ],
)
def test_another_machine_is_refused(
    client: TestClient, by_outcome: dict[str, StoredDelivery], target: str
) -> None:
    page = _replay(client, by_outcome["accepted"], target)
    assert "only loopback addresses" in page


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "http://user:secret@localhost/", "ftp://localhost", "http://"]
)
def test_what_is_no_address_is_refused(
    client: TestClient, by_outcome: dict[str, StoredDelivery], target: str
) -> None:
    page = _replay(client, by_outcome["accepted"], target)
    assert 'class="problem"' in page


def test_an_application_that_is_down_is_told_so(
    client: TestClient, by_outcome: dict[str, StoredDelivery]
) -> None:
    page = _replay(client, by_outcome["accepted"], "http://127.0.0.1:9")
    assert "nothing listens at http://127.0.0.1:9" in page


def test_a_delivery_whose_body_was_not_kept_says_how_to_keep_it(
    client: TestClient, by_outcome: dict[str, StoredDelivery]
) -> None:
    page = client.get(f"/deliveries/{by_outcome['rejected'].id}").text
    assert "cannot be sent again: the body was not stored" in page
    assert "capture_body" in page
    assert f'action="/deliveries/{by_outcome["rejected"].id}/replay' not in page


def test_the_answer_is_shown_at_its_own_delivery_alone(
    client: TestClient, by_outcome: dict[str, StoredDelivery], application: Application
) -> None:
    one, form = by_outcome["accepted"], {"to": application.address}
    form["csrf"] = csrf_of(client.get(f"/deliveries/{one.id}").text)
    posted = client.post(f"/deliveries/{one.id}/replay?outcome=accepted", data=form, follow_redirects=False)
    page = posted.headers["location"]
    assert page.startswith(f"/deliveries/{one.id}?outcome=accepted&replayed=")
    assert "Answered 202" in client.get(page).text
    assert "Answered 202" not in client.get(page.replace(one.id, by_outcome["silent_drop"].id)).text
    assert len(application.received) == 1


def test_a_form_of_another_page_is_refused(
    client: TestClient, by_outcome: dict[str, StoredDelivery], application: Application
) -> None:
    path = f"/deliveries/{by_outcome['accepted'].id}/replay"
    assert client.post(path, data={"to": application.address}).status_code == 403
    token = csrf_of(client.get(f"/deliveries/{by_outcome['accepted'].id}").text)
    form = {"csrf": token, "to": application.address}
    foreign = client.post(path, data=form, headers={"origin": "http://evil.example"})
    assert foreign.status_code == 403
    assert client.get(path).status_code == 405
    assert not application.received
