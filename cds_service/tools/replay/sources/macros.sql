-- What all layouts share. Nulls are taken out of what is written (not out of lists): FHIR has none.
CREATE MACRO written(resource) AS json_merge_patch('{}', resource);
CREATE MACRO coding(uri, code, name) AS
    CASE WHEN uri IS NOT NULL AND code IS NOT NULL
        THEN json_object('system', uri, 'code', code, 'display', name) END;
CREATE MACRO said(first, second, words) AS
    CASE WHEN first IS NOT NULL OR second IS NOT NULL OR words IS NOT NULL THEN json_object(
        'coding', list_filter([first, second], lambda one: one IS NOT NULL), 'text', words) END;
CREATE MACRO pointed(kind, id) AS
    CASE WHEN id IS NOT NULL THEN json_object('reference', kind || '/' || id) END;
CREATE MACRO amount(number, unit, uri, code, sign) AS
    CASE WHEN number IS NOT NULL THEN json_object('value', TRY_CAST(number AS DOUBLE), 'unit', unit,
        'system', CASE WHEN code IS NOT NULL THEN uri END, 'code', code, 'comparator', sign) END;
CREATE MACRO stretch(since, until) AS json_object('start', since, 'end', until);
CREATE MACRO is_rate(unit) AS
    coalesce(regexp_matches(unit, '/ *(h|hr|hour|min|minute)\b|per (hour|minute)\b', 'i'), false);
-- A time on the clock of its hospital, with that clock's distance from UTC.
CREATE MACRO distance(minutes) AS
    CASE WHEN minutes = 0 THEN 'Z' ELSE (CASE WHEN minutes > 0 THEN '+' ELSE '-' END)
        || format('{:02d}:{:02d}', abs(minutes) // 60, abs(minutes) % 60) END;
CREATE MACRO clock(local_time, utc_time) AS
    strftime(local_time, '%Y-%m-%dT%H:%M:%S') || distance(date_diff('minute', utc_time, local_time));
