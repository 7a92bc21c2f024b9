"""The metrics, and the dashboard and alert rules that are made of them."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import requests
import structlog

from tests.cases import tables
from tests.load_during_restart import PATH, body
from tests.running import Gunicorn, free_port, until
from tests.service import Service

DOCS = Path(__file__).parents[1] / "docs"
ALERTS = DOCS / "heparin-cds-alerts.yml"
DASHBOARD = json.loads((DOCS / "heparin-cds-dashboard.json").read_text(encoding="utf-8"))
NAME = re.compile(r"\bheparin_cds_\w+")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(tmp_path)
    yield service
    service.close()
    structlog.reset_defaults()


def metrics(service: Service) -> str:
    text: str = service.client.get("/metrics").text
    return text


def test_the_time_of_whole_calls_by_hook(service: Service) -> None:
    service.call()
    service.client.post("/cds-services/heparin-patient-view", data=b"{")
    found = metrics(service)
    assert 'heparin_cds_call_seconds_count{hook="order-select"} 1.0' in found
    assert 'heparin_cds_call_seconds_count{hook="patient-view"} 1.0' in found, "a refused one too"


def test_what_became_of_each_topic(tmp_path: Path) -> None:
    from dataclasses import replace

    rules = tables()
    topics = dict(rules.protocol.topics) | {"antithrombinDose": "silent"}
    quiet = replace(rules, protocol=replace(rules.protocol, topics=topics))
    for rulebook, how in ((rules, "shown"), (quiet, "silent")):
        service = Service(tmp_path, rulebook=rulebook)
        service.call()
        expected = f'heparin_cds_topics_total{{how="{how}",topic="antithrombinDose"}} 1.0'
        assert expected in metrics(service)
        service.close()


def test_feedback_by_topic(service: Service) -> None:
    card = service.call().json["cards"][0]["uuid"]
    at = "2026-03-02T14:00:00Z"
    item = {"card": card, "outcome": "overridden", "outcomeTimestamp": at}
    path = "/cds-services/heparin-order-select/feedback"
    service.client.post(path, json={"feedback": [item]})
    expected = 'heparin_cds_feedback_total{outcome="overridden",topic="antithrombinDose"} 1.0'
    assert expected in metrics(service)


def test_what_answers(service: Service) -> None:
    digest = tables().protocol.digest
    (line,) = re.findall(r"^heparin_cds_info\{.*", metrics(service), re.MULTILINE)
    for label in (version("heparin-cds"), digest, 'protocol="default"'):
        assert label in line
    assert line.endswith(" 1.0")


def exported(service: Service) -> set[str]:
    """The names a Prometheus would store, those without any value yet included."""
    families = re.findall(r"^# TYPE (\w+) (\w+)", metrics(service), re.MULTILINE)
    ends = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
    kept = [(name, kind) for name, kind in families if not name.endswith("_created")]
    return {name + end for name, kind in kept for end in ends[kind]}


def expressions() -> list[str]:
    made = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    return [*made, *(one["query"] for one in DASHBOARD["templating"]["list"])]


def test_dashboard_and_rules_name_only_what_there_is(service: Service) -> None:
    there = exported(service)
    for text in (*expressions(), ALERTS.read_text(encoding="utf-8")):
        for name in NAME.findall(text):
            assert name in there, name


def test_every_metric_is_on_the_dashboard_or_in_a_rule(service: Service) -> None:
    text = "\n".join([*expressions(), ALERTS.read_text(encoding="utf-8")])
    named = {re.sub(r"_(bucket|count|sum)$", "", name) for name in NAME.findall(text)}
    there = {re.sub(r"_(bucket|count|sum)$", "", name) for name in exported(service)}
    assert there - named <= {"heparin_cds_audit_rows_lost_total"}, "which is in ledger_failures"


def test_panels_do_not_overlap() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


promtool = pytest.mark.skipif(
    shutil.which("promtool") is None or shutil.which("prometheus") is None,
    reason="no promtool and prometheus here (Debian: apt-get install prometheus)",
)


@promtool
def test_promtool_takes_the_rules() -> None:
    done = subprocess.run(
        ["promtool", "check", "rules", str(ALERTS)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@promtool
@pytest.mark.slow
def test_a_real_prometheus_answers_every_expression(tmp_path: Path) -> None:
    """It scrapes the service as it is run, loads the rules, and evaluates what the panels ask."""
    server = Gunicorn(tmp_path, f"sqlite:///{tmp_path}/ledger.sqlite")
    port = free_port()
    (tmp_path / "prometheus.yml").write_text(
        f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n"
        f"rule_files: ['{ALERTS}']\n"
        "scrape_configs:\n"
        "  - job_name: heparin-cds\n"
        f"    static_configs: [{{targets: ['127.0.0.1:{server.port}']}}]\n"
    )
    watcher = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={tmp_path}/prometheus.yml",
            f"--storage.tsdb.path={tmp_path}/tsdb",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=error",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        server.wait()
        headers = {"Content-Type": "application/json"}
        requests.post(server.url + PATH, data=body(), headers=headers, timeout=30)
        base = f"http://127.0.0.1:{port}/api/v1"
        until(lambda: _answers(port), "prometheus answers")
        until(lambda: _value(base, "heparin_cds_info"), "it has scraped")
        for panel in DASHBOARD["panels"]:
            for target in panel["targets"]:
                expression = target["expr"].replace("$job", "heparin-cds")
                found = requests.get(f"{base}/query", {"query": expression}, timeout=30).json()
                assert found["status"] == "success", expression
        time.sleep(2)
        groups = requests.get(f"{base}/rules", timeout=30).json()["data"]["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        assert len(rules) == len(re.findall(r"- alert:", ALERTS.read_text(encoding="utf-8")))
        assert {rule["health"] for rule in rules} == {"ok"}, rules
        assert not [rule["name"] for rule in rules if rule["state"] == "firing"]
    finally:
        watcher.terminate()
        watcher.wait()
        server.kill_all()


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def _value(base: str, expression: str) -> list[Any]:
    found = requests.get(f"{base}/query", {"query": expression}, timeout=30).json()
    rows: list[Any] = found.get("data", {}).get("result", [])
    return rows
