"""StubServer: an in-process gRPC server whose answers a test writes as functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyProto
from google.rpc import error_details_pb2, status_pb2

from snapvit_client._generated.snapvit.v1 import inference_pb2

Embed = Callable[[inference_pb2.EmbedRequest, grpc.ServicerContext], inference_pb2.EmbedResponse]


class StubServer:
    """Listens on a free port of the loopback interface until stopped. Embed answers by `embed`, streams too."""

    def __init__(self, embed: Embed) -> None:
        self.metadata: list[dict[str, Any]] = []
        self.requests: list[inference_pb2.EmbedRequest] = []
        self._embed = embed
        self._server = grpc.server(ThreadPoolExecutor(8))
        handlers = {
            "Embed": grpc.unary_unary_rpc_method_handler(
                self._unary, inference_pb2.EmbedRequest.FromString, inference_pb2.EmbedResponse.SerializeToString),
            "EmbedStream": grpc.stream_stream_rpc_method_handler(
                self._stream, inference_pb2.EmbedRequest.FromString, inference_pb2.EmbedResponse.SerializeToString),
        }
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("snapvit.v1.Inference", handlers)])
        self.target = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def stop(self) -> None:
        self._server.stop(None).wait()

    def _unary(self, request: inference_pb2.EmbedRequest, context: grpc.ServicerContext) -> Any:
        self.metadata.append(dict(context.invocation_metadata()))
        self.requests.append(request)
        return self._embed(request, context)

    def _stream(self, requests: Iterator[inference_pb2.EmbedRequest], context: grpc.ServicerContext) -> Iterator[Any]:
        self.metadata.append(dict(context.invocation_metadata()))
        for request in requests:
            self.requests.append(request)
            reply = self._embed(request, context)
            reply.id = request.id
            yield reply


def echo(request: inference_pb2.EmbedRequest, context: grpc.ServicerContext) -> inference_pb2.EmbedResponse:
    """Answers every encoded image by an embedding of one element: the number that its bytes spell."""
    response = inference_pb2.EmbedResponse()
    for image in request.images:
        embedding = response.items.add().embedding
        embedding.CopyFrom(inference_pb2.Embedding(dtype="DTYPE_FP32", shape=[1], values=[float(image.encoded)]))
    return response


def error_status(code: grpc.StatusCode, message: str, reason: str, retry_ms: int | None = None) -> status_pb2.Status:
    """An error as the server makes it."""
    status = status_pb2.Status(code=code.value[0], message=message)
    details: list[Any] = [error_details_pb2.ErrorInfo(reason=reason, domain="snapvit")]
    if retry_ms is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(retry_ms)
        details.append(retry)
    for detail in details:
        packed = AnyProto()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def fail(context: grpc.ServicerContext, code: grpc.StatusCode, *, reason: str = "TEST", retry_ms: int | None = None,
         pushback: str | None = None) -> None:
    status = error_status(code, "refused by the test", reason, retry_ms)
    trailers: list[tuple[str, Any]] = [("grpc-status-details-bin", status.SerializeToString())]
    if pushback is not None:
        trailers.append(("grpc-retry-pushback-ms", pushback))
    context.set_trailing_metadata(tuple(trailers))
    context.abort(code, status.message)
