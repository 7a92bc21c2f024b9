"""compose.yaml and docs/nginx.conf as texts: neither a container engine nor nginx is run here."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml

from cds_service.settings import Settings

REPOSITORY = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((REPOSITORY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
NGINX = (REPOSITORY / "docs" / "nginx.conf").read_text(encoding="utf-8")
OURS = ("one", "two")


def test_two_instances_are_the_same_and_made_by_the_containerfile() -> None:
    assert SERVICES["one"] == SERVICES["two"]
    built = SERVICES["one"]["build"]
    assert (REPOSITORY / built["context"] / built["dockerfile"]).is_file()


def test_their_settings_are_accepted_once_the_secrets_are_there() -> None:
    environment = {
        name: re.sub(r"\$\{\w+:\?\}", "s" * 40, value)
        for name, value in SERVICES["one"]["environment"].items()
    }

    settings = Settings.from_environ(environment)

    assert settings.database_url.startswith("postgresql+psycopg://")
    assert "@database/" in settings.database_url


def test_only_the_proxy_can_be_reached_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if service.get("ports")] == ["proxy"]
    assert [n for n, s in SERVICES.items() if "outside" in s["networks"]] == ["proxy"]


def test_an_instance_is_given_longer_to_stop_than_its_calls_may_take(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    served = runpy.run_path(str(REPOSITORY / "gunicorn.conf.py"))
    unit = (REPOSITORY / "docs" / "heparin-cds.service").read_text(encoding="utf-8")
    deployment = (REPOSITORY / "docs" / "deployment.md").read_text(encoding="utf-8")
    waits = int(SERVICES["one"]["stop_grace_period"].removesuffix("s"))

    assert waits > served["graceful_timeout"]
    assert f"\nTimeoutStopSec={waits}\n" in unit
    assert f"({served['graceful_timeout']} s at most" in deployment
    assert f"waits {waits} s)" in " ".join(deployment.split())


def test_the_database_is_waited_for_and_kept() -> None:
    assert SERVICES["one"]["depends_on"]["database"]["condition"] == "service_healthy"
    assert SERVICES["database"]["healthcheck"]["test"][1] == "pg_isready"
    (kept,) = SERVICES["database"]["volumes"]
    assert kept.partition(":")[0] in COMPOSE["volumes"]


def test_the_proxy_buffers_and_knows_both_instances() -> None:
    assert re.findall(r"server (\w+):5000;", NGINX) == list(OURS)
    assert "proxy_request_buffering on;" in NGINX
    assert "proxy_next_upstream error non_idempotent;" in NGINX
    assert NGINX.count("{") == NGINX.count("}")
    statements = [line.rstrip() for line in re.sub(r"#.*", "", NGINX).splitlines()]
    assert all(line.endswith((";", "{", "}")) for line in statements if line)


def test_only_what_an_ehr_calls_and_what_cards_link_to_is_shown() -> None:
    assert re.findall(r"location (\S+)", NGINX) == ["/cds-services", "/smart/", "/explain"]


@pytest.mark.parametrize("name", ["proxy", "one"])
def test_files_it_mounts_are_ours_or_listed_as_needed(name: str) -> None:
    text = (REPOSITORY / "compose.yaml").read_text(encoding="utf-8")
    said = " ".join(text.partition("x-service")[0].split())
    for mounted in SERVICES[name]["volumes"]:
        place = mounted.partition(":")[0].removeprefix("./")
        assert (REPOSITORY / place).is_file() or f"{place}/" in said


def test_it_is_reported_that_this_was_not_run() -> None:
    for name in ("compose.yaml", "docs/nginx.conf", "docs/deployment.md"):
        text = (REPOSITORY / name).read_text(encoding="utf-8").replace("# ", "")
        assert re.search(
            r"(Not|Neither was) run where (it|this) was written", " ".join(text.split())
        )
