"""How long a batch is kept and when it is sent again. No I/O."""

from __future__ import annotations

import dataclasses
import random

from outworx_otel.export.send_result import SendResult, Verdict


@dataclasses.dataclass(frozen=True)
class RetryPolicy:
    """All times in seconds.

    Args:
        keep: how long a batch is kept after its first attempt failed for a passing reason.
        first_wait: the first back-off; it doubles up to `longest_wait`, less a random part, so that
            workers that lost the same receiver do not all come back at the same instant.
        longest_wait: the longest back-off.
        key_pause: how long nothing at all is sent after the key was rejected.
        key_attempts: attempts of one batch against a rejected key.
    """

    keep: float = 60.0
    first_wait: float = 0.5
    longest_wait: float = 5.0
    key_pause: float = 60.0
    key_attempts: int = 5

    def wait(self, result: SendResult, attempt: int, elapsed: float) -> float | None:
        """Returns the seconds until the next attempt, after attempt number `attempt` (from 1) failed.

        None means: drop the batch."""
        if result.verdict is Verdict.KEY_REJECTED:
            return self.key_pause if attempt < self.key_attempts else None
        if result.verdict is not Verdict.PASSING or elapsed >= self.keep:
            return None
        wait = min(self.first_wait * 2.0 ** min(attempt - 1, 16), self.longest_wait)
        wait *= random.uniform(0.6, 1.0)  # noqa: S311 - spreads load, guards nothing
        # A receiver may lengthen the wait, not shorten it: `Retry-After: 0` must not make us spin.
        wait = max(wait, result.retry_after or 0.0)
        # The last attempt is made when the time runs out.
        return min(wait, max(self.keep - elapsed, 0.05))

    def wait_at_exit(self, result: SendResult, left: float) -> float | None:
        """Returns the same when the process ends in `left` seconds; the waits are short."""
        if result.verdict is not Verdict.PASSING:
            return None
        wait = max(self.first_wait, result.retry_after or 0.0)
        return wait if wait < left else None
