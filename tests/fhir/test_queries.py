from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cds_service.chart.concepts import Code, Query
from cds_service.fhir.queries import codes_asked, fhir_queries
from tests.chart.builders import shipped

QUERIES = {
    "patient": Query("Patient", {}),
    "labs": Query("Observation", {"_sort": "-date", "_count": "50"}, window_hours=48.0),
    "conditions": Query("Condition", {"_count": "200"}),
}
TABLE = shipped()
CODES = (Code("loinc", "3173-2"), Code("loinc", "3243-3"))
APTT = replace(TABLE.observations["aptt"], query="labs", codes=CODES)
PATIENT, LABS, CONDITIONS = fhir_queries(
    replace(TABLE, queries=QUERIES, observations={"aptt": APTT})
)


def test_a_template_is_taken_apart() -> None:
    assert LABS.resource == "Observation"
    assert LABS.codes == {"3173-2", "3243-3"}
    assert LABS.count == 50
    assert LABS.window_hours == 48.0


def test_a_read_has_neither_codes_nor_pages() -> None:
    assert (PATIENT.resource, PATIENT.codes, PATIENT.count) == ("Patient", frozenset(), None)


def test_a_window_begins_so_many_hours_ago_or_never() -> None:
    now = datetime(2026, 3, 3, tzinfo=UTC)
    assert LABS.since(now) == datetime(2026, 3, 1, tzinfo=UTC)
    assert CONDITIONS.since(now) is None


@pytest.mark.parametrize(
    ("patient_id", "read", "search"),
    [
        ("p1", "Patient/p1", "Condition?patient=p1&_count=200"),
        ("a/../b", "Patient/a%2F..%2Fb", "Condition?patient=a%2F..%2Fb&_count=200"),
        (
            "a&b=c#d?e",
            "Patient/a%26b%3Dc%23d%3Fe",
            "Condition?patient=a%26b%3Dc%23d%3Fe&_count=200",
        ),
        ("a,b|c$", "Patient/a%2Cb%7Cc%24", "Condition?patient=a%5C%2Cb%5C%7Cc%5C%24&_count=200"),
        ("é", "Patient/%C3%A9", "Condition?patient=%C3%A9&_count=200"),
    ],
)
def test_an_id_cannot_change_the_query_it_is_put_into(
    patient_id: str, read: str, search: str
) -> None:
    assert PATIENT.url(patient_id) == read
    assert CONDITIONS.url(patient_id) == search


@pytest.mark.parametrize(
    ("url", "codes"),
    [
        ("Observation?code=http://loinc.org|1,2", {"1", "2"}),
        ("https://a/Observation?code=http%3A%2F%2Floinc.org%7C1&code=2", {"1", "2"}),
        ("Observation?category=laboratory", set()),
        ("Observation", set()),
        ("http://[broken?code=1", {"1"}),
    ],
)
def test_the_codes_of_any_search_url_are_read_without_their_systems(
    url: str, codes: set[str]
) -> None:
    assert codes_asked(url) == codes
