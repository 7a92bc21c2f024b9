CREATE TABLE call (
    id VARCHAR(36) NOT NULL,
    at TIMESTAMP WITHOUT TIME ZONE NOT NULL,
    client VARCHAR(200) NOT NULL,
    "user" VARCHAR(200) NOT NULL,
    hook VARCHAR(20) NOT NULL,
    hook_instance VARCHAR(200) NOT NULL,
    patient VARCHAR(64) NOT NULL,
    protocol VARCHAR(200) NOT NULL,
    protocol_hash VARCHAR(64) NOT NULL,
    outcome VARCHAR(20) NOT NULL,
    milliseconds INTEGER NOT NULL,
    skipped INTEGER NOT NULL,
    answers JSON NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX ix_call_at ON call (at);
CREATE INDEX ix_call_patient ON call (patient);
CREATE TABLE feedback (
    id VARCHAR(64) NOT NULL,
    received TIMESTAMP WITHOUT TIME ZONE NOT NULL,
    client VARCHAR(200) NOT NULL,
    service VARCHAR(100) NOT NULL,
    card VARCHAR(200) NOT NULL,
    outcome VARCHAR(20) NOT NULL,
    outcome_at VARCHAR(64) NOT NULL,
    suggestions JSON NOT NULL,
    reason_code VARCHAR(200) NOT NULL,
    reason_system VARCHAR(500) NOT NULL,
    reason_display VARCHAR(500) NOT NULL,
    comment TEXT NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX feedback_reasons ON feedback (reason_code, received);
CREATE INDEX ix_feedback_card ON feedback (card);
CREATE TABLE probe (
    id SERIAL NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE seen_token (
    id VARCHAR(64) NOT NULL,
    expires TIMESTAMP WITHOUT TIME ZONE NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX ix_seen_token_expires ON seen_token (expires);
CREATE TABLE card (
    uuid VARCHAR(36) NOT NULL,
    call VARCHAR(36) NOT NULL,
    topic VARCHAR(100) NOT NULL,
    indicator VARCHAR(20) NOT NULL,
    suggestions JSON NOT NULL,
    facts JSON NOT NULL,
    PRIMARY KEY (uuid),
    FOREIGN KEY(call) REFERENCES call (id) ON DELETE CASCADE
);
CREATE INDEX ix_card_call ON card (call);
