-- eICU 2.0 to FHIR R4 lines. Every column comes as text; a table that is not there is empty.
-- Times are minutes from the unit's admission. The year and the clock of the hospital's admission are
-- known, its day is not: it is put on the first of January, and everything of one stay keeps its distances.

CREATE MACRO uri(name) AS (SELECT value FROM uris WHERE key = name);
CREATE MACRO local_amount(number, unit, sign) AS amount(number, unit, uri('unit'), unit, sign);
CREATE MACRO happened(begun, minutes) AS
    CASE WHEN TRY_CAST(minutes AS BIGINT) IS NOT NULL
        THEN moment(CAST(begun + to_minutes(TRY_CAST(minutes AS BIGINT)) AS VARCHAR)) END;
-- "Heparin (units/hr)": the unit of the rate stands in the last brackets of the drug's name.
CREATE MACRO rate_unit(name) AS nullif(trim(regexp_extract(name, '\(([^()]*)\)\s*$', 1)), '');
CREATE MACRO bare(name) AS trim(regexp_replace(name, '\([^()]*\)\s*$', ''));

CREATE TABLE stay AS
SELECT *, TRY_CAST(concat(hospitaldischargeyear, '-01-01 ', coalesce(hospitaladmittime24, '00:00:00')) AS TIMESTAMP)
    - to_minutes(TRY_CAST(hospitaladmitoffset AS BIGINT)) AS begun
FROM patient;

SELECT written(json_object(
    'resourceType', 'Patient', 'id', s.patienthealthsystemstayid, 'gender', g.value,
    'birthDate', CAST(TRY_CAST(s.hospitaldischargeyear AS INTEGER)
        - CASE WHEN s.age LIKE '>%' THEN 90 ELSE TRY_CAST(s.age AS INTEGER) END AS VARCHAR),
    'extension', [json_object('url', 'http://hl7.org/fhir/us/core/StructureDefinition/us-core-race',
        'extension', [json_object('url', 'text', 'valueString', s.ethnicity)])])) AS line
FROM (SELECT DISTINCT ON (patienthealthsystemstayid) * FROM stay ORDER BY patienthealthsystemstayid, patientunitstayid) s
LEFT JOIN genders g ON g.key = s.gender;

SELECT written(json_object(
    'resourceType', 'Encounter', 'id', 'h' || s.patienthealthsystemstayid, 'status', 'finished',
    'class', json_object('code', 'IMP'), 'subject', pointed('Patient', s.patienthealthsystemstayid),
    'period', stretch(happened(s.begun, s.hospitaladmitoffset), happened(s.begun, s.hospitaldischargeoffset)))) AS line
FROM (SELECT DISTINCT ON (patienthealthsystemstayid) * FROM stay ORDER BY patienthealthsystemstayid, patientunitstayid) s;

SELECT written(json_object(
    'resourceType', 'Encounter', 'id', 'u' || s.patientunitstayid, 'status', 'finished',
    'class', json_object('code', 'ACUTE', 'display', s.unittype), 'subject', pointed('Patient', s.patienthealthsystemstayid),
    'period', stretch(happened(s.begun, '0'), happened(s.begun, s.unitdischargeoffset)),
    'location', [json_object('location', json_object('display', s.unittype),
        'period', stretch(happened(s.begun, '0'), happened(s.begun, s.unitdischargeoffset)))])) AS line
FROM stay s;

SELECT written(json_object(
    'resourceType', 'Observation', 'id', 'w' || s.patientunitstayid, 'status', 'final',
    'code', said(coding(uri('chart'), 'admissionweight', 'Admission weight'), NULL, 'Admission weight'),
    'subject', pointed('Patient', s.patienthealthsystemstayid), 'effectiveDateTime', happened(s.begun, '0'),
    'valueQuantity', local_amount(s.admissionweight, 'kg', NULL))) AS line
FROM stay s WHERE TRY_CAST(s.admissionweight AS DOUBLE) > 0;

SELECT written(json_object(
    'resourceType', 'Observation', 'id', 'k' || s.patientunitstayid, 'status', 'final',
    'code', said(coding(uri('chart'), 'admissionheight', 'Admission height'), NULL, 'Admission height'),
    'subject', pointed('Patient', s.patienthealthsystemstayid), 'effectiveDateTime', happened(s.begun, '0'),
    'valueQuantity', local_amount(s.admissionheight, 'cm', NULL))) AS line
FROM stay s WHERE TRY_CAST(s.admissionheight AS DOUBLE) > 0;

-- A number that was revised later is known, as it stands, from the revision on.
SELECT written(json_object(
    'resourceType', 'Observation', 'id', 'l' || l.labid, 'status', 'final',
    'code', said(coding(uri('laboratory'), l.labname, NULL), NULL, l.labname),
    'subject', pointed('Patient', s.patienthealthsystemstayid), 'encounter', pointed('Encounter', 'u' || s.patientunitstayid),
    'effectiveDateTime', happened(s.begun, l.labresultoffset),
    'issued', CASE WHEN TRY_CAST(l.labresultrevisedoffset AS BIGINT) > TRY_CAST(l.labresultoffset AS BIGINT)
        THEN happened(s.begun, l.labresultrevisedoffset) END,
    'valueQuantity', local_amount(l.labresult, l.labmeasurenamesystem,
        nullif(regexp_extract(coalesce(l.labresulttext, ''), '^ *([<>]=?)', 1), '')),
    'valueString', CASE WHEN l.labresult IS NULL THEN l.labresulttext END)) AS line
FROM lab l JOIN stay s USING (patientunitstayid);

-- A charted rate holds until the next one is charted, as rates without an end do.
SELECT written(json_object(
    'resourceType', 'MedicationAdministration', 'id', 'i' || i.infusiondrugid, 'status', 'completed',
    'medicationCodeableConcept', said(coding(uri('drug'), i.drugname, NULL), NULL, bare(i.drugname)),
    'subject', pointed('Patient', s.patienthealthsystemstayid), 'context', pointed('Encounter', 'u' || s.patientunitstayid),
    'effectiveDateTime', happened(s.begun, i.infusionoffset),
    'dosage', json_object('text', i.drugname, 'rateQuantity',
        CASE WHEN TRY_CAST(i.drugrate AS DOUBLE) IS NOT NULL
            THEN local_amount(i.drugrate, rate_unit(i.drugname), NULL) END))) AS line
FROM infusiondrug i JOIN stay s USING (patientunitstayid);

SELECT written(json_object(
    'resourceType', 'MedicationRequest', 'id', 'o' || m.medicationid, 'intent', 'order',
    'status', CASE WHEN m.drugordercancelled = 'Yes' THEN 'cancelled' ELSE 'completed' END,
    'medicationCodeableConcept', said(coding(uri('drug'), m.drugname, NULL), NULL, m.drugname),
    'subject', pointed('Patient', s.patienthealthsystemstayid), 'encounter', pointed('Encounter', 'u' || s.patientunitstayid),
    'authoredOn', happened(s.begun, coalesce(m.drugorderoffset, m.drugstartoffset)),
    'dispenseRequest', json_object('validityPeriod',
        stretch(happened(s.begun, m.drugstartoffset), happened(s.begun, m.drugstopoffset))),
    'dosageInstruction', [json_object('text', concat_ws(' ', m.dosage, m.routeadmin, m.frequency),
        'route', said(NULL, NULL, m.routeadmin))])) AS line
FROM medication m JOIN stay s USING (patientunitstayid);

-- icd9code holds codes of both versions: "453.41, I82.409".
SELECT written(json_object(
    'resourceType', 'Condition', 'id', 'c' || d.diagnosisid,
    'code', json_object('coding', list_filter(list_concat(
        [json_object('system', uri('diagnosis'), 'code', d.diagnosisstring)],
        list_transform(string_split(coalesce(nullif(d.icd9code, ''), ' '), ','), lambda one: CASE
            WHEN trim(one) = '' THEN NULL
            ELSE json_object('code', trim(one), 'system', CASE WHEN regexp_matches(trim(one), '^[0-9]')
                THEN 'http://hl7.org/fhir/sid/icd-9-cm' ELSE 'http://hl7.org/fhir/sid/icd-10-cm' END) END)),
        lambda one: one IS NOT NULL), 'text', replace(d.diagnosisstring, '|', ', ')),
    'subject', pointed('Patient', s.patienthealthsystemstayid), 'encounter', pointed('Encounter', 'u' || s.patientunitstayid),
    'recordedDate', happened(s.begun, d.diagnosisoffset))) AS line
FROM diagnosis d JOIN stay s USING (patientunitstayid);

SELECT written(json_object(
    'resourceType', 'Procedure', 'id', 't' || t.treatmentid, 'status', 'completed',
    'code', said(coding(uri('treatment'), t.treatmentstring, NULL), NULL, replace(t.treatmentstring, '|', ', ')),
    'subject', pointed('Patient', s.patienthealthsystemstayid), 'encounter', pointed('Encounter', 'u' || s.patientunitstayid),
    'performedDateTime', happened(s.begun, t.treatmentoffset))) AS line
FROM treatment t JOIN stay s USING (patientunitstayid);

SELECT written(json_object(
    'resourceType', 'AllergyIntolerance', 'id', 'a' || a.allergyid,
    'code', said(NULL, NULL, coalesce(a.drugname, a.allergyname)),
    'patient', pointed('Patient', s.patienthealthsystemstayid),
    'recordedDate', happened(s.begun, a.allergyenteredoffset))) AS line
FROM allergy a JOIN stay s USING (patientunitstayid);
