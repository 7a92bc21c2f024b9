"""Where the past lies: FHIR lines, Bundles or tables, brought into the lines export.py sorts."""
