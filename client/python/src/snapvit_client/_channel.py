"""The connection: options of the channel, credentials, metadata."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import grpc

Metadata: TypeAlias = list[tuple[str, str]]
TraceSource: TypeAlias = Callable[[], str | None]


@dataclass(frozen=True)
class Tls:
    """An encrypted connection. All are PEM; Tls.from_files() reads them."""

    authorities: bytes | None = None  # of the server's certificate; None: those that come with gRPC
    certificate_chain: bytes | None = None  # of the client; None: it shows none
    private_key: bytes | None = field(default=None, repr=False)  # of that certificate
    server_name: str | None = None  # that the certificate must have; None: the target's

    def __post_init__(self) -> None:
        if (self.certificate_chain is None) != (self.private_key is None):
            raise ValueError("one of certificate_chain and private_key is given, expected both or none")

    @staticmethod
    def from_files(
        ca: str | PathLike[str] | None = None,
        cert: str | PathLike[str] | None = None,
        key: str | PathLike[str] | None = None,
        server_name: str | None = None,
    ) -> Tls:
        ca_pem, cert_pem, key_pem = (None if path is None else Path(path).read_bytes() for path in (ca, cert, key))
        return Tls(ca_pem, cert_pem, key_pem, server_name)

    def credentials(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(self.authorities, self.private_key, self.certificate_chain)


def channel_options(tls: Tls | None, max_message_bytes: int) -> list[tuple[str, str | int]]:
    options: list[tuple[str, str | int]] = [
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_receive_message_length", max_message_bytes),
        ("grpc.enable_retries", 0),  # RetrySchedule knows the deadline and the reasons
        # gRPC waits 1 s before it connects again, and up to 2 minutes: longer than a retry does.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2000),
    ]
    if tls is not None and tls.server_name is not None:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    return options


def call_metadata(api_key: str | None) -> Metadata:
    if api_key is None:
        return []
    if not all(" " < character < "\x7f" for character in api_key):
        # The key is a secret: it is not repeated.
        raise ValueError("api_key has characters other than printable ASCII: it cannot be sent in a header")
    return [("authorization", f"Bearer {api_key}")]


def with_trace(metadata: Metadata, trace_source: TraceSource | None) -> Metadata:
    traceparent = None if trace_source is None else trace_source()
    return metadata if traceparent is None else [*metadata, ("traceparent", traceparent)]
