"""`heparin-cds check URL`: a running service as an EHR sees it, point by point.

outcome.py      one point and its verdict
card_rules.py   what CDS Hooks asks of an answer
discovery.py, browsers.py, hooks.py, refusals.py, feedback.py, identity.py   the points
patient.py      the built-in patient (patient.json)
loopback.py     a FHIR server on this machine that holds that patient
run.py          all of them in order
"""
