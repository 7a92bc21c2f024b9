// Where a card points to: pages, an app beside the chart, its source.

import { element, safeUrl } from "./dom.js";

const outward = (href, text) => element("a", { href, target: "_blank", rel: "noopener noreferrer" }, text);

// An app is started by the EHR; where this one cannot start it, its link is left out.
export function links(all, launch) {
  const lines = all.map((link) => line(link, launch)).filter(Boolean);
  return lines.length ? element("ul", { class: "card-links" }, ...lines) : "";
}

function line(link, launch) {
  const href = link.type === "smart" ? launch(link) : safeUrl(link.url);
  if (link.type === "smart" && !href) return undefined;
  return element("li", {}, href ? outward(href, link.label) : link.label);
}

export function source(from) {
  const href = safeUrl(from.url);
  return element("p", { class: "card-source" }, "Source: ", href ? outward(href, from.label) : from.label);
}
