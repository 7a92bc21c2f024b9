"""HTTP in, HTTP out: routes, operations, errors."""
