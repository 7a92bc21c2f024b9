// The chart page: joins the client, the cards, the drafts and the record of exchanges.

import { drawCards } from "./cards.js";
import { createClient } from "./client.js";
import { element, safeUrl } from "./dom.js";
import { createExchanges } from "./exchanges.js";
import { drawAppeared, lookBack } from "./lookback.js";
import { createDrafts, drawDrafts, wireForm } from "./orders.js";
import { nothingToAsk, nothingToSay, trouble } from "./said.js";

const byId = (id) => document.getElementById(id);
const status = byId("cds-status");
const panel = byId("cards");
const hooks = [...document.querySelectorAll("button[data-hook]")];
const client = createClient(createExchanges(byId("exchanges")));
const reload = () => location.reload();

let latest = 0; // a slow answer never replaces that of a later call
let drafts;
let chart; // what the page was told of the patient
let context;

// Whatever goes wrong is said in words and can be tried again; nobody is shown an exception.
const broken = () => panel.replaceChildren(trouble("This page stopped working.", "", reload));
addEventListener("error", broken);
addEventListener("unhandledrejection", broken);

try {
  const response = await fetch(`${location.pathname}/call`);
  if (!response.ok) throw new Error(response.statusText);
  start(await response.json());
} catch {
  panel.replaceChildren(trouble("The chart could not be loaded.", "", reload));
}

function start(told) {
  chart = told;
  const { selections = [], draftOrders, ...rest } = told.request.context;
  context = rest;
  drafts = createDrafts((draftOrders?.entry ?? []).filter((entry) => entry.resource), selections);
  hooks.forEach((button) => button.addEventListener("click", () => call(button.dataset.hook)));
  document.querySelectorAll(".way input").forEach((choice) => choice.addEventListener("change", () => call(pressed())));
  wireForm(byId("order-form"), { id: rest.patientId, runningHeparin: told.runningHeparin, runningRate: told.runningRate }, (order) => {
    drafts.add(order);
    showDrafts();
    call("order-select");
  });
  byId("sign").addEventListener("click", sign);
  byId("look-back").addEventListener("click", showAppeared);
  showDrafts();
  call(told.hook);
}

async function showAppeared() {
  const button = byId("look-back");
  if (button.getAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true");
  const drawings = [...document.querySelectorAll("svg.timeline")];
  const prefix = protocol().prefix + chart.lookingBack; // where asking leaves no record
  drawAppeared(byId("appeared"), drawings, await lookBack(client, context, chart.moments, prefix, byId("look-back-said")));
  button.removeAttribute("aria-disabled");
}

function showDrafts() {
  drawDrafts(byId("drafts"), drafts, chart.names, showDrafts);
  byId("sign").disabled = drafts.all().length === 0;
}

const pressed = () => hooks.find((button) => button.getAttribute("aria-pressed") === "true").dataset.hook;

// Where the page offers a choice of protocols; the first is the service's own.
function protocol() {
  const chosen = document.querySelector("input[name=protocol]:checked");
  return { prefix: chosen?.value ?? "", name: chosen?.value ? chosen.dataset.name : "" };
}

async function call(hook) {
  const turn = ++latest;
  const { prefix, name } = protocol();
  hooks.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.hook === hook)));
  const unasked = nothingToAsk(hook, drafts);
  if (unasked) return show(hook, name, [unasked], "Not asked");
  status.textContent = "Asking …";
  panel.setAttribute("aria-busy", "true");
  const way = document.querySelector("input[name=way]:checked").value;
  const answer = await client.call(hook, contextOf(hook), { way, prefix }).catch(() => ({ status: 0 }));
  const cards = answer.status === 200 && Array.isArray(answer.response?.cards) ? answer.response.cards : undefined;
  const drawn = cards ? await drawCards(cards, (choice) => answered(answer.url, choice), launchOf) : [failure(answer, hook)];
  if (turn !== latest) return undefined;
  show(hook, name, drawn.length ? drawn : [nothingToSay()], cards ? count(cards) : "No answer");
  return cards;
}

function show(hook, name, drawn, said) {
  panel.replaceChildren(...drawn);
  panel.removeAttribute("aria-busy");
  panel.dataset.protocol = name;
  status.textContent = `${said}${name ? `, protocol ${name}` : ""}`;
  status.dataset.answered = hook;
}

function contextOf(hook) {
  if (hook === "patient-view") return context;
  const orders = { ...context, draftOrders: drafts.bundle() };
  return hook === "order-select" ? { ...orders, selections: drafts.selections() } : orders;
}

const count = (cards) => (cards.length === 1 ? "1 card" : `${cards.length || "No"} cards`);

// Where the app of a card is started; nothing where this demo has no launcher.
function launchOf({ url, appContext }) {
  const app = safeUrl(url);
  if (!chart.launch || !app) return undefined;
  const asked = new URLSearchParams({ app, patient: context.patientId });
  if (context.encounterId) asked.set("encounter", context.encounterId);
  if (appContext) asked.set("appContext", appContext);
  return `${location.origin}${chart.launch}?${asked}`;
}

// Signing asks the service first; what it says is shown before anything is signed.
async function sign() {
  const cards = await call("order-sign");
  if (!cards) return;
  if (!cards.some((card) => card.indicator !== "info")) return signed();
  const button = element("button", { type: "button", class: "button", onclick: signed }, "Sign the drafts as they stand");
  panel.append(element("p", { class: "sign-anyway" }, button));
}

function signed() {
  const number = drafts.all().length;
  drafts.clear();
  showDrafts();
  document.querySelector(".sign-anyway")?.remove();
  byId("drafts-said").textContent = `${number === 1 ? "1 order" : `${number} orders`} signed (in this page only: nothing is stored).`;
}

async function answered(url, { card, suggestion, override }) {
  if (suggestion?.actions) {
    drafts.apply(suggestion.actions);
    showDrafts();
    byId("drafts-said").textContent = "The drafts were changed by the suggestion.";
  }
  if (!card.uuid || (suggestion && !suggestion.uuid)) return "Taken; without an id no feedback is sent.";
  const outcome = suggestion
    ? { outcome: "accepted", acceptedSuggestions: [{ id: suggestion.uuid }] }
    : { outcome: "overridden", ...(Object.keys(override).length ? { overrideReason: override } : {}) };
  const reply = await client.feedback(url, { card: card.uuid, ...outcome });
  const stored = reply.status >= 200 && reply.status < 300;
  return `${suggestion ? "Taken: the drafts were changed." : "Overridden."} ${stored ? "Feedback sent." : "The feedback was not accepted."}`;
}

function failure(answer, hook) {
  const issues = answer.response?.issue ?? [];
  const said = issues.map((issue) => issue.diagnostics ?? issue.details?.text).filter(Boolean).join(" ");
  const why = answer.missing ? "The decision support does not answer at this moment of the work." : said;
  return trouble("No advice: the decision support did not answer.", why, () => call(hook));
}
