"""Stage 1: FHIR JSON to facts. Reads everything, trusts nothing, decides nothing medical.

In reading order: `facts` (what comes out), `concepts` with `concepts.toml` (what codes mean),
`reader` (the whole), then one module for each kind of resource. Standard library only.
"""
