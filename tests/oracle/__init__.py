"""An independent opinion on a grid of patients, written from the clinical logic alone.

`cell` is one patient as a few words and numbers, `chart` the same as FHIR, `findings`, `estimate`
and `expected` what should be answered, and only `compare` knows the service. Every number is
literal here: a number that is moved in the protocol by mistake must show.
"""
