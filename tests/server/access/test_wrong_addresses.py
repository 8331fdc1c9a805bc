"""What is sent to an address that is nearly right is told the right one, key or no key."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from google.rpc.status_pb2 import Status

from outworx_otel.server.app import Application

from .scene import KEY, WITH_KEY, application, client


@pytest.fixture(scope="module", params=["open", "with keys"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    keys = () if request.param == "open" else (KEY,)
    app = application(tmp_path_factory.mktemp("addresses"), api_keys=keys)
    with client(app):
        yield app


@pytest.mark.parametrize(
    ("path", "status", "right"),
    [
        ("/", 405, "/v1/traces"),
        ("/v1/traces/v1/traces", 404, "/v1/traces"),
        ("/v1/metrics/v1/metrics", 404, "/v1/metrics"),
        ("/v1/traces/v1/metrics", 404, "/v1/metrics"),
        ("/api/ingest/v1/traces/v1/traces", 404, "/v1/traces"),
        ("/api/ingest/api/ingest", 404, "/api/ingest"),
        ("/api/ingest/api/ingest/v1/traces", 404, "/api/ingest/v1/traces"),
        ("/api/ingest/", 404, "/api/ingest"),
        ("/v1/traces/", 404, "/v1/traces"),
        ("/v1", 404, "/v1/traces"),
        ("/v1/trace", 404, "/v1/traces"),
        ("/v1/logs", 404, "OTEL_LOGS_EXPORTER=none"),
        ("/api/ingest/v1/logs", 404, "OTEL_LOGS_EXPORTER=none"),
        ("/v1development/profiles", 404, "/v1/traces"),
        ("/otlp/v1/traces", 404, "/v1/traces"),
        ("/api/v2/spans", 404, "/v1/traces"),
    ],
)
def test_a_wrong_address_is_told_the_right_one(
    served: Application, path: str, status: int, right: str
) -> None:
    for headers in ({}, WITH_KEY):
        answer = client(served).post(
            path, content=b"{}", headers={"content-type": "application/json", **headers}
        )
        assert answer.status_code == status
        assert right in answer.text
        assert "api key" not in answer.text.lower()
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_an_exporter_is_told_in_its_own_format(served: Application) -> None:
    answer = client(served).post("/v1/traces/v1/traces", headers={"content-type": "application/x-protobuf"})
    status = Status.FromString(answer.content)
    assert (answer.status_code, status.code) == (404, 5)
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in status.message


def test_the_right_addresses_and_the_pages_are_as_they_were(served: Application) -> None:
    for path in ("/v1/traces", "/v1/metrics", "/api/ingest/v1/traces"):
        assert client(served).post(path, headers=WITH_KEY).status_code == 415
        assert client(served).get(path, headers=WITH_KEY).status_code == 405
        assert "POST" in client(served).get(path).text
    assert client(served).post("/api/ingest", headers=WITH_KEY, content=b'{"events": []}').status_code == 200
    assert client(served).get("/", headers=WITH_KEY).status_code == 200
    assert client(served).get("/nothing/here", headers=WITH_KEY).status_code == 404
    assert client(served).post("/t/slug/v1/traces/v1/traces").status_code == 404
