-- What became of a call that somebody was to take over: connected, queued, returned, voicemail, overflowed, abandoned,
-- resolved or failed; none as long as that is open.
ALTER TABLE calls ADD COLUMN outcome TEXT;
