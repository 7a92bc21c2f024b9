from datetime import UTC, datetime
from typing import Any

import pytest

from cds_service.fhir.bundles import is_outcome, of_type, reaches_past, read_page

SINCE = datetime(2026, 3, 1, 12, tzinfo=UTC)


def bundle(*resources: object, **fields: object) -> dict[str, Any]:
    return {"resourceType": "Bundle", "entry": [{"resource": r} for r in resources], **fields}


def resource(kind: str = "Observation", **fields: object) -> dict[str, Any]:
    return {"resourceType": kind, **fields}


@pytest.mark.parametrize(
    "value", [None, "", "<html>", 7, [], [resource()], {}, {"resourceType": 7}, True]
)
def test_what_is_no_fhir_resource_is_no_page(value: object) -> None:
    assert read_page(value) is None


def test_a_bare_resource_is_a_page_of_one() -> None:
    page = read_page(resource("Patient"))
    assert page is not None
    assert page.resources == (resource("Patient"),)


def test_a_bundle_of_any_type_or_none_gives_its_resources() -> None:
    for fields in ({}, {"type": "collection"}, {"type": "searchset", "total": 1}):
        page = read_page(bundle(resource(), **fields))
        assert page is not None
        assert page.resources == (resource(),)


def test_one_entry_as_an_object_is_taken_as_a_list_of_one() -> None:
    page = read_page({"resourceType": "Bundle", "entry": {"resource": resource()}})
    assert page is not None
    assert page.resources == (resource(),)


def test_entries_without_a_resource_are_passed_over() -> None:
    page = read_page({"resourceType": "Bundle", "entry": [{"resource": resource()}, {}, None]})
    assert page is not None
    assert page.resources == (resource(),)
    assert page.readable


@pytest.mark.parametrize("odd", ["text", [resource()], 7, {}, {"resourceType": []}])
def test_an_entry_that_holds_no_resource_but_something_else_is_kept_to_be_named(
    odd: object,
) -> None:
    page = read_page(bundle(odd, resource()))
    assert page is not None
    assert page.readable
    assert of_type(page.resources, "Observation") == (resource(),)
    (other,) = (one for one in page.resources if one["resourceType"] != "Observation")
    assert other["resourceType"] == ""


def test_an_odd_entry_is_named_by_its_full_url() -> None:
    url = "https://ehr/Observation/o1"
    page = read_page({"resourceType": "Bundle", "entry": [{"fullUrl": url, "resource": "text"}]})
    assert page is not None
    assert [one["reference"] for one in page.resources] == [url]


@pytest.mark.parametrize("entry", ["text", [{"fullUrl": "urn:x"}], [None], [[]]])
def test_entries_that_hold_nothing_at_all_make_a_page_unreadable(entry: object) -> None:
    page = read_page({"resourceType": "Bundle", "entry": entry})
    assert page is not None
    assert not page.readable


@pytest.mark.parametrize("fields", [{}, {"entry": []}, {"entry": None}, {"total": 0}])
def test_a_bundle_without_entries_is_readable_and_empty(fields: dict[str, Any]) -> None:
    page = read_page({"resourceType": "Bundle", **fields})
    assert page is not None
    assert page.readable
    assert not page.resources


def warning(severity: str) -> dict[str, Any]:
    return resource("OperationOutcome", issue=[{"severity": severity, "code": "processing"}])


def test_a_warning_beside_the_data_is_skipped() -> None:
    page = read_page(bundle(warning("warning"), resource()))
    assert page is not None
    assert page.resources == (resource(),)
    assert not page.troubled


@pytest.mark.parametrize("severity", ["error", "fatal"])
def test_an_error_beside_the_data_is_noticed(severity: str) -> None:
    page = read_page(bundle(resource(), warning(severity)))
    assert page is not None
    assert page.resources == (resource(),)
    assert page.troubled


def test_an_outcome_is_known_from_data() -> None:
    assert is_outcome(warning("error"))
    assert not is_outcome(bundle())
    assert not is_outcome("OperationOutcome")


def test_links_are_found_by_relation() -> None:
    page = read_page(
        bundle(
            link=[
                "text",
                {"relation": "self", "url": "https://a/Observation"},
                {"relation": "next", "url": "https://a/next"},
            ]
        )
    )
    assert page is not None
    assert (page.self_url, page.next_url) == ("https://a/Observation", "https://a/next")


@pytest.mark.parametrize(
    "link", [None, "next", [{"relation": "next"}], [{"relation": "next", "url": 7}]]
)
def test_a_broken_link_is_none(link: object) -> None:
    page = read_page(bundle(link=link))
    assert page is not None
    assert page.next_url == ""


@pytest.mark.parametrize(
    ("total", "read"),
    [(3, 3), (0, 0), ("3", 3), (3.0, 3), (1e300, None), ("x", None), (True, None), (None, None)],
)
def test_the_total_is_a_number_or_unknown(total: object, read: int | None) -> None:
    page = read_page(bundle(total=total))
    assert page is not None
    assert page.total == read


def at(*times: object) -> list[dict[str, Any]]:
    return [resource(effectiveDateTime=time) for time in times]


@pytest.mark.parametrize(
    ("times", "past"),
    [
        (["2026-03-01T11:59:59Z"], True),
        (["2026-03-01T12:00:00Z"], False),
        (["2026-03-02T00:00:00Z", "2026-03-01T11:00:00Z"], True),
        (["2026-03-01T11:00:00Z", "2026-03-02T00:00:00Z"], False),
        (["2026-03-01T13:00:00+02:00"], True),
        (["2026-03-02T00:00:00Z", "2026-03-01"], False),  # may be the evening
        (["2026-03-02T00:00:00Z", "2026-02-27"], True),
        (["2026-03-01T11:00:00"], False),  # no zone: may be later than it looks
        (["2026-03-02T00:00:00Z", None, "2026-02-27T00:00:00Z"], True),
        (["2026-03-02T00:00:00Z", "yesterday"], False),
        (["2026", 7, None], False),
        (["9999-12-31"], False),
        ([], False),
    ],
)
def test_newest_first_pages_cover_the_window_once_their_last_is_older(
    times: list[object], past: bool
) -> None:
    assert reaches_past(at(*times), SINCE) is past


@pytest.mark.parametrize(
    "old",
    [
        resource(effectivePeriod={"start": "2026-01-01T00:00:00Z"}),
        resource(issued="2026-01-01T00:00:00Z"),
        resource("MedicationAdministration", effectivePeriod={"start": "2026-01-01T00:00:00Z"}),
        resource("MedicationRequest", authoredOn="2026-01-01T00:00:00Z"),
        resource("ServiceRequest", authoredOn="2026-01-01T00:00:00Z"),
        resource("Procedure", performedPeriod={"start": "2026-01-01T00:00:00Z"}),
        resource("Encounter", period={"start": "2026-01-01T00:00:00Z"}),
    ],
)
def test_each_type_is_dated_by_its_own_field(old: dict[str, Any]) -> None:
    assert reaches_past([old], SINCE)


def test_a_type_without_a_date_never_covers_a_window() -> None:
    assert not reaches_past([resource("AllergyIntolerance", recordedDate="2020-01-01")], SINCE)


def test_what_was_included_is_no_match() -> None:
    both = (resource("MedicationRequest"), resource("Medication"))
    assert of_type(both, "MedicationRequest") == (resource("MedicationRequest"),)
