from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qs

from cds_service.chart.concepts import Code
from cds_service.fhir.queries import PATIENT, query_templates
from tests.chart.builders import shipped

# https://cds-hooks.hl7.org/2.0/#prefetch-query-restrictions; beyond it, most know `_include`.
PORTABLE = {"patient", "code", "_count", "_sort", "_include"}


def test_every_query_has_a_template_in_the_portable_subset() -> None:
    urls = query_templates(shipped())
    assert set(urls) == set(shipped().queries)
    assert urls.pop("patient") == f"Patient/{PATIENT}"
    for url in urls.values():
        resource, _, query = url.partition("?")
        params = parse_qs(query, strict_parsing=True)
        assert resource.isalpha()
        assert set(params) <= PORTABLE
        assert params["patient"] == [PATIENT]
        assert query.count("{{") == 1
        assert all(len(values) == 1 for values in params.values())


def test_observations_are_asked_for_by_every_code_that_may_be_matched() -> None:
    urls = query_templates(shipped())
    for row in shipped().observations.values():
        tokens = parse_qs(urls[row.query].partition("?")[2])["code"][0].split(",")
        for code in row.codes:
            assert f"http://loinc.org|{code.code}" in tokens
    assert "code=" not in urls["orders"] + urls["conditions"] + urls["tests"]


def test_newest_come_first_by_the_parameter_of_each_type() -> None:
    sorts = {
        key: parse_qs(url.partition("?")[2]).get("_sort", [""])[0]
        for key, url in query_templates(shipped()).items()
    }
    assert sorts == {
        "patient": "",
        "coagulation": "-date",
        "blood": "-date",
        "body": "-date",
        "administrations": "-effective-time",
        "orders": "-authoredon",
        "conditions": "-recorded-date",
        "allergies": "",
        "procedures": "-date",
        "tests": "-authored",
        "encounters": "-date",
    }


def test_local_codes_are_escaped_and_unverified_ones_left_out() -> None:
    table = shipped()
    aptt = replace(
        table.observations["aptt"],
        codes=(
            Code("local", "PTT & more"),
            Code("local", "guess", status="unverified"),
        ),
    )
    changed = replace(
        table,
        systems={**table.systems, "local": ("urn:lab",)},
        observations={"aptt": aptt},
    )
    assert "&code=urn:lab|PTT%20%26%20more&" in query_templates(changed)["coagulation"]
