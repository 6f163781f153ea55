-- The caller of an entry's call, by whom it is told which of a caller's calls Talk made which ticket of; and the one that
-- Talk made of this call, once it is known.
ALTER TABLE outbox ADD COLUMN caller TEXT;
ALTER TABLE outbox ADD COLUMN talks BIGINT;

CREATE INDEX outbox_caller ON outbox (desk, caller, since);
