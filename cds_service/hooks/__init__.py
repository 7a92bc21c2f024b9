"""CDS Hooks on the wire: services, requests, feedback."""
