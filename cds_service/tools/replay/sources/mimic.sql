-- MIMIC-IV (hosp and icu) to FHIR R4 lines. Every column comes as text; a table that is not there is empty.

CREATE MACRO uri(name) AS (SELECT value FROM uris WHERE key = name);
CREATE MACRO item(name, id, label) AS said(coding(uri(name), id, label), NULL, label);
CREATE MACRO local_amount(number, unit, sign) AS amount(number, unit, uri('unit'), unit, sign);

SELECT written(json_object(
    'resourceType', 'Patient', 'id', p.subject_id, 'gender', g.value,
    'birthDate', CAST(TRY_CAST(p.anchor_year AS INTEGER) - TRY_CAST(p.anchor_age AS INTEGER) AS VARCHAR),
    'extension', [json_object('url', 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-race',
        'extension', [json_object('url', 'text', 'valueString', a.race)])])) AS line
FROM patients p LEFT JOIN genders g ON g.key = p.gender
LEFT JOIN (SELECT subject_id, min(race) AS race FROM admissions GROUP BY subject_id) a USING (subject_id);

SELECT written(json_object(
    'resourceType', 'Encounter', 'id', 'h' || a.hadm_id,
    'status', CASE WHEN a.dischtime IS NULL THEN 'in-progress' ELSE 'finished' END,
    'class', json_object('code', 'IMP', 'display', a.admission_type), 'subject', pointed('Patient', a.subject_id),
    'period', stretch(moment(a.admittime), moment(a.dischtime)))) AS line
FROM admissions a;

SELECT written(json_object(
    'resourceType', 'Encounter', 'id', 't' || t.transfer_id, 'status', 'finished',
    'class', json_object('code', 'ACUTE', 'display', t.careunit), 'subject', pointed('Patient', t.subject_id),
    'period', stretch(moment(t.intime), moment(t.outtime)),
    'location', [json_object('location', json_object('display', t.careunit),
        'period', stretch(moment(t.intime), moment(t.outtime)))])) AS line
FROM transfers t WHERE t.careunit IS NOT NULL;

-- A comparator stands in the text of the value or in the comment ("GREATER THAN 1.5").
SELECT written(json_object(
    'resourceType', 'Observation', 'id', 'l' || l.labevent_id, 'status', 'final',
    'code', item('laboratory', l.itemid, d.label), 'subject', pointed('Patient', l.subject_id),
    'encounter', pointed('Encounter', 'h' || l.hadm_id),
    'effectiveDateTime', moment(l.charttime), 'issued', moment(l.storetime),
    'valueQuantity', local_amount(l.valuenum, l.valueuom, CASE
        WHEN regexp_matches(coalesce(l.value, ''), '^ *[<>]=?') THEN regexp_extract(l.value, '[<>]=?')
        WHEN regexp_matches(concat_ws(' ', l.value, l.comments), 'GREATER THAN', 'i') THEN '>'
        WHEN regexp_matches(concat_ws(' ', l.value, l.comments), 'LESS THAN', 'i') THEN '<' END),
    'valueString', CASE WHEN l.valuenum IS NULL THEN coalesce(nullif(l.value, '___'), l.comments) END,
    'note', CASE WHEN l.comments IS NOT NULL THEN [json_object('text', l.comments)] END)) AS line
FROM labevents l LEFT JOIN d_labitems d USING (itemid);

SELECT written(json_object(
    'resourceType', 'Observation',
    'id', 'w' || md5(concat_ws('|', c.subject_id, c.stay_id, c.itemid, c.charttime, c.valuenum)), 'status', 'final',
    'code', item('chart', c.itemid, k.value), 'subject', pointed('Patient', c.subject_id),
    'effectiveDateTime', moment(c.charttime), 'issued', moment(c.storetime),
    'valueQuantity', local_amount(c.valuenum, c.valueuom, NULL))) AS line
FROM chartevents c JOIN charted k ON k.key = c.itemid WHERE c.valuenum IS NOT NULL;

SELECT written(json_object(
    'resourceType', 'MedicationAdministration',
    'id', 'i' || md5(concat_ws('|', i.orderid, i.itemid, i.starttime)), 'status', 'completed',
    'category', said(coding(uri('icu-category'), i.ordercategoryname, NULL), NULL, NULL),
    'medicationCodeableConcept', item('item', i.itemid, d.label), 'subject', pointed('Patient', i.subject_id),
    'effectiveDateTime', CASE WHEN i.rate IS NULL THEN moment(i.starttime) END,
    'effectivePeriod', CASE WHEN i.rate IS NOT NULL THEN stretch(moment(i.starttime), moment(i.endtime)) END,
    'dosage', json_object(
        'method', said(coding(uri('icu-method'), i.ordercategorydescription, NULL), NULL, NULL),
        'dose', local_amount(i.amount, i.amountuom, NULL),
        'rateQuantity', local_amount(i.rate, i.rateuom, NULL)))) AS line
FROM inputevents i LEFT JOIN d_items d USING (itemid);

SELECT written(json_object(
    'resourceType', 'Procedure', 'id', 'e' || md5(concat_ws('|', p.orderid, p.itemid, p.starttime)),
    'status', 'completed', 'code', item('procedure', p.itemid, d.label),
    'category', said(NULL, NULL, p.ordercategoryname), 'subject', pointed('Patient', p.subject_id),
    'performedPeriod', stretch(moment(p.starttime), moment(p.endtime)))) AS line
FROM procedureevents p LEFT JOIN d_items d USING (itemid);

-- One order may hold several products, of which each is a row: the orders are told apart by the drug.
SELECT written(json_object(
    'resourceType', 'MedicationRequest', 'intent', 'order', 'status', 'completed',
    'id', 'o' || p.pharmacy_id || CASE WHEN p.place > 1 THEN '-' || p.place ELSE '' END,
    'medicationCodeableConcept', said(coding(uri('formulary'), p.formulary_drug_cd, NULL), NULL,
        concat_ws(' ', p.drug, p.prod_strength)),
    'subject', pointed('Patient', p.subject_id), 'encounter', pointed('Encounter', 'h' || p.hadm_id),
    'authoredOn', moment(p.starttime),
    'dispenseRequest', json_object('validityPeriod', stretch(moment(p.starttime), moment(p.stoptime))),
    'dosageInstruction', [json_object('route', said(coding(uri('route'), p.route, NULL), NULL, NULL),
        'doseAndRate', [CASE WHEN TRY_CAST(p.dose_val_rx AS DOUBLE) IS NOT NULL
            THEN json_object('doseQuantity', local_amount(p.dose_val_rx, p.dose_unit_rx, NULL)) END])])) AS line
FROM (
    SELECT *, row_number() OVER (PARTITION BY pharmacy_id ORDER BY drug, formulary_drug_cd, dose_val_rx) AS place
    FROM prescriptions
) p;

SELECT written(json_object(
    'resourceType', 'MedicationAdministration', 'id', 'a' || e.emar_id || '-' || d.place, 'status', 'completed',
    'medicationCodeableConcept', said(coding(uri('formulary'), d.product_code, NULL), NULL, e.medication),
    'subject', pointed('Patient', e.subject_id), 'context', pointed('Encounter', 'h' || e.hadm_id),
    'request', pointed('MedicationRequest', 'o' || e.pharmacy_id), 'effectiveDateTime', moment(e.charttime),
    'dosage', json_object(
        'route', said(coding(uri('route'), d.route, NULL), NULL, NULL),
        'method', said(coding(uri('method'), e.event_txt, NULL), NULL, NULL),
        'dose', CASE WHEN TRY_CAST(d.dose_given AS DOUBLE) IS NOT NULL
            THEN local_amount(d.dose_given, d.dose_given_unit, NULL) END,
        'rateQuantity', CASE WHEN TRY_CAST(d.infusion_rate AS DOUBLE) IS NOT NULL
            THEN local_amount(d.infusion_rate, d.infusion_rate_unit, NULL) END))) AS line
FROM emar e LEFT JOIN (
    -- The row without a parent sums up those below it; it is read only where it stands alone.
    SELECT *, row_number() OVER (PARTITION BY emar_id ORDER BY parent_field_ordinal, product_code, dose_given) AS place
    FROM emar_detail
    QUALIFY parent_field_ordinal IS NOT NULL
        OR count(parent_field_ordinal) OVER (PARTITION BY emar_id) = 0
) d USING (emar_id);

-- Diagnoses are coded when the patient has left: without a date they are known from then on.
SELECT written(json_object(
    'resourceType', 'Condition', 'id', concat_ws('-', 'c', d.hadm_id, d.seq_num),
    'code', said(coding(uri('icd' || d.icd_version), d.icd_code, t.long_title), NULL, t.long_title),
    'subject', pointed('Patient', d.subject_id), 'encounter', pointed('Encounter', 'h' || d.hadm_id))) AS line
FROM diagnoses_icd d LEFT JOIN d_icd_diagnoses t USING (icd_code, icd_version);

SELECT written(json_object(
    'resourceType', 'Procedure', 'id', concat_ws('-', 'p', p.hadm_id, p.seq_num), 'status', 'completed',
    'code', said(coding(uri('icd' || p.icd_version || '-procedure'), p.icd_code, NULL), NULL, NULL),
    'subject', pointed('Patient', p.subject_id), 'encounter', pointed('Encounter', 'h' || p.hadm_id),
    'performedDateTime', substr(p.chartdate, 1, 10))) AS line
FROM procedures_icd p;
