from collections.abc import Mapping
from typing import Any

import pytest

from cds_service.chart.facts import HookContext
from cds_service.chart.query_result import QueryResult, QueryState, Resource
from cds_service.errors import FhirFault
from cds_service.fhir.medication_references import with_medications

Json = dict[str, Any]


def order(reference: object = "Medication/m1", **more: Any) -> Json:
    return {
        "resourceType": "MedicationRequest",
        "medicationReference": {"reference": reference, **more},
    }


MEDICATION = {"resourceType": "Medication", "id": "m1"}


def supplied(*resources: Json) -> QueryResult:
    return QueryResult(QueryState.SUPPLIED, resources)


class Server:
    """Holds some Medications and remembers what it was asked for."""

    def __init__(self, *held: Json) -> None:
        self.held = {f"Medication/{medication['id']}": medication for medication in held}
        self.asked: list[str] = []

    def read_all(self, references: frozenset[str]) -> Mapping[str, Resource | FhirFault]:
        self.asked += sorted(references)
        return {r: self.held.get(r, FhirFault("HTTP 500", 500)) for r in references}


def complete(answer: QueryResult, server: Server, most: int = 30) -> QueryResult:
    return with_medications({"orders": answer}, server.read_all, most)["orders"]


def test_a_medication_that_did_not_come_along_is_read() -> None:
    server = Server(MEDICATION)
    assert complete(supplied(order()), server) == supplied(order(), MEDICATION)
    assert server.asked == ["Medication/m1"]


def test_a_medication_that_came_along_is_not_read_again() -> None:
    server = Server(MEDICATION)
    answers = {"orders": supplied(order()), "administrations": supplied(MEDICATION)}
    assert with_medications(answers, server.read_all, 30) == answers
    assert not server.asked


@pytest.mark.parametrize(
    "reference",
    [
        "https://ehr.example.org/fhir/Medication/m1",
        "Medication/m1/_history/3",
        "https://ehr.example.org/fhir/Medication/m1/_history/3",
    ],
)
def test_absolute_and_versioned_references_are_read_by_their_id(reference: str) -> None:
    server = Server(MEDICATION)
    asked = HookContext("patient-view", "p1", base="https://EHR.example.org/fhir/")
    with_medications({"orders": supplied(order(reference))}, server.read_all, 30, asked)
    assert server.asked == ["Medication/m1"]


@pytest.mark.parametrize(
    "reference",
    ["#m1", "urn:uuid:1", "", "Medication/", "Medication/..", "m1", "Substance/1", None, 7, []],
)
def test_what_no_server_can_be_asked_for_is_not(reference: object) -> None:
    server = Server()
    assert complete(supplied(order(reference)), server) == supplied(order(reference))
    assert not server.asked


def test_resources_of_odd_shape_are_survived() -> None:
    odd = {"resourceType": "MedicationRequest", "medicationReference": "Medication/m1"}
    assert complete(supplied(odd), Server()) == supplied(odd)


def test_an_order_whose_drug_stays_unknown_makes_its_answer_a_part() -> None:
    answer = complete(supplied(order()), Server())
    assert answer == QueryResult(QueryState.PARTIAL, (order(),), "Medication: HTTP 500")


def test_an_order_that_names_its_drug_can_do_without() -> None:
    named = order(display="heparin 25,000 units/500 mL")
    assert complete(supplied(named), Server()) == supplied(named)


def test_a_failed_answer_stays_failed() -> None:
    failed = QueryResult(QueryState.FAILED, (order(),), "HTTP 500")
    assert complete(failed, Server()) == failed


def test_no_more_than_so_many_are_read() -> None:
    server = Server(MEDICATION)
    answer = complete(supplied(order(), order("Medication/m2")), server, most=1)
    assert server.asked == ["Medication/m1"]
    assert (answer.state, answer.problem) == (QueryState.PARTIAL, "Medication: too many")


MIX = {
    "resourceType": "Medication",
    "id": "m1",
    "ingredient": [{"itemReference": {"reference": "Medication/m2"}}],
}
INGREDIENT = {"resourceType": "Medication", "id": "m2"}


def test_the_ingredients_of_a_mix_are_read_too() -> None:
    server = Server(MIX, INGREDIENT)
    assert complete(supplied(order()), server) == supplied(order(), MIX, INGREDIENT)
    assert server.asked == ["Medication/m1", "Medication/m2"]


def test_an_ingredient_that_stays_unknown_leaves_a_part_unless_the_mix_has_a_code() -> None:
    assert complete(supplied(order()), Server(MIX)).state is QueryState.PARTIAL
    coded = MIX | {"code": {"text": "HEPARIN BASE"}}
    assert complete(supplied(order()), Server(coded)).state is QueryState.SUPPLIED
