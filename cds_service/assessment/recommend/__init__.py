"""The recommendations that follow from measurements and rules: topics, drugs, doses."""
