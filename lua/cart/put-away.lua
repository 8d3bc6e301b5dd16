-- put-away: the last step of a merge throws the parcel away.
--
-- KEYS   parcel  hash  SKU → quantity, and ':id', the parcel's name
-- ARGV   id  text  name of the parcel that was taken in
-- REPLY  gone
--        other  it is another one, or none
-- COST   O(lines), two commands
local parcel = KEYS[1]
local id = ARGV[1]

if redis.call('HGET', parcel, ':id') ~= id then return { 'other' } end
redis.call('DEL', parcel)
return { 'gone' }
