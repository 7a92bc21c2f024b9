"""A simulated intensive care unit on heparin: a tool beside the service, never used by it.

Reading order, which is the flow of the data:

    worlds.py     the constants, each with its published ground: kinetics, laboratory, populations
    body.py       one patient: elimination, inflammation, antithrombin, drift, the needed rate
    laboratory.py what a sample reads: assay noise, floor, bad samples, aPTT, counts
    ward.py       orders, titration, delays, holds, delivery faults: one stay hour by hour
    course.py     what such a stay leaves: charted facts, and the truth nobody charts
    stay.py       draws a stay of a population and runs it
    fhir.py       a stay as FHIR R4 resources
    command.py    `heparin-cds simulate`: NDJSON of a number of stays, and the truth

Everything is drawn from one seed: the same seed gives the same stay. Hours count from the start
of the heparin infusion; rates are U/kg/h unless a name says U/h; levels are IU/mL.
"""
