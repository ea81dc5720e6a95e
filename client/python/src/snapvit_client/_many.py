"""ManyCall: any number of images, cut into requests of bounded size, and the results in the images' order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic

import grpc

from snapvit_client._errors import SnapvitError
from snapvit_client._generated.snapvit.v1 import types_pb2
from snapvit_client._images import ImageLike, image_to_proto, payload_bytes
from snapvit_client._requests import check_size, room_for_images
from snapvit_client._results import Result, ResultKind

REQUEST_IMAGES = 16
REQUEST_BYTES = 3_500_000  # of the images of one request; a single larger image goes alone


@dataclass
class Part:
    """The images of one request, and their positions in the call."""

    positions: list[int] = field(default_factory=list)
    images: list[types_pb2.Image] = field(default_factory=list)
    size: int = 0

    def fits(self, size: int, most: int) -> bool:
        return not self.images or (len(self.images) < REQUEST_IMAGES and self.size + size <= most)

    def add(self, position: int, image: types_pb2.Image) -> None:
        self.positions.append(position)
        self.images.append(image)
        self.size += payload_bytes(image)


class ManyCall(Generic[Result]):
    """Not thread-safe: parts are taken and ended by one thread or task at a time.

    Faults: of an image → its result. Of a request → the result of each of its images; if every other request would
    fail like it (budget, model, key, an unreachable server), the rest is not sent and gets it too. The call itself
    fails only if every request did.
    """

    def __init__(self, images: Iterable[ImageLike], max_message_bytes: int, kind: ResultKind[Result]) -> None:
        self._images = images
        self._max_message_bytes = max_message_bytes
        self._kind: ResultKind[Result] = kind
        self._results: dict[int, Result] = {}
        self._answered = False
        self._first_error: SnapvitError | None = None
        self._ended_by: SnapvitError | None = None

    def parts(self) -> Iterator[Part]:
        """Reads images only as it is asked for parts."""
        part = Part()
        most = min(REQUEST_BYTES, room_for_images(self._max_message_bytes))
        for position, image in enumerate(self._images):
            if self._ended_by is not None:
                self._results[position] = self._kind.failed(self._ended_by)
                continue
            try:
                proto = sendable(image, self._max_message_bytes)
            except SnapvitError as error:
                self._results[position] = self._kind.failed(error)
                continue
            if not part.fits(payload_bytes(proto), most):
                yield part
                part = Part()
            part.add(position, proto)
        if not part.images:
            return
        if self._ended_by is None:
            yield part
        else:
            self.end(part, self._ended_by)

    def end(self, part: Part, outcome: list[Result] | SnapvitError) -> None:
        if isinstance(outcome, SnapvitError):
            self._first_error = self._first_error or outcome
            if self._ended_by is None and _would_repeat(outcome):
                self._ended_by = outcome
            outcome = [self._kind.failed(outcome)] * len(part.positions)
        else:
            self._answered = True
        self._results.update(zip(part.positions, outcome, strict=True))

    def results(self) -> list[Result]:
        """After parts() and every end(), one per image; raises the first error if every request failed."""
        if self._first_error is not None and not self._answered:
            raise self._first_error
        return [self._results[position] for position in range(len(self._results))]


def sendable(image: ImageLike, max_message_bytes: int) -> types_pb2.Image:
    """SnapvitError for an image that cannot be sent."""
    proto = image_to_proto(image)
    error = check_size(proto, max_message_bytes)
    if error is not None:
        raise error
    return proto


def _would_repeat(error: SnapvitError) -> bool:
    return error.code not in (
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,  # the timeout is each request's own
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    )
