// Setting a card aside: with a reason where it is critical, and then out of the way.

import { element } from "./dom.js";

const WHY = "Choose a reason: a critical card is not overridden without one.";
const WHY_WRITTEN = "Write why: a critical card is not overridden without a reason.";

export function override(card, place, answered, close, article) {
  const reasons = (card.overrideReasons ?? []).map((reason, number) =>
    element("option", { value: number }, reason.display ?? reason.code),
  );
  const refused = element("p", { class: "refused", role: "alert", id: `refused-${place}` });
  const reason = element("select", { id: `reason-${place}`, "aria-describedby": refused.id }, element("option", { value: "" }, "No reason chosen"), ...reasons);
  const comment = element("textarea", { id: `comment-${place}`, rows: 2, "aria-describedby": refused.id });
  const needed = card.indicator === "critical";
  const asked = reasons.length ? reason : comment;
  const send = async () => {
    const chosen = card.overrideReasons?.[reason.value];
    const written = comment.value.trim();
    if (needed && !(reasons.length ? chosen : written)) {
      refused.textContent = reasons.length ? WHY : WHY_WRITTEN;
      asked.setAttribute("aria-invalid", "true");
      asked.focus();
      return;
    }
    close(await answered({ card, override: reasonGiven(chosen, written) }));
    collapse(article, chosen ? (chosen.display ?? chosen.code) : written);
  };
  return element(
    "details",
    { class: "card-override" },
    element("summary", {}, "Override"),
    reasons.length ? element("label", { for: reason.id }, needed ? "Reason (needed)" : "Reason") : null,
    reasons.length ? reason : null,
    element("label", { for: comment.id }, needed && !reasons.length ? "Reason (needed)" : "Comment (optional)"),
    comment,
    refused,
    element("button", { type: "button", class: "button", onclick: send }, "Override this card"),
  );
}

function reasonGiven(reason, comment) {
  const given = {};
  if (reason) given.reason = reason;
  if (comment) given.userComment = comment;
  return given;
}

// One line is left of the card, which opens again.
function collapse(article, why) {
  article.classList.add("card-collapsed");
  const toggle = () => {
    const folded = article.classList.toggle("card-collapsed");
    button.textContent = folded ? "Show again" : "Fold away";
    button.setAttribute("aria-expanded", String(!folded));
  };
  const button = element("button", { type: "button", class: "button button-small", "aria-expanded": "false", onclick: toggle }, "Show again");
  const text = `Overridden${why ? `: ${why}` : ""}`;
  article.querySelector(".card-summary").after(element("p", { class: "card-folded" }, element("strong", {}, text), " ", button));
  button.focus();
}
