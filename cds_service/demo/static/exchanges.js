// What was sent and received, for whoever wants to see it.

import { element } from "./dom.js";

const KEPT = 30;

export function createExchanges(list) {
  return (record) => {
    list.prepend(drawn(record));
    while (list.children.length > KEPT) list.lastChild.remove();
  };
}

function drawn(record) {
  const outcome = record.status ? `${record.status}` : "no answer";
  return element(
    "li",
    {},
    element(
      "details",
      { "data-exchange": record.kind },
      element(
        "summary",
        {},
        element("span", { class: "exchange-kind" }, record.kind),
        element("code", {}, ` ${record.method} ${new URL(record.url).pathname} `),
        element("span", { class: "exchange-outcome" }, `${outcome} · ${record.milliseconds} ms · ${record.at.toLocaleTimeString()}`),
      ),
      ...body(record),
    ),
  );
}

function body(record) {
  const said = element("span", { role: "status", class: "copied" });
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(asCurl(record));
      said.textContent = "Copied.";
    } catch {
      said.textContent = "The browser did not allow it.";
    }
  };
  const button = element("button", { type: "button", class: "button", onclick: copy }, "Copy as curl");
  return [
    record.kind === "prefetch" ? null : element("p", {}, button, " ", said),
    ...(record.request === undefined ? [] : part("Sent", record.request)),
    ...part("Received", record.response),
  ].filter(Boolean);
}

function part(title, value) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return [
    element("p", { class: "card-label" }, title),
    element("pre", { tabindex: 0, role: "group", "aria-label": title }, text),
  ];
}

// The body goes in by a here-document: as one argument it may be too long for the system.
export function asCurl(record) {
  const address = `'${record.url.replaceAll("'", "%27")}'`;
  if (record.request === undefined) return `curl -sS ${address}`;
  const json = JSON.stringify(record.request, null, 1);
  return `curl -sS -X POST ${address} -H 'Content-Type: application/json' --data-binary @- <<'JSON'\n${json}\nJSON\n`;
}
