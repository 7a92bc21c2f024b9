// When each card first appeared: the chart as it was, hour by hour, asked about again.
// Only patient-view is asked: what was drafted then is not on record.

import { element, icon } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";

// `moments`: { ago: hours back, at: the clock time }, oldest first, the present last.
export async function lookBack(client, context, moments, prefix, said) {
  const first = new Map();
  for (const { ago, at } of moments) {
    said.textContent = `Asking about ${ago ? at : "now"} …`;
    const answer = await client.call("patient-view", context, { prefix, ago });
    const cards = answer.response?.cards ?? [];
    const shown = new Map(cards.map((card) => [card.source?.topic?.code, card]));
    shown.forEach((card, topic) => first.has(topic) || first.set(topic, { card, ago, at }));
    first.forEach((found, topic) => (found.gone = !shown.has(topic)));
  }
  said.textContent = first.size ? "" : "No card at any of these moments.";
  return [...first.values()];
}

export function drawAppeared(list, drawings, found) {
  list.replaceChildren(...found.map(line));
  drawings.forEach((drawing) => {
    drawing.querySelectorAll(".appeared-mark").forEach((mark) => mark.remove());
    let free = 0;
    const marks = found.map((each, place) => {
      const x = xOf(drawing.dataset, each.ago);
      const label = Math.max(x, free); // beside the one before, never on it
      free = label + 17;
      return mark(each.card, x, label, place + 1);
    });
    drawing.querySelector(".lane").before(...marks); // below the values, so that these stay legible
  });
}

function line({ card, ago, at, gone }) {
  const when = ago ? `${at}, ${ago} h ago` : "now";
  return element(
    "li",
    { class: `appeared-${card.indicator}` },
    element("span", { class: "appeared-when" }, icon(card.indicator), `${when}${gone ? ", gone now" : ""}: `),
    card.summary,
  );
}

const xOf = ({ left, right, hours }, ago) => Number(right) - ((Number(right) - Number(left)) * ago) / Number(hours);

function mark(card, x, label, number) {
  const group = document.createElementNS(SVG, "g");
  group.setAttribute("class", `appeared-mark appeared-${card.indicator}`);
  const parts = [
    ["line", { x1: x, x2: x, y1: 24, y2: "96%" }],
    ["circle", { cx: label, cy: 24, r: 8 }],
    ["text", { x: label, y: 28, "text-anchor": "middle" }],
  ];
  for (const [tag, attributes] of parts) {
    const part = document.createElementNS(SVG, tag);
    Object.entries(attributes).forEach(([name, value]) => part.setAttribute(name, value));
    if (tag === "text") part.textContent = number;
    group.append(part);
  }
  return group;
}
