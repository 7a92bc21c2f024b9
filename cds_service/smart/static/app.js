// The app's page: takes the token, fetches the record, asks for the view, draws it.
// The token stays in this page's memory: it is in no storage, address, log or request to us.

import { element, icon, outward, tree } from "./elements.js";
import { gather } from "./gather.js";
import { clockTime, drawTracks, pointTold, tableOf, TRUST } from "./tracks.js";
import { why } from "./why.js";

const app = document.getElementById("app");
const NARROWEST = 330;
const WORDS = { critical: "Critical", warning: "Warning", info: "Information" };
const QUERIES = {
  patient: "patient", coagulation: "coagulation tests", blood: "blood counts", body: "weight and height", administrations: "medicines given",
  orders: "medicine orders", conditions: "problems", allergies: "allergies", procedures: "procedures", tests: "tests ordered", encounters: "stays",
};

let redraw = () => {};
let launched;

// What a person is told; any other fault is told in the same words to all.
class Told extends Error {}

const EXPIRED = "The record can no longer be read: the EHR's permission has run out, or does not cover this patient. Open this page again from the patient's chart.";

// What the EHR answered; the library's storage is emptied at once.
async function takeToken() {
  const asked = new URLSearchParams(location.search);
  const known = Boolean(sessionStorage.getItem("SMART_KEY"));
  if (!asked.has("code") && !asked.has("error")) {
    forget();
    throw new Told(known ? "This page keeps no permission to read the record when it is loaded again. Open it again from the patient's chart." : "Open this page from a patient's chart.");
  }
  try {
    const client = await FHIR.oauth2.ready();
    if (!client.patient.id) throw new Told("The EHR named no patient. Open this page from a patient's chart.");
    return client;
  } catch (fault) {
    if (fault instanceof Told) throw fault;
    const why = asked.has("error") ? "The EHR did not allow it." : "The permission was not completed: it is too old, was used already, or belongs to another page.";
    throw new Told(`${why} Open this page again from the patient's chart.`);
  } finally {
    forget();
    history.replaceState(null, "", location.pathname);
  }
}

// The library keeps its state, the token in it, under a random key that another entry names.
function forget() {
  sessionStorage.clear();
}

async function show() {
  notice("Reading the record …", false);
  const base = launched.state.serverUrl;
  const { queries } = await answered(await fetch(`/smart/queries?${new URLSearchParams({ iss: base })}`));
  const request = (url) => launched.request({ url, headers: { Accept: "application/fhir+json" } });
  const prefetch = await gather(request, queries, launched.patient.id, base);
  if (prefetch.patient?.resourceType !== "Patient") throw new Told(EXPIRED);
  notice("Working out what it says …", false);
  const body = JSON.stringify({ iss: base, patient: launched.patient.id, prefetch });
  const headers = { "Content-Type": "application/json" };
  const view = await answered(await fetch("/smart/view", { method: "POST", headers, body }));
  draw(view, prefetch.patient);
}

async function answered(response) {
  if (response.ok) return response.json();
  const busy = response.status === 503;
  throw new Told(busy ? "The service is busy. Try again in a moment." : `The service gave no view (${response.status}).`);
}

function notice(text, isFault = true) {
  const said = element("p", { role: isFault ? "alert" : "status" }, text);
  const again = isFault && launched ? element("button", { type: "button", class: "button", onclick: refresh }, "Try again") : "";
  app.replaceChildren(element("section", { class: "notice" }, isFault ? element("h1", {}, "No view") : "", said, again));
  app.setAttribute("aria-busy", String(!isFault));
}

function refresh() {
  show().catch((fault) => notice(fault instanceof Told ? fault.message : EXPIRED));
}

function draw(view, patient) {
  app.removeAttribute("aria-busy");
  app.replaceChildren(
    head(view, patient),
    ...unread(view),
    element("div", { class: "columns" }, cards(view), element("div", { class: "side" }, tracks(view), course(view))),
    why(view),
    foot(view),
  );
  redraw();
  app.querySelector("h1").focus({ preventScroll: true });
  document.title = "Heparin over time";
}

function head(view, patient) {
  const rate = view.heparin.rate;
  const running = { yes: rate === null ? `runs, rate unknown: ${view.heparin.because}` : `${Math.round(rate).toLocaleString("en-US")} U/h${view.heparin.perKg ? `, ${view.heparin.perKg.toFixed(1)} U/kg/h` : ""}${view.heparin.byOrder ? ", by the order" : ""}`, no: "not running", unknown: "not known whether it runs" }[view.heparin.running];
  return element(
    "header",
    { class: "head" },
    element("div", {}, element("h1", { tabindex: -1 }, nameOf(patient)), element("p", { class: "quiet" }, [patient.gender, patient.birthDate && `born ${patient.birthDate}`].filter(Boolean).join(" · "))),
    element("dl", { class: "now-facts" }, fact("Heparin now", running), fact("As of", clockTime(view.now))),
    element("button", { type: "button", class: "button", onclick: refresh }, "Read again"),
  );
}

const fact = (name, value) => element("div", {}, element("dt", {}, name), element("dd", {}, value));

function nameOf(patient) {
  const name = (patient.name ?? []).find((one) => one.use === "official") ?? patient.name?.[0] ?? {};
  return name.text || [...(name.given ?? []), name.family].filter(Boolean).join(" ") || "Name unknown";
}

// What was not read is never left to be taken for "not there".
function unread(view) {
  if (!view.unread.length) return [];
  const names = view.unread.map((one) => `${QUERIES[one.key] ?? one.key} (${one.state})`).join(", ");
  return [element("p", { class: "unread", role: "alert" }, element("strong", {}, "Not all of the record could be read: "), names, ". What depends on it is unknown here.")];
}

function cards(view) {
  const context = launched.state.tokenResponse.appContext;
  const from = typeof context === "string" ? context.split("#").at(-1) : "";
  const opened = view.cards.find((card) => card.topic === from);
  const lost = from && !opened ? element("p", { class: "quiet" }, "The card that this page was opened from is not due by the record alone. It may be about a drafted order, which this page cannot see, or no longer hold.") : "";
  const none = view.cards.length ? "" : element("p", {}, "No card is due now.");
  return element("section", { class: "cards", "aria-labelledby": "cards-title" }, element("h2", { id: "cards-title" }, "Cards now"), lost, none, view.cards.map((card, place) => cardOf(card, place, card === opened)));
}

function cardOf(card, place, isOpened) {
  const id = `card-${place}`;
  const links = card.links.map((link) => element("a", outward(link.url), link.label));
  return element(
    "article",
    { class: `card card-${card.indicator}`, "aria-labelledby": id, "data-topic": card.topic },
    element("p", { class: "urgency" }, icon(card.indicator), WORDS[card.indicator], isOpened ? element("span", { class: "opened" }, "opened from this card") : ""),
    element("h3", { id }, card.summary),
    element("div", { class: "detail" }, tree(card.detail)),
    offered(card),
    element("p", { class: "quiet" }, card.source),
    element("p", { class: "links" }, element("a", { href: `#why-${card.topic}` }, "Why, step by step"), links),
  );
}

function offered(card) {
  if (!card.suggestions.length) return "";
  const items = card.suggestions.map((one) => element("li", {}, element("strong", {}, one.label), element("ul", {}, one.actions.map((text) => element("li", {}, text)))));
  return element("div", { class: "offered" }, element("p", { class: "label" }, "Offered on the card, to be taken in the EHR"), element("ul", {}, items));
}

function tracks(view) {
  const place = element("div", { class: "drawing" });
  let width = 0;
  redraw = () => {
    const room = Math.max(Math.floor(place.clientWidth), NARROWEST);
    if (room === width) return;
    width = room;
    place.replaceChildren(drawTracks(view, width));
  };
  new ResizeObserver(() => redraw()).observe(place);
  const met = new Set(view.tracks.flatMap((track) => track.points.map((point) => point.trust)));
  const legend = [["usable", "●", "filled: can be used"], ["early", "○", "hollow: drawn too early, older than 72 h, or no heparin ran"], ["doubtful", "✕", "crossed: disturbed, or could not be read"]];
  const hollow = ["early", "old", "without", "unsure"].some((one) => met.has(one));
  const shown = legend.filter(([key]) => met.has(key) || (key === "early" && hollow) || (key === "doubtful" && met.has("unread")));
  return element(
    "section",
    { class: "panel", "aria-labelledby": "tracks-title" },
    element("h2", { id: "tracks-title" }, "Heparin and levels"),
    place,
    element("p", { class: "legend quiet" }, "▲ above · ▼ below · ● within the target", shown.map(([, sign, text]) => `  ·  ${sign} ${text}`)),
    parts(view),
    element("p", { class: "quiet" }, view.tracks.map((track) => track.bandSays).find(Boolean) ? `Target: ${view.tracks.map((track) => track.bandSays).find(Boolean)}` : ""),
    newest(view),
    element("details", {}, element("summary", {}, "The same as a table"), element("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Values of the drawing" }, tableOf(view))),
  );
}

function parts(view) {
  const { lines } = view.heparin;
  if (!lines.length) return "";
  const items = lines.map((line, place) => element("li", { class: `part-name part-${place}` }, `${line.label}: ${lastRate(line.steps)}`));
  return element("div", {}, element("p", { class: "label" }, "Several infusions; the thick line is their sum"), element("ul", { class: "part-names" }, items));
}

function lastRate(steps) {
  const last = steps.at(-1);
  if (!last) return "none in this time";
  const rate = last.rate === null ? `rate unknown (${last.because})` : `${Math.round(last.rate).toLocaleString("en-US")} U/h`;
  return last.to ? `${rate} until ${clockTime(last.to)}` : rate;
}

// The verdict on the newest level of each test, in words: what a colour cannot say.
function newest(view) {
  const items = view.tracks
    .filter((track) => track.points.length)
    .map((track) => {
      const point = track.points.at(-1);
      const until = point.until ? ` (until ${clockTime(point.until)})` : "";
      return element("li", {}, pointTold(point, track) + until);
    });
  return items.length ? element("div", {}, element("p", { class: "label" }, "Newest of each"), element("ul", { class: "newest" }, items)) : "";
}

function course(view) {
  const { findings, needs, lookedBackTo, undated } = view.course;
  const items = findings.map((one) =>
    element(
      "li",
      { class: `found found-${one.indicator}` },
      element("span", { class: "found-when" }, icon(one.indicator), since(one, lookedBackTo)),
      ` ${one.summary}`,
    ),
  );
  const notes = `Asked of the record as it was known then, back to ${clockTime(lookedBackTo)}; what was drafted is not on record.${undated ? ` ${undated} entries without a date count as always known.` : ""}`;
  return element(
    "section",
    { class: "panel", "aria-labelledby": "course-title" },
    element("h2", { id: "course-title" }, "When each card began"),
    items.length ? element("ol", { class: "course" }, items) : element("p", {}, "No card was due in this time."),
    element("h3", {}, "Required rate"),
    element("p", {}, needs.at(-1)?.told ?? ""),
    element("p", { class: "quiet" }, "Where the lower limit of the target lies, with an 80 % interval; not advice to raise. ", notes),
  );
}

function since(one, lookedBackTo) {
  const begun = one.absentAt ? `since ${clockTime(one.since)} (not yet at ${clockTime(one.absentAt)})` : `since ${clockTime(lookedBackTo)} or before`;
  return one.goneAt ? `${begun.replace("since", "from")}, gone at ${clockTime(one.goneAt)}:` : `${begun}:`;
}

function foot(view) {
  return element("footer", { class: "quiet" }, `Protocol: ${view.protocol}. Read by your browser from the EHR; nothing is stored. Advice to a clinician who decides; orders are placed in the EHR. Verdicts: ${Object.values(TRUST).filter(Boolean).join("; ")}.`);
}

try {
  launched = await takeToken();
  await show();
} catch (fault) {
  notice(fault instanceof Told ? fault.message : "The record could not be opened. Close this page and open it again from the patient's chart.");
  console.error("not opened", fault?.name);
}
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => (part.open = true)));
