"""The service and a real FHIR server by another author: same searches, same cards.

Eleven patients of different charting habits are loaded into sekmet-fhir (`make fhir-server`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from cds_service.advice import advise
from cds_service.app import create_app
from cds_service.chart.query_result import QueryResult, QueryState
from cds_service.fhir.client import FhirLimits
from cds_service.fhir.queries import FhirQuery
from cds_service.fhir.retrieval import Retriever
from cds_service.hooks.request import HookRequest
from cds_service.hooks.services import SERVICES
from cds_service.outbound.http import FhirHttp
from cds_service.security.clients import open_mode_client
from cds_service.service import retrieve_for
from cds_service.settings import Settings
from tests.calls import every_answer
from tests.cases import answered, called, cases, searches, tables, wire
from tests.fhir_server import sekmet

pytestmark = [pytest.mark.fhir_server, pytest.mark.slow]

Json = dict[str, Any]

NAMES = (
    "01-antithrombin-dose",
    "04-renal-switch",  # local codes and unit texts, a rate every 90 minutes
    "06-pseudo-resistance",  # rateRatio; Medication by an absolute URL of another host
    "11-overdose-draft",  # a Medication of its own
    "13-child",
    "15-unreadable",
    "18-hit-by-score",  # 105 observations over two weeks
    "21-clopidogrel-with-heparin",
    "27-after-cardiac-surgery",  # intensive care: many segments
    "28-ecmo-and-crrt",  # mL/h with a referenced Medication; procedures under way
    "32-orders-only",
)
ABSOLUTE = ("06-pseudo-resistance", "11-overdose-draft", "28-ecmo-and-crrt")
NOW: datetime = cases()[NAMES[0]].now
SEARCHES = {search.key: search for search in searches(tables())}


@pytest.fixture(scope="session", autouse=True)
def _installed() -> None:
    if not sekmet.PROGRAM.exists():
        print("No .venv-fhir: the tests with a real FHIR server are skipped (make fhir-server).")
        pytest.skip("no .venv-fhir here; `make fhir-server` installs the FHIR server")


@pytest.fixture(scope="session")
def base(_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server with all patients in it."""
    with sekmet.sekmet(tmp_path_factory.mktemp("sekmet")) as started:
        sekmet.load(started, [r for name in NAMES for r in cases()[name].resources])
        yield started


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """The service at the fixtures' present."""
    settings = Settings.from_environ(
        {
            "CDS_OPEN": "1",
            "CDS_LOG_LEVEL": "error",
            "CDS_FHIR_DEADLINE_SECONDS": "20",  # the server shares a busy machine with the tests
            "CDS_DATABASE_URL": f"sqlite:///{tmp_path_factory.mktemp('db')}/ledger.sqlite",
        }
    )
    return create_app(settings, rulebook=tables(), clock=lambda: NOW).test_client()


def ask(client: FlaskClient, name: str, base: str, token: str = sekmet.TOKEN) -> Any:
    """A fixture's own call, with the server instead of prefetch."""
    authorization = {"access_token": token, "token_type": "Bearer", "expires_in": 300}
    body = {**cases()[name].request, "fhirServer": base, "fhirAuthorization": authorization}
    service = next(s for s in SERVICES.values() if s.hook == body["hook"])
    return client.post(f"/cds-services/{service.id}", json=body)


def from_prefetch(name: str) -> list[Json]:
    """The cards from the fixture's record, without any server."""
    case, rules = cases()[name], tables()
    found = advise(called(case.request), answered(case.resources, rules), rules, case.now)
    return comparable(wire(found), "")


def comparable(cards: list[Json], base: str) -> list[Json]:
    """Without what a server adds to its resources, and without uuids, links and the clock.

    A link names the host that was called; the spine alone knows of none.
    """
    text = json.dumps(cards).replace(f'"{base}/', '"') if base else json.dumps(cards)
    plain: list[Json] = json.loads(text)
    for card in plain:
        card.pop("uuid")
        card.pop("links", None)
        card["source"].pop("url", None)
        for suggestion in card.get("suggestions", ()):
            suggestion.pop("uuid")
            for action in suggestion["actions"]:
                for added in ("meta", "authoredOn"):
                    action.get("resource", {}).pop(added, None)
    return plain


def gathered(name: str, base: str, plan: tuple[FhirQuery, ...]) -> dict[str, QueryResult]:
    """What the service reads of one patient by some other plan."""
    call = HookRequest(called(cases()[name].request), "i", {}, base, sekmet.TOKEN)
    retriever = Retriever(plan, FhirHttp(frozenset({"127.0.0.1"})), FhirLimits(seconds=20.0))
    try:
        return retrieve_for(call, open_mode_client(()), retriever, NOW)
    finally:
        retriever.http.close()


def in_pages_of(count: int) -> tuple[FhirQuery, ...]:
    """Our queries, asked for in small pages; without windows, so that all pages count."""
    paged = []
    for search in SEARCHES.values():
        template = search.template.replace(f"_count={search.count}", f"_count={count}")
        paged.append(replace(search, template=template, count=count, window_hours=None))
    return tuple(paged)


@pytest.mark.parametrize("name", NAMES)
def test_cards_from_the_server_are_those_from_prefetch(
    client: FlaskClient, base: str, name: str
) -> None:
    response = ask(client, name, base)

    assert response.status_code == 200, response.text
    assert comparable(response.json["cards"], base) == from_prefetch(name)
    topics = [card["source"]["topic"]["code"] for card in response.json["cards"]]
    assert topics == cases()[name].front_matter["topics"]


def expected(name: str, search: FhirQuery) -> dict[str, datetime | None]:
    """What a template asks for, by id, with the time the server sorts it by."""
    found = {}
    for resource in cases()[name].resources:
        codes = {c.get("code") for c in resource.get("code", {}).get("coding", ())}
        if resource["resourceType"] == search.resource and (
            not search.codes or codes & search.codes
        ):
            found[resource["id"]] = sorted_by(resource)
    return found


def sorted_by(resource: Mapping[str, Any]) -> datetime | None:
    """The latest instant of what each type is sorted by, newest first."""
    period = resource.get("effectivePeriod") or resource.get("performedPeriod")
    written = (
        resource.get("effectiveDateTime")
        or resource.get("authoredOn")
        or resource.get("recordedDate")
        or resource.get("performedDateTime")
        or (period or resource.get("period") or {}).get("start")
    )
    return datetime.fromisoformat(written) if written and "T" in written else None


@pytest.mark.parametrize("key", SEARCHES)
def test_each_template_finds_what_it_asks_for_newest_first(base: str, key: str) -> None:
    search, held = SEARCHES[key], 0
    for name in NAMES:
        answer = sekmet.get(base, search.url(cases()[name].patient["id"]))
        wanted = expected(name, search)
        if "?" not in search.template:
            assert answer["id"] in wanted
            held += 1
            continue
        found = [e["resource"] for e in answer.get("entry", ()) if e["search"]["mode"] == "match"]
        assert len(found) == answer["total"] == len(wanted), name
        assert {r["id"] for r in found} == set(wanted), name
        if "_sort" in search.template:
            times = [t for r in found if (t := wanted[r["id"]]) is not None]
            assert times == sorted(times, reverse=True), name
        held += len(found)
    assert held, "nothing to find would prove nothing"


def test_medications_come_along_as_included(base: str) -> None:
    search = SEARCHES["administrations"]
    answer = sekmet.get(base, search.url(cases()["28-ecmo-and-crrt"].patient["id"]))
    included = [e["resource"] for e in answer["entry"] if e["search"]["mode"] == "include"]
    assert [one["resourceType"] for one in included] == ["Medication"]


class TestPages:
    NAME = "04-renal-switch"  # 36 charted rates and doses

    def test_small_pages_give_the_same_cards(self, base: str) -> None:
        answers = gathered(self.NAME, base, in_pages_of(7))
        assert {a.state for a in answers.values()} <= {QueryState.SUPPLIED, QueryState.EMPTY}
        found = advise(called(cases()[self.NAME].request), answers, tables(), NOW)
        assert comparable(wire(found), base) == from_prefetch(self.NAME)

    @pytest.mark.parametrize("name", ["04-renal-switch", "06-pseudo-resistance"])
    def test_every_page_is_followed_and_nothing_comes_twice(self, base: str, name: str) -> None:
        """The included Medication rides along once, whatever the number of pages."""
        answers = gathered(name, base, in_pages_of(3))
        for key, search in SEARCHES.items():
            found = [r["id"] for r in answers[key].resources if r["resourceType"] != "Medication"]
            assert len(found) == len(set(found)), key
            assert set(found) == set(expected(name, search)), key

    def test_a_client_that_ignored_the_next_link_would_lose_most(self, base: str) -> None:
        search = next(s for s in in_pages_of(7) if s.key == "administrations")
        answer = sekmet.get(base, search.url(cases()[self.NAME].patient["id"]))
        assert len(answer["entry"]) == 7
        assert answer["total"] == len(expected(self.NAME, search)) == 36
        assert any(link["relation"] == "next" for link in answer["link"])

    def test_without_a_count_the_server_pages_by_its_own(self, base: str) -> None:
        search = SEARCHES["administrations"]
        template = search.template.replace(f"&_count={search.count}", "")
        bare = replace(search, template=template, count=None, window_hours=None)
        first = sekmet.get(base, bare.url(cases()[self.NAME].patient["id"]))
        assert len(first["entry"]) == 20, "the server's own page"
        found = gathered(self.NAME, base, (bare,))["administrations"]
        assert found.state is QueryState.SUPPLIED
        assert len(found.resources) == 36


class TestOutcomes:
    """The server warns of a parameter it does not know by an entry beside the data."""

    SEARCH = replace(SEARCHES["coagulation"], template=SEARCHES["coagulation"].template + "&x=1")

    def test_a_warning_entry_is_passed_over(self, base: str) -> None:
        name = "01-antithrombin-dose"
        answer = sekmet.get(base, self.SEARCH.url(cases()[name].patient["id"]))
        modes = [entry["search"]["mode"] for entry in answer["entry"]]
        assert "outcome" in modes, "the server does warn"

        found = gathered(name, base, (self.SEARCH,))["coagulation"]

        assert found.state is QueryState.SUPPLIED
        assert {r["id"] for r in found.resources} == set(expected(name, self.SEARCH))

    def test_nothing_found_with_a_warning_is_known_empty(self, base: str) -> None:
        only = self.SEARCH.template.partition("&code=")[0] + "&code=http://none.org|none&x=1"
        found = gathered("01-antithrombin-dose", base, (replace(self.SEARCH, template=only),))
        assert found["coagulation"].state is QueryState.EMPTY


@pytest.mark.parametrize("token", ["", "wrong"])
def test_without_the_right_token_nothing_can_be_read(
    client: FlaskClient, base: str, token: str
) -> None:
    assert ask(client, "32-orders-only", base, token).status_code == 412
    sign = ask(client, "11-overdose-draft", base, token)
    assert [c["source"]["topic"]["code"] for c in sign.json["cards"]] != []


def test_suggested_orders_are_stored_by_the_server_as_sent(base: str) -> None:
    """Its check is strict; an EHR would do the same with an accepted suggestion."""
    created = [
        action["resource"] | {"id": f"suggested-{number}"}
        for number, action in enumerate(
            action
            for name in NAMES
            for answer in every_answer(name)
            for action in answer.actions
            if action["type"] == "create"
        )
    ]
    assert len(created) > 50
    distinct = list({json.dumps(r | {"id": ""}, sort_keys=True): r for r in created}.values())
    sekmet.load(base, distinct)
    for resource in distinct:
        stored = sekmet.get(base, f"{resource['resourceType']}/{resource['id']}")
        stored.pop("meta")
        assert stored == resource


@pytest.fixture(scope="module")
def absolute(_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that answers with absolute references, as some do."""
    behaviour = "server_behaviour:\n  absolute_references: true\n"
    with sekmet.sekmet(tmp_path_factory.mktemp("absolute"), behaviour) as started:
        sekmet.load(started, [r for name in ABSOLUTE for r in cases()[name].resources])
        yield started


@pytest.mark.parametrize("name", ABSOLUTE)
def test_absolute_references_make_no_difference(
    client: FlaskClient, absolute: str, name: str
) -> None:
    patient = cases()[name].patient["id"]
    answer = sekmet.get(absolute, f"MedicationRequest?patient={patient}")
    subjects = {entry["resource"]["subject"]["reference"] for entry in answer["entry"]}
    assert subjects == {f"{absolute}/Patient/{patient}"}, "the server does write them absolute"

    response = ask(client, name, absolute)

    assert comparable(response.json["cards"], absolute) == from_prefetch(name)
