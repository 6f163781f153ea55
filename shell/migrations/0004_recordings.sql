-- What was recorded of calls, and where that lies.
CREATE TABLE recordings (
    file    TEXT   NOT NULL,
    node    TEXT   NOT NULL,
    call    TEXT   NOT NULL,
    message BIGINT NOT NULL, -- 1 where the caller left it as one
    begun   BIGINT NOT NULL,
    length  BIGINT,          -- none while it is not finished
    PRIMARY KEY (node, file)
);

CREATE INDEX recordings_call ON recordings (call);
