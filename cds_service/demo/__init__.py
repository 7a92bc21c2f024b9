"""The demonstration EHR: invented patients, their chart, and the service's cards beside it.

It speaks to the service over HTTP only, from the browser, as any EHR would; of our own code it
knows the settings, and where its patients lie. Served with `CDS_DEMO=1`, never in production.

    fixtures.py     patients from `fhir_fixtures/`, moved to the present
    history.py      a patient as known some hours ago
    search.py       FHIR searches over them, pure
    fhir.py         the read-only FHIR endpoint, /demo/fhir
    grants.py       sealed launch handles, codes and tokens
    launcher.py     the authorization server that opens the SMART app for a patient
    times.py        clock times in the zone of the chart
    tracks.py       which measurements are shown: tracks.toml, and the readings that belong
    readings.py     banner, orders and table as the page shows them
    infusion.py     heparin rates and the dose of the last 24 h, for drawing
    timeline.py     where everything stands in the drawing
    patient_list.py the list: who, and which cards the chart brings
    story.py        what case.md tells, apart for clinicians and developers
    markdown.py     card details to harmless HTML
    pages.py        the pages themselves
"""

from cds_service.demo.pages import create_demo

__all__ = ["create_demo"]
