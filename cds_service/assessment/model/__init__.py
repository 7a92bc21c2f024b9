"""What a verdict, a case and a protocol are."""
