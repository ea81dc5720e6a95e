"""google.protobuf.Duration as seconds."""

from google.protobuf.duration_pb2 import Duration


def set_duration(proto: Duration, seconds: float) -> None:
    proto.FromNanoseconds(round(seconds * 1e9))


def seconds_of(proto: Duration) -> float:
    return proto.seconds + proto.nanos * 1e-9
