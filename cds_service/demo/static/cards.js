// Cards as an EHR draws them: by urgency; what to do first, what can be done, then why.

import { element, icon } from "./dom.js";
import { links, source } from "./links.js";
import { override } from "./override.js";

export const WORDS = { critical: "Critical", warning: "Warning", info: "Information" };
const URGENCY = Object.keys(WORDS);
const BEHAVIOURS = { "at-most-one": "choose at most one", any: "choose any" };
const ENDED = ["stopped", "cancelled", "completed"];
const ACTIONS = { create: "New", update: "Change", delete: "Remove" };

// `answered` is told what the user chose: { card, suggestion } or { card, override }.
// `launch` gives the address that starts the app of a link, or nothing.
export async function drawCards(cards, answered, launch) {
  const byUrgency = [...cards].sort((one, other) => URGENCY.indexOf(one?.indicator) - URGENCY.indexOf(other?.indicator));
  return Promise.all(byUrgency.map((card, place) => drawCard(card, place, answered, launch).catch(brokenCard)));
}

async function drawCard(card, place, answered, launch) {
  if (!isUnderstood(card)) return brokenCard();
  const heading = `card-${place}`;
  const said = element("p", { class: "card-said", role: "status" });
  const article = element(
    "article",
    { class: `card card-${card.indicator}`, "aria-labelledby": heading, "data-topic": card.source.topic?.code },
    element("p", { class: `urgency urgency-${card.indicator}` }, icon(card.indicator), WORDS[card.indicator]),
    element("h3", { id: heading, class: "card-summary" }, card.summary),
  );
  const close = (text) => {
    said.textContent = text;
    article.classList.add("card-answered");
    article.querySelectorAll(".card-override").forEach((part) => part.remove());
  };
  const [first, rest] = card.detail ? await detail(card.detail) : [];
  if (first) article.append(first);
  if (card.suggestions) article.append(suggestions(card, answered, close));
  if (card.uuid) article.append(override(card, place, answered, close, article));
  article.append(said);
  if (rest) article.append(rest);
  if (card.links) article.append(links(card.links, launch));
  article.append(source(card.source));
  return article;
}

function isUnderstood(card) {
  const behaviour = card?.suggestions ? card.selectionBehavior in BEHAVIOURS : true;
  return Boolean(card) && card.indicator in WORDS && Boolean(card.summary) && Boolean(card.source) && behaviour;
}

function brokenCard() {
  const text = "A card came that this demonstration does not understand, so it is not shown. The Developer part of the page holds it.";
  return element("article", { class: "card card-warning" }, element("p", {}, icon("warning"), ` ${text}`));
}

// The only HTML of the page that is not its own: rendered by the demo's server, which escapes.
// What to do now is the first paragraph; it stands above the choices, the facts below them.
async function detail(markdown) {
  // On a narrow panel a table scrolls sideways: then the keyboard has to reach it, too.
  const box = element("div", { class: "card-detail", tabindex: 0, role: "group", "aria-label": "Facts" });
  try {
    const response = await fetch("/demo/markdown", { method: "POST", body: markdown });
    if (!response.ok) throw new Error(response.statusText);
    box.innerHTML = await response.text();
  } catch {
    box.textContent = markdown;
  }
  const opening = box.firstElementChild;
  if (opening?.tagName !== "P") return [undefined, box];
  const first = element("div", { class: "card-first" }, opening);
  return [first, box.childElementCount ? box : undefined];
}

function suggestions(card, answered, close) {
  const list = element("ul", { class: "suggestions" });
  const label = `Suggestions: ${BEHAVIOURS[card.selectionBehavior]}`;
  const ordered = [...card.suggestions].sort((one, other) => Boolean(other.isRecommended) - Boolean(one.isRecommended));
  for (const suggestion of ordered) list.append(choice(card, suggestion, list, answered, close));
  const said = ordered.length > 1 ? element("p", { class: "card-label" }, label) : null;
  return element("section", { "aria-label": label }, said, list);
}

function choice(card, suggestion, list, answered, close) {
  const take = async () => {
    const closed = card.selectionBehavior === "any" ? [button] : list.querySelectorAll("button");
    closed.forEach((each) => each.setAttribute("aria-disabled", "true"));
    button.classList.add("is-taken");
    close(await answered({ card, suggestion }));
  };
  const button = element(
    "button",
    {
      type: "button",
      class: suggestion.isRecommended ? "button button-recommended" : "button",
      onclick: () => button.getAttribute("aria-disabled") || take(),
    },
    suggestion.label,
  );
  const says = /recommended/i.test(suggestion.label); // some services write it into the label
  const mark = suggestion.isRecommended && !says && element("span", { class: "tag" }, "Recommended");
  return element("li", {}, element("div", { class: "choice" }, button, mark || null), actions(suggestion));
}

function actions(suggestion) {
  if (!suggestion.actions) return null;
  return element("ul", { class: "actions" }, ...suggestion.actions.map(action));
}

function action({ type, resource, description = "" }) {
  const kind = ENDED.includes(resource?.status) ? "Stop" : (ACTIONS[type] ?? type);
  const rest = description.startsWith(`${kind} `) ? description.slice(kind.length + 1) : description;
  return element("li", {}, element("span", { class: "action-kind" }, kind), ` ${rest}`);
}
