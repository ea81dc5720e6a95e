"""AsyncClient: Client's methods for asyncio."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import grpc
import grpc.aio

from snapvit_client._budget import BudgetLike
from snapvit_client._channel import Metadata, Tls, TraceSource, call_metadata, channel_options, with_trace
from snapvit_client._client import DEFAULT_TIMEOUT
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


class AsyncClient:
    """As Client, for one event loop: make it, and call it, inside the loop. Files are read on other threads."""

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
            self._channel = grpc.aio.insecure_channel(target, options)
        else:
            self._channel = grpc.aio.secure_channel(target, tls.credentials(), options)
        self._service = Service(self._channel)

    async def close(self) -> None:
        """Ends the connection; calls under way and later ones fail with CANCELLED."""
        self._closed = True
        await self._channel.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def embed(
        self,
        image: ImageLike,
        *,
        budget: BudgetLike = None,
        output: Output = Output(),
        model: str = "",
        timeout: float = DEFAULT_TIMEOUT,
    ) -> EmbedResult:
        """As Client.embed()."""
        request = embed_request(model, budget, output)
        return await self._one(self._service.embed, request, image, EMBEDDINGS, timeout)

    async def embed_many(
        self,
        images: Iterable[ImageLike],
        *,
        budget: BudgetLike = None,
        output: Output = Output(),
        model: str = "",
        timeout: float = DEFAULT_TIMEOUT,
    ) -> list[EmbedResult]:
        """As Client.embed_many()."""
        request = embed_request(model, budget, output)
        return await self._many(self._service.embed, request, images, EMBEDDINGS, timeout)

    def embed_stream(
        self,
        images: Iterable[ImageLike] | AsyncIterable[ImageLike],
        *,
        budget: BudgetLike = None,
        output: Output = Output(),
        model: str = "",
        timeout: float | None = None,
    ) -> AsyncGenerator[tuple[int, EmbedResult], None]:
        """As Client.embed_stream(); `images` may be asynchronous, too, and is read in the event loop."""
        request = embed_request(model, budget, output)
        return self._stream(self._service.embed_stream, request, images, EMBEDDINGS, timeout)

    async def classify(
        self,
        image: ImageLike,
        *,
        top_k: int = 5,
        activation: Activation = "softmax",
        budget: BudgetLike = None,
        model: str = "",
        timeout: float = DEFAULT_TIMEOUT,
    ) -> ClassifyResult:
        """As Client.classify()."""
        request = classify_request(model, budget, top_k, activation)
        return await self._one(self._service.classify, request, image, LABELS, timeout)

    async def classify_many(
        self,
        images: Iterable[ImageLike],
        *,
        top_k: int = 5,
        activation: Activation = "softmax",
        budget: BudgetLike = None,
        model: str = "",
        timeout: float = DEFAULT_TIMEOUT,
    ) -> list[ClassifyResult]:
        """As Client.embed_many()."""
        request = classify_request(model, budget, top_k, activation)
        return await self._many(self._service.classify, request, images, LABELS, timeout)

    def classify_stream(
        self,
        images: Iterable[ImageLike] | AsyncIterable[ImageLike],
        *,
        top_k: int = 5,
        activation: Activation = "softmax",
        budget: BudgetLike = None,
        model: str = "",
        timeout: float | None = None,
    ) -> AsyncGenerator[tuple[int, ClassifyResult], None]:
        """As embed_stream()."""
        request = classify_request(model, budget, top_k, activation)
        return self._stream(self._service.classify_stream, request, images, LABELS, timeout)

    async def models(self, *, timeout: float = DEFAULT_TIMEOUT) -> list[ModelInfo]:
        """As Client.models()."""
        reply = await self._call(self._service.list_models, models_pb2.ListModelsRequest(), timeout, self._metadata())
        return [model_info(model) for model in reply.models]

    async def model(self, name: str = "", *, timeout: float = DEFAULT_TIMEOUT) -> ModelInfo:
        """As Client.model()."""
        request = models_pb2.GetModelRequest(model=name)
        return model_info(await self._call(self._service.get_model, request, timeout, self._metadata()))

    def _metadata(self) -> Metadata:
        return with_trace(self._own_metadata, self._trace_source)

    @contextmanager
    def _calling(self) -> Iterator[None]:
        """On a closed channel gRPC has a UsageError for calls, and cancels those under way as if their task had been."""
        try:
            yield
        except (grpc.aio.UsageError, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if not self._closed or (task is not None and task.cancelling()):
                raise
            raise closed() from error

    async def _call(self, method: Any, request: Any, timeout: float, metadata: Metadata) -> Any:
        schedule = RetrySchedule(self._retry, self._time, timeout)
        while True:
            try:
                with self._calling():
                    return await method(request, timeout=schedule.attempt_timeout(), metadata=metadata)
            except grpc.RpcError as rpc_error:
                error = error_from_rpc(rpc_error)
                seconds = schedule.next_wait(error)
                if seconds is None:
                    raise error from rpc_error
            await self._time.async_sleep(seconds)

    async def _one(
        self, method: Any, request: Request, image: ImageLike, kind: ResultKind[Result], timeout: float
    ) -> Result:
        request = with_images(request, [await asyncio.to_thread(sendable, image, self._max_message_bytes)])
        result = kind.read(await self._call(method, request, timeout, self._metadata()), 1)[0]
        if result.error is not None:
            raise result.error
        return result

    async def _many(
        self, method: Any, request: Request, images: Iterable[ImageLike], kind: ResultKind[Result], timeout: float
    ) -> list[Result]:
        metadata = self._metadata()

        async def outcome(part: Part) -> tuple[Part, list[Result] | SnapvitError]:
            try:
                reply = await self._call(method, with_images(request, part.images), timeout, metadata)
                return part, kind.read(reply, len(part.images))
            except SnapvitError as error:
                return part, error

        call = ManyCall(images, self._max_message_bytes, kind)
        parts = call.parts()
        pending: set[asyncio.Task[tuple[Part, list[Result] | SnapvitError]]] = set()
        try:
            while (part := await asyncio.to_thread(next, parts, None)) is not None:
                pending.add(asyncio.create_task(outcome(part)))
                if len(pending) == self._requests_in_flight:
                    done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        call.end(*task.result())
            for task in pending:
                call.end(*await task)
        finally:
            for task in pending:
                task.cancel()
        return call.results()

    async def _stream(
        self,
        method: Any,
        request: Request,
        images: Iterable[ImageLike] | AsyncIterable[ImageLike],
        kind: ResultKind[Result],
        timeout: float | None,
    ) -> AsyncGenerator[tuple[int, Result], None]:
        faulty: deque[tuple[int, Result]] = deque()
        broken: list[Exception] = []

        async def requests() -> AsyncIterator[Request]:
            position = 0
            try:
                async for image in _asynchronous(images):
                    try:
                        proto = await asyncio.to_thread(sendable, image, self._max_message_bytes)
                        yield with_images(request, [proto], str(position), timeout)
                    except SnapvitError as error:
                        faulty.append((position, kind.failed(error)))
                    position += 1
            except Exception as error:  # of the caller's iterable: gRPC would hide it
                broken.append(error)

        metadata = self._metadata()
        with self._calling():
            call = method(requests(), metadata=metadata)
        try:
            with self._calling():
                async for reply in call:
                    yield int(reply.id), kind.read(reply, 1)[0]
                    while faulty:
                        yield faulty.popleft()
        except grpc.RpcError as error:
            raise error_from_rpc(error) from error
        finally:
            call.cancel()
        for result in faulty:
            yield result
        if broken:
            raise broken[0]


async def _asynchronous(images: Iterable[ImageLike] | AsyncIterable[ImageLike]) -> AsyncIterator[ImageLike]:
    if isinstance(images, AsyncIterable):
        async for image in images:
            yield image
    else:
        for image in images:
            yield image
