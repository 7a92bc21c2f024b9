"""STAGE 3: findings -> cards. Words and suggested resources; decides nothing medical."""
