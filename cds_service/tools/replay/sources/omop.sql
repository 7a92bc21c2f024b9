-- OMOP CDM 5.4 to FHIR R4 lines. Every column comes as text; a table that is not there is empty.

-- A table without a single time of day has dates only: its midnights are no times.
CREATE TABLE timed AS
SELECT
    (SELECT bool_or(measurement_datetime NOT LIKE '%00:00:00%' AND measurement_datetime LIKE '%:%') FROM measurement) AS measured,
    (SELECT bool_or(drug_exposure_start_datetime NOT LIKE '%00:00:00%' AND drug_exposure_start_datetime LIKE '%:%') FROM drug_exposure) AS given,
    (SELECT bool_or(condition_start_datetime NOT LIKE '%00:00:00%' AND condition_start_datetime LIKE '%:%') FROM condition_occurrence) AS found,
    (SELECT bool_or(procedure_datetime NOT LIKE '%00:00:00%' AND procedure_datetime LIKE '%:%') FROM procedure_occurrence) AS done,
    (SELECT bool_or(visit_start_datetime NOT LIKE '%00:00:00%' AND visit_start_datetime LIKE '%:%') FROM visit_occurrence) AS visited,
    (SELECT bool_or(visit_detail_start_datetime NOT LIKE '%00:00:00%' AND visit_detail_start_datetime LIKE '%:%') FROM visit_detail) AS moved;
CREATE MACRO told(at_time, at_date, has_times) AS
    CASE WHEN has_times AND at_time IS NOT NULL THEN moment(at_time) ELSE substr(at_date, 1, 10) END;

CREATE TABLE used AS
SELECT c.concept_id AS id, s.value AS uri, c.concept_code AS code, c.concept_name AS name
FROM concept c LEFT JOIN systems s ON s.key = c.vocabulary_id
WHERE c.concept_id <> '0' AND c.concept_id IN (
    SELECT measurement_concept_id FROM measurement UNION SELECT measurement_source_concept_id FROM measurement
    UNION SELECT unit_concept_id FROM measurement UNION SELECT operator_concept_id FROM measurement
    UNION SELECT value_as_concept_id FROM measurement
    UNION SELECT drug_concept_id FROM drug_exposure UNION SELECT drug_source_concept_id FROM drug_exposure
    UNION SELECT drug_type_concept_id FROM drug_exposure UNION SELECT route_concept_id FROM drug_exposure
    UNION SELECT condition_concept_id FROM condition_occurrence
    UNION SELECT condition_source_concept_id FROM condition_occurrence
    UNION SELECT condition_type_concept_id FROM condition_occurrence
    UNION SELECT procedure_concept_id FROM procedure_occurrence
    UNION SELECT procedure_source_concept_id FROM procedure_occurrence
    UNION SELECT visit_concept_id FROM visit_occurrence UNION SELECT visit_detail_concept_id FROM visit_detail
    UNION SELECT gender_concept_id FROM person UNION SELECT race_concept_id FROM person
    UNION SELECT ethnicity_concept_id FROM person);
-- The standard concept, then the source's own; a source value only where neither has a code.
CREATE MACRO coded(uri, code, name, own_uri, own_code, own_name, source_value) AS said(
    coding(uri, code, name),
    coalesce(coding(own_uri, own_code, own_name),
        CASE WHEN uri IS NULL THEN coding('urn:omop:source-value', source_value, NULL) END),
    source_value);

SELECT written(json_object(
    'resourceType', 'Patient', 'id', p.person_id, 'gender', lower(g.name),
    'birthDate', coalesce(substr(p.birth_datetime, 1, 10),
        p.year_of_birth || CASE WHEN p.month_of_birth IS NULL THEN ''
            ELSE '-' || lpad(p.month_of_birth, 2, '0') || CASE WHEN p.day_of_birth IS NULL THEN ''
                ELSE '-' || lpad(p.day_of_birth, 2, '0') END END),
    'extension', [
        json_object('url', 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-race',
            'extension', [json_object('url', 'text', 'valueString', r.name)]),
        json_object('url', 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-ethnicity',
            'extension', [json_object('url', 'text', 'valueString', e.name)])])) AS line
FROM person p LEFT JOIN used g ON g.id = p.gender_concept_id LEFT JOIN used r ON r.id = p.race_concept_id
LEFT JOIN used e ON e.id = p.ethnicity_concept_id;

SELECT written(json_object(
    'resourceType', 'Observation', 'id', 'm' || m.measurement_id, 'status', 'final',
    'code', coded(c.uri, c.code, c.name, o.uri, o.code, o.name, m.measurement_source_value),
    'subject', pointed('Patient', m.person_id), 'encounter', pointed('Encounter', m.visit_occurrence_id),
    'effectiveDateTime', told(m.measurement_datetime, m.measurement_date, t.measured),
    'valueQuantity', amount(m.value_as_number, coalesce(m.unit_source_value, u.code), u.uri, u.code,
        CASE WHEN p.name IN ('<', '<=', '>', '>=') THEN p.name END),
    'valueCodeableConcept', CASE WHEN m.value_as_number IS NULL AND m.value_as_concept_id <> '0'
        THEN said(coding(v.uri, v.code, v.name), NULL, v.name) END,
    'valueString', CASE WHEN m.value_as_number IS NULL AND coalesce(m.value_as_concept_id, '0') = '0'
        THEN m.value_source_value END)) AS line
FROM measurement m CROSS JOIN timed t
LEFT JOIN used c ON c.id = m.measurement_concept_id LEFT JOIN used o ON o.id = m.measurement_source_concept_id
LEFT JOIN used u ON u.id = m.unit_concept_id LEFT JOIN used p ON p.id = m.operator_concept_id
LEFT JOIN used v ON v.id = m.value_as_concept_id;

SELECT written(json_object(
    'resourceType', 'MedicationAdministration', 'id', 'd' || d.drug_exposure_id, 'status', 'completed',
    'medicationCodeableConcept', coded(c.uri, c.code, c.name, o.uri, o.code, o.name, d.drug_source_value),
    'subject', pointed('Patient', d.person_id), 'context', pointed('Encounter', d.visit_occurrence_id),
    'effectiveDateTime', CASE WHEN d.until IS NULL OR d.until = d.since THEN d.since END,
    'effectivePeriod', CASE WHEN d.until <> d.since THEN stretch(d.since, d.until) END,
    'dosage', json_object('text', d.sig,
        'route', said(coding(r.uri, r.code, r.name), NULL, coalesce(d.route_source_value, r.name)),
        'rateQuantity', CASE WHEN is_rate(d.unit) THEN amount(d.quantity, d.unit, NULL, NULL, NULL) END,
        'dose', CASE WHEN NOT is_rate(d.unit) THEN amount(d.quantity, d.unit, NULL, NULL, NULL) END))) AS line
FROM (
    SELECT *, dose_unit_source_value AS unit,
        told(drug_exposure_start_datetime, drug_exposure_start_date, t.given) AS since,
        told(drug_exposure_end_datetime, drug_exposure_end_date, t.given) AS until
    FROM drug_exposure CROSS JOIN timed t
) d
JOIN used k ON k.id = d.drug_type_concept_id JOIN drug_types y ON y.key = k.name AND y.value = 'given'
LEFT JOIN used c ON c.id = d.drug_concept_id LEFT JOIN used o ON o.id = d.drug_source_concept_id
LEFT JOIN used r ON r.id = d.route_concept_id;

SELECT written(json_object(
    'resourceType', 'MedicationRequest', 'id', 'd' || d.drug_exposure_id, 'intent', 'order',
    'status', CASE WHEN d.stop_reason IS NOT NULL THEN 'stopped' ELSE 'completed' END,
    'medicationCodeableConcept', coded(c.uri, c.code, c.name, o.uri, o.code, o.name, d.drug_source_value),
    'subject', pointed('Patient', d.person_id), 'encounter', pointed('Encounter', d.visit_occurrence_id),
    'authoredOn', told(d.drug_exposure_start_datetime, d.drug_exposure_start_date, t.given),
    'dispenseRequest', json_object('validityPeriod', json_object(
        'end', told(d.drug_exposure_end_datetime, d.drug_exposure_end_date, t.given))),
    'dosageInstruction', [json_object('text', d.sig,
        'route', said(coding(r.uri, r.code, r.name), NULL, coalesce(d.route_source_value, r.name)),
        'doseAndRate', [CASE WHEN is_rate(d.dose_unit_source_value)
            THEN json_object('rateQuantity', amount(d.quantity, d.dose_unit_source_value, NULL, NULL, NULL))
            ELSE json_object('doseQuantity', amount(d.quantity, d.dose_unit_source_value, NULL, NULL, NULL)) END])])) AS line
FROM drug_exposure d CROSS JOIN timed t
JOIN used k ON k.id = d.drug_type_concept_id JOIN drug_types y ON y.key = k.name AND y.value = 'order'
LEFT JOIN used c ON c.id = d.drug_concept_id LEFT JOIN used o ON o.id = d.drug_source_concept_id
LEFT JOIN used r ON r.id = d.route_concept_id;

SELECT written(json_object(
    'resourceType', 'Condition', 'id', 'c' || d.condition_occurrence_id,
    'code', coded(c.uri, c.code, c.name, o.uri, o.code, o.name, d.condition_source_value),
    'subject', pointed('Patient', d.person_id), 'encounter', pointed('Encounter', d.visit_occurrence_id),
    'recordedDate', CASE WHEN y.value IS NOT NULL
        THEN told(d.condition_start_datetime, d.condition_start_date, t.found) END,
    'abatementDateTime', CASE WHEN y.value IS NOT NULL
        THEN told(d.condition_end_datetime, d.condition_end_date, t.found) END)) AS line
FROM condition_occurrence d CROSS JOIN timed t
LEFT JOIN used k ON k.id = d.condition_type_concept_id LEFT JOIN condition_types y ON y.key = k.name
LEFT JOIN used c ON c.id = d.condition_concept_id LEFT JOIN used o ON o.id = d.condition_source_concept_id;

SELECT written(json_object(
    'resourceType', 'Procedure', 'id', 'p' || d.procedure_occurrence_id, 'status', 'completed',
    'code', coded(c.uri, c.code, c.name, o.uri, o.code, o.name, d.procedure_source_value),
    'subject', pointed('Patient', d.person_id), 'encounter', pointed('Encounter', d.visit_occurrence_id),
    'performedDateTime', CASE WHEN d.until IS NULL OR d.until = d.since THEN d.since END,
    'performedPeriod', CASE WHEN d.until <> d.since THEN stretch(d.since, d.until) END)) AS line
FROM (
    SELECT *, told(procedure_datetime, procedure_date, t.done) AS since,
        told(procedure_end_datetime, procedure_end_date, t.done) AS until
    FROM procedure_occurrence CROSS JOIN timed t
) d
LEFT JOIN used c ON c.id = d.procedure_concept_id LEFT JOIN used o ON o.id = d.procedure_source_concept_id;

SELECT written(json_object(
    'resourceType', 'Encounter', 'id', v.visit_occurrence_id, 'status', CASE WHEN v.until IS NULL THEN 'in-progress' ELSE 'finished' END,
    'class', json_object('code', k.value, 'display', c.name), 'subject', pointed('Patient', v.person_id),
    'period', stretch(v.since, v.until),
    'location', CASE WHEN s.care_site_name IS NOT NULL THEN [json_object(
        'location', json_object('display', s.care_site_name), 'period', stretch(v.since, v.until))] END)) AS line
FROM (
    SELECT *, told(visit_start_datetime, visit_start_date, t.visited) AS since,
        told(visit_end_datetime, visit_end_date, t.visited) AS until
    FROM visit_occurrence CROSS JOIN timed t
) v
LEFT JOIN used c ON c.id = v.visit_concept_id LEFT JOIN visit_classes k ON k.key = c.name
LEFT JOIN care_site s ON s.care_site_id = v.care_site_id;

SELECT written(json_object(
    'resourceType', 'Encounter', 'id', 'v' || v.visit_detail_id, 'status', CASE WHEN v.until IS NULL THEN 'in-progress' ELSE 'finished' END,
    'class', json_object('code', k.value, 'display', c.name), 'subject', pointed('Patient', v.person_id),
    'period', stretch(v.since, v.until),
    'location', CASE WHEN s.care_site_name IS NOT NULL THEN [json_object(
        'location', json_object('display', s.care_site_name), 'period', stretch(v.since, v.until))] END)) AS line
FROM (
    SELECT *, told(visit_detail_start_datetime, visit_detail_start_date, t.moved) AS since,
        told(visit_detail_end_datetime, visit_detail_end_date, t.moved) AS until
    FROM visit_detail CROSS JOIN timed t
) v
LEFT JOIN used c ON c.id = v.visit_detail_concept_id LEFT JOIN visit_classes k ON k.key = c.name
LEFT JOIN care_site s ON s.care_site_id = v.care_site_id;
