// What stands in place of cards: nothing to say, nothing to ask about, or no answer.

import { element, icon } from "./dom.js";

const paragraph = (text) => element("p", { class: "no-cards" }, text);

export const nothingToSay = () => paragraph("No cards. The decision support has nothing to say at this point.");

// An EHR asks about orders only when there are some; undefined where there is something to ask.
export function nothingToAsk(hook, drafts) {
  if (hook === "patient-view") return undefined;
  if (!drafts.all().length) return paragraph("Nothing is drafted, so there is nothing to ask about. Write an order under “Draft orders”.");
  if (hook === "order-select" && !drafts.selections().length) return paragraph("No draft is ticked. Tick the order that is being chosen.");
  return undefined;
}

// Never the words of a program: what happened, that it is no answer, and the way on.
export function trouble(what, why, again) {
  return element(
    "div",
    { class: "card card-warning", role: "alert" },
    element("p", { class: "urgency urgency-warning" }, icon("warning"), "No answer"),
    element("h3", { class: "card-summary" }, what),
    element("p", {}, "This does not mean that there is nothing to say."),
    why ? element("p", { class: "quiet" }, why) : null,
    element("p", {}, element("button", { type: "button", class: "button", onclick: again }, "Try again")),
  );
}
