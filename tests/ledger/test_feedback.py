from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select

from cds_service.errors import BodyTooLarge, MalformedRequest, NotStored, UnknownCard
from cds_service.hooks.feedback import FeedbackItem, read_feedback
from cds_service.ledger.database import Ledger
from cds_service.ledger.feedback import feedback, store_feedback
from tests.ledger.shown import show

Json = dict[str, Any]

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
SERVICE = "heparin-order-sign"


def accepted(card: str = "c1", **more: Any) -> Json:
    return {
        "card": card,
        "outcome": "accepted",
        "acceptedSuggestions": [{"id": "s1"}],
        "outcomeTimestamp": "2026-03-02T11:59:00Z",
    } | more


def overridden(**more: Any) -> Json:
    return {
        "card": "c1",
        "outcome": "overridden",
        "outcomeTimestamp": "2026-03-02T11:59:00Z",
    } | more


REASON = {"reason": {"code": "disagree", "system": "urn:x"}, "userComment": "On hospice."}


def read(*items: object) -> tuple[FeedbackItem, ...]:
    return read_feedback({"feedback": list(items)})


class TestRead:
    def test_an_accepted_card_with_its_suggestions(self) -> None:
        (item,) = read(accepted())
        assert (item.card, item.outcome, item.suggestions) == ("c1", "accepted", ("s1",))
        assert item.at == "2026-03-02T11:59:00Z"

    @pytest.mark.parametrize(
        "override",
        [
            {"overrideReason": REASON},
            {"overrideReasons": REASON},
            {"overrideReasons": [REASON]},
            {"overrideReason": None, "overrideReasons": REASON},
        ],
    )
    def test_a_reason_under_either_name(self, override: Json) -> None:
        (item,) = read(overridden(**override))
        assert item.reason["code"] == "disagree"
        assert item.reason["display"] == ""
        assert item.comment == "On hospice."

    @pytest.mark.parametrize(
        "override",
        [
            {},
            {"overrideReason": {}},
            {"overrideReason": "text"},
            {"overrideReasons": []},
            {"overrideReasons": {"extension": {"com.example": 1}}},
            {"overrideReason": {"reason": "text", "userComment": 7}},
            {"overrideReason": {"reason": {"code": 7}}},
        ],
    )
    def test_an_override_without_a_reason_is_one(self, override: Json) -> None:
        (item,) = read(overridden(**override))
        assert (item.reason["code"], item.comment) == ("", "")

    def test_a_comment_alone_is_kept(self) -> None:
        (item,) = read(overridden(overrideReason={"userComment": "No."}))
        assert item.comment == "No."

    @pytest.mark.parametrize("suggestions", [None, "s1", [], ["s1"], [{"id": 7}], {}])
    def test_odd_suggestions_are_none(self, suggestions: object) -> None:
        (item,) = read(accepted(acceptedSuggestions=suggestions))
        assert item.suggestions == ()

    @pytest.mark.parametrize(
        ("items", "field"),
        [
            ([accepted()] * 1001, "feedback"),
            (
                [accepted(acceptedSuggestions=[{"id": "s"}] * 51)],
                "feedback[0].acceptedSuggestions",
            ),
        ],
    )
    def test_more_than_anybody_has_to_say_is_refused(self, items: list[Json], field: str) -> None:
        with pytest.raises(BodyTooLarge) as refusal:
            read(*items)
        assert refusal.value.field == field

    def test_an_empty_batch_is_no_error(self) -> None:
        assert read() == ()

    def test_card_ids_need_not_be_uuids(self) -> None:
        assert read(accepted("abc/1"))[0].card == "abc/1"

    @pytest.mark.parametrize("body", [None, [], "text", {}, {"feedback": {}}, {"feedback": None}])
    def test_a_body_that_is_none_is_refused(self, body: object) -> None:
        with pytest.raises(MalformedRequest):
            read_feedback(body)

    @pytest.mark.parametrize(
        ("item", "field"),
        [
            (None, "feedback[1]"),
            ("text", "feedback[1]"),
            ({"outcome": "accepted", "outcomeTimestamp": "x"}, "feedback[1].card"),
            (accepted(7), "feedback[1].card"),  # type: ignore[arg-type]
            (accepted(" "), "feedback[1].card"),
            (accepted("x" * 201), "feedback[1].card"),
            (accepted(outcome="ignored"), "feedback[1].outcome"),
            (accepted(outcome=None), "feedback[1].outcome"),
            (accepted(outcomeTimestamp=None), "feedback[1].outcomeTimestamp"),
        ],
    )
    def test_a_bad_item_is_named(self, item: object, field: str) -> None:
        with pytest.raises(MalformedRequest) as refusal:
            read(accepted(), item)
        assert refusal.value.field == field


def rows(ledger: Ledger) -> list[Any]:
    with ledger.engine.connect() as connection:
        return list(connection.execute(select(feedback).order_by(feedback.c.card)))


@pytest.fixture
def ledger(ledger: Ledger) -> Ledger:
    """One that has shown the cards these tests answer."""
    show(ledger.engine, [f"c{number}" for number in range(20)])
    show(ledger.engine, ["o1"], client="Other")
    return ledger


def store(ledger: Ledger, *items: Json, client: str = "General") -> None:
    store_feedback(ledger, read(*items), client, SERVICE, NOW)


class TestStored:
    def test_every_item_of_a_batch(self, ledger: Ledger) -> None:
        store(ledger, accepted("c1"), accepted("c2"), overridden(card="c3", overrideReason=REASON))
        assert [row.card for row in rows(ledger)] == ["c1", "c2", "c3"]
        assert rows(ledger)[2].reason_code == "disagree"
        assert rows(ledger)[0].received == datetime(2026, 3, 2, 12)  # noqa: DTZ001 - UTC by column

    def test_once_however_often_it_is_sent(self, ledger: Ledger) -> None:
        store(ledger, accepted(), accepted())
        store(ledger, accepted())
        store(ledger, dict(reversed(accepted().items())))
        assert len(rows(ledger)) == 1

    def test_a_second_outcome_of_one_card_beside_the_first(self, ledger: Ledger) -> None:
        store(ledger, overridden())
        store(ledger, accepted())
        assert len(rows(ledger)) == 2

    @pytest.mark.parametrize("card", ["c1", "nobody's", "C1", "c1 "])
    def test_not_from_a_client_that_the_card_did_not_go_to(self, ledger: Ledger, card: str) -> None:
        with pytest.raises(UnknownCard) as refusal:
            store(ledger, accepted("o1"), accepted(card), client="Other")
        assert refusal.value.field == "feedback[1].card"
        assert rows(ledger) == [], "the rest of the batch neither"

    def test_gives_the_topic_of_each_card(self, ledger: Ledger) -> None:
        found = store_feedback(ledger, read(accepted(), accepted("c2")), "General", SERVICE, NOW)
        assert found == {"c1": "antithrombinDose", "c2": "antithrombinDose"}

    def test_in_one_order_however_they_are_sent(self, ledger: Ledger) -> None:
        """Else two overlapping batches could wait for each other, and one be refused."""
        written: list[list[str]] = []

        @event.listens_for(ledger.engine, "before_cursor_execute")
        def look(_c: Any, _cursor: Any, sql: str, given: Any, *_: Any) -> None:
            if not sql.startswith("INSERT INTO feedback"):
                return
            found = [row[0] if isinstance(row, tuple) else row["id"] for row in given]
            written.append([str(id_) for id_ in found])

        items = [accepted(f"c{number}") for number in range(20)]
        store(ledger, *items)
        store(ledger, *reversed(items))
        assert written[0] == written[1] == sorted(written[0])
        assert len(written[0]) == 20

    def test_nothing_for_an_empty_batch(self, ledger: Ledger) -> None:
        store(ledger)
        assert rows(ledger) == []

    def test_texts_no_database_would_take_are_made_fit(self, ledger: Ledger) -> None:
        store(ledger, overridden(overrideReason={"userComment": "a\0b" + "x" * 5000}))
        assert rows(ledger)[0].comment[:3] == "abx"
        assert len(rows(ledger)[0].comment) < 5000

    def test_or_refused_if_the_database_does_not_take_it(self, tmp_path: Path) -> None:
        ledger = Ledger(f"sqlite:///{tmp_path}/none/ledger.sqlite")
        with pytest.raises(NotStored):
            store(ledger, accepted())
        ledger.close()
