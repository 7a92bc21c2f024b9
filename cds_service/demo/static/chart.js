// The chart page: joins the client, the cards, the drafts and the record of exchanges.

import { drawCards } from "./cards.js";
import { createClient } from "./client.js";
import { element, icon } from "./dom.js";
import { createExchanges } from "./exchanges.js";
import { drawAppeared, lookBack } from "./lookback.js";
import { createDrafts, drawDrafts, wireForm } from "./orders.js";

const byId = (id) => document.getElementById(id);
const status = byId("cds-status");
const panel = byId("cards");
const hooks = [...document.querySelectorAll("button[data-hook]")];
const client = createClient(createExchanges(byId("exchanges")));

let latest = 0; // a slow answer never replaces that of a later call
let drafts;
let context;
let orderNames;
let unrecorded; // the prefix under which looking back leaves no record

const chart = await (await fetch(`${location.pathname}/call`)).json();
start(chart);

function start({ hook, request, moments, names, runningHeparin, lookingBack }) {
  const { selections = [], draftOrders, ...rest } = request.context;
  context = rest;
  orderNames = names;
  unrecorded = lookingBack;
  drafts = createDrafts((draftOrders?.entry ?? []).map((entry) => entry.resource).filter(Boolean), selections);
  hooks.forEach((button) => button.addEventListener("click", () => call(button.dataset.hook)));
  document.querySelectorAll(".way input").forEach((choice) => choice.addEventListener("change", () => call(pressed())));
  wireForm(byId("order-form"), { id: rest.patientId, runningHeparin }, (order) => {
    drafts.add(order);
    showDrafts();
    call("order-select");
  });
  byId("sign").addEventListener("click", sign);
  byId("look-back").addEventListener("click", () => showAppeared(moments));
  showDrafts();
  call(hook);
}

async function showAppeared(moments) {
  const button = byId("look-back");
  if (button.getAttribute("aria-disabled")) return;
  button.setAttribute("aria-disabled", "true");
  const drawings = [...document.querySelectorAll("svg.timeline")];
  const prefix = protocol().prefix + unrecorded;
  drawAppeared(byId("appeared"), drawings, await lookBack(client, context, moments, prefix, byId("look-back-said")));
  button.removeAttribute("aria-disabled");
}

function showDrafts() {
  drawDrafts(byId("drafts"), drafts, orderNames, showDrafts);
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
  status.textContent = `Calling ${hook} …`;
  panel.setAttribute("aria-busy", "true");
  const answer = await client.call(hook, contextOf(hook), { way: document.querySelector("input[name=way]:checked").value, prefix });
  if (turn !== latest) return [];
  const cards = answer.status === 200 && Array.isArray(answer.response?.cards) ? answer.response.cards : undefined;
  const drawn = cards ? await drawCards(cards, (choice) => answered(answer.url, choice)) : [failure(answer)];
  if (turn !== latest) return [];
  panel.replaceChildren(...(drawn.length ? drawn : [nothing()]));
  panel.removeAttribute("aria-busy");
  panel.dataset.protocol = name;
  status.textContent = `${hook}${name ? `, protocol ${name}` : ""}: ${cards ? count(cards) : "no answer"}, ${answer.milliseconds ?? 0} ms`;
  return cards;
}

function contextOf(hook) {
  if (hook === "patient-view") return context;
  const orders = { ...context, draftOrders: drafts.bundle() };
  return hook === "order-select" ? { ...orders, selections: drafts.selections() } : orders;
}

const count = (cards) => (cards.length === 1 ? "1 card" : `${cards.length} cards`);

// Signing asks the service first; what it says is shown before anything is signed.
async function sign() {
  const cards = await call("order-sign");
  const pressing = (cards ?? []).filter((card) => card.indicator !== "info");
  if (cards?.length === 0 || (cards && !pressing.length)) return signed();
  if (!cards) return undefined;
  panel.append(
    element(
      "p",
      { class: "sign-anyway" },
      element("button", { type: "button", class: "button", onclick: signed }, "Sign the drafts as they stand"),
    ),
  );
  return undefined;
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

function nothing() {
  return element(
    "p",
    { class: "no-cards" },
    "No cards. The service has nothing to say at this point.",
  );
}

function failure(answer) {
  const issues = answer.response?.issue ?? [];
  const said = issues.map((issue) => issue.diagnostics ?? issue.details?.text).filter(Boolean).join(" ");
  const text = said || (typeof answer.response === "string" ? answer.response.slice(0, 300) : "");
  return element(
    "div",
    { class: "card card-warning", role: "alert" },
    element("p", { class: "card-urgency" }, icon("warning"), `No advice: the service answered ${answer.status || "nothing"}`),
    element("p", {}, text),
  );
}
