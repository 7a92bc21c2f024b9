"""The SMART app behind a card's link: one patient's tracks, findings, cards, and why.

The browser is launched by the EHR, fetches the patient's record with its own token, and posts it to
`/smart/view`, which answers from that body alone: no FHIR server is called, nothing is stored or
logged of it. Served with `CDS_SMART=1` only.

    ehrs.py           the EHRs that may launch the app, by their FHIR bases
    view_request.py   the body of a request for a view
    past_answers.py   the answers as they would have been at an earlier moment
    course.py         when each finding began, and the required rate over time
    heparin_track.py  rates and doses given, for drawing
    level_tracks.py   aPTT, anti-Xa, antithrombin and platelets, for drawing
    why.py            the steps behind each card
    detail_tree.py    a card's markdown as a tree of harmless elements
    view.py           all of it as one JSON document
    pages.py          the routes, and what browsers are told about them
    static/tracks.js  draws the tracks, here and in the demonstration EHR
"""

from cds_service.smart.ehrs import LaunchingEhr
from cds_service.smart.pages import SmartApp, create_smart

__all__ = ["LaunchingEhr", "SmartApp", "create_smart"]
