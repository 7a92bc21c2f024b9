"""What this service knows, written in the forms that terminologists and rule authors read."""
