-- The local desk: tickets, what is written on them, and who called.
CREATE TABLE tickets (
    number   BIGINT NOT NULL PRIMARY KEY,
    call     TEXT   NOT NULL UNIQUE,
    desk     TEXT   NOT NULL,
    caller   TEXT,
    subject  TEXT   NOT NULL,
    status   TEXT   NOT NULL, -- new, then open
    priority TEXT,
    team     TEXT,            -- the group that is to see to it
    tags     TEXT   NOT NULL, -- words with a space between
    opened   BIGINT NOT NULL,
    updated  BIGINT NOT NULL
);

CREATE TABLE comments (
    ticket  BIGINT NOT NULL,
    place   BIGINT NOT NULL, -- 1 is what the ticket began with, 2 what became of the call
    written BIGINT NOT NULL,
    body    TEXT   NOT NULL,
    PRIMARY KEY (ticket, place)
);

CREATE TABLE callers (
    number TEXT   NOT NULL PRIMARY KEY, -- E.164
    first  BIGINT NOT NULL,
    latest BIGINT NOT NULL
);

-- The number of the latest ticket.
CREATE TABLE counters (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

INSERT INTO counters (name, value) VALUES ('ticket', 0);

-- What is to reach a desk elsewhere: one entry for each call that was handed over.
CREATE TABLE outbox (
    call     TEXT   NOT NULL PRIMARY KEY,
    node     TEXT   NOT NULL,
    desk     TEXT   NOT NULL,
    state    TEXT   NOT NULL, -- open: the call goes on; due; done; aside: it is for a person to see
    handover TEXT   NOT NULL, -- JSON: what the ticket is made from
    closing  TEXT,            -- JSON: what became of the call
    body     TEXT,            -- the ticket as it was sent, to be sent again in the same bytes
    sent     BIGINT,          -- when that was first
    ticket   BIGINT,          -- what it became
    told     BIGINT NOT NULL, -- 1 where that was in time for the call to carry it
    attempts BIGINT NOT NULL,
    due      BIGINT NOT NULL,
    note     TEXT             -- what went wrong last, or what was done
);

CREATE INDEX outbox_due ON outbox (node, state, due);
