"""Client: blocking calls."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import grpc

from snapvit_client._budget import BudgetLike
from snapvit_client._channel import Metadata, Tls, TraceSource, call_metadata, channel_options, with_trace
from snapvit_client._errors import SnapvitError, closed, error_from_rpc
from snapvit_client._generated.snapvit.v1 import models_pb2
from snapvit_client._images import ImageLike
from snapvit_client._many import ManyCall, Part, sendable
from snapvit_client._requests import (
    DEFAULT_MAX_MESSAGE_BYTES,
    Activation,
    Output,
    Request,
    classify_request,
    embed_request,
    with_images,
)
from snapvit_client._results import (
    EMBEDDINGS,
    LABELS,
    ClassifyResult,
    EmbedResult,
    ModelInfo,
    Result,
    ResultKind,
    model_info,
)
from snapvit_client._retry import RetryPolicy, RetrySchedule, TimeSource
from snapvit_client._service import Service

DEFAULT_TIMEOUT = 60.0


class Client:
    """Blocking calls over one connection. Thread-safe; use one Client for a program, and close it.

    target             HOST:PORT, or any name that gRPC resolves
    api_key            sent as "authorization: Bearer KEY"
    tls                None: the connection, and the key with it, is not encrypted
    retry              what a retry can help is sent again, when the server says
    requests_in_flight of one call of many images
    traceparent        called at the start of each call, on its thread: the W3C Trace Context to send; None: none
    Timeouts are seconds for each request: all attempts, and the waits between them; float("inf"): none.
    """

    def __init__(
        self,
        target: str,
        *,
        api_key: str | None = None,
        tls: Tls | None = None,
        retry: RetryPolicy = RetryPolicy(),
        requests_in_flight: int = 4,
        max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
        traceparent: TraceSource | None = None,
        time_source: TimeSource | None = None,
    ) -> None:
        options = channel_options(tls, max_message_bytes)
        self._own_metadata = call_metadata(api_key)
        self._trace_source = traceparent
        self._retry = retry
        self._requests_in_flight = requests_in_flight
        self._max_message_bytes = max_message_bytes
        self._time = time_source or TimeSource()
        self._closed = False
        if tls is None:
            self._channel = grpc.insecure_channel(target, options)
        else:
            self._channel = grpc.secure_channel(target, tls.credentials(), options)
        self._service = Service(self._channel)

    def close(self) -> None:
        """Ends the connection; calls under way and later ones fail with CANCELLED."""
        self._closed = True
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def embed(
        self,
        image: ImageLike,
        *,
        budget: BudgetLike = None,
        output: Output = Output(),
        model: str = "",
        timeout: float = DEFAULT_TIMEOUT,
    ) -> EmbedResult:
        """One image. Raises SnapvitError for a fault of the image, too."""
        request = embed_request(model, budget, output)
        return self._one(self._service.embed, request, image, EMBEDDINGS, timeout)

    def embed_many(
        self,
        images: Iterable[ImageLike],
        *,
        budget: BudgetLike = None,
        output: Output = Output(),
        model: str = "",
        timeout: float = DEFAULT_TIMEOUT,
    ) -> list[EmbedResult]:
        """One result per image, in their order. A faulty image is an error in its result; the call raises
        SnapvitError only if every request failed."""
        request = embed_request(model, budget, output)
        return self._many(self._service.embed, request, images, EMBEDDINGS, timeout)

    def embed_stream(
        self,
        images: Iterable[ImageLike],
        *,
        budget: BudgetLike = None,
        output: Output = Output(),
        model: str = "",
        timeout: float | None = None,
    ) -> Generator[tuple[int, EmbedResult], None, None]:
        """Any number of images over one call: (position, result) as they are done, in any order.

        `images` is read on another thread, no faster than the server takes them. Nothing is retried: errors of
        images are in their results, and SnapvitError ends the stream. `timeout` is each image's, from its arrival
        at the server. close() of what is returned ends the call early.
        """
        request = embed_request(model, budget, output)
        return self._stream(self._service.embed_stream, request, images, EMBEDDINGS, timeout)

    def classify(
        self,
        image: ImageLike,
        *,
        top_k: int = 5,
        activation: Activation = "softmax",
        budget: BudgetLike = None,
        model: str = "",
        timeout: float = DEFAULT_TIMEOUT,
    ) -> ClassifyResult:
        """One image. Raises SnapvitError for a fault of the image, too."""
        request = classify_request(model, budget, top_k, activation)
        return self._one(self._service.classify, request, image, LABELS, timeout)

    def classify_many(
        self,
        images: Iterable[ImageLike],
        *,
        top_k: int = 5,
        activation: Activation = "softmax",
        budget: BudgetLike = None,
        model: str = "",
        timeout: float = DEFAULT_TIMEOUT,
    ) -> list[ClassifyResult]:
        """As embed_many()."""
        request = classify_request(model, budget, top_k, activation)
        return self._many(self._service.classify, request, images, LABELS, timeout)

    def classify_stream(
        self,
        images: Iterable[ImageLike],
        *,
        top_k: int = 5,
        activation: Activation = "softmax",
        budget: BudgetLike = None,
        model: str = "",
        timeout: float | None = None,
    ) -> Generator[tuple[int, ClassifyResult], None, None]:
        """As embed_stream()."""
        request = classify_request(model, budget, top_k, activation)
        return self._stream(self._service.classify_stream, request, images, LABELS, timeout)

    def models(self, *, timeout: float = DEFAULT_TIMEOUT) -> list[ModelInfo]:
        """All models, without ladders and class names."""
        reply = self._call(self._service.list_models, models_pb2.ListModelsRequest(), timeout, self._metadata())
        return [model_info(model) for model in reply.models]

    def model(self, name: str = "", *, timeout: float = DEFAULT_TIMEOUT) -> ModelInfo:
        """Empty name: the one that the server serves."""
        request = models_pb2.GetModelRequest(model=name)
        return model_info(self._call(self._service.get_model, request, timeout, self._metadata()))

    def _metadata(self) -> Metadata:
        return with_trace(self._own_metadata, self._trace_source)

    @contextmanager
    def _calling(self) -> Iterator[None]:
        """A call on a closed channel is a bare ValueError of gRPC's."""
        try:
            yield
        except ValueError as error:
            if not self._closed:
                raise
            raise closed() from error

    def _call(self, method: Any, request: Any, timeout: float, metadata: Metadata) -> Any:
        schedule = RetrySchedule(self._retry, self._time, timeout)
        while True:
            try:
                with self._calling():
                    return method(request, timeout=schedule.attempt_timeout(), metadata=metadata)
            except grpc.RpcError as rpc_error:
                error = error_from_rpc(rpc_error)
                seconds = schedule.next_wait(error)
                if seconds is None:
                    raise error from rpc_error
            self._time.sleep(seconds)

    def _one(
        self, method: Any, request: Request, image: ImageLike, kind: ResultKind[Result], timeout: float
    ) -> Result:
        request = with_images(request, [sendable(image, self._max_message_bytes)])
        result = kind.read(self._call(method, request, timeout, self._metadata()), 1)[0]
        if result.error is not None:
            raise result.error
        return result

    def _many(
        self, method: Any, request: Request, images: Iterable[ImageLike], kind: ResultKind[Result], timeout: float
    ) -> list[Result]:
        metadata = self._metadata()  # before other threads, where the caller's context is not known

        def outcome(part: Part) -> tuple[Part, list[Result] | SnapvitError]:
            try:
                reply = self._call(method, with_images(request, part.images), timeout, metadata)
                return part, kind.read(reply, len(part.images))
            except SnapvitError as error:
                return part, error

        call = ManyCall(images, self._max_message_bytes, kind)
        pending: set[Future[tuple[Part, list[Result] | SnapvitError]]] = set()
        with ThreadPoolExecutor(self._requests_in_flight) as pool:
            for part in call.parts():
                pending.add(pool.submit(outcome, part))
                if len(pending) == self._requests_in_flight:
                    done, pending = wait(pending, return_when=FIRST_COMPLETED)
                    for future in done:
                        call.end(*future.result())
            for future in pending:
                call.end(*future.result())
        return call.results()

    def _stream(
        self,
        method: Any,
        request: Request,
        images: Iterable[ImageLike],
        kind: ResultKind[Result],
        timeout: float | None,
    ) -> Generator[tuple[int, Result], None, None]:
        faulty: deque[tuple[int, Result]] = deque()
        broken: list[Exception] = []

        def requests() -> Iterator[Request]:
            try:
                for position, image in enumerate(images):
                    try:
                        proto = sendable(image, self._max_message_bytes)
                    except SnapvitError as error:
                        faulty.append((position, kind.failed(error)))
                        continue
                    yield with_images(request, [proto], str(position), timeout)
            except Exception as error:  # of the caller's iterable: gRPC would hide it
                broken.append(error)

        metadata = self._metadata()
        with self._calling():
            call = method(requests(), metadata=metadata)
        try:
            for reply in call:
                yield int(reply.id), kind.read(reply, 1)[0]
                while faulty:
                    yield faulty.popleft()
        except grpc.RpcError as error:
            raise error_from_rpc(error) from error
        finally:
            call.cancel()
        yield from faulty
        if broken:
            raise broken[0]
