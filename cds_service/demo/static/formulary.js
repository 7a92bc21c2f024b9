// What may be ordered here: RxNorm ingredients, and the forms a dose is written in.

import { newId } from "./dom.js";

const UCUM = "http://unitsofmeasure.org";
const RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm";
const SNOMED = "http://snomed.info/sct";
const INTRAVENOUS = { coding: [{ system: SNOMED, code: "47625008" }], text: "Intravenous" };
const ORAL = { coding: [{ system: SNOMED, code: "26643006" }], text: "Oral" };

const rate = (label, code, usual) => ({ label, code, usual, kind: "rateQuantity" });
const dose = (label, code, usual, repeat) => ({ label, code, usual, repeat, kind: "doseQuantity" });

export const FORMULARY = {
  heparin: {
    label: "Heparin infusion",
    rxnorm: "5224",
    route: INTRAVENOUS,
    forms: [rate("U/h", "U/h", 1800), rate("U/kg/h", "U/kg/h", 18)],
  },
  antithrombin: {
    label: "Antithrombin concentrate",
    rxnorm: "1009",
    route: INTRAVENOUS,
    forms: [dose("IU", "[IU]", 2500)],
  },
  argatroban: {
    label: "Argatroban infusion",
    rxnorm: "15202",
    route: INTRAVENOUS,
    forms: [rate("µg/kg/min", "ug/kg/min", 0.5)],
  },
  bivalirudin: {
    label: "Bivalirudin infusion",
    rxnorm: "60819",
    route: INTRAVENOUS,
    forms: [rate("mg/kg/h", "mg/kg/h", 0.15)],
  },
  warfarin: {
    label: "Warfarin",
    rxnorm: "11289",
    route: ORAL,
    forms: [dose("mg once a day", "mg", 5, { frequency: 1, period: 1, periodUnit: "d" })],
  },
  apixaban: {
    label: "Apixaban",
    rxnorm: "1364430",
    route: ORAL,
    forms: [dose("mg twice a day", "mg", 5, { frequency: 2, period: 1, periodUnit: "d" })],
  },
};

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
