// The draft orders of this session: added by hand, by the fixture, or by a suggestion.
// An entry keeps its full URL: orders may refer to a medicine by it.

import { element, newId } from "./dom.js";
import { amountOf, draftOf, FORMULARY } from "./formulary.js";

const reference = (order) => `${order.resourceType}/${order.id}`;

const isOrder = ({ resource }) => resource.resourceType !== "Medication";

export function createDrafts(initial, selected) {
  let entries = [...initial];
  const chosen = new Set(selected);
  const orders = () => entries.filter(isOrder).map(({ resource }) => resource);

  function put(resource) {
    const place = entries.findIndex((each) => reference(each.resource) === reference(resource));
    if (place < 0) entries.push({ resource });
    else entries[place] = { ...entries[place], resource };
  }

  function remove(which) {
    entries = entries.filter(({ resource }) => reference(resource) !== which);
    chosen.delete(which);
  }

  // A suggestion is taken as a whole, like a transaction: deletes, creates, updates.
  function apply(actions) {
    const of = (type) => actions.filter((action) => action.type === type);
    of("delete").forEach((action) => remove(action.resourceId ?? reference(action.resource)));
    of("create").forEach((action) => put({ id: `demo-${newId()}`, ...action.resource }));
    of("update").forEach((action) => put(action.resource));
  }

  return {
    apply,
    remove,
    add(order) {
      put(order);
      chosen.clear();
      chosen.add(reference(order));
    },
    choose: (which, yes) => (yes ? chosen.add(which) : chosen.delete(which)),
    clear() {
      entries = [];
      chosen.clear();
    },
    all: orders,
    // Medicines that were drafted along with the orders, by whatever an order may call them.
    medicines: () =>
      Object.fromEntries(
        entries
          .filter((each) => !isOrder(each))
          .flatMap(({ fullUrl, resource }) => [[reference(resource), codeName(resource.code)], [fullUrl, codeName(resource.code)]]),
      ),
    isChosen: (order) => chosen.has(reference(order)),
    selections: () => orders().map(reference).filter((each) => chosen.has(each)),
    bundle: () => ({ resourceType: "Bundle", type: "collection", entry: entries }),
  };
}

// `names`: what the chart calls the orders that are active already, and its medicines.
export function drawDrafts(list, drafts, names, changed) {
  const known = { ...names, ...drafts.medicines() };
  const rows = drafts.all().map((order) => row(order, drafts, known, changed));
  list.replaceChildren(...(rows.length ? rows : [element("li", { class: "quiet" }, "No draft orders.")]));
}

function row(order, drafts, names, changed) {
  const which = reference(order);
  const name = names[which] ?? orderName(order, names);
  const select = element("input", {
    type: "checkbox",
    checked: drafts.isChosen(order),
    onchange: (event) => drafts.choose(which, event.target.checked),
  });
  const drop = () => {
    drafts.remove(which);
    changed();
  };
  const stops = ["stopped", "cancelled", "completed"].includes(order.status);
  return element(
    "li",
    { class: "draft", "data-order": which },
    element("label", {}, select, element("span", { class: "draft-name" }, stops ? `Stop: ${name}` : name)),
    element("span", { class: "draft-dose" }, stops ? order.status : orderDose(order)),
    element("button", { type: "button", class: "button button-small", "aria-label": `Remove ${name}`, onclick: drop }, "Remove"),
  );
}

const codeName = (concept) => concept?.text ?? concept?.coding?.find((each) => each.display)?.display;

// A medicine stands in the order, inside it, in the chart or among the drafts; never shown by its id.
export function orderName(order, names = {}) {
  const asked = order.medicationReference ?? {};
  const inside = order.contained?.find((each) => `#${each.id}` === asked.reference);
  const named = codeName(order.medicationCodeableConcept ?? order.code) ?? codeName(inside?.code);
  return named ?? names[asked.reference] ?? asked.display ?? "Medicine without a name";
}

export function orderDose(order) {
  const dosage = order.dosageInstruction?.[0];
  const dose = dosage?.doseAndRate?.[0];
  const quantity = dose?.rateQuantity ?? dose?.doseQuantity ?? dosage?.doseQuantity;
  if (typeof quantity?.value !== "number") return dosage?.text ?? "";
  return `${quantity.value.toLocaleString("en", { maximumFractionDigits: 6 })} ${wardUnit(quantity.unit ?? quantity.code ?? "")}`;
}

// UCUM's brackets, remarks in braces and "ug" are for programs.
const wardUnit = (unit) => unit.replace(/\{[^}]*\}/g, "").replace("[USP'U]", "U").replace(/[[\]]/g, "").replace(/^ug\b/, "µg");

// The form that writes a new draft; a heparin rate starts from the one that runs.
export function wireForm(form, patient, added) {
  const { drug, amount, unit } = form.elements;
  const [refused, hint] = ["order-refused", "order-hint"].map((id) => document.getElementById(id));
  const chosen = () => FORMULARY[drug.value].forms[unit.value];
  const offer = () => {
    const entry = FORMULARY[drug.value];
    unit.replaceChildren(...entry.forms.map((each, place) => element("option", { value: place }, each.label)));
    suggest();
  };
  const refuse = (why) => {
    refused.textContent = why;
    if (why) amount.setAttribute("aria-invalid", "true");
    else amount.removeAttribute("aria-invalid");
  };
  const suggest = () => {
    const start = startOf(drug.value, chosen(), patient);
    amount.value = start.amount;
    hint.textContent = start.hint;
    refuse("");
  };
  drug.replaceChildren(...Object.entries(FORMULARY).map(([key, each]) => element("option", { value: key }, each.label)));
  drug.addEventListener("change", offer);
  unit.addEventListener("change", suggest);
  amount.addEventListener("input", () => refuse(""));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { value, refused: why } = amountOf(amount.value, drug.value, Number(unit.value));
    refuse(why ?? "");
    if (why) return amount.focus();
    return added(draftOf(drug.value, Number(unit.value), value, patient));
  });
  offer();
}

function startOf(drug, { code, label, usual }, { runningHeparin, runningRate }) {
  const running = drug === "heparin" ? runningRate[code] : undefined;
  if (running) return { amount: running, hint: `Starts from the present rate, ${running.toLocaleString("en")} ${label}.` };
  if (drug === "heparin" && runningHeparin) return { amount: "", hint: `The present rate is not known in ${label}: write the new one.` };
  return { amount: usual, hint: "" };
}
