"""Table A5 of the wire: what prefetch can look like, and what each state means."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.chart.query_result import QueryResult, QueryState
from cds_service.fhir.prefetch import read_prefetch
from cds_service.fhir.queries import FhirQuery

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
LABS = FhirQuery("labs", "", "Observation", frozenset({"3173-2", "3243-3"}), 3, 48.0)
CONDITIONS = FhirQuery("conditions", "", "Condition", frozenset(), 200, None)
PATIENT = FhirQuery("patient", "", "Patient", frozenset(), None, None)
PLAN = (PATIENT, LABS, CONDITIONS)

Json = dict[str, Any]


def lab(code: str = "3173-2", at: str = "2026-03-02T10:00:00Z") -> Json:
    return {
        "resourceType": "Observation",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "effectiveDateTime": at,
    }


def condition() -> Json:
    return {"resourceType": "Condition"}


def outcome(severity: str = "error") -> Json:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": severity}]}


def bundle(*resources: Json, next_url: str = "", self_url: str = "", **fields: Any) -> Json:
    links = [("next", next_url), ("self", self_url)]
    return {
        "resourceType": "Bundle",
        "entry": [{"resource": resource} for resource in resources],
        "link": [{"relation": relation, "url": url} for relation, url in links if url],
        **fields,
    }


def read(key: str, prefetch: Json) -> QueryResult:
    return read_prefetch(prefetch, PLAN, NOW)[key]


def labs(value: Any) -> QueryResult:
    return read("labs", {"labs": value})


def test_every_query_of_the_plan_has_an_answer() -> None:
    answers = read_prefetch({}, PLAN, NOW)
    assert {key: answer.state for key, answer in answers.items()} == {
        "patient": QueryState.NOT_SUPPLIED,
        "labs": QueryState.NOT_SUPPLIED,
        "conditions": QueryState.NOT_SUPPLIED,
    }


def test_null_is_known_empty() -> None:
    assert labs(None).state is QueryState.EMPTY


def test_a_bundle_without_entries_is_known_empty() -> None:
    assert labs(bundle()).state is QueryState.EMPTY
    assert labs({"resourceType": "Bundle", "total": 0}).state is QueryState.EMPTY


def test_a_bundle_with_matches_is_supplied() -> None:
    answer = labs(bundle(lab(), lab()))
    assert answer.state is QueryState.SUPPLIED
    assert answer.resources == (lab(), lab())


def test_an_operation_outcome_is_a_failed_query_not_an_empty_one() -> None:
    answer = labs(outcome())
    assert answer.state is QueryState.FAILED
    assert answer.problem


def test_no_results_by_a_warning_entry_is_known_empty() -> None:
    assert labs(bundle(outcome("warning"), total=0)).state is QueryState.EMPTY


def test_an_error_entry_without_data_is_a_failure_and_beside_data_a_part() -> None:
    assert labs(bundle(outcome("error"))).state is QueryState.FAILED
    assert labs(bundle(outcome("error"), lab())).state is QueryState.PARTIAL


def test_a_warning_entry_is_not_among_the_resources() -> None:
    assert labs(bundle(outcome("warning"), lab())).resources == (lab(),)


@pytest.mark.parametrize(
    "value",
    ["", "<html>Error</html>", 7, True, [], [lab()], {}, {"entry": []}, {"resourceType": None}],
)
def test_what_is_no_fhir_is_as_if_it_had_not_been_sent(value: object) -> None:
    assert labs(value).state is QueryState.NOT_SUPPLIED


def test_a_bundle_of_another_type_is_as_if_it_had_not_been_sent() -> None:
    assert labs(bundle(condition())).state is QueryState.NOT_SUPPLIED


def test_a_bundle_whose_entries_hold_nothing_is_as_if_it_had_not_been_sent() -> None:
    value = {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:uuid:1"}]}
    assert labs(value).state is QueryState.NOT_SUPPLIED


def test_a_patient_is_read_bare_or_in_a_bundle() -> None:
    patient = {"resourceType": "Patient", "id": "p"}
    for value in (patient, bundle(patient)):
        assert read("patient", {"patient": value}) == QueryResult(QueryState.SUPPLIED, (patient,))


def test_included_resources_ride_along() -> None:
    included = {"resourceType": "Organization"}
    assert labs(bundle(lab(), included)).resources == (lab(), included)


class TestPages:
    def test_a_next_page_within_the_window_makes_a_part(self) -> None:
        answer = labs(bundle(lab(), next_url="https://a/next"))
        assert answer.state is QueryState.PARTIAL
        assert answer.resources == (lab(),)

    def test_newest_first_pages_that_reach_past_the_window_are_whole(self) -> None:
        old = lab(at="2026-02-28T11:59:00Z")
        assert labs(bundle(lab(), old, next_url="https://a/next")).state is QueryState.SUPPLIED

    def test_a_page_that_ends_exactly_at_the_window_is_a_part(self) -> None:
        edge = lab(at="2026-02-28T12:00:00Z")
        assert labs(bundle(lab(), edge, next_url="https://a/next")).state is QueryState.PARTIAL

    def test_pages_in_another_order_are_a_part(self) -> None:
        old = lab(at="2026-02-20T00:00:00Z")
        assert labs(bundle(old, lab(), next_url="https://a/next")).state is QueryState.PARTIAL

    def test_without_a_window_any_next_page_makes_a_part(self) -> None:
        value = bundle(condition(), next_url="https://a/next")
        assert read("conditions", {"conditions": value}).state is QueryState.PARTIAL

    def test_a_total_above_what_was_sent_makes_a_part(self) -> None:
        assert labs(bundle(lab(), total=2)).state is QueryState.PARTIAL
        assert labs(bundle(total=1)).state is QueryState.FAILED, (
            "it holds nothing of what was found"
        )

    def test_a_full_page_may_be_cut_off_unless_the_total_says_otherwise(self) -> None:
        assert labs(bundle(lab(), lab(), lab())).state is QueryState.PARTIAL
        assert labs(bundle(lab(), lab(), lab(), total=3)).state is QueryState.SUPPLIED
        assert labs(bundle(lab(), lab(), lab(), lab())).state is QueryState.SUPPLIED


class TestForeignKeys:
    OURS = "https://ehr/Observation?patient=1&code=http://loinc.org|3173-2,http://loinc.org|3243-3"
    PART = "https://ehr/Observation?patient=1&code=http://loinc.org|3173-2"
    REST = "https://ehr/Observation?patient=1&code=3243-3"

    def test_the_self_link_tells_our_query_under_any_name(self) -> None:
        answer = read("labs", {"-x": bundle(lab(), self_url=self.OURS)})
        assert answer == QueryResult(QueryState.SUPPLIED, (lab(),))

    def test_an_empty_answer_to_our_query_is_known_empty_under_any_name(self) -> None:
        assert read("labs", {"-x": bundle(self_url=self.OURS)}).state is QueryState.EMPTY

    def test_a_search_by_post_is_known_as_well(self) -> None:
        url = self.OURS.replace("Observation?", "Observation/_search?")
        assert read("labs", {"x": bundle(lab(), self_url=url)}).state is QueryState.SUPPLIED

    def test_a_query_for_some_of_our_codes_is_a_part(self) -> None:
        assert read("labs", {"x": bundle(lab(), self_url=self.PART)}).state is QueryState.PARTIAL

    def test_a_part_that_found_nothing_answers_nothing(self) -> None:
        assert not read("labs", {"x": bundle(self_url=self.PART)}).state.is_complete

    def test_queries_that_share_our_codes_among_them_are_whole_together(self) -> None:
        one, two = bundle(lab(), self_url=self.PART), bundle(lab("3243-3"), self_url=self.REST)
        answer = read("labs", {"x": one, "y": two})
        assert answer == QueryResult(QueryState.SUPPLIED, (lab(), lab("3243-3")))

    def test_a_search_by_category_counts_if_it_found_our_codes(self) -> None:
        url = "https://ehr/Observation?patient=1&category=laboratory"
        assert read("labs", {"x": bundle(lab(), self_url=url)}).state is QueryState.SUPPLIED
        other = bundle(lab("9999-9"), self_url=url)
        assert read("labs", {"x": other}).state is QueryState.NOT_SUPPLIED

    @pytest.mark.parametrize(
        ("query", "state"),
        [
            ("patient=1&_sort=-recorded-date&_count=200", QueryState.EMPTY),
            ("subject=Patient/1&_include:iterate=x", QueryState.EMPTY),
            ("patient=1&category=problem-list-item", QueryState.NOT_SUPPLIED),
            ("patient=1&clinical-status=active", QueryState.NOT_SUPPLIED),
            ("patient=1&_lastUpdated=gt2026", QueryState.NOT_SUPPLIED),
        ],
    )
    def test_nothing_found_is_known_empty_only_if_nothing_was_filtered_out(
        self, query: str, state: QueryState
    ) -> None:
        found = bundle(self_url=f"https://ehr/Condition?{query}")
        assert read("conditions", {"x": found}).state is state

    def test_observations_without_a_self_link_are_taken_as_a_part(self) -> None:
        answer = read("labs", {"x": bundle(lab())})
        assert answer.state is QueryState.PARTIAL
        assert answer.resources == (lab(),)

    def test_conditions_are_known_by_what_they_are(self) -> None:
        answer = read("conditions", {"x": bundle(condition()), "y": bundle(condition())})
        assert answer == QueryResult(QueryState.SUPPLIED, (condition(), condition()))

    def test_a_patient_is_known_by_what_it_is(self) -> None:
        patient = {"resourceType": "Patient", "id": "p"}
        assert read("patient", {"x": patient}).state is QueryState.SUPPLIED

    def test_foreign_bundles_that_are_not_ours_answer_nothing(self) -> None:
        prefetch = {
            "a": bundle(lab("9999-9")),
            "b": bundle(),
            "c": "text",
            "d": outcome(),
            "e": None,
            "f": bundle({"resourceType": "Observation", "code": "text"}),
            "g": bundle({"resourceType": "Observation", "code": {"coding": [7, {"code": 7}]}}),
        }
        assert read("labs", prefetch).state is QueryState.NOT_SUPPLIED

    def test_our_own_key_goes_first(self) -> None:
        other = bundle(lab(at="2026-03-01T00:00:00Z"), self_url=self.OURS)
        assert read("labs", {"x": other, "labs": bundle(lab())}).resources == (lab(),)

    def test_an_unusable_value_under_our_key_leaves_room_for_another(self) -> None:
        other = bundle(lab(), self_url=self.OURS)
        assert read("labs", {"x": other, "labs": "<html>"}).state is QueryState.SUPPLIED

    @pytest.mark.parametrize("url", ["http://[", "", "Observation", "?", "/", "::"])
    def test_an_odd_self_link_is_survived(self, url: str) -> None:
        assert (
            read("labs", {"x": bundle(lab("9999-9"), self_url=url)}).state
            is QueryState.NOT_SUPPLIED
        )
