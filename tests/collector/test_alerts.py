"""`alerts.yaml` and `grafana-dashboard.json`, by Prometheus's own tools and by real traffic through Prometheus."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from e2e.conftest import Serve
from support.sender import deliver, post

from .backends import CONFIGURATION, program
from .conftest import StartCollector
from .daemon import Daemon, until
from .files import read
from .prometheus import Prometheus
from .shop import SERVICE, open_shop
from .test_agent_durability import away

ACCEPTED = 'sum(outworx_webhook_deliveries_total{outworx_webhook_outcome="accepted"})'
RULES = CONFIGURATION / "alerts.yaml"
TESTS = CONFIGURATION / "alerts.test.yaml"


def promtool(*arguments: str) -> None:
    ended = subprocess.run(  # noqa: S603  # what make backends built
        [program("promtool"), *arguments], cwd=CONFIGURATION, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_promtool_finds_the_rules_right(backends: Path) -> None:
    promtool("check", "rules", "--lint-fatal", RULES.name)


def test_their_unit_tests_hold(backends: Path) -> None:
    promtool("test", "rules", TESTS.name)


def test_every_alert_is_unit_tested_to_fire() -> None:
    alerts = {
        rule["alert"] for group in read("alerts.yaml")["groups"] for rule in group["rules"] if "alert" in rule
    }
    cases = [case for one in read("alerts.test.yaml")["tests"] for case in one.get("alert_rule_test", ())]
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == alerts


@pytest.fixture
def alerting(running: list[Daemon], tmp_path: Path) -> Prometheus:
    """With the rules, but for how long they wait before they fire."""
    rules = read("alerts.yaml")
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule.pop("for", None)
    at_once = tmp_path / "at-once.yaml"
    at_once.write_text(yaml.safe_dump(rules))
    made = Prometheus(tmp_path / "prometheus", [at_once])
    running.append(made)
    return made.start()


def test_real_failures_fire_an_alert_and_fill_every_panel(
    collect: StartCollector, alerting: Prometheus, serve: Serve
) -> None:
    agent = collect("agent.yaml", away() | {"OTLP_METRICS_ENDPOINT": alerting.url})
    shop = open_shop(serve, agent.url, workers=1, more='idempotency_key = "body"\n')
    deliver(f"{shop.url}/hooks/good", 10)
    until(lambda: alerting.value("sum(outworx_webhook_deliveries_total)") >= 10)
    assert alerting.alerts() == []
    for number in range(4):
        assert post(f"{shop.url}/hooks/broken", f'{{"number": {number}}}'.encode()).status_code == 500
    assert post(f"{shop.url}/hooks/good", key="another").status_code == 401

    def firing() -> list[dict[str, Any]]:
        return [alert for alert in alerting.alerts() if alert["state"] == "firing"]

    [alert] = until(firing, lambda: str(alerting.query("outworx_webhook_deliveries_total")))
    assert alert["labels"] == {
        "alertname": "WebhooksFailing",
        "severity": "critical",
        "job": SERVICE,
        "outworx_webhook_provider": "github",
        "http_route": "/hooks/broken",
    }
    # Ten that were there before, and ten new ones.
    deliver(f"{shop.url}/hooks/good", 20)
    until(lambda: alerting.value(ACCEPTED) == 20, lambda: str(alerting.query(ACCEPTED)))
    for title, expression in panel_queries():
        found = alerting.query_range(expression, 120, 1)
        assert found or title in EMPTY_HERE, f"{title}: {expression} finds nothing"
    for name, expression in variable_queries():
        assert alerting.query(expression), name


# What needs a provider that signs a time.
EMPTY_HERE = {"Age of signed timestamps, p95"}
CHOSEN = {
    "$job": ".*",
    "$provider": ".*",
    "$__rate_interval": "1m",
    "$__range": "2m",
    "$__interval": "5s",
}


def filled(expression: str) -> str:
    for name, value in CHOSEN.items():
        expression = expression.replace(name, value)
    assert "$" not in expression
    return expression


def panel_queries() -> list[tuple[str, str]]:
    panels = read("grafana-dashboard.json")["panels"]
    return [(panel["title"], filled(target["expr"])) for panel in panels for target in panel["targets"]]


def variable_queries() -> list[tuple[str, str]]:
    found = []
    for variable in read("grafana-dashboard.json")["templating"]["list"]:
        if variable["type"] == "query":
            asked = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["query"]["query"])
            assert asked is not None, variable["name"]
            found.append((variable["name"], f"count by ({asked[2]}) ({filled(asked[1])})"))
    return found
