"""`agent.yaml` between an application with two workers and what is really behind it: Outworx, Jaeger, Prometheus."""

from __future__ import annotations

import httpx
from e2e.conftest import Serve
from support.sender import NO_CERTIFICATES, deliver, post

from .conftest import StartCollector, StartOutworx
from .daemon import until
from .jaeger import Jaeger, tags
from .prometheus import Prometheus
from .shop import SERVICE, open_shop
from .test_agent_durability import variables

DELIVERIES = 40
COUNTED = 'sum(outworx_webhook_deliveries_total{outworx_webhook_outcome="accepted"})'


def test_deliveries_arrive_in_all_three_and_nothing_complains(
    collect: StartCollector, outworx: StartOutworx, jaeger: Jaeger, prometheus: Prometheus, serve: Serve
) -> None:
    server = outworx()
    agent = collect("agent.yaml", variables(server.url, jaeger.url, prometheus.url))
    shop = open_shop(serve, agent.url)
    deliver(f"{shop.url}/hooks/good", DELIVERIES // 2)
    # The workers' deltas come at their own times, again and again.
    until(lambda: prometheus.value(COUNTED) >= DELIVERIES // 2)
    deliver(f"{shop.url}/hooks/good", DELIVERIES // 2)
    assert post(f"{shop.url}/hooks/broken").status_code == 500
    assert httpx.get(f"{shop.url}/healthz", verify=NO_CERTIFICATES).status_code == 200

    def kept() -> list[dict[str, object]]:
        answer = httpx.get(f"{server.url}/api/deliveries", params={"limit": 200}, verify=NO_CERTIFICATES)
        return list(answer.json()["deliveries"])

    until(lambda: len(kept()) == DELIVERIES + 1, lambda: f"Outworx has {len(kept())}")
    until(lambda: prometheus.value(COUNTED) == DELIVERIES, lambda: f"{prometheus.query(COUNTED)}")

    def seen() -> list[dict[str, object]]:
        return [span for span in jaeger.spans(SERVICE) if span["operationName"] == "webhook github"]

    until(lambda: len(seen()) == DELIVERIES + 1, lambda: f"Jaeger has {len(seen())}")
    [failed] = [span for span in seen() if tags(span).get("error")]
    assert tags(failed)["outworx.webhook.outcome"] == "error"
    assert [log for log in failed["logs"] if "the handler failed" in str(log)]  # type: ignore[attr-defined]
    until(lambda: "GET /healthz" in {span["operationName"] for span in jaeger.spans(SERVICE)})
    assert agent.complaints() == [], "a back-end that takes only one signal is offered no other"
