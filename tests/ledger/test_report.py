import json
from datetime import timedelta
from typing import Any

from click.testing import CliRunner

from cds_service.cli import main
from tests.service import Service


def show(service: Service, name: str = "01-antithrombin-dose") -> str:
    uuid: str = service.call(name).json["cards"][0]["uuid"]
    return uuid


def tell(
    service: Service, card: str, outcome: str = "accepted", reason: str = "", at: int = 0
) -> None:
    item: dict[str, Any] = {
        "card": card,
        "outcome": outcome,
        "outcomeTimestamp": f"2026-03-02T14:{at:02}:00Z",
    }
    if reason:
        item["overrideReason"] = {"reason": {"code": reason}}
    path = "/cds-services/heparin-order-select/feedback"
    assert service.client.post(path, json={"feedback": [item]}).status_code == 200


def asked(service: Service, *options: str) -> str:
    environ = {"COLUMNS": "200", "CDS_DATABASE_URL": service.database_url}
    result = CliRunner().invoke(main, ["feedback", *options], env=environ)
    assert result.exit_code == 0, result.output
    return result.output


def report_of(service: Service) -> Any:
    return json.loads(asked(service, "--json"))


def test_it_is_reported_that_nothing_is_shown(service: Service) -> None:
    assert "No card has been shown yet" in asked(service)
    assert report_of(service) == {}


def test_shown_accepted_and_overridden_are_counted_by_topic(service: Service) -> None:
    first, second, _ = show(service), show(service), show(service)
    other = show(service, "09-hit-on-record")
    tell(service, first)
    tell(service, second, "overridden", "comfortCare")
    tell(service, other, "overridden")
    report = report_of(service)
    assert report["antithrombinDose"]["total"] == {
        "shown": 3,
        "silent": 0,
        "noRoom": 0,
        "accepted": 1,
        "overridden": 1,
        "reasons": {"comfortCare": 1},
    }
    assert report["hitSuspected"]["total"]["reasons"] == {"(no reason)": 1}


def test_a_card_reported_twice_counts_once(service: Service) -> None:
    card = show(service)
    tell(service, card, at=1)
    tell(service, card, at=2)
    assert report_of(service)["antithrombinDose"]["total"]["accepted"] == 1


def test_a_card_counts_for_the_month_it_was_shown_in(service: Service) -> None:
    card = show(service)
    service.now += timedelta(days=31)
    tell(service, card)
    months = report_of(service)["antithrombinDose"]["months"]
    assert list(months) == ["2026-03"]
    assert (months["2026-03"]["shown"], months["2026-03"]["accepted"]) == (1, 1)


def test_feedback_of_others_that_an_older_ledger_kept_stands_apart(service: Service) -> None:
    card = show(service)
    tell(service, card)
    assert report_of(service)["antithrombinDose"]["total"]["accepted"] == 1
    for change in (
        "UPDATE feedback SET client = 'another'",
        "UPDATE feedback SET client = 'open', card = 'not one of ours'",
    ):
        service.execute(change)
        report = report_of(service)
        assert report["(unknown card)"]["total"]["accepted"] == 1
        assert report["antithrombinDose"]["total"]["accepted"] == 0


def test_people_get_a_table(service: Service) -> None:
    tell(service, show(service), "overridden", "disagree")
    table = asked(service)
    for word in ("Topic", "antithrombinDose", "2026-03", "disagree 1"):
        assert word in table
