"""google.protobuf.Duration as seconds."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration

_LONGEST_TIMEOUT = 1e9


def bounded(timeout: float | None) -> float | None:
    """None, which is no timeout, for one too long to count: gRPC has deadlines in nanoseconds since 1970, and one that
    overflows has passed."""
    return timeout if timeout is not None and timeout <= _LONGEST_TIMEOUT else None


def set_duration(proto: Duration, seconds: float) -> None:
    proto.FromNanoseconds(round(seconds * 1e9))


def seconds_of(proto: Duration) -> float:
    return proto.seconds + proto.nanos * 1e-9
