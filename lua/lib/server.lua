-- serverRunId: the id that a Redis process draws at its start. State built on another process may have
-- lost its last writes, so a gate admits only on the process it was built on. About 2 microseconds.
local function serverRunId()
  return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end
