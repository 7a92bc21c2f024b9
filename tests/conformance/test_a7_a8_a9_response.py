"""CDS Hooks: the response (7), feedback (8), statuses (9), for every patient of the project."""

import re
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from markdown_it import MarkdownIt

from cds_service import service as one_call
from cds_service.ledger.feedback import feedback
from tests.cases import cases
from tests.service import Service, request_of

Json = dict[str, Any]

EVERY = pytest.mark.parametrize("name", sorted(cases()))


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The answer to every fixture's call."""
    service = Service(tmp_path_factory.mktemp("answers"))
    found = {name: service.call(name) for name in cases()}
    service.close()
    return found


@pytest.fixture
def cards(answers: dict[str, Any], name: str) -> list[Json]:
    found: list[Json] = answers[name].json["cards"]
    return found


@pytest.fixture
def suggestions(cards: list[Json]) -> list[Json]:
    return [suggestion for card in cards for suggestion in card.get("suggestions", ())]


@pytest.fixture
def actions(suggestions: list[Json]) -> list[Json]:
    return [action for suggestion in suggestions for action in suggestion.get("actions", ())]


def empties(value: Any, place: str = "") -> list[str]:
    """Places of null, "", [] and {}."""
    if value is None or value in ("", [], {}):
        return [place]
    if isinstance(value, dict):
        return [found for key, inner in value.items() for found in empties(inner, f"{place}.{key}")]
    if isinstance(value, list):
        return [found for n, inner in enumerate(value) for found in empties(inner, f"{place}[{n}]")]
    return []


class TestResponse:
    @EVERY
    def test_7_1_200_and_an_array_of_cards(self, answers: Json, name: str) -> None:
        assert answers[name].status_code == 200
        assert isinstance(answers[name].json["cards"], list)

    def test_7_2_nothing_to_say_is_an_empty_array(self, service: Service) -> None:
        answer = service.call("02-silent-start")
        assert (answer.status_code, answer.json) == (200, {"cards": []})

    def test_7_4_9_6_a_fault_of_ours_is_a_500_that_tells_nothing_of_it(
        self, service: Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: Any) -> Any:
            raise ZeroDivisionError("Ruth Keller")

        monkeypatch.setattr(one_call, "advise", broken)
        answer = service.call()
        assert (answer.status_code, answer.json["issue"][0]["code"]) == (500, "exception")
        assert "Keller" not in answer.text
        assert answer.headers["X-Request-ID"] in answer.text

    @EVERY
    def test_7_3_no_system_actions(self, answers: Json, name: str) -> None:
        assert set(answers[name].json) == {"cards"}

    @EVERY
    def test_1_2_nothing_empty_is_ever_sent(self, answers: Json, name: str) -> None:
        assert answers[name].json == {"cards": []} or empties(answers[name].json) == []


@EVERY
class TestCard:
    def test_7_5_summary_is_shorter_than_140(self, cards: list[Json]) -> None:
        assert all(0 < len(card["summary"]) < 140 for card in cards)

    def test_7_11_detail_is_markdown_without_html(self, cards: list[Json]) -> None:
        markdown = MarkdownIt("gfm-like", {"html": True})
        for card in cards:
            tokens = markdown.parse(card["detail"])
            kinds = {t.type for token in tokens for t in (token, *(token.children or ()))}
            assert not kinds & {"html_block", "html_inline"}
            assert "table_open" in kinds or "|" not in card["detail"].replace("\\|", "")

    def test_7_15_7_26_7_27_7_28_a_link_is_absolute_and_whole(self, cards: list[Json]) -> None:
        """One to the card's rule; the smart link's `appContext` is held by test_links.py."""
        links = [link for card in cards for link in card["links"]]
        assert len(links) == len(cards)
        for link in links:
            assert set(link) == {"label", "url", "type"}
            assert link["type"] == "absolute"
            assert link["url"].startswith("http")

    def test_7_16_no_extension_is_sent(self, answers: Json, name: str) -> None:
        assert "extension" not in answers[name].json
        assert all("extension" not in card for card in answers[name].json["cards"])

    def test_7_6_indicator_is_one_of_three(self, cards: list[Json]) -> None:
        assert {card["indicator"] for card in cards} <= {
            "info", "warning", "critical",
        }  # fmt: skip

    def test_7_7_7_8_7_9_source_has_label_absolute_urls_and_a_topic(
        self, cards: list[Json]
    ) -> None:
        for card in cards:
            source = card["source"]
            assert source["label"]
            assert urlsplit(source.get("url", "https://x")).netloc
            assert source["topic"]["system"]
            assert re.fullmatch(r"[A-Za-z]{1,100}", source["topic"]["code"])

    def test_7_10_7_18_uuids_are_unique(self, cards: list[Json], suggestions: list[Json]) -> None:
        found = [card["uuid"] for card in cards]
        found += [suggestion["uuid"] for suggestion in suggestions]
        assert len({UUID(uuid) for uuid in found}) == len(found)

    def test_7_12_7_13_selection_behavior_stands_with_suggestions(self, cards: list[Json]) -> None:
        for card in cards:
            assert ("suggestions" in card) == ("selectionBehavior" in card)
            assert card.get("selectionBehavior", "at-most-one") == "at-most-one"

    def test_7_14_7_29_override_reasons_are_whole_codings(self, cards: list[Json]) -> None:
        for card in cards:
            for reason in card.get("overrideReasons", ()):
                assert set(reason) == {"code", "system", "display"}

    def test_7_30_only_known_fields(self, cards: list[Json]) -> None:
        known = {
            "uuid", "summary", "detail", "indicator", "source", "suggestions",
            "selectionBehavior", "overrideReasons", "links", "extension",
        }  # fmt: skip
        assert all(set(card) <= known for card in cards)

    def test_7_17_7_19_suggestions_have_labels_and_at_most_one_is_recommended(
        self, cards: list[Json]
    ) -> None:
        for card in cards:
            offered = card.get("suggestions", ())
            assert all(suggestion["label"] for suggestion in offered)
            assert sum(bool(suggestion.get("isRecommended")) for suggestion in offered) <= 1

    def test_7_20_7_22_7_23_actions_are_complete(self, actions: list[Json]) -> None:
        for action in actions:
            assert action["description"]
            assert action["type"] in ("create", "update", "delete")
            if action["type"] == "delete":
                assert re.fullmatch(r"[A-Za-z]+/[^/]+", action["resourceId"])
                assert "resource" not in action
            else:
                assert action["resource"]["resourceType"]
                assert "resourceId" not in action

    def test_7_24_7_25_deletes_and_updates_target_what_is_there(
        self, actions: list[Json], name: str
    ) -> None:
        request = request_of(name)
        drafts = request["context"].get("draftOrders", {}).get("entry", [])
        known = [entry["resource"] for entry in drafts] + list(cases()[name].resources)
        ids = {f"{resource['resourceType']}/{resource.get('id')}" for resource in known}
        for action in actions:
            if action["type"] == "delete":
                assert action["resourceId"] in ids
            if action["type"] == "update":
                resource = action["resource"]
                assert f"{resource['resourceType']}/{resource['id']}" in ids

    def test_7_21_no_field_of_the_ballot_is_used(self, answers: Json, name: str) -> None:
        assert "actionSelectionBehavior" not in answers[name].text


def post(service: Service, *items: Json) -> Any:
    return service.client.post(
        "/cds-services/heparin-order-select/feedback", json={"feedback": list(items)}
    )


def item(card: str, outcome: str = "accepted", **more: Any) -> Json:
    return {"card": card, "outcome": outcome, "outcomeTimestamp": "2026-03-02T14:01:00Z"} | more


class TestFeedback:
    def test_8_1_an_accepted_suggestion(self, service: Service) -> None:
        card = service.call().json["cards"][0]
        chosen = [{"id": card["suggestions"][0]["uuid"]}]
        answer = post(service, item(card["uuid"], acceptedSuggestions=chosen))
        assert (answer.status_code, answer.json) == (200, {"received": 1})
        (row,) = service.rows(feedback)
        assert row.suggestions == [chosen[0]["id"]]

    def test_8_1_an_override_with_reason_and_comment(self, service: Service) -> None:
        card = service.call().json["cards"][0]
        reason = {"reason": card["overrideReasons"][0], "userComment": "Later."}
        assert post(service, item(card["uuid"], "overridden", overrideReason=reason)).json
        (row,) = service.rows(feedback)
        assert (row.reason_code, row.comment) == (card["overrideReasons"][0]["code"], "Later.")

    def test_8_2_8_4_batches_repeats_and_late_items(self, service: Service) -> None:
        one, two = (service.call().json["cards"][0]["uuid"] for _ in range(2))
        late = item(two, outcomeTimestamp="2020-01-01T00:00:00Z")
        assert post(service, item(one), late, item(one)).json == {"received": 3}
        assert post(service, item(one)).json == {"received": 1}
        assert len(service.rows(feedback)) == 2

    def test_8_4_an_unknown_card_is_404_and_stores_nothing(self, service: Service) -> None:
        known = service.call().json["cards"][0]["uuid"]
        answer = post(service, item(known), item("nobody's"))
        assert answer.status_code == 404
        assert answer.json["issue"][0]["expression"] == ["feedback[1].card"]
        assert service.rows(feedback) == []

    def test_8_4_9_3_an_unknown_service_is_404(self, service: Service) -> None:
        answer = service.client.post("/cds-services/other/feedback", json={"feedback": []})
        assert answer.status_code == 404

    def test_8_1_9_4_a_bad_item_is_400_and_stores_nothing(self, service: Service) -> None:
        answer = post(service, item("c1"), {"card": "c2"})
        assert answer.status_code == 400
        assert answer.json["issue"][0]["expression"] == ["feedback[1].outcome"]
        assert service.rows(feedback) == []

    def test_8_5_a_card_nobody_answers_is_shown_again_as_it_was(self, service: Service) -> None:
        first, second = (service.call().json["cards"][0] for _ in range(2))
        for card in (first, second):
            assert card.pop("uuid")
            for suggestion in card["suggestions"]:
                assert suggestion.pop("uuid")
        assert first == second

    def test_8_6_an_accepted_order_is_not_taken_as_given(self, service: Service) -> None:
        card = service.call().json["cards"][0]
        chosen = [{"id": card["suggestions"][0]["uuid"]}]
        post(service, item(card["uuid"], acceptedSuggestions=chosen))
        (again,) = service.call().json["cards"]
        assert (again["summary"], again["indicator"]) == (card["summary"], card["indicator"])


class TestStatuses:
    VIEW = "/cds-services/heparin-patient-view"

    def body(self, **changes: Any) -> Json:
        good = {"hook": "patient-view", "hookInstance": "i", "context": {"patientId": "p"}}
        return {name: value for name, value in (good | changes).items() if value is not None}

    def test_9_1_200_where_it_went_well(self, service: Service) -> None:
        assert service.client.get("/cds-services").status_code == 200
        called = service.call()
        assert called.status_code == 200
        assert post(service, item(called.json["cards"][0]["uuid"])).status_code == 200

    def test_9_6_503_where_feedback_cannot_be_stored(self, service: Service) -> None:
        card = service.call().json["cards"][0]["uuid"]
        service.execute("ALTER TABLE feedback RENAME TO gone")
        answer = post(service, item(card))
        assert (answer.status_code, answer.json["issue"][0]["code"]) == (503, "transient")

    def test_9_3_404_for_an_unknown_service(self, service: Service) -> None:
        assert service.client.post("/cds-services/x", json=self.body()).status_code == 404

    @pytest.mark.parametrize("field", ["hook", "hookInstance", "context"])
    def test_9_4_400_for_a_field_missing_or_of_the_wrong_type(
        self, service: Service, field: str
    ) -> None:
        for value in (None, 7, []):
            answer = service.client.post(self.VIEW, json=self.body(**{field: value}))
            assert answer.status_code == 400

    def test_9_4_400_for_what_is_not_json(self, service: Service) -> None:
        answer = service.client.post(self.VIEW, data="{", content_type="application/json")
        assert answer.status_code == 400

    def test_9_5_412_if_required_data_can_be_had_neither_way(self, service: Service) -> None:
        assert service.client.post(self.VIEW, json=self.body()).status_code == 412

    def test_9_7_errors_are_operation_outcomes(self, service: Service) -> None:
        for answer in (
            service.client.post(self.VIEW, json=self.body()),
            service.client.post(self.VIEW, data="{"),
            service.client.get("/nothing"),
        ):
            assert answer.json["resourceType"] == "OperationOutcome"
