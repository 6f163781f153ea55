-- Nodes that share a database: when each was there last, by the database's own clock (microseconds since 1970 in UTC).
CREATE TABLE nodes (
    name TEXT   NOT NULL PRIMARY KEY,
    beat BIGINT NOT NULL
);
