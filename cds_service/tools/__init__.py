"""Commands around the service: explain, replay, integrator, simulate."""
