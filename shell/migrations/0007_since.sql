-- When a call was handed over last, or has ended: by the database's own clock where nodes share it (microseconds since
-- 1970 in UTC). So are `sent` and `due`, and `due` of notices.
ALTER TABLE outbox ADD COLUMN since BIGINT NOT NULL DEFAULT 0;

-- The place of what a local desk's ticket is told of a later hand-over is when that began.
