"""Answers that hold less than they say: never "nothing found", whatever the client or server sends.

Asked of the whole service, as prefetch and from a FHIR server on a socket; each fault strikes one
query of a patient on heparin, and what he hears of it is the same either way.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.fhir.queries import FhirQuery
from tests.cases import searches, tables
from tests.hospital import (
    HEPARIN,
    Hospital,
    Json,
    both_ways,
    by_prefetch,
    by_server,
    call,
    draft,
    record,
    service,
    text_of,
    topics,
)
from tests.oracle.chart import LOINC, PATIENT, SNOMED, UCUM, concept, quantity
from tests.vignettes import NOW

DECIDING = ("coagulation", "administrations", "conditions", "allergies", "blood")
NEXT = {"relation": "next", "url": "https://ehr.example.org/fhir?page=2"}
RATE = {"doseAndRate": [{"rateQuantity": quantity(1600, "U/h")}]}


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    with service(tmp_path_factory.mktemp("service")) as one:
        yield one


class Faulty(Hospital):
    """One query is answered by what `fault` makes of the right answer."""

    def __init__(self, key: str, fault: Callable[[Json], Any]) -> None:
        super().__init__(record())
        self.key = key
        self.fault = fault

    def bundle(self, search: FhirQuery) -> Json:
        whole = super().bundle(search)
        return self.fault(copy.deepcopy(whole)) if search.key == self.key else whole


def empty(**fields: Any) -> Callable[[Json], Json]:
    return lambda _: {"resourceType": "Bundle", "type": "searchset"} | fields


def typed(kind: str) -> Callable[[Json], Json]:
    return lambda whole: whole | {"type": kind}


FAULTS: Mapping[str, Callable[[Json], Any]] = {
    "a total, and no entries": empty(total=3),
    "a total in quotes": empty(total="3"),
    "a total with a point": empty(total=3.0, entry=[]),
    "a next link, and no entries": empty(link=[NEXT]),
    "a next link without a URL": empty(link=[{"relation": "next"}]),
    "a next link that is an object": empty(link={"relation": "next", "url": 7}, total=0),
    "entries that hold nothing": empty(entry=[{"fullUrl": "https://ehr.example.org/fhir/X/1"}]),
    "a count alone": empty(total=1, meta={"tag": [{"code": "SUBSETTED"}]}),
    "an OperationOutcome of severity error": empty(
        entry=[{"resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}}]
    ),
} | {
    f"a {kind}": empty(type=kind)
    for kind in (
        "document",
        "message",
        "transaction",
        "transaction-response",
        "batch",
        "batch-response",
        "history",
    )
}


@pytest.mark.parametrize("key", DECIDING)
@pytest.mark.parametrize("fault", FAULTS)
def test_it_is_no_answer(client: FlaskClient, fault: str, key: str) -> None:
    """Heparin runs, or is drafted: a card says what could not be read."""
    for body in (
        call("patient-view"),
        call("order-sign", draft([RATE], medicationCodeableConcept=HEPARIN)),
    ):
        for ask in (by_prefetch, by_server):
            cards = ask(client, Faulty(key, FAULTS[fault]), body)
            assert "notAssessed" in topics(cards)
            assert "could not be read" in text_of(cards) or "only part of the record" in text_of(
                cards
            )


@pytest.mark.parametrize("key", DECIDING)
def test_an_answer_that_says_that_there_is_nothing_is_one(client: FlaskClient, key: str) -> None:
    """The counter-proof: the same without the fault."""
    for right in (empty(), empty(total=0), empty(entry=[]), empty(type="collection")):
        cards = both_ways(client, Faulty(key, right), call("patient-view"))
        assert "could not be read" not in text_of(cards)
        assert "only part of the record" not in text_of(cards)


@pytest.mark.parametrize("kind", ["document", "batch-response", "history"])
def test_what_such_a_bundle_holds_is_a_part(client: FlaskClient, kind: str) -> None:
    """In prefetch the platelets in it are read all the same, and so is that it was no answer."""
    cards = by_prefetch(client, Faulty("blood", typed(kind)), call("patient-view"))
    assert "notAssessed" in topics(cards)
    assert "platelets (only partly received)" in text_of(cards)


def test_a_total_above_the_entries_is_a_part_unless_they_reach_past_the_window(
    client: FlaskClient,
) -> None:
    def counted(whole: Json) -> Json:
        return whole | {"total": len(whole["entry"]) + 1}

    def covered(whole: Json) -> Json:
        at = (NOW - timedelta(days=30)).isoformat()
        old = copy.deepcopy(whole["entry"][-1])
        old["resource"] |= {"id": "old", "effectiveDateTime": at, "issued": at}
        return whole | {"entry": [*_newest_first(whole), old], "total": 100}

    for ask in (by_prefetch, by_server):
        part = ask(client, Faulty("coagulation", counted), call("patient-view"))
        assert "notAssessed" in topics(part)
        complete = ask(client, Faulty("coagulation", covered), call("patient-view"))
        assert "notAssessed" not in topics(complete)


def _newest_first(whole: Json) -> list[Json]:
    drawn = {id(e): e["resource"]["effectiveDateTime"] for e in whole["entry"]}
    return sorted(whole["entry"], key=lambda e: drawn[id(e)], reverse=True)


class TestRefusedParameters:
    """A server that answers 400 to `_sort`, `_include` or `_count` is asked once more without."""

    @pytest.mark.parametrize(
        "refused", [{"_sort"}, {"_include"}, {"_count"}, {"_sort", "_include"}]
    )
    def test_the_cards_are_the_same(self, client: FlaskClient, refused: set[str]) -> None:
        """The bag is referred to, so that it has to be read by itself."""
        rows = [dict(one) for one in record()]
        for row in rows:
            if row["resourceType"].startswith("Medication"):
                del row["medicationCodeableConcept"]
                row["medicationReference"] = {"reference": "Medication/bag"}
        bag = {"resourceType": "Medication", "id": "bag", "code": HEPARIN}
        plain = by_server(client, Hospital(record()), call("patient-view"))
        hospital = Hospital(rows, held=[bag], refused=frozenset(refused))
        assert plain
        assert by_server(client, hospital, call("patient-view")) == plain
        assert "Medication/bag" in hospital.asked

    def test_once_more_and_no_more(self, client: FlaskClient) -> None:
        class Refusing(Hospital):
            def _answer(self, path: list[str], target: str) -> Json | None:
                return None if path[0] == "Condition" else super()._answer(path, target)

        refusing = Refusing(record(), refused=frozenset({"_sort"}))
        cards = by_server(client, refusing, call("patient-view"))
        assert "notAssessed" in topics(cards)
        assert sum(asked.startswith("Condition") for asked in refusing.asked) == 2

    def test_a_read_is_not_repeated(self, client: FlaskClient) -> None:
        """There is nothing to leave out of `Patient/1`."""
        plan = {search.key: search for search in searches(tables())}
        assert plan["patient"].plain_url("p") == plan["patient"].url("p")
        assert plan["orders"].plain_url("p") == "MedicationRequest?patient=p"
        assert plan["coagulation"].plain_url("p").count("&") == 1


SYSTEMS = [
    "https://loinc.org",
    "https://loinc.org/",
    "http://www.loinc.org",
    "HTTP://LOINC.ORG",
    "http://loinc.org|2.74",
    "loinc.org",
    "LOINC",
    "",
]
OFFICIAL = ["http://loinc.org/", "urn:oid:2.16.840.1.113883.6.1", "URN:OID:2.16.840.1.113883.6.1",
            "2.16.840.1.113883.6.1"]  # fmt: skip
OTHERS = [
    "urn:hospital:lab",
    "http://loinc.org.example.org",
    UCUM,
    "urn:oid:1.2.3",
]


def spelt(rows: list[Json], system: str, *codes: str) -> list[Json]:
    """The record with the codes of some results under another name of LOINC."""
    found = []
    for row in copy.deepcopy(rows):
        coding = row.get("code", {}).get("coding", [{}])[0]
        if row["resourceType"] == "Observation" and coding["code"] in codes:
            coding["system"] = system
        found.append(row)
    return found


class TestNearSpellings:
    """A code under a misspelt system is named where nothing else of its concept is there."""

    @pytest.mark.parametrize("system", SYSTEMS)
    @pytest.mark.parametrize(("code", "fact"), [("3274-8", "anti-Xa"), ("777-3", "platelets")])
    def test_it_is_named(self, client: FlaskClient, system: str, code: str, fact: str) -> None:
        hospital = Hospital(spelt(record(), system, code))
        cards = both_ways(client, hospital, call("patient-view"))
        assert "notAssessed" in topics(cards)
        assert re.search(rf"{fact}:? \(?test code not known", text_of(cards))

    @pytest.mark.parametrize("system", OFFICIAL)
    def test_official_names_are_read(self, client: FlaskClient, system: str) -> None:
        plain = both_ways(client, Hospital(record()), call("patient-view"))
        hospital = Hospital(spelt(record(), system, "3274-8", "777-3", "14979-9"))
        assert both_ways(client, hospital, call("patient-view")) == plain

    @pytest.mark.parametrize("system", OTHERS)
    def test_other_systems_are_nothing_of_ours(self, client: FlaskClient, system: str) -> None:
        hospital = Hospital(spelt(record(), system, "3274-8"))
        cards = both_ways(client, hospital, call("patient-view"))
        assert "test code not known" not in text_of(cards)

    def test_beside_a_newer_one_that_is_read_it_is_none_of_our_concern(
        self, client: FlaskClient
    ) -> None:
        plain = both_ways(client, Hospital(record()), call("patient-view"))
        (level,) = (
            dict(r)
            for r in record()
            if r["resourceType"] == "Observation" and r["code"]["coding"][0]["code"] == "3274-8"
        )
        old = spelt([level], "https://loinc.org", "3274-8")[0] | {
            "id": "older",
            "effectiveDateTime": (NOW - timedelta(hours=9)).isoformat(),
        }
        rows = [*record(), old]
        assert both_ways(client, Hospital(rows), call("patient-view")) == plain
        newer = old | {"id": "newer", "effectiveDateTime": NOW.isoformat()}
        cards = both_ways(client, Hospital([*record(), newer]), call("patient-view"))
        assert "test code not known" in text_of(cards)

    @pytest.mark.parametrize(
        ("system", "named"),
        [
            ("https://snomed.info/sct", True),
            ("http://snomed.info/sct/731000124108", True),
            ("SNOMED", True),
            ("urn:hospital:problems", False),
        ],
    )
    @pytest.mark.parametrize("kind", ["conditions", "allergies"])
    def test_a_problem_or_an_allergy_is_named(
        self, client: FlaskClient, kind: str, system: str, named: bool
    ) -> None:
        code = {"conditions": "73397007", "allergies": "294872001"}[kind]
        entry = {
            "resourceType": {"conditions": "Condition", "allergies": "AllergyIntolerance"}[kind],
            "id": "odd",
            "subject": {"reference": f"Patient/{PATIENT}"},
            "patient": {"reference": f"Patient/{PATIENT}"},
            "code": concept(system, code),
        }
        body = call("order-sign", draft([RATE], medicationCodeableConcept=HEPARIN))
        known = entry | {"code": concept(SNOMED, code)}
        assert "hit" in topics(both_ways(client, Hospital([*record(), known]), body))[0]
        cards = both_ways(client, Hospital([*record(), entry]), body)
        assert ("notAssessed" in topics(cards)) is named
        assert ("under a misspelt code (1)" in text_of(cards)) is named


def test_the_table_of_systems_holds_no_two_that_are_nearly_one() -> None:
    """Or a near spelling would mean two things."""
    from cds_service.chart.code_systems import Systems

    systems = Systems(tables().concepts.systems)
    for key, uris in tables().concepts.systems.items():
        for uri in uris:
            assert systems.known(uri) == key
            assert systems.nearly(uri) == ""
            if uri.startswith("http://"):
                assert systems.nearly(uri.replace("http://", "https://")) == key
    assert LOINC in tables().concepts.systems["loinc"]
