"""Retrieval: prefetch first, then the FHIR server."""
