-- The same text for SQLite and PostgreSQL. Times are microseconds since 1970 in UTC, lengths of time microseconds,
-- scores (MOS) hundredths.

-- One for each call, from its first INVITE on; `ended` is there once it is over.
CREATE TABLE calls (
    id             TEXT   NOT NULL PRIMARY KEY, -- X-Warmline-Call: 16 hexadecimal digits
    node           TEXT   NOT NULL,
    sip_call_id    TEXT   NOT NULL,
    caller         TEXT,                        -- E.164; none where the caller has no number
    line           TEXT   NOT NULL,
    trunk          TEXT   NOT NULL,
    target         TEXT,                        -- who was rung last, or answered
    started        BIGINT NOT NULL,
    answered       BIGINT,
    ended          BIGINT,
    reason         TEXT,                        -- why it ended: a name, and a sentence
    sentence       TEXT,
    ticket         BIGINT,
    note           TEXT,                        -- what was left out of what it brought
    caller_packets BIGINT NOT NULL,             -- audio that came from the caller
    caller_lost    BIGINT NOT NULL,
    caller_jitter  BIGINT NOT NULL,
    caller_mos     BIGINT,
    caller_heard   BIGINT,                      -- the score of what the caller was sent, by its own reports
    target_packets BIGINT NOT NULL,             -- audio that came from the target
    target_lost    BIGINT NOT NULL,
    target_jitter  BIGINT NOT NULL,
    target_mos     BIGINT,
    target_heard   BIGINT
);

CREATE INDEX calls_started ON calls (started);
CREATE INDEX calls_unfinished ON calls (node, ended);
