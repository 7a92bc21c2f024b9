// The steps behind each card: facts, gates, the rules it looked at with their answers, limits.

import { element } from "./elements.js";
import { clockTime } from "./tracks.js";

const ANSWERS = { yes: "yes", no: "no", unknown: "unknown" };

export function why(view) {
  const steps = new Map(view.why.rules.map((rule) => [rule.name, rule]));
  return element(
    "section",
    { class: "panel why", "aria-labelledby": "why-title" },
    element("h2", { id: "why-title" }, "Why, step by step"),
    view.cards.map((card, place) => behind(card, view.why, steps, place === 0)),
    part("Facts as they were read", facts(view.why.facts)),
    part("Gates: a yes closes", answers(view.why.gates)),
    part("Every rule", answers(view.why.rules)),
    part("Required rate, pair by pair", element("ul", { class: "lines" }, view.why.need.map((line) => element("li", {}, line)))),
    view.why.doses.length ? part("Antithrombin dose by both forms: no advice", doses(view.why.doses)) : "",
  );
}

function part(title, ...content) {
  return element("details", {}, element("summary", {}, title), content);
}

function behind(card, told, steps, isFirst) {
  const { question, rules, limits } = told.cards[card.topic];
  const closed = told.gates.filter((gate) => gate.answer !== "no");
  return element(
    "details",
    { id: `why-${card.topic}`, class: "behind", open: isFirst },
    element("summary", {}, card.summary),
    element("p", {}, question),
    closed.length ? [element("p", { class: "label" }, "Gates that are not open"), answers(closed)] : "",
    rules.length ? [element("p", { class: "label" }, "Rules that it looked at"), answers(rules.map((name) => steps.get(name)))] : element("p", { class: "quiet" }, "It rests on the facts below, by no rule of its own."),
    limits.length ? [element("p", { class: "label" }, "Numbers of the protocol"), limitList(limits)] : "",
  );
}

function answers(rules) {
  return element("ul", { class: "answers" }, rules.map(answer));
}

function answer({ name, question, answer: told, because, since }) {
  const begun = told === "yes" && since ? `since ${clockTime(since)}` : "";
  return element(
    "li",
    { class: `answer answer-${told}` },
    element("span", { class: "verdict" }, ANSWERS[told] ?? told),
    element("span", {}, element("strong", {}, name.replaceAll("_", " ")), question ? `: ${question}` : ""),
    element("span", { class: "quiet" }, [because, begun].filter(Boolean).join("; ")),
  );
}

function facts(list) {
  const rows = list.map((fact) => element("tr", {}, element("th", { scope: "row" }, fact.name), element("td", {}, fact.told), element("td", { class: "quiet" }, fact.source)));
  return element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Facts" }, element("table", { class: "values" }, element("tbody", {}, rows)));
}

function limitList(limits) {
  return element("ul", { class: "lines" }, limits.map((limit) => element("li", {}, element("code", {}, limit.key), ` ${limit.value}`, element("span", { class: "quiet" }, ` ${limit.source}`))));
}

function doses(rows) {
  return element("ul", { class: "lines" }, rows.map((row) => element("li", {}, `${row.patient}, ${row.form}: ${row.units.toLocaleString("en-US")} IU, ${row.per_kg.toFixed(1)} IU/kg, predicted ${Math.round(row.predicted)} %`)));
}
