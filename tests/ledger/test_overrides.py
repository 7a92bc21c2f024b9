from dataclasses import replace
from typing import Any

import pytest

from cds_service.assessment.recommend.registry import TOPICS
from cds_service.ledger.overrides import facts_by_topic, is_worse
from tests.cases import advice_for
from tests.service import Service, prefetch_of

CASE = "01-antithrombin-dose"
CRITICAL = "09-hit-on-record"
CATALOGUE = "urn:heparin"


def indicators(service: Service, name: str = CASE, **changes: Any) -> list[str]:
    return [card["indicator"] for card in service.call(name, **changes).json["cards"]]


def override(service: Service, name: str = CASE, reason: str = "comfortCare") -> None:
    card = service.call(name).json["cards"][0]
    item = {
        "card": card["uuid"],
        "outcome": "overridden",
        "outcomeTimestamp": "2026-03-02T14:00:00Z",
        "overrideReason": {"reason": {"code": reason, "system": CATALOGUE}},
    }
    path = "/cds-services/heparin-order-select/feedback"
    assert service.client.post(path, json={"feedback": [item]}).status_code == 200


@pytest.mark.parametrize("reason", ["comfortCare", "protocolDiffers", "disagree"])
def test_an_overridden_warning_comes_back_as_information(service: Service, reason: str) -> None:
    assert indicators(service) == ["warning"]
    override(service, reason=reason)
    assert indicators(service) == ["info"]


@pytest.mark.parametrize("reason", ["willOrderLater", "doneElsewhere", "notCredible", ""])
def test_other_reasons_change_nothing(service: Service, reason: str) -> None:
    override(service, reason=reason)
    assert indicators(service) == ["warning"]


def test_a_card_whose_row_says_so_stays_loud(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    override(service)
    topic = service.call(CASE).json["cards"][0]["source"]["topic"]["code"]
    monkeypatch.setitem(TOPICS, topic, replace(TOPICS[topic], softens=False))
    assert indicators(service) == ["warning"]


def test_critical_cards_stay_critical(service: Service) -> None:
    override(service, CRITICAL)
    assert indicators(service, CRITICAL)[0] == "critical"


def test_the_memory_is_the_patients_own(service: Service) -> None:
    override(service)
    assert indicators(service, "31-exactly-fifty") == ["warning"]


def test_after_a_day_it_is_forgotten(service: Service) -> None:
    override(service)
    service.execute("UPDATE feedback SET received = '2026-03-01 14:00:00'")
    assert service.now.isoformat() == "2026-03-02T14:00:00+00:00"
    assert indicators(service) == ["warning"]


def changed_lab(code: str, factor: float) -> dict[str, Any]:
    """The prefetch with every result of one code multiplied."""
    prefetch = prefetch_of()
    for entry in prefetch["coagulation"]["entry"]:
        resource = entry["resource"] = dict(entry["resource"])
        codings = resource["code"].get("coding", [])
        if any(coding.get("code") == code for coding in codings) and "valueQuantity" in resource:
            quantity = dict(resource["valueQuantity"])
            quantity["value"] = quantity["value"] * factor
            resource["valueQuantity"] = quantity
    return prefetch


def test_a_fact_that_got_worse_is_shown_in_full(service: Service) -> None:
    override(service)
    worse = changed_lab("27811-9", 0.95)
    assert worse != prefetch_of()
    assert indicators(service, prefetch=worse) == ["warning"]


def test_a_fact_that_got_better_is_not(service: Service) -> None:
    override(service)
    assert indicators(service, prefetch=changed_lab("27811-9", 1.02)) == ["info"]


def test_without_the_database_cards_are_shown_in_full(service: Service) -> None:
    override(service)
    service.execute("ALTER TABLE feedback RENAME TO gone")
    assert indicators(service) == ["warning"]


@pytest.mark.parametrize(
    ("then", "now", "worse"),
    [
        ({"antithrombin": 55.0}, {"antithrombin": 55.0}, False),
        ({"antithrombin": 55.0}, {"antithrombin": 54.9}, True),
        ({"antithrombin": 55.0}, {"antithrombin": 60.0}, False),
        ({"dailyDose": 38400.0}, {"dailyDose": 38401.0}, True),
        ({"dailyDose": 38400.0}, {"dailyDose": 30000.0}, False),
        ({}, {"platelets": 200.0}, True),
        ({"platelets": 200.0}, {}, False),
        ({}, {}, False),
    ],
)
def test_worse_is_lower_or_higher_by_what_it_is(
    then: dict[str, float], now: dict[str, float], worse: bool
) -> None:
    assert is_worse(then, now) is worse


def test_above_target_a_higher_level_is_the_worse_one() -> None:
    raised = advice_for("14-above-target-raise").findings
    then = facts_by_topic(raised)["aboveTargetRaise"]
    assert is_worse(then, then | {"high.anti_xa": then["high.anti_xa"] + 0.1})
    assert not is_worse(then, then | {"high.anti_xa": then["high.anti_xa"] - 0.1})
