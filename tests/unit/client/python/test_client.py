"""Client and AsyncClient against a stub server: what is sent, what is retried and when, what comes back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from stub_server import Embed, StubServer, echo, error_status, fail

from snapvit_client import AsyncClient, Client, Output, RetryPolicy, SnapvitError
from snapvit_client._generated.snapvit.v1 import inference_pb2
from snapvit_client._retry import TimeSource

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


class FakeTime(TimeSource):
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.time = 0.0
        self.sleeps: list[float] = []

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(round(seconds, 6))
        self.time += seconds

    async def async_sleep(self, seconds: float) -> None:
        self.sleep(seconds)


@pytest.fixture
def serve() -> Iterator[Callable[[Embed], StubServer]]:
    servers: list[StubServer] = []

    def start(embed: Embed) -> StubServer:
        servers.append(StubServer(embed))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def failing(times: int, code: grpc.StatusCode, **details: Any) -> Embed:
    """Fails so many times, then echoes."""
    left = [times]

    def embed(request: inference_pb2.EmbedRequest, context: grpc.ServicerContext) -> inference_pb2.EmbedResponse:
        if left[0] > 0:
            left[0] -= 1
            fail(context, code, **details)
        return echo(request, context)

    return embed


NO_JITTER = RetryPolicy(max_attempts=6, initial_backoff=0.1, max_backoff=0.3, jitter=0)


def embed_sync(server: StubServer, time: FakeTime, timeout: float) -> Any:
    with Client(server.target, retry=NO_JITTER, time_source=time) as client:
        return client.embed(b"7", timeout=timeout)


def embed_async(server: StubServer, time: FakeTime, timeout: float) -> Any:
    async def run() -> Any:
        async with AsyncClient(server.target, retry=NO_JITTER, time_source=time) as client:
            return await client.embed(b"7", timeout=timeout)

    return asyncio.run(run())


@pytest.mark.parametrize("embed", [embed_sync, embed_async])
@pytest.mark.parametrize(
    ("failures", "code", "details", "sleeps"),
    [
        (4, UNAVAILABLE, {}, [0.1, 0.2, 0.3, 0.3]),
        (1, UNAVAILABLE, {"pushback": "250"}, [0.25]),
        (1, UNAVAILABLE, {"pushback": "0"}, [0]),
        (1, EXHAUSTED, {"pushback": "1500"}, [1.5]),
        (1, EXHAUSTED, {"retry_ms": 700}, [0.7]),
        (1, EXHAUSTED, {"retry_ms": 20}, [0.1]),  # no sooner than the backoff
        (2, UNAVAILABLE, {"pushback": "40", "retry_ms": 900}, [0.04, 0.04]),  # the trailer counts
    ],
)
def test_retries_when_the_server_says(
    serve: Any, embed: Any, failures: int, code: grpc.StatusCode, details: dict[str, Any], sleeps: list[float]
) -> None:
    time = FakeTime()
    result = embed(serve(failing(failures, code, **details)), time, 60)
    assert result.embedding.tolist() == [7]
    assert time.sleeps == sleeps


@pytest.mark.parametrize("embed", [embed_sync, embed_async])
@pytest.mark.parametrize(
    ("code", "details"),
    [
        (UNAVAILABLE, {"pushback": "-1"}),
        (UNAVAILABLE, {"pushback": "soon"}),
        (EXHAUSTED, {}),  # a message over a limit stays too large
        (grpc.StatusCode.INVALID_ARGUMENT, {"retry_ms": 10}),
        (grpc.StatusCode.DEADLINE_EXCEEDED, {"pushback": "10"}),
        (UNAVAILABLE, {"pushback": "60000"}),  # would pass the deadline
    ],
)
def test_does_not_retry(serve: Any, embed: Any, code: grpc.StatusCode, details: dict[str, Any]) -> None:
    time = FakeTime()
    server = serve(failing(1, code, **details))
    with pytest.raises(SnapvitError) as caught:
        embed(server, time, 60)
    assert caught.value.code is code
    assert len(server.requests) == 1
    assert time.sleeps == []


def test_gives_up_after_max_attempts_with_the_last_error(serve: Any) -> None:
    time = FakeTime()
    server = serve(failing(99, UNAVAILABLE, reason="STARTING", retry_ms=400))
    with pytest.raises(SnapvitError, match=r"UNAVAILABLE \(STARTING\): refused by the test") as caught:
        embed_sync(server, time, 60)
    assert caught.value.retry_delay == pytest.approx(0.4)
    assert len(server.requests) == 6


def test_deadline_spans_all_attempts(serve: Any) -> None:
    time = FakeTime()
    server = serve(failing(99, UNAVAILABLE, pushback="400"))
    with pytest.raises(SnapvitError):
        embed_sync(server, time, 1)
    assert time.sleeps == [0.4, 0.4]  # a third wait would end after the deadline


@pytest.mark.parametrize("embed", [embed_sync, embed_async])
@pytest.mark.parametrize("timeout", [9e9, 1e300, float("inf")])
def test_timeout_beyond_what_grpc_can_count_is_none(serve: Any, embed: Any, timeout: float) -> None:
    time = FakeTime()
    assert embed(serve(failing(1, UNAVAILABLE)), time, timeout).embedding.tolist() == [7]
    assert time.sleeps == [0.1]


def test_timeout_ends_a_call_that_is_not_answered() -> None:
    with Client("127.0.0.1:1", retry=RetryPolicy(max_attempts=1)) as client, pytest.raises(SnapvitError) as caught:
        client.embed(b"1", timeout=0.05)
    assert caught.value.code in (UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)


def test_sends_key_budget_and_output(serve: Any) -> None:
    server = serve(echo)
    with Client(server.target, api_key="secret") as client:
        client.embed(b"1", budget="15ms", output=Output(pooling="mean", normalize=True, dtype="fp16", dimensions=64))
    assert server.metadata[0]["authorization"] == "Bearer secret"
    request = server.requests[0]
    assert request.budget.latency.ToMilliseconds() == 15
    assert (request.output.pooling, request.output.dtype, request.output.dimensions) == (2, 2, 64)
    assert request.output.normalize


TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_every_call_sends_the_trace_that_its_source_gives(serve: Any) -> None:
    server = serve(echo)
    traces = [TRACE, TRACE, TRACE, None]
    with Client(server.target, traceparent=lambda: traces.pop(0)) as client:
        client.embed(b"1")
        client.embed_many([b"1", b"2"])
        list(client.embed_stream([b"1"]))
        client.embed(b"1")
    assert [call.get("traceparent") for call in server.metadata] == [TRACE, TRACE, TRACE, None]


def test_asynchronous_calls_do_too(serve: Any) -> None:
    server = serve(echo)

    async def run() -> None:
        async with AsyncClient(server.target, traceparent=lambda: TRACE) as client:
            await client.embed(b"1")
            await client.embed_many([b"1", b"2"])
            async for _ in client.embed_stream([b"1"]):
                pass

    asyncio.run(run())
    assert [call.get("traceparent") for call in server.metadata] == [TRACE, TRACE, TRACE]


def test_key_that_cannot_be_sent_is_refused_without_showing_it() -> None:
    with pytest.raises(ValueError, match="printable") as caught:
        Client("127.0.0.1:1", api_key="geheim\n")
    assert "geheim" not in str(caught.value)


def many_sync(server: StubServer, images: Any, **options: Any) -> Any:
    with Client(server.target, **options) as client:
        return client.embed_many(images)


def many_async(server: StubServer, images: Any, **options: Any) -> Any:
    async def run() -> Any:
        async with AsyncClient(server.target, **options) as client:
            return await client.embed_many(images)

    return asyncio.run(run())


@pytest.mark.parametrize("many", [many_sync, many_async])
class TestMany:
    def test_results_are_in_the_order_of_the_images(self, serve: Any, many: Any) -> None:
        server = serve(echo)
        results = many(server, (str(i).encode() for i in range(100)))
        assert [result.embedding[0] for result in results] == list(range(100))
        assert sorted(len(request.images) for request in server.requests) == [4, 16, 16, 16, 16, 16, 16]

    def test_requests_are_bounded_in_bytes(self, serve: Any, many: Any) -> None:
        server = serve(echo)
        images = [b"1".ljust(1_500_000)] * 5
        assert len(many(server, images)) == 5
        assert sorted(len(request.images) for request in server.requests) == [1, 2, 2]

    def test_requests_fit_into_messages(self, serve: Any, many: Any) -> None:
        server = serve(echo)
        results = many(server, [b"1".ljust(100_000)] * 5, max_message_bytes=300_000)
        assert all(result.error is None for result in results)
        assert sorted(len(request.images) for request in server.requests) == [1, 2, 2]

    def test_faulty_image_is_its_own_result(self, serve: Any, many: Any) -> None:
        results = many(serve(echo), [b"1", "/does/not/exist.jpg", b"3"])
        assert [result.error is None for result in results] == [True, False, True]
        with pytest.raises(SnapvitError, match="/does/not/exist.jpg cannot be read"):
            results[1].embedding

    def test_path_that_no_file_can_have_is_its_own_result(self, serve: Any, many: Any) -> None:
        results = many(serve(echo), [b"1", "nul\0.jpg", b"3"])
        assert [result.error is None for result in results] == [True, False, True]

    def test_fault_of_every_request_ends_the_call(self, serve: Any, many: Any) -> None:
        server = serve(failing(999, grpc.StatusCode.UNAUTHENTICATED))
        with pytest.raises(SnapvitError, match="UNAUTHENTICATED"):
            many(server, [b"1"] * 1000)
        assert len(server.requests) < 20  # not all 63

    def test_fault_of_one_request_is_the_result_of_its_images(self, serve: Any, many: Any) -> None:
        results = many(serve(failing(1, grpc.StatusCode.INTERNAL)), [b"1"] * 20)
        assert sum(result.error is not None for result in results) in (4, 16)  # whichever came first

    @pytest.mark.parametrize(
        "code", [grpc.StatusCode.CANCELLED, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED]
    )
    def test_fault_that_is_about_one_request_does_not_end_the_call(
        self, serve: Any, many: Any, code: grpc.StatusCode
    ) -> None:
        results = many(serve(failing(1, code)), [b"1"] * 320)
        assert sum(result.error is not None for result in results) == 16

    def test_no_images_is_no_call(self, serve: Any, many: Any) -> None:
        server = serve(echo)
        assert many(server, []) == []
        assert server.requests == []


def test_single_image_raises_the_error_of_its_item(serve: Any) -> None:
    def embed(request: inference_pb2.EmbedRequest, context: grpc.ServicerContext) -> inference_pb2.EmbedResponse:
        response = inference_pb2.EmbedResponse()
        response.items.add().error.CopyFrom(error_status(EXHAUSTED, "item 0 is too large", "TOO_LARGE"))
        return response

    with Client(serve(embed).target) as client, pytest.raises(SnapvitError, match="item 0") as caught:
        client.embed(b"1")
    assert caught.value.reason == "TOO_LARGE"


def test_reply_with_a_wrong_number_of_items_is_an_error(serve: Any) -> None:
    server = serve(lambda request, context: inference_pb2.EmbedResponse())
    with Client(server.target) as client, pytest.raises(SnapvitError, match="0 items for 1 images"):
        client.embed(b"1")


def stream_sync(server: StubServer, images: Any, timeout: float = 5) -> Any:
    with Client(server.target) as client:
        return list(client.embed_stream(images, timeout=timeout))


def stream_async(server: StubServer, images: Any, timeout: float = 5) -> Any:
    async def run() -> Any:
        async with AsyncClient(server.target) as client:
            return [pair async for pair in client.embed_stream(images, timeout=timeout)]

    return asyncio.run(run())


@pytest.mark.parametrize("stream", [stream_sync, stream_async])
class TestStream:
    def test_gives_every_image_with_its_position(self, serve: Any, stream: Any) -> None:
        server = serve(echo)
        pairs = stream(server, (str(i).encode() for i in range(200)))
        assert sorted((position, result.embedding[0]) for position, result in pairs) == [(i, i) for i in range(200)]
        assert server.requests[0].timeout.seconds == 5

    def test_endless_timeout_is_none(self, serve: Any, stream: Any) -> None:
        server = serve(echo)
        assert len(stream(server, [b"1"], float("inf"))) == 1
        assert not server.requests[0].HasField("timeout")

    @pytest.mark.parametrize("path", ["/does/not/exist.jpg", "nul\0.jpg"])
    def test_faulty_image_does_not_end_it(self, serve: Any, stream: Any, path: str) -> None:
        pairs = dict(stream(serve(echo), [b"1", path, b"3"]))
        assert pairs[1].error is not None
        assert pairs[2].embedding[0] == 3

    def test_error_of_the_callers_iterable_comes_out(self, serve: Any, stream: Any) -> None:
        def images() -> Iterator[bytes]:
            yield b"1"
            raise OSError("the disk is gone")

        with pytest.raises(OSError, match="the disk is gone"):
            stream(serve(echo), images())

    def test_refused_stream_raises(self, serve: Any, stream: Any) -> None:
        with pytest.raises(SnapvitError, match="UNAUTHENTICATED"):
            stream(serve(failing(1, grpc.StatusCode.UNAUTHENTICATED)), [b"1"])


def test_async_stream_takes_asynchronous_images(serve: Any) -> None:
    async def images() -> Any:
        for number in range(3):
            await asyncio.sleep(0)
            yield str(number).encode()

    pairs = stream_async(serve(echo), images())
    assert sorted(position for position, _ in pairs) == [0, 1, 2]


def endless() -> Iterator[bytes]:
    while True:
        yield b"1"


def test_leaving_a_stream_early_cancels_it(serve: Any) -> None:
    server = serve(echo)
    with Client(server.target) as client:
        stream = client.embed_stream(endless())
        next(stream)
        stream.close()
        assert client.embed(b"2").embedding[0] == 2


def test_leaving_an_asynchronous_stream_early_cancels_it(serve: Any) -> None:
    async def run() -> None:
        async with AsyncClient(serve(echo).target) as client:
            stream = client.embed_stream(endless())
            async for _ in stream:
                break
            await stream.aclose()
            assert (await client.embed(b"2")).embedding[0] == 2

    asyncio.run(run())


class TestClosed:
    """Every call fails as those do that were under way."""

    CALLS: list[Callable[[Any], Any]] = [
        lambda client: client.embed(b"1"),
        lambda client: client.embed_many([b"1", b"2"]),
        lambda client: client.embed_stream([b"1"]),
        lambda client: client.models(),
    ]

    @pytest.mark.parametrize("call", CALLS)
    def test_client_refuses_calls(self, serve: Any, call: Any) -> None:
        with Client(serve(echo).target) as client:
            client.embed(b"1")
        with pytest.raises(SnapvitError, match="CANCELLED: the client is closed"):
            list(call(client))

    @pytest.mark.parametrize("call", CALLS)
    def test_asynchronous_client_refuses_calls(self, serve: Any, call: Any) -> None:
        async def run() -> None:
            async with AsyncClient(serve(echo).target) as client:
                await client.embed(b"1")
            with pytest.raises(SnapvitError, match="CANCELLED: the client is closed"):
                await finished(call(client))

        asyncio.run(run())

    @pytest.mark.parametrize("call", CALLS[:3])
    def test_asynchronous_calls_under_way_fail_and_their_tasks_go_on(self, serve: Any, call: Any) -> None:
        async def run() -> None:
            server = serve(unanswered)
            client = AsyncClient(server.target)
            task = asyncio.create_task(finished(call(client)))
            while not server.requests:
                await asyncio.sleep(0.01)
            await client.close()
            with pytest.raises(SnapvitError, match="CANCELLED: the client is closed"):
                await task
            assert not task.cancelled()

        asyncio.run(run())

    def test_asynchronous_task_that_is_cancelled_stays_so(self, serve: Any) -> None:
        async def run() -> None:
            server = serve(unanswered)
            client = AsyncClient(server.target)
            task = asyncio.create_task(client.embed(b"1"))
            while not server.requests:
                await asyncio.sleep(0.01)
            task.cancel()
            await client.close()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(run())


async def finished(call: Any) -> Any:
    """The result of a coroutine, or all of a stream."""
    return [pair async for pair in call] if hasattr(call, "__aiter__") else await call


def unanswered(request: inference_pb2.EmbedRequest, context: grpc.ServicerContext) -> inference_pb2.EmbedResponse:
    """Waits until the client gives up."""
    gone = threading.Event()
    if context.add_callback(gone.set):
        gone.wait(10)
    return echo(request, context)
