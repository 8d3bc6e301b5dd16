-- Up Migration

-- Gates know from now on how many units one payment can take, and refuse what nobody could pay for. Those that
-- stand were built without it: every owner builds the gates of its partitions anew. Older code can run on this, and
-- builds gates that refuse nothing.
update partitions set run_id = null;

-- Down Migration

update partitions set run_id = null;
