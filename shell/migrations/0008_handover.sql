-- The line that a call was handed over to last, and when somebody there took it; none where it was not.
ALTER TABLE calls ADD COLUMN handover_line TEXT;
ALTER TABLE calls ADD COLUMN taken BIGINT;
