"""Servers differ in what they search and refuse; what is not ours stays in every case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from cds_service.demo.fixtures import Fixture
from cds_service.tools.integrator.fhir_base import FhirBase, NotAnswered
from cds_service.tools.integrator.loading import load_resources, unload_resources
from tests.cases import cases
from tests.tools.integrator.fake_fhir import FakeFhir
from tests.tools.integrator.serving import served

TWO: tuple[Fixture, ...] = tuple(
    replace(case, resources=case.resources[:25])  # less to send
    for case in (cases()["13-child"], cases()["09-hit-on-record"])
)
STRANGER = {"resourceType": "Observation", "id": "x", "subject": {"reference": "Patient/hr-99"}}


def quiet(_what: str, _count: int) -> None:
    """No progress to show."""


@pytest.fixture
def fake() -> FakeFhir:
    return FakeFhir(held={"Observation/x": dict(STRANGER)})


@pytest.fixture
def base(fake: FakeFhir) -> Iterator[FhirBase]:
    with served(fake.app()) as url, FhirBase(f"{url}/fhir/") as connected:
        yield connected


@pytest.mark.parametrize("tag", ["searched", "ignored", "refused", "never found"])
@pytest.mark.parametrize("transactions", [True, False])
def test_unload_takes_all_of_ours_and_nothing_else(
    fake: FakeFhir, base: FhirBase, tag: str, transactions: bool
) -> None:
    fake.tag, fake.transactions = tag, transactions
    load_resources(base, TWO, quiet)
    count = len(fake.held)

    done = unload_resources(base, TWO, quiet)

    assert fake.held == {"Observation/x": STRANGER}
    assert len(done.names) == count - 1
    assert not done.left


def test_what_cannot_be_removed_is_named_with_the_reason(fake: FakeFhir, base: FhirBase) -> None:
    load_resources(base, TWO[:1], quiet)
    fake.forbidden = frozenset({"Patient/hr-13"})

    done = unload_resources(base, TWO[:1], quiet)

    assert set(fake.held) == {"Observation/x", "Patient/hr-13"}
    ((name, why),) = done.left
    assert name == "Patient/hr-13"
    assert "409" in why
    assert "is referred to" in why


def test_ours_by_id_without_our_tag_is_left_alone(fake: FakeFhir, base: FhirBase) -> None:
    """A server that does not search by tag, and somebody has written over one of ours."""
    load_resources(base, TWO[:1], quiet)
    fake.tag = "refused"
    (taken,) = [name for name in fake.held if name.startswith("Encounter/")]
    fake.held[taken] = {"resourceType": "Encounter", "id": taken.split("/")[1]}

    unload_resources(base, TWO[:1], quiet)

    assert set(fake.held) == {"Observation/x", taken}


def test_an_id_of_somebody_else_refuses_the_whole_load(fake: FakeFhir, base: FhirBase) -> None:
    fake.held["Patient/hr-09"] = {"resourceType": "Patient", "id": "hr-09"}

    with pytest.raises(NotAnswered, match=r"Patient/hr-09 .* nothing was written"):
        load_resources(base, TWO, quiet)

    assert set(fake.held) == {"Observation/x", "Patient/hr-09"}


def test_a_server_of_another_version_is_found_out_first(fake: FakeFhir, base: FhirBase) -> None:
    fake.version = "5.0.0"

    with pytest.raises(NotAnswered, match=r"5\.0\.0"):
        load_resources(base, TWO, quiet)

    assert fake.asked == []


def test_pages_are_followed_to_the_end(fake: FakeFhir, base: FhirBase) -> None:
    fake.page = 7
    load_resources(base, TWO, quiet)

    unload_resources(base, TWO, quiet)

    assert set(fake.held) == {"Observation/x"}
    assert fake.asked.count("search Observation") > 3


def test_a_transaction_that_fails_says_how_far_it_came(fake: FakeFhir, base: FhirBase) -> None:
    fake.full_after = 1

    with pytest.raises(NotAnswered, match=r"09-hit-on-record: .*507.* \(1 of 2 patients"):
        load_resources(base, TWO, quiet)


def test_an_answer_that_does_not_say_that_all_was_stored_is_a_fault(
    fake: FakeFhir, base: FhirBase
) -> None:
    fake.says_stored = False

    with pytest.raises(NotAnswered, match="did not say that all of it was stored"):
        load_resources(base, TWO, quiet)


@pytest.mark.parametrize("where", ["search Patient", "transaction DELETE"])
def test_a_server_that_stops_answering_ends_the_removal(
    fake: FakeFhir, base: FhirBase, where: str
) -> None:
    load_resources(base, TWO, quiet)
    fake.broken_at = where

    with pytest.raises(NotAnswered, match="503"):
        unload_resources(base, TWO, quiet)
