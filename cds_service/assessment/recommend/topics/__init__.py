"""When each card is due: one function a topic. Clinical logic 5."""
