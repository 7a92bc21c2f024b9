// Cards as an EHR draws them: by urgency, with what can be done about each.

import { element, icon, safeUrl } from "./dom.js";

const WORDS = { critical: "Critical", warning: "Warning", info: "Information" };
const URGENCY = Object.keys(WORDS);
const BEHAVIOURS = { "at-most-one": "choose at most one", any: "choose any" };
const ACTIONS = { create: "New", update: "Change", delete: "Remove" };

// `answered` is told what the user chose: { card, suggestion } or { card, override }.
export async function drawCards(cards, answered) {
  const byUrgency = [...cards].sort(
    (one, other) => URGENCY.indexOf(one.indicator) - URGENCY.indexOf(other.indicator),
  );
  return Promise.all(byUrgency.map((card, place) => drawCard(card, place, answered)));
}

async function drawCard(card, place, answered) {
  if (!isUnderstood(card)) return brokenCard();
  const heading = `card-${place}`;
  const said = element("p", { class: "card-said", role: "status" });
  const article = element(
    "article",
    { class: `card card-${card.indicator}`, "aria-labelledby": heading, "data-topic": card.source.topic?.code },
    element("p", { class: "card-urgency" }, icon(card.indicator), WORDS[card.indicator]),
    element("h3", { id: heading, class: "card-summary" }, card.summary),
  );
  const close = (text) => {
    said.textContent = text;
    article.classList.add("card-answered");
    article.querySelectorAll(".card-override").forEach((part) => part.remove());
  };
  if (card.detail) article.append(await detail(card.detail));
  if (card.suggestions) article.append(suggestions(card, answered, close));
  if (card.links) article.append(links(card.links));
  if (card.uuid) article.append(override(card, place, answered, close));
  article.append(said, source(card.source));
  return article;
}

function isUnderstood(card) {
  const behaviour = card.suggestions ? card.selectionBehavior in BEHAVIOURS : true;
  return card.indicator in WORDS && Boolean(card.summary) && Boolean(card.source) && behaviour;
}

function brokenCard() {
  const text = "A card came that this EHR does not understand. It is in the exchange below.";
  return element("article", { class: "card card-warning" }, element("p", {}, icon("warning"), text));
}

// The only HTML of the page that is not its own: rendered by the demo's server, which escapes.
async function detail(markdown) {
  const box = element("div", { class: "card-detail" });
  try {
    const response = await fetch("/demo/markdown", { method: "POST", body: markdown });
    if (!response.ok) throw new Error(response.statusText);
    box.innerHTML = await response.text();
  } catch {
    box.textContent = markdown;
  }
  return box;
}

function suggestions(card, answered, close) {
  const list = element("ul", { class: "suggestions" });
  for (const suggestion of card.suggestions) list.append(choice(card, suggestion, list, answered, close));
  const label = `Suggestions: ${BEHAVIOURS[card.selectionBehavior]}`;
  return element("section", { "aria-label": label }, element("p", { class: "card-label" }, label), list);
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
  const mark = suggestion.isRecommended && element("span", { class: "tag" }, "Recommended");
  return element("li", {}, element("div", { class: "choice" }, button, mark || null), actions(suggestion));
}

function actions(suggestion) {
  if (!suggestion.actions) return null;
  const lines = suggestion.actions.map((action) =>
    element("li", {}, element("span", { class: "action-kind" }, ACTIONS[action.type] ?? action.type), ` ${action.description ?? ""}`),
  );
  return element("ul", { class: "actions" }, ...lines);
}

function links(all) {
  const lines = all.map((link) => {
    const href = link.type === "absolute" ? safeUrl(link.url) : undefined;
    const text = href ? element("a", { href, target: "_blank", rel: "noopener noreferrer" }, link.label) : link.label;
    return element("li", {}, text);
  });
  return element("ul", { class: "card-links" }, ...lines);
}

function override(card, place, answered, close) {
  const reasons = (card.overrideReasons ?? []).map((reason, number) =>
    element("option", { value: number }, reason.display ?? reason.code),
  );
  const reason = element("select", { id: `reason-${place}` }, element("option", { value: "" }, "No reason chosen"), ...reasons);
  const comment = element("textarea", { id: `comment-${place}`, rows: 2 });
  const send = async () => {
    const chosen = card.overrideReasons?.[reason.value];
    close(await answered({ card, override: overrideReason(chosen, comment.value.trim()) }));
  };
  return element(
    "details",
    { class: "card-override" },
    element("summary", {}, "Override"),
    reasons.length ? element("label", { for: reason.id }, "Reason") : null,
    reasons.length ? reason : null,
    element("label", { for: comment.id }, "Comment (optional)"),
    comment,
    element("button", { type: "button", class: "button", onclick: send }, "Override this card"),
  );
}

function overrideReason(reason, comment) {
  const given = {};
  if (reason) given.reason = reason;
  if (comment) given.userComment = comment;
  return given;
}

function source(from) {
  const href = safeUrl(from.url);
  const label = href
    ? element("a", { href, target: "_blank", rel: "noopener noreferrer" }, from.label)
    : from.label;
  const topic = from.topic ? element("code", {}, from.topic.code) : null;
  return element("p", { class: "card-source" }, "Source: ", label, topic ? " · " : null, topic);
}
