"""When each card is due: one function a topic, in the order of clinical logic 5."""
