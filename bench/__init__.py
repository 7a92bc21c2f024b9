"""How fast the service is, and at what cost: measured beside baselines on the same machine.

`python -m bench` (make bench) runs everything; `python -m bench.hospital` writes an invented
hospital for a replay. Nothing here is imported by the service.
"""
