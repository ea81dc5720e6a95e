"""When to send a failed request again: only what a retry can help, and when the server says."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass

import grpc

from snapvit_client._duration import bounded
from snapvit_client._errors import SnapvitError


@dataclass(frozen=True)
class RetryPolicy:
    """Waits, in seconds, where the server names none: initial_backoff · multiplierⁿ, at most max_backoff,
    times a random factor in [1 − jitter, 1 + jitter]."""

    max_attempts: int = 5  # the first included; 1: never retry
    initial_backoff: float = 0.1
    max_backoff: float = 2.0
    multiplier: float = 2.0
    jitter: float = 0.2

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise ValueError(f"max_attempts is {self.max_attempts}, expected at least 1")


class TimeSource:
    """Time as a dependency, so that tests neither wait nor measure."""

    def now(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def async_sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class RetrySchedule:
    """The waits of one request.

    Retried are UNAVAILABLE, and RESOURCE_EXHAUSTED if the server names a wait (a message over a limit stays too
    large). The server's pushback is obeyed exactly and starts the backoff anew; a negative or unreadable one
    forbids a retry.
    """

    def __init__(self, policy: RetryPolicy, time_source: TimeSource, timeout: float) -> None:
        self._policy = policy
        self._time = time_source
        self._deadline = time_source.now() + timeout
        self._attempts = 0
        self._backoffs = 0

    def time_left(self) -> float:
        return max(self._deadline - self._time.now(), 0.0)

    def attempt_timeout(self) -> float | None:
        """The time left as gRPC takes it."""
        return bounded(self.time_left())

    def next_wait(self, error: SnapvitError) -> float | None:
        """Seconds before the next attempt; None: give up, with this error."""
        self._attempts += 1
        if self._attempts >= self._policy.max_attempts:
            return None
        wait = self._wait_for(error)
        if wait is None or wait >= self.time_left():
            return None
        return wait

    def _wait_for(self, error: SnapvitError) -> float | None:
        unavailable = error.code is grpc.StatusCode.UNAVAILABLE
        if not unavailable and error.code is not grpc.StatusCode.RESOURCE_EXHAUSTED:
            return None
        if error.pushback is not None:
            self._backoffs = 0
            return _parse_pushback(error.pushback)
        if error.retry_delay is not None:
            return max(error.retry_delay, self._next_backoff())
        return self._next_backoff() if unavailable else None

    def _next_backoff(self) -> float:
        policy = self._policy
        wait = min(policy.initial_backoff * policy.multiplier**self._backoffs, policy.max_backoff)
        self._backoffs += 1
        return wait * random.uniform(1 - policy.jitter, 1 + policy.jitter)


def _parse_pushback(text: str) -> float | None:
    """gRPC's rule: ASCII milliseconds; None for negative and unreadable values."""
    return int(text) / 1000 if text.isascii() and text.isdecimal() else None
