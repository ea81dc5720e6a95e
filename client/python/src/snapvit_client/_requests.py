"""What calls ask for, as requests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

import grpc

from snapvit_client._budget import BudgetLike, budget_to_proto, to_budget
from snapvit_client._duration import bounded, set_duration
from snapvit_client._errors import SnapvitError
from snapvit_client._generated.snapvit.v1 import inference_pb2, types_pb2
from snapvit_client._images import payload_bytes

Pooling: TypeAlias = Literal["default", "cls", "mean", "patches", "projected"]
Dtype: TypeAlias = Literal["fp32", "fp16", "bf16", "int8"]
Activation: TypeAlias = Literal["softmax", "sigmoid", "none"]

DEFAULT_MAX_MESSAGE_BYTES = 64 << 20
_REQUEST_OVERHEAD = 64 << 10  # room for everything in a request that is not an image


@dataclass(frozen=True)
class Output:
    """The form of embeddings. `dtype` is how they travel: results are float32."""

    pooling: Pooling = "default"
    normalize: bool = False
    dtype: Dtype = "fp32"
    dimensions: int | None = None  # keep only the first so many; None: all

    def to_proto(self) -> types_pb2.Output:
        return types_pb2.Output(
            pooling=f"POOLING_{self.pooling.upper()}",
            normalize=self.normalize,
            dtype=f"DTYPE_{self.dtype.upper()}",
            dimensions=self.dimensions or 0,
        )


def embed_request(model: str, budget: BudgetLike, output: Output) -> inference_pb2.EmbedRequest:
    """Without images: each request of a call is this and its images."""
    proto = budget_to_proto(to_budget(budget))
    return inference_pb2.EmbedRequest(model=model, budget=proto, output=output.to_proto())


def classify_request(
    model: str, budget: BudgetLike, top_k: int, activation: Activation
) -> inference_pb2.ClassifyRequest:
    value = f"ACTIVATION_{activation.upper()}"
    proto = budget_to_proto(to_budget(budget))
    return inference_pb2.ClassifyRequest(model=model, budget=proto, top_k=top_k, activation=value)


Request = TypeVar("Request", inference_pb2.EmbedRequest, inference_pb2.ClassifyRequest)


def with_images(
    request: Request, images: Iterable[types_pb2.Image], request_id: str = "", timeout: float | None = None
) -> Request:
    """A copy of `request` that asks for `images`."""
    result = type(request)()
    result.CopyFrom(request)
    result.images.extend(images)
    result.id = request_id
    timeout = bounded(timeout)
    if timeout is not None:
        set_duration(result.timeout, timeout)
    return result


def room_for_images(max_message_bytes: int) -> int:
    """Bytes of the images that one message has room for."""
    return max_message_bytes - _REQUEST_OVERHEAD


def check_size(image: types_pb2.Image, max_message_bytes: int) -> SnapvitError | None:
    """Why the image does not fit into a message, if so."""
    size = payload_bytes(image)
    if size <= room_for_images(max_message_bytes):
        return None
    return SnapvitError(
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        f"image of {size} bytes does not fit into one message: the limit is {max_message_bytes} bytes",
    )
