"""Choices as suggestions: the FHIR resources to create, update or delete, with their words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cds_service.assessment.assess import Findings
from cds_service.assessment.model.recommendation import (
    Action,
    DeleteDraft,
    Option,
    OrderTest,
    Recommendation,
    StartDrug,
    StopOrder,
)
from cds_service.assessment.recommend.registry import TOPICS
from cds_service.assessment.recommend.switch import Start
from cds_service.cards import template_values
from cds_service.cards.card import CardAction, ClientCapabilities, Suggestion
from cds_service.cards.suggested_resources import (
    For,
    infusion_order,
    single_dose,
    stopped,
    test_order,
)
from cds_service.cards.wording import Wording, plain
from cds_service.chart.concepts import Concepts
from cds_service.chart.facts import Order


@dataclass(frozen=True, slots=True)
class SuggestionBuilder:
    """What turning a choice into a suggestion needs."""

    concepts: Concepts
    wording: Wording
    style: ClientCapabilities
    whom: For


def suggestions(
    writer: SuggestionBuilder, findings: Findings, item: Recommendation, tests: tuple[str, ...]
) -> tuple[Suggestion, ...]:
    """The suggestions of one card, the tests that were not offered before as the last."""
    choices = [c for c in (*item.choices, *_test_choice(tests)) if _can_be_written(c)]
    choices.sort(key=lambda choice: not choice.recommended)  # stable: the recommended one first
    if writer.style.single_action or writer.style.selection_behavior == "any":
        return _one_by_one(writer, item, choices)
    return tuple(
        Suggestion(
            _label(writer, choice),
            tuple(action(writer, a, recommended=choice.recommended) for a in choice.actions),
            choice.recommended,
        )
        for choice in choices
    )


# An id as clients send them, Epic's of 200 characters too; without a slash, or it names another.
_NAMED = re.compile(r"[A-Za-z]+/[^/\s]+")


def _can_be_written(choice: Option) -> bool:
    """Whether every order to stop or delete can be named: all actions are taken or none."""
    aims = [a.order.source for a in choice.actions if isinstance(a, StopOrder | DeleteDraft)]
    return all(_NAMED.fullmatch(aim) for aim in aims)


def _test_choice(tests: tuple[str, ...]) -> list[Option]:
    return [Option("tests", tuple(OrderTest(t) for t in tests))] if tests else []


def _one_by_one(
    writer: SuggestionBuilder, item: Recommendation, choices: list[Option]
) -> tuple[Suggestion, ...]:
    """One action a suggestion: never a start; stops and deletes only in HIT; else tests."""
    kinds: tuple[type, ...] = (OrderTest,)
    if TOPICS[item.topic].acts_alone:
        kinds = (StopOrder, DeleteDraft)
    actions = [a for choice in choices for a in choice.actions if isinstance(a, kinds)]
    written = [action(writer, a) for a in _unique(actions)]
    return tuple(Suggestion(w.description, (w,)) for w in written)


def _unique(actions: list[Action]) -> list[Action]:
    kept: list[Action] = []
    for one in actions:
        if one not in kept:
            kept.append(one)
    return kept


def _label(writer: SuggestionBuilder, choice: Option) -> str:
    values: dict[str, object] = dict(choice.values)
    for key, value in choice.values.items():
        if isinstance(value, str):
            values[key] = writer.wording.drug(writer.wording.unit(value))
        elif key == "rate":
            values[key] = f"{value:g}"
    values["tests"] = template_values.tests(
        writer.wording, tuple(a.concept for a in choice.actions if isinstance(a, OrderTest))
    )
    for start in (a for a in choice.actions if isinstance(a, StartDrug)):
        values["status"] = template_values.label_status(start, writer.wording)
    label = writer.wording.labels[choice.label].format(**values)
    return _marked(writer, label, recommended=choice.recommended)


def _marked(writer: SuggestionBuilder, text: str, *, recommended: bool) -> str:
    """Some EHRs drop `isRecommended`: the words say it too."""
    layout = writer.wording.layout
    return layout["recommended"].format(label=text) if recommended else text


def action(writer: SuggestionBuilder, one: Action, *, recommended: bool = False) -> CardAction:
    """One action with its resource and its words.

    Some EHRs show these words and not the label: a drug says here too what it is labelled for and
    whether it is the recommended one.
    """
    match one:
        case OrderTest(concept):
            return _test(writer, concept)
        case StartDrug():
            return _start(writer, one, recommended=recommended)
        case StopOrder(order):
            return CardAction("update", _about(writer, "stop", order), stopped(order.resource))
        case DeleteDraft(order):
            return CardAction("delete", _about(writer, "delete", order), target=order.source)


def _test(writer: SuggestionBuilder, concept: str) -> CardAction:
    name = writer.wording.tests[concept]
    loinc = writer.concepts.observations[concept].order_code
    return CardAction(
        "create",
        writer.wording.actions["test"].format(test=name),
        test_order(writer.whom, loinc, name),
    )


def _start(writer: SuggestionBuilder, start: StartDrug, *, recommended: bool) -> CardAction:
    rxnorm = next(c.code for c in writer.concepts.drugs[start.drug].codes if c.system == "rxnorm")
    name = writer.wording.drug(start.drug)
    status = template_values.label_status(start, writer.wording)
    if start.unit == "[IU]":
        units = round(start.value)
        text = writer.wording.actions["dose"].format(dose=units, status=status)
        text = _marked(writer, text, recommended=recommended)
        return CardAction("create", text, single_dose(writer.whom, rxnorm, name, units))
    rate = Start(start.drug, start.value, start.unit)
    words = template_values.start_words(writer.wording, rate, start.kg)
    text = writer.wording.actions["drug"].format(drug=name, rate=words, status=status)
    text = _marked(writer, text, recommended=recommended)
    resource = infusion_order(writer.whom, rxnorm, name, start.value, start.unit, words)
    return CardAction("create", text, resource)


def _about(writer: SuggestionBuilder, key: str, order: Order) -> str:
    """The order by its product as the record has it, and by what it says."""
    name = writer.wording.drug(order.drug.key)
    values = {
        "drug": name,
        "product": plain(order.drug.label) or name,
        "written": plain(order.dosage.written),
    }
    return writer.wording.actions[key].format(**values).strip().removesuffix(":")
