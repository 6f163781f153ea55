-- What webhooks are to be told. A row goes once it was taken.
CREATE TABLE notices (
    url      TEXT   NOT NULL,
    id       TEXT   NOT NULL, -- webhook-id
    node     TEXT   NOT NULL,
    call     TEXT   NOT NULL,
    place    BIGINT NOT NULL, -- what is about one call is told in this order; when it happened, or a little later
    body     TEXT   NOT NULL,
    attempts BIGINT NOT NULL,
    due      BIGINT NOT NULL,
    PRIMARY KEY (url, id)
);

CREATE INDEX notices_due ON notices (node, url, due);
CREATE INDEX notices_call ON notices (node, url, call, place);
