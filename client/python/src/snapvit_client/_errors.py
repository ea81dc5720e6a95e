"""SnapvitError: why a call, or one image of it, has no result."""

from __future__ import annotations

from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyProto
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

from snapvit_client._duration import seconds_of

_DETAILS_TRAILER = "grpc-status-details-bin"
_PUSHBACK_TRAILER = "grpc-retry-pushback-ms"
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class SnapvitError(Exception):
    """A fault of a call, or of one image.

    code         gRPC's status code
    message      what was wrong, where, and what was expected
    reason       the server's reason, for example "QUEUE_FULL"; None if it named none
    retry_delay  seconds after which a retry can help, as the server says; None if it named none
    """

    def __init__(self, code: grpc.StatusCode, message: str, reason: str | None = None,
                 retry_delay: float | None = None) -> None:
        super().__init__(code, message, reason, retry_delay)
        self.code = code
        self.message = message
        self.reason = reason
        self.retry_delay = retry_delay
        self.pushback: str | None = None  # trailer grpc-retry-pushback-ms as it came

    def __str__(self) -> str:
        reason = f" ({self.reason})" if self.reason else ""
        return f"{self.code.name}{reason}: {self.message}"


def error_from_status(status: status_pb2.Status) -> SnapvitError:
    """The error of one item. A code that is none becomes UNKNOWN."""
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    if code is grpc.StatusCode.OK:
        code = grpc.StatusCode.UNKNOWN
    reason, retry_delay = _read_details(status.details)
    return SnapvitError(code, status.message, reason, retry_delay)


def error_from_rpc(error: grpc.RpcError) -> SnapvitError:
    """The error of a call, of grpc or of grpc.aio. Details that cannot be read are left out."""
    call: Any = error  # what grpc raises is a Call too
    reason, retry_delay = None, None
    trailers = {key: value for key, value in call.trailing_metadata() or ()}
    details = trailers.get(_DETAILS_TRAILER)
    if isinstance(details, bytes):
        status = status_pb2.Status()
        try:
            status.ParseFromString(details)
        except DecodeError:
            status.Clear()
        reason, retry_delay = _read_details(status.details)
    result = SnapvitError(call.code(), call.details() or "", reason, retry_delay)
    result.pushback = trailers.get(_PUSHBACK_TRAILER)
    return result


def invalid(message: str) -> SnapvitError:
    return SnapvitError(grpc.StatusCode.INVALID_ARGUMENT, message)


def closed() -> SnapvitError:
    return SnapvitError(grpc.StatusCode.CANCELLED, "the client is closed")


def _read_details(details: Any) -> tuple[str | None, float | None]:
    reason, retry_delay = None, None
    detail: AnyProto
    for detail in details:
        info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
        try:
            if detail.Unpack(info):
                reason = info.reason
            elif detail.Unpack(retry):
                retry_delay = seconds_of(retry.retry_delay)
        except DecodeError:
            continue
    return reason, retry_delay
