"""What Redis does for each operation: a script, its arguments, and what its answer means."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

from outworx_otel.idempotency.memory import FORGOTTEN_AFTER
from outworx_otel.idempotency.protocol import Claim, Claimed, Completed, InProgress
from outworx_otel.idempotency.record import StoredAnswer, decode, encode


@dataclass(frozen=True)
class Script:
    text: str
    sha: str = field(init=False)

    def __post_init__(self) -> None:
        # SHA-1 is how Redis names scripts.
        object.__setattr__(self, "sha", hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest())


# A value is `p<13 digits: the lease's end, ms><token>` while in progress, `c<token>\n<answer>` when completed. Time
# is the server's (TIME), so that no client's clock matters; Redis >= 5 replicates what a script did, not the script.
CLAIM: Final = Script("""
local value = redis.call('GET', KEYS[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if value then
  if string.sub(value, 1, 1) == 'c' then return value end
  local left = tonumber(string.sub(value, 2, 14)) - now
  if left > 0 and string.sub(value, 15) ~= ARGV[1] then return left end
end
redis.call('SET', KEYS[1], string.format('p%013.0f', now + ARGV[2]) .. ARGV[1], 'PX', ARGV[2] + ARGV[3])
return 0
""")
RENEW: Final = Script("""
local value = redis.call('GET', KEYS[1])
if not value or string.sub(value, 1, 1) ~= 'p' or string.sub(value, 15) ~= ARGV[1] then return 0 end
local time = redis.call('TIME')
local ends = time[1] * 1000 + math.floor(time[2] / 1000) + ARGV[2]
redis.call('SET', KEYS[1], string.format('p%013.0f', ends) .. ARGV[1], 'PX', ARGV[2] + ARGV[3])
return 1
""")
COMPLETE: Final = Script("""
local value = redis.call('GET', KEYS[1])
if not value then return 0 end
local mine = ARGV[1] .. '\\n'
if string.sub(value, 1, 1) == 'c' then
  return string.sub(value, 2, 1 + string.len(mine)) == mine and 1 or 0
end
if string.sub(value, 15) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], 'c' .. mine .. ARGV[2], 'PX', ARGV[3])
return 1
""")
RELEASE: Final = Script("""
local value = redis.call('GET', KEYS[1])
if not value or string.sub(value, 1, 1) ~= 'p' or string.sub(value, 15) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
""")


Arguments = tuple[str | bytes | int, ...]


def milliseconds(seconds: float) -> int:
    """At least one."""
    return max(1, round(seconds * 1000))


_FORGOTTEN: Final = milliseconds(FORGOTTEN_AFTER)


def leasing(token: str, lease: float) -> Arguments:
    """The arguments of CLAIM and RENEW."""
    return token, milliseconds(lease), _FORGOTTEN


def completing(token: str, answer: StoredAnswer, ttl: float) -> Arguments:
    """The arguments of COMPLETE."""
    return token, encode(answer), milliseconds(ttl)


def claim_of(said: Any, token: str) -> Claim:
    """What CLAIM answered.

    Raises:
        StoreError: with a record that this version cannot read.
    """
    if said == 0:
        return Claimed(token)
    if isinstance(said, int):
        return InProgress(said / 1000)
    return Completed(decode(said.partition(b"\n")[2]))
