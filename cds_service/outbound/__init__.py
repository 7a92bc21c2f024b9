"""Every connection the service opens, FHIR and key servers alike."""
