// What may be ordered here: RxNorm ingredients, the forms a dose is written in, and between which
// amounts a form can be meant at all. Whether a dose is right is for the decision support to say:
// the limits are wide enough for a tenfold slip to reach it.

import { newId } from "./dom.js";

const UCUM = "http://unitsofmeasure.org";
const RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm";
const SNOMED = "http://snomed.info/sct";
const INTRAVENOUS = { coding: [{ system: SNOMED, code: "47625008" }], text: "Intravenous" };
const ORAL = { coding: [{ system: SNOMED, code: "26643006" }], text: "Oral" };

const rate = (label, code, usual, limits) => ({ label, code, usual, limits, kind: "rateQuantity" });
const dose = (label, code, usual, limits, repeat) => ({ label, code, usual, limits, repeat, kind: "doseQuantity" });

export const FORMULARY = {
  heparin: {
    label: "Heparin infusion",
    rxnorm: "5224",
    route: INTRAVENOUS,
    forms: [rate("U/h", "U/h", 1800, [50, 40000]), rate("U/kg/h", "U/kg/h", 18, [0.5, 400])],
  },
  antithrombin: {
    label: "Antithrombin concentrate",
    rxnorm: "1009",
    route: INTRAVENOUS,
    forms: [dose("IU", "[IU]", 2500, [100, 50000])],
  },
  argatroban: {
    label: "Argatroban infusion",
    rxnorm: "15202",
    route: INTRAVENOUS,
    forms: [rate("µg/kg/min", "ug/kg/min", 0.5, [0.02, 20])],
  },
  bivalirudin: {
    label: "Bivalirudin infusion",
    rxnorm: "60819",
    route: INTRAVENOUS,
    forms: [rate("mg/kg/h", "mg/kg/h", 0.15, [0.01, 5])],
  },
  warfarin: {
    label: "Warfarin",
    rxnorm: "11289",
    route: ORAL,
    forms: [dose("mg once a day", "mg", 5, [0.5, 50], { frequency: 1, period: 1, periodUnit: "d" })],
  },
  apixaban: {
    label: "Apixaban",
    rxnorm: "1364430",
    route: ORAL,
    forms: [dose("mg twice a day", "mg", 5, [0.5, 50], { frequency: 2, period: 1, periodUnit: "d" })],
  },
};

const PLAIN = /^\d+(\.\d+)?$/;
const WITH_THOUSANDS = /^\d{1,3}(,\d{3})+(\.\d+)?$/;
const written = (amount) => amount.toLocaleString("en", { maximumFractionDigits: 6 });

// The amount that was written, or why it cannot be one: { value } or { refused }.
export function amountOf(text, drug, form) {
  const entry = FORMULARY[drug];
  const { label, limits } = entry.forms[form];
  const said = text.trim();
  if (!said) return { refused: "Write an amount first." };
  if (!PLAIN.test(said) && !WITH_THOUSANDS.test(said)) {
    return { refused: "The amount must be a number above zero, like 1800 or 18.5." };
  }
  const value = Number(said.replaceAll(",", ""));
  const within = ([least, most]) => value >= least && value <= most;
  if (within(limits)) return { value };
  const other = entry.forms.find((each) => each.label !== label && within(each.limits));
  const hint = other ? ` Was ${written(value)} ${other.label} meant?` : "";
  const range = `${written(limits[0])} to ${written(limits[1])} ${label}`;
  return { refused: `${written(value)} ${label} cannot be meant: ${entry.label} is ordered here from ${range}.${hint}` };
}

// https://hl7.org/fhir/R4/medicationrequest.html
export function draftOf(drug, form, value, patient) {
  const entry = FORMULARY[drug];
  const written = entry.forms[form];
  const unit = written.code === "[IU]" ? "IU" : written.code;
  const instruction = {
    text: `${value} ${written.label}`,
    route: entry.route,
    doseAndRate: [{ [written.kind]: { value, unit, system: UCUM, code: written.code } }],
  };
  if (written.repeat) instruction.timing = { repeat: written.repeat };
  const order = {
    resourceType: "MedicationRequest",
    id: `demo-${newId()}`,
    status: "draft",
    intent: "order",
    medicationCodeableConcept: {
      coding: [{ system: RXNORM, code: entry.rxnorm, display: drug }],
      text: entry.label,
    },
    subject: { reference: `Patient/${patient.id}` },
    authoredOn: new Date().toISOString(),
    dosageInstruction: [instruction],
  };
  // A new rate for an infusion that runs already replaces its order.
  if (drug === "heparin" && patient.runningHeparin) {
    order.priorPrescription = { reference: patient.runningHeparin };
  }
  return order;
}
