"""Which drug is meant: every way that FHIR has to say it, asked of the whole service, both ways.

Along with the call, and from a FHIR server on a socket. Read right, an overdose of antithrombin
that is drafted is named, and heparin that runs gives the cards that it gives in plain words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.hospital import (
    ANTITHROMBIN,
    HEPARIN,
    LOCAL,
    Hospital,
    Json,
    antithrombin_draft,
    both_ways,
    by_prefetch,
    by_server,
    call,
    draft,
    record,
    service,
    serving,
    text_of,
    topics,
)
from tests.oracle.chart import LOINC, PATIENT, concept, intravenous, quantity

UUID = "urn:uuid:11111111-1dd2-41b2-8000-080027b246c3"
EHR = "https://ehr.example.org/fhir"
ELSEWHERE = "https://elsewhere.example.org/fhir"
UNTOLD = "the medicine of a drafted order could not be identified"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    with service(tmp_path_factory.mktemp("service")) as one:
        yield one


@pytest.fixture(scope="module")
def plain(client: FlaskClient) -> list[Json]:
    """The cards of the record as it is, on patient-view."""
    cards = both_ways(client, Hospital(record()), call("patient-view"))
    assert cards
    return cards


def medication(code: Json | None = None, **more: Any) -> Json:
    made = {"resourceType": "Medication", "id": "m1", "code": code}
    return {key: value for key, value in (made | more).items() if value is not None}


def points(reference: str, **more: Any) -> Json:
    return {"medicationReference": {"reference": reference, **more}}


@dataclass
class Way:
    """One way of naming a drug: fields of the order, and what comes along or lies on the server."""

    fields: Json
    beside: list[Json] = field(default_factory=list)  # entries of the same Bundle
    held: list[Json] = field(default_factory=list)  # only a read of the server gives it


def mix(*ingredients: Json, **more: Any) -> Json:
    return medication(None, ingredient=list(ingredients), **more)


def ways(code: Json) -> dict[str, Way]:
    """Every way to name one drug, whatever else the order says."""
    plain = medication(code)
    unnamed = {k: v for k, v in plain.items() if k != "id"}
    return {
        "concept": Way({"medicationCodeableConcept": code}),
        "concept as a list": Way({"medicationCodeableConcept": [code]}),
        "contained": Way(points("#m1") | {"contained": [plain]}),
        "contained, hash in the id": Way(points("#m1") | {"contained": [plain | {"id": "#m1"}]}),
        "contained, no hash in the reference": Way(points("m1") | {"contained": [plain]}),
        "contained as an object": Way(points("#m1") | {"contained": plain}),
        "beside it, relative": Way(points("Medication/m1"), [{"resource": plain}]),
        "beside it, versioned": Way(points("Medication/m1/_history/3"), [{"resource": plain}]),
        "fullUrl, absolute": Way(
            points(f"{EHR}/Medication/m1"),
            [{"fullUrl": f"{EHR}/Medication/m1", "resource": plain}],
        ),
        "fullUrl of a version": Way(
            points(f"{EHR}/Medication/m1/_history/2"),
            [{"fullUrl": f"{EHR}/Medication/m1/_history/1", "resource": plain}],
        ),
        "fullUrl, absolute, no id": Way(
            points(f"{EHR}/Medication/m1"),
            [{"fullUrl": f"{EHR}/Medication/m1", "resource": unnamed}],
        ),
        "fullUrl, relative reference, no id": Way(
            points("Medication/m1"),
            [{"fullUrl": f"{EHR}/Medication/m1", "resource": unnamed}],
        ),
        "fullUrl, urn:uuid": Way(points(UUID), [{"fullUrl": UUID, "resource": plain}]),
        "fullUrl, urn:uuid, no id": Way(points(UUID), [{"fullUrl": UUID, "resource": unnamed}]),
        "fullUrl, urn:uuid in capitals": Way(
            points(UUID.upper().replace("URN:UUID", "urn:uuid")),
            [{"fullUrl": UUID, "resource": unnamed}],
        ),
        "urn:uuid, the id is the uuid": Way(
            points(UUID), [{"resource": plain | {"id": UUID.removeprefix("urn:uuid:")}}]
        ),
        "display only": Way({"medicationReference": {"display": "antithrombin"}})
        if code is ANTITHROMBIN
        else Way({"medicationReference": {"display": "heparin"}}),
        "R5 concept": Way({"medication": {"concept": code}}),
        "R5 reference": Way(
            {"medication": {"reference": {"reference": "Medication/m1"}}}, [{"resource": plain}]
        ),
        "R5 contained": Way(
            {"medication": {"reference": {"reference": "#m1"}}, "contained": [plain]}
        ),
        "mix, ingredient by concept": Way(
            points("#m1") | {"contained": [mix({"itemCodeableConcept": code})]}
        ),
        "mix, ingredient by reference": Way(
            points("Medication/m1"),
            [
                {"resource": mix({"itemReference": {"reference": "Medication/m2"}})},
                {"resource": plain | {"id": "m2"}},
            ],
        ),
        "mix, ingredient by urn:uuid": Way(
            points("Medication/m1"),
            [
                {"resource": mix({"itemReference": {"reference": UUID}})},
                {"fullUrl": UUID, "resource": unnamed},
            ],
        ),
        "R5 mix, ingredient by concept": Way(
            points("#m1") | {"contained": [mix({"item": {"concept": code}})]}
        ),
        "R5 mix, ingredient by reference": Way(
            points("#m1")
            | {
                "contained": [
                    mix({"item": {"reference": {"reference": "#m2"}}}),
                    plain | {"id": "#m2"},
                ]
            }
        ),
    }


def on_server(code: Json) -> dict[str, Way]:
    """Ways that only a read of the FHIR server can follow."""
    plain = medication(code)
    return {
        "relative": Way(points("Medication/m1"), held=[plain]),
        "R5": Way({"medication": {"reference": {"reference": "Medication/m1"}}}, held=[plain]),
        "a mix of two reads": Way(
            points("Medication/m1"),
            held=[
                mix({"itemReference": {"reference": "Medication/m2"}}),
                plain | {"id": "m2"},
            ],
        ),
    }


class TestDrafts:
    """A draft of far too much antithrombin, on both order hooks."""

    @pytest.mark.parametrize("hook", ["order-sign", "order-select"])
    @pytest.mark.parametrize("name", ways(ANTITHROMBIN))
    def test_named_any_way(self, client: FlaskClient, name: str, hook: str) -> None:
        way = ways(ANTITHROMBIN)[name]
        order = antithrombin_draft(**way.fields)
        entry: Json = {"resource": order}
        if any("fullUrl" in one for one in way.beside):
            entry["fullUrl"] = f"{EHR}/MedicationRequest/draft-1"
        cards = both_ways(client, Hospital(record()), call(hook, entry, *way.beside))
        assert "antithrombinOverdose" in topics(cards)
        assert UNTOLD not in text_of(cards)

    @pytest.mark.parametrize("name", ways(ANTITHROMBIN))
    def test_its_medication_among_the_prefetch(self, client: FlaskClient, name: str) -> None:
        way = ways(ANTITHROMBIN)[name]
        beside = [one["resource"] for one in way.beside if "fullUrl" not in one]
        if len(beside) != len(way.beside) or not beside:
            pytest.skip("nothing lies beside it, or only by its full URL")
        hospital = Hospital(record(), included=beside)
        cards = both_ways(client, hospital, call("order-sign", antithrombin_draft(**way.fields)))
        assert "antithrombinOverdose" in topics(cards)

    @pytest.mark.parametrize("name", on_server(ANTITHROMBIN))
    def test_its_medication_only_on_the_server(self, client: FlaskClient, name: str) -> None:
        way = on_server(ANTITHROMBIN)[name]
        hospital = Hospital(record(), held=way.held)
        body = call("order-sign", antithrombin_draft(**way.fields))
        assert "antithrombinOverdose" in topics(by_server(client, hospital, body))
        assert "Medication/m1" in hospital.asked
        assert UNTOLD in text_of(by_prefetch(client, hospital, body)), "without a server: so much"

    def test_an_absolute_reference_to_the_server_of_the_call_is_read(
        self, client: FlaskClient
    ) -> None:
        hospital = Hospital(record(), held=[medication(ANTITHROMBIN)])
        with serving(hospital) as base:
            order = antithrombin_draft(**points(f"{base}/Medication/m1"))
            body = call("order-sign", order) | {"fhirServer": base + "/"}
            answer = client.post("/cds-services/heparin-order-sign", json=body)
        assert "antithrombinOverdose" in topics(answer.json["cards"])

    def test_everything_came_along_but_the_medication(self, client: FlaskClient) -> None:
        """The server is asked for it all the same."""
        hospital = Hospital(record(), held=[medication(ANTITHROMBIN)])
        body = call("order-sign", antithrombin_draft(**points("Medication/m1")))
        body["prefetch"] = hospital.prefetch()
        assert "antithrombinOverdose" in topics(by_server(client, hospital, body))
        assert hospital.asked == ["Medication/m1"]


class TestOnRecord:
    """Heparin that runs, ordered and charted, gives the cards that it gives in plain words."""

    @pytest.mark.parametrize("name", [n for n in ways(HEPARIN) if n != "display only"])
    def test_named_any_way(self, client: FlaskClient, plain: list[Json], name: str) -> None:
        way = ways(HEPARIN)[name]
        rows = renamed(way.fields)
        included = [one["resource"] for one in way.beside]
        urls = {
            f"{r['resourceType']}/{r['id']}": f"{EHR}/{r['resourceType']}/{r['id']}" for r in rows
        }
        for one in way.beside:
            if "fullUrl" in one:
                urls[f"Medication/{one['resource'].get('id', '')}"] = one["fullUrl"]
        known = urls if any("fullUrl" in one for one in way.beside) else {}
        hospital = Hospital(rows, included=included, urls=known)
        assert both_ways(client, hospital, call("patient-view")) == plain

    @pytest.mark.parametrize("name", on_server(HEPARIN))
    def test_its_medication_only_on_the_server(
        self, client: FlaskClient, plain: list[Json], name: str
    ) -> None:
        way = on_server(HEPARIN)[name]
        hospital = Hospital(renamed(way.fields), held=way.held)
        assert by_server(client, hospital, call("patient-view")) == plain

    @pytest.mark.parametrize("name", ["occurence", "occurrence"])
    def test_charted_as_r5_has_it(self, client: FlaskClient, plain: list[Json], name: str) -> None:
        rows = renamed({"medication": {"concept": HEPARIN}})
        (given,) = (r for r in rows if r["resourceType"] == "MedicationAdministration")
        given[f"{name}Period"] = given.pop("effectivePeriod")
        assert both_ways(client, Hospital(rows), call("patient-view")) == plain


def renamed(fields: Json) -> list[Json]:
    """The record with its heparin named another way."""
    rows = [dict(one) for one in record()]
    for row in rows:
        if row["resourceType"] in ("MedicationRequest", "MedicationAdministration"):
            del row["medicationCodeableConcept"]
            row |= fields
    return rows


class TestAnotherServer:
    """A reference elsewhere is never answered by our server's resource of the same id."""

    @pytest.mark.parametrize("place", ["included", "held"])
    def test_a_draft(self, client: FlaskClient, place: str) -> None:
        hospital = Hospital(record(), **{place: [medication(ANTITHROMBIN)]})
        body = call("order-sign", antithrombin_draft(**points(f"{ELSEWHERE}/Medication/m1")))
        cards = both_ways(client, hospital, body)
        assert "antithrombinOverdose" not in topics(cards)
        assert UNTOLD in text_of(cards)
        assert "Medication/m1" not in hospital.asked

    def test_a_draft_beside_our_own_resource(self, client: FlaskClient) -> None:
        entries = [
            {
                "fullUrl": f"{EHR}/MedicationRequest/draft-1",
                "resource": antithrombin_draft(**points(f"{ELSEWHERE}/Medication/m1")),
            },
            {"fullUrl": f"{EHR}/Medication/m1", "resource": medication(ANTITHROMBIN)},
        ]
        cards = both_ways(client, Hospital(record()), call("order-sign", *entries))
        assert "antithrombinOverdose" not in topics(cards)
        assert UNTOLD in text_of(cards)

    def test_the_same_id_at_both(self, client: FlaskClient) -> None:
        """Each order finds its own."""
        entries = [
            {
                "fullUrl": f"{EHR}/MedicationRequest/draft-1",
                "resource": antithrombin_draft(**points(f"{ELSEWHERE}/Medication/m1")),
            },
            {
                "fullUrl": f"{EHR}/Medication/m1",
                "resource": medication({"text": "ibuprofen"}),
            },
            {"fullUrl": f"{ELSEWHERE}/Medication/m1", "resource": medication(ANTITHROMBIN)},
        ]
        cards = both_ways(client, Hospital(record()), call("order-sign", *entries))
        assert "antithrombinOverdose" in topics(cards)
        entries[0]["resource"] = antithrombin_draft(**points("Medication/m1"))
        assert both_ways(client, Hospital(record()), call("order-sign", *entries)) == []

    def test_on_record(self, client: FlaskClient) -> None:
        """What runs may be heparin: nothing is concluded, and it is said."""
        rows = renamed(points(f"{ELSEWHERE}/Medication/m1"))
        hospital = Hospital(rows, included=[medication({"text": "sodium chloride"})])
        cards = both_ways(client, hospital, call("patient-view"))
        assert topics(cards) == ["notAssessed"]
        assert "a medicine could not be identified (1600 U/h)" in text_of(cards)


RATE = {"doseAndRate": [{"rateQuantity": quantity(1600, "U/h")}]}
GIVEN: dict[str, Json] = {
    "units per hour": {"rateQuantity": quantity(1600, "U/h")},
    "millilitres per hour": {"rateQuantity": {"value": 16, "unit": "mL/h"}},
    "a rate without unit": {"rateQuantity": {"value": 16}},
    "a ratio": {"rateRatio": {"numerator": {"value": 16, "unit": "mL"}}},
    "a rate in words": {"text": "continuous infusion"},
}
WEIGHTY: dict[str, Json] = {
    "units": {"dose": quantity(5000, "[IU]")},
    "no unit": {"dose": {"value": 5000}},
}
LIGHT: dict[str, Json] = {
    "milligrams": {"dose": quantity(500, "mg")},
    "tablets": {"dose": {"value": 1, "unit": "tablet"}},
    "nothing": {},
}


class TestUntold:
    """A medicine of one local code, or of a reference that nothing answers."""

    NAMED: dict[str, Json] = {
        "a local code": {"medicationCodeableConcept": LOCAL},
        "a code of RxNorm that is not in the table": {
            "medicationCodeableConcept": concept("http://www.nlm.nih.gov/research/umls/rxnorm", "9")
        },
        "digits for a text": {"medicationCodeableConcept": {"text": "470011"}},
        "a reference that nothing answers": points("Medication/gone"),
        "nothing at all": {"medicationCodeableConcept": {}},
        "nonsense": {"medicationCodeableConcept": [[7], {"coding": "x"}, None], "contained": 7},
    }

    @pytest.mark.parametrize("name", NAMED)
    @pytest.mark.parametrize("dosage", [*GIVEN])
    def test_one_that_runs_is_named(self, client: FlaskClient, name: str, dosage: str) -> None:
        """Where nothing else of heparin is on record, and where heparin is charted."""
        for others in ({"administrations": [], "orders": []}, {}):
            rows = [*record(**others), given(GIVEN[dosage], **self.NAMED[name])]
            cards = both_ways(client, Hospital(rows), call("patient-view"))
            assert topics(cards) == ["notAssessed"]
            assert "a medicine could not be identified" in text_of(cards)

    @pytest.mark.parametrize("dosage", [*WEIGHTY])
    def test_a_dose_is_named_beside_an_order_of_heparin(
        self, client: FlaskClient, dosage: str
    ) -> None:
        row = given(WEIGHTY[dosage], **self.NAMED["a local code"])
        beside = both_ways(client, Hospital([*record(), row]), call("patient-view"))
        assert topics(beside) == ["notAssessed"]
        alone = [*record(administrations=[], orders=[]), row]
        assert both_ways(client, Hospital(alone), call("patient-view")) == []

    @pytest.mark.parametrize("dosage", [*LIGHT])
    def test_what_cannot_be_heparin_leaves_the_chart_whole(
        self, client: FlaskClient, plain: list[Json], dosage: str
    ) -> None:
        row = given(LIGHT[dosage], **self.NAMED["a local code"])
        order = {
            **draft([{"doseAndRate": [{"doseQuantity": LIGHT[dosage].get("dose")}]}]),
            "status": "active",
            "id": "local",
            **self.NAMED["a local code"],
        }
        assert both_ways(client, Hospital([*record(), row, order]), call("patient-view")) == plain

    @pytest.mark.parametrize(
        "change",
        [
            {"status": "not-done"},
            {"status": "entered-in-error"},
            {"dosage": {"method": {"text": "not given"}, **GIVEN["units per hour"]}},
            {"effectivePeriod": {"start": "2026-02-01T10:00:00Z", "end": "2026-02-02T10:00:00Z"}},
            {"medicationCodeableConcept": {"text": "insulin"}},
            {"medicationCodeableConcept": concept("http://www.whocc.no/atc", "A10AB01")},
            {"medicationCodeableConcept": concept("urn:hospital:formulary", "Insulin")},
            {"dosage": {"route": {"text": "oral"}, "dose": quantity(1000, "U")}},
        ],
        ids=["not done", "in error", "not given", "old", "named", "ATC", "a name", "by mouth"],
    )
    def test_what_was_not_given_or_is_identified_leaves_the_chart_whole(
        self, client: FlaskClient, plain: list[Json], change: Json
    ) -> None:
        row = given(GIVEN["units per hour"], **self.NAMED["a local code"]) | change
        found = both_ways(client, Hospital([*record(), row]), call("patient-view"))
        assert whole(found) == whole(plain)

    @pytest.mark.parametrize("status", ["active", "completed", "stopped", "cancelled"])
    def test_an_order_of_one_counts_while_it_stands(
        self, client: FlaskClient, plain: list[Json], status: str
    ) -> None:
        order = draft([RATE], status=status, id="local", **self.NAMED["a local code"])
        rows = [*record(), order]
        cards = both_ways(client, Hospital(rows), call("patient-view"))
        assert ("notAssessed" in topics(cards)) is (status == "active")
        assert ("a medicine could not be identified" in text_of(cards)) is (status == "active")
        assert starts(cards) == ([] if status == "active" else starts(plain))

    def test_a_home_medicine_is_not_given_here(
        self, client: FlaskClient, plain: list[Json]
    ) -> None:
        taken = draft([RATE], status="active", id="local", **self.NAMED["a local code"])
        for at_home in ({"reportedBoolean": True}, {"reported": True}):
            rows = [*record(), taken | at_home]
            found = both_ways(client, Hospital(rows), call("patient-view"))
            assert whole(found) == whole(plain)

    @pytest.mark.parametrize("hook", ["order-sign", "order-select"])
    @pytest.mark.parametrize("name", NAMED)
    def test_a_draft_of_one_is_named(self, client: FlaskClient, name: str, hook: str) -> None:
        """A card of its own where nothing else speaks."""
        rows = record(administrations=[], orders=[])
        body = call(hook, draft([RATE], **self.NAMED[name]))
        cards = both_ways(client, Hospital(rows), body)
        assert topics(cards) == ["notAssessed"]
        assert UNTOLD in text_of(cards)

    def test_a_draft_of_one_is_a_line_where_another_card_speaks(self, client: FlaskClient) -> None:
        told = antithrombin_draft(medicationCodeableConcept=ANTITHROMBIN)
        untold = draft([RATE], id="draft-2", **self.NAMED["a local code"])
        cards = both_ways(client, Hospital(record()), call("order-sign", told, untold))
        assert "notAssessed" not in topics(cards)
        assert [UNTOLD in card["detail"] for card in cards] == [
            place == 0 for place in range(len(cards))
        ]

    def test_a_draft_without_a_medicine_is_not_yet_an_order(self, client: FlaskClient) -> None:
        assert both_ways(client, Hospital(record()), call("order-select", draft([]))) == []
        cards = both_ways(client, Hospital(record()), call("order-sign", draft([])))
        assert UNTOLD in text_of(cards)

    @pytest.mark.parametrize("status", ["stopped", "cancelled", "completed", "entered-in-error"])
    def test_a_draft_that_ends_one_starts_nothing(self, client: FlaskClient, status: str) -> None:
        body = call("order-sign", draft([RATE], status=status, **self.NAMED["a local code"]))
        assert both_ways(client, Hospital(record()), body) == []

    def test_one_that_was_not_selected_is_background(self, client: FlaskClient) -> None:
        chosen = draft([], id="draft-2", medicationCodeableConcept={"text": "ibuprofen"})
        untold = draft([RATE], **self.NAMED["a local code"])
        body = call("order-select", untold, chosen, selections=["MedicationRequest/draft-2"])
        assert both_ways(client, Hospital(record()), body) == []


def whole(cards: list[Json]) -> list[Json]:
    """The cards without the line that names what was left out."""
    return [
        card | {"detail": [x for x in card["detail"].split("\n\n") if not x.startswith("Left out")]}
        for card in cards
    ]


def starts(cards: list[Json]) -> list[Json]:
    """Every drug that a card would start or give."""
    actions = [a for c in cards for s in c.get("suggestions", ()) for a in s["actions"]]
    created = [a["resource"] for a in actions if a["type"] == "create"]
    return [one for one in created if one["resourceType"] == "MedicationRequest"]


def given(dosage: Json, **medicine: Any) -> Json:
    """Something given since an hour ago, still open."""
    return {
        "resourceType": "MedicationAdministration",
        "id": "local",
        "status": "in-progress",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "effectivePeriod": {"start": "2026-03-02T13:00:00Z"},
        "dosage": dosage,
    } | medicine


class TestSelections:
    """order-select: the antithrombin is picked, whatever form the selection has."""

    @pytest.mark.parametrize(
        "selection",
        [
            "MedicationRequest/draft-1",
            "MedicationRequest/draft-1/_history/2",
            f"{EHR}/MedicationRequest/draft-1",
            f"{EHR}/MedicationRequest/draft-1/_history/2",
            UUID,
            UUID.upper().replace("URN:UUID", "urn:uuid"),
            "draft-1",
            "MedicationRequest/none-of-them",
            "",
        ],
    )
    def test_it_counts(self, client: FlaskClient, selection: str) -> None:
        body = call(
            "order-select",
            {
                "fullUrl": UUID,
                "resource": antithrombin_draft(medicationCodeableConcept=ANTITHROMBIN),
            },
            draft([], id="other", medicationCodeableConcept={"text": "ibuprofen"}),
            selections=[selection],
        )
        cards = both_ways(client, Hospital(record()), body)
        assert "antithrombinOverdose" in topics(cards)

    def test_a_draft_without_an_id_is_picked_by_its_full_url(self, client: FlaskClient) -> None:
        order = antithrombin_draft(medicationCodeableConcept=ANTITHROMBIN)
        del order["id"]
        other = draft([], id="other", medicationCodeableConcept={"text": "ibuprofen"})
        entry = {"fullUrl": UUID, "resource": order}
        picked = call("order-select", entry, other, selections=[UUID])
        background = call("order-select", entry, other, selections=["MedicationRequest/other"])
        assert "antithrombinOverdose" in topics(both_ways(client, Hospital(record()), picked))
        assert both_ways(client, Hospital(record()), background) == []


class TestHeparinDrafts:
    """One without a readable dose opens what an infusion opens, and says what is missing."""

    CODED: dict[str, Json] = {
        "code alone": {},
        "text": {"text": "heparin per protocol"},
        "dose in words": {"text": "25,000 units in 250 mL"},
        "another route": {"route": {"text": "central line"}},
        "a unit that is not known": {
            "doseAndRate": [{"doseQuantity": {"value": 1, "unit": "bag"}}]
        },
        "millilitres": {"doseAndRate": [{"rateQuantity": {"value": 16, "unit": "mL/h"}}]},
        "what a bag holds": {"doseAndRate": [{"doseQuantity": quantity(25000, "U")}]},
        "as little as a bag holds": {"doseAndRate": [{"doseQuantity": quantity(10000, "U")}]},
    }

    @pytest.mark.parametrize("name", CODED)
    def test_it_opens_the_cards_of_an_infusion(self, client: FlaskClient, name: str) -> None:
        hit = {"conditions": [hit_of("http://hl7.org/fhir/sid/icd-10-cm", "D75.822")]}
        plain = {"administrations": [], "orders": []}
        order = draft([self.CODED[name]], medicationCodeableConcept=HEPARIN)
        body = call("order-sign", order)
        quiet = both_ways(client, Hospital(record(**plain)), body)
        assert "baselineTests" in topics(quiet) or "notAssessed" in topics(quiet)
        assert "heparin dose" in text_of(quiet)
        warned = both_ways(client, Hospital(record(**plain, **hit)), body)
        assert topics(warned)[0] == "hitSuspected"

    @pytest.mark.parametrize(
        "order",
        [
            draft([{"route": {"text": "SC"}}], medicationCodeableConcept=HEPARIN),
            draft([{"text": "flush the line"}], medicationCodeableConcept=HEPARIN),
            draft([], medicationCodeableConcept={"text": "heparin lock flush"}),
            draft([{"route": {"text": "hemodialysis circuit"}}], medicationCodeableConcept=HEPARIN),
            draft(
                [{"doseAndRate": [{"doseQuantity": quantity(5000, "[IU]")}]}],
                medicationCodeableConcept=HEPARIN,
            ),
            draft(
                [{"doseAndRate": [{"doseQuantity": quantity(9999, "[IU]")}]}],
                medicationCodeableConcept=HEPARIN,
            ),
        ],
        ids=["under the skin", "flush by text", "flush by product", "circuit", "a dose", "a large"],
    )
    def test_a_known_other_use_does_not(self, client: FlaskClient, order: Json) -> None:
        assert both_ways(client, Hospital(record()), call("order-sign", order)) == []


class TestShownByAdministrations:
    """An order without dose or route is what was given by it."""

    SC = {"route": {"text": "SC"}}
    FLUSH = {"route": {"text": "line flush"}, "dose": quantity(50, "[IU]")}

    def ask(self, client: FlaskClient, *dosages: Json, order: Json | None = None) -> list[Json]:
        """Apixaban is drafted beside a standing order of heparin: two anticoagulants, or not."""
        standing = {
            **draft([order] if order else [], medicationCodeableConcept=HEPARIN),
            "id": "standing",
            "status": "active",
            "authoredOn": "2026-03-01T10:00:00Z",
        }
        rows = [
            {
                **given(dosage, medicationCodeableConcept=HEPARIN),
                "id": f"row-{place}",
                "status": "completed",
                "request": {"reference": "MedicationRequest/standing"},
                "effectiveDateTime": f"2026-03-02T0{place}:00:00Z",
            }
            for place, dosage in enumerate(dosages)
        ]
        for row in rows:
            del row["effectivePeriod"]
        apixaban = draft(
            [
                {
                    "timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d"}},
                    "doseAndRate": [{"doseQuantity": quantity(5, "mg")}],
                }
            ],
            medicationCodeableConcept={"text": "apixaban 5 mg"},
        )
        hospital = Hospital(record(administrations=rows, orders=[standing]))
        return both_ways(client, hospital, call("order-sign", apixaban))

    @pytest.mark.parametrize(
        ("dosages", "combined"),
        [
            ([SC | {"dose": quantity(5000, "[IU]")}], False),
            ([SC | {"dose": quantity(7500, "[IU]")}] * 2, False),
            ([SC | {"dose": quantity(5000, "[IU]")}, FLUSH], False),
            ([FLUSH], False),
            ([{"route": {"text": "dialysis circuit"}, "dose": quantity(2000, "[IU]")}], False),
            ([SC | {"dose": quantity(5000, "[IU]")}, SC | {"dose": quantity(7501, "[IU]")}], True),
            ([SC | {"dose": quantity(5000, "[IU]")}, SC], True),
            ([SC | {"dose": {"value": 1, "unit": "syringe"}}], True),
            ([{"dose": quantity(5000, "[IU]")}], True),
            ([SC | {"dose": quantity(5000, "[IU]")}, {"dose": quantity(5000, "[IU]")}], True),
            ([], True),
        ],
    )
    def test_it_is_prophylaxis_or_flush_only_if_all_of_them_were(
        self, client: FlaskClient, dosages: list[Json], combined: bool
    ) -> None:
        found = topics(self.ask(client, *dosages))
        assert ("anticoagulantCombination" in found) is combined

    def test_an_order_that_says_otherwise_stands(self, client: FlaskClient) -> None:
        given_so = self.SC | {"dose": quantity(5000, "[IU]")}
        found = topics(self.ask(client, given_so, order={"route": intravenous()}))
        assert "anticoagulantCombination" in found


def hit_of(system: str, code: str) -> Json:
    """HIT on the problem list, by code alone."""
    return {
        "resourceType": "Condition",
        "id": "hit",
        "subject": {"reference": f"Patient/{PATIENT}"},
        "code": concept(system, code),
        "recordedDate": "2015-12-13T12:00:00Z",
    }


@pytest.mark.parametrize(
    "system",
    [
        "http://hl7.org/fhir/sid/icd-9-cm",
        "http://hl7.org/fhir/sid/icd-9-cm/diagnosis",
        "urn:oid:2.16.840.1.113883.6.103",
    ],
)
@pytest.mark.parametrize("code", ["289.84", "28984"])
def test_hit_by_its_code_of_icd_9(client: FlaskClient, system: str, code: str) -> None:
    body = call("order-sign", draft([RATE], medicationCodeableConcept=HEPARIN))
    hospital = Hospital(record(conditions=[hit_of(system, code)]))
    assert topics(both_ways(client, hospital, body))[0] == "hitSuspected"


def test_a_test_ordered_as_r5_has_it_is_not_suggested_again(client: FlaskClient) -> None:
    """Everything that a card would order is ordered, by `code.concept`."""
    rows, body = record(coagulation=[]), call("patient-view")
    wanted = both_ways(client, Hospital(rows), body)
    ordered = [
        {
            "resourceType": "ServiceRequest",
            "id": f"test-{code}",
            "status": "active",
            "intent": "order",
            "subject": {"reference": f"Patient/{PATIENT}"},
            "authoredOn": "2026-03-02T13:30:00Z",
            "code": {"concept": concept(LOINC, code)},
        }
        for code in codes_ordered(wanted)
    ]
    assert ordered, "or nothing is shown"
    found = both_ways(client, Hospital([*rows, *ordered]), body)
    assert codes_ordered(found) == set()


def codes_ordered(cards: list[Json]) -> set[str]:
    actions = [a for c in cards for s in c.get("suggestions", ()) for a in s["actions"]]
    resources = [a["resource"] for a in actions if a["type"] == "create"]
    tests = [r for r in resources if r["resourceType"] == "ServiceRequest"]
    return {r["code"]["coding"][0]["code"] for r in tests}
