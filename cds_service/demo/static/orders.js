// The draft orders of this session: added by hand, by the fixture, or by a suggestion.

import { element, newId } from "./dom.js";
import { draftOf, FORMULARY } from "./formulary.js";

const reference = (order) => `${order.resourceType}/${order.id}`;

export function createDrafts(initial, selected) {
  let orders = [...initial];
  const chosen = new Set(selected);

  function put(order) {
    const place = orders.findIndex((each) => reference(each) === reference(order));
    if (place < 0) orders.push(order);
    else orders[place] = order;
  }

  function remove(which) {
    orders = orders.filter((order) => reference(order) !== which);
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
      orders = [];
      chosen.clear();
    },
    all: () => orders,
    isChosen: (order) => chosen.has(reference(order)),
    selections: () => orders.map(reference).filter((each) => chosen.has(each)),
    bundle: () => ({
      resourceType: "Bundle",
      type: "collection",
      entry: orders.map((resource) => ({ resource })),
    }),
  };
}

// `names`: what the chart calls the orders that are active already.
export function drawDrafts(list, drafts, names, changed) {
  const rows = drafts.all().map((order) => row(order, drafts, names, changed));
  list.replaceChildren(...(rows.length ? rows : [element("li", { class: "quiet" }, "No draft orders.")]));
}

function row(order, drafts, names, changed) {
  const which = reference(order);
  const name = names[which] ?? orderName(order);
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

export function orderName(order) {
  const concept = order.medicationCodeableConcept ?? order.code;
  return concept?.text ?? concept?.coding?.[0]?.display ?? order.medicationReference?.display ?? reference(order);
}

export function orderDose(order) {
  const dosage = order.dosageInstruction?.[0];
  const dose = dosage?.doseAndRate?.[0];
  const quantity = dose?.rateQuantity ?? dose?.doseQuantity ?? dosage?.doseQuantity;
  if (!quantity) return dosage?.text ?? "";
  return `${quantity.value.toLocaleString("en")} ${quantity.unit ?? quantity.code ?? ""}`;
}

// The form that writes a new draft.
export function wireForm(form, patient, added) {
  const drug = form.elements.drug;
  const amount = form.elements.amount;
  const unit = form.elements.unit;
  const offer = () => {
    const entry = FORMULARY[drug.value];
    unit.replaceChildren(...entry.forms.map((each, place) => element("option", { value: place }, each.label)));
    suggest();
  };
  const suggest = () => (amount.value = FORMULARY[drug.value].forms[unit.value].usual);
  drug.replaceChildren(...Object.entries(FORMULARY).map(([key, each]) => element("option", { value: key }, each.label)));
  drug.addEventListener("change", offer);
  unit.addEventListener("change", suggest);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    added(draftOf(drug.value, Number(unit.value), Number(amount.value), patient));
  });
  offer();
}
