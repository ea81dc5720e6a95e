"""What the server answers, as plain dataclasses. Times are seconds, shares are fractions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import grpc
import numpy as np
import numpy.typing as npt

from snapvit_client._duration import seconds_of
from snapvit_client._errors import SnapvitError, error_from_status
from snapvit_client._generated.snapvit.v1 import inference_pb2, models_pb2, types_pb2


@dataclass(frozen=True)
class Receipt:
    """What was asked, what was served, why, and what it cost, of one image."""

    model: str
    ordering_id: str
    embedding_space_id: str  # embeddings with the same id are comparable and may share an index
    rung: int  # 0 is the smallest, the highest is the dense model
    requested_compute: float  # shares of the dense model's FLOPs, (0, 1]
    served_compute: float
    floor_compute: float  # the lowest that load could have made of it
    gflops: float  # per image; 1 MAC = 2 FLOPs
    mlp_ratio: float  # share of all MLP channels left out
    head_ratio: float  # share of all heads left out
    estimated_fidelity: float | None  # (0, 1]; None: not measured
    reason: str  # AS_REQUESTED, MODEL_FLOOR, TENANT_LIMIT, LOAD, DEADLINE or ADMIN_LIMIT
    queue_seconds: float
    decode_seconds: float
    compute_seconds: float  # of the whole batch
    batch_size: int


@dataclass(frozen=True)
class EmbedResult:
    """Of one image. `embedding` raises the image's error if it has one."""

    error: SnapvitError | None = None
    receipt: Receipt | None = None
    values: npt.NDArray[np.float32] | None = field(default=None, repr=False)

    @property
    def embedding(self) -> npt.NDArray[np.float32]:
        """float32 [D], or [patches, D], whatever dtype it travelled in."""
        if self.error is not None:
            raise self.error
        assert self.values is not None
        return self.values


@dataclass(frozen=True)
class Label:
    index: int
    label: str  # empty: the model names no classes
    score: float


@dataclass(frozen=True)
class ClassifyResult:
    """Of one image. `labels` raises the image's error if it has one."""

    error: SnapvitError | None = None
    receipt: Receipt | None = None
    best: tuple[Label, ...] = ()

    @property
    def labels(self) -> tuple[Label, ...]:
        """Best first."""
        if self.error is not None:
            raise self.error
        return self.best


@dataclass(frozen=True)
class BatchLatency:
    batch: int
    seconds: float  # of the whole batch, in the engine


@dataclass(frozen=True)
class Rung:
    rung: int
    compute: float
    gflops: float
    mlp_ratio: float
    head_ratio: float
    sparsity: float
    fidelity: float | None  # None: not measured
    latency: tuple[BatchLatency, ...]


@dataclass(frozen=True)
class ModelInfo:
    name: str
    architecture: str
    parameters: int
    gflops: float
    input_size: tuple[int, ...]
    embedding_dim: int
    class_names: tuple[str, ...]
    blocks: int
    heads: int
    hidden: int
    device: str
    ordering_id: str
    embedding_space_id: str
    calibration_source: str
    floor_rung: int
    ladder: tuple[Rung, ...]  # empty in lists of models
    state: str  # loading, ordering, warming, ready or draining


def embed_results(response: inference_pb2.EmbedResponse, images: int) -> list[EmbedResult]:
    _check_count(response.items, images)
    return [_embed_result(item) for item in response.items]


def classify_results(response: inference_pb2.ClassifyResponse, images: int) -> list[ClassifyResult]:
    _check_count(response.items, images)
    return [_classify_result(item) for item in response.items]


Result = TypeVar("Result", EmbedResult, ClassifyResult)


@dataclass(frozen=True)
class ResultKind(Generic[Result]):
    """How replies of a method become results."""

    read: Callable[[Any, int], list[Result]]  # the reply, to a request of so many images
    failed: Callable[[SnapvitError], Result]  # of an image without a reply


EMBEDDINGS: ResultKind[EmbedResult] = ResultKind(embed_results, lambda error: EmbedResult(error=error))
LABELS: ResultKind[ClassifyResult] = ResultKind(classify_results, lambda error: ClassifyResult(error=error))


def model_info(proto: models_pb2.ModelInfo) -> ModelInfo:
    return ModelInfo(
        name=proto.name,
        architecture=proto.architecture,
        parameters=proto.parameters,
        gflops=proto.gflops,
        input_size=tuple(proto.input_size),
        embedding_dim=proto.embedding_dim,
        class_names=tuple(proto.labels),
        blocks=proto.blocks,
        heads=proto.heads,
        hidden=proto.hidden,
        device=proto.device,
        ordering_id=proto.ordering_id,
        embedding_space_id=proto.embedding_space_id,
        calibration_source=proto.calibration_source,
        floor_rung=proto.floor_rung,
        ladder=tuple(_rung(rung) for rung in proto.ladder),
        state=proto.state,
    )


def _check_count(items: Sequence[Any], images: int) -> None:
    if len(items) != images:
        raise _broken(f"{len(items)} items for {images} images")


def _broken(what: str) -> SnapvitError:
    return SnapvitError(grpc.StatusCode.INTERNAL, f"the server sent {what}")


def _embed_result(item: inference_pb2.EmbedItem) -> EmbedResult:
    receipt = _receipt(item.receipt) if item.HasField("receipt") else None
    if item.HasField("error"):
        return EmbedResult(error=error_from_status(item.error), receipt=receipt)
    try:
        return EmbedResult(receipt=receipt, values=_values(item.embedding))
    except SnapvitError as error:
        return EmbedResult(error=error, receipt=receipt)


def _classify_result(item: inference_pb2.ClassifyItem) -> ClassifyResult:
    receipt = _receipt(item.receipt) if item.HasField("receipt") else None
    if item.HasField("error"):
        return ClassifyResult(error=error_from_status(item.error), receipt=receipt)
    labels = (Label(label.index, label.label, label.score) for label in item.labels.labels)
    return ClassifyResult(receipt=receipt, best=tuple(labels))


def _values(embedding: inference_pb2.Embedding) -> npt.NDArray[np.float32]:
    if embedding.dtype == types_pb2.DTYPE_FP32:
        values = np.array(embedding.values, dtype=np.float32)
    elif embedding.dtype == types_pb2.DTYPE_FP16:
        values = np.frombuffer(embedding.packed, "<f2").astype(np.float32)
    elif embedding.dtype == types_pb2.DTYPE_BF16:
        words = np.frombuffer(embedding.packed, "<u2").astype(np.uint32)
        values = (words << 16).view(np.float32)
    elif embedding.dtype == types_pb2.DTYPE_INT8:
        values = np.frombuffer(embedding.packed, np.int8) * np.float32(embedding.scale)
    else:
        raise _broken(f"an embedding of dtype {embedding.dtype}, expected FP32, FP16, BF16 or INT8")
    try:
        return values.reshape(tuple(embedding.shape))
    except ValueError:
        raise _broken(f"{values.size} values for shape {list(embedding.shape)}") from None


def _receipt(proto: types_pb2.Receipt) -> Receipt:
    return Receipt(
        model=proto.model,
        ordering_id=proto.ordering_id,
        embedding_space_id=proto.embedding_space_id,
        rung=proto.rung,
        requested_compute=proto.requested_compute,
        served_compute=proto.served_compute,
        floor_compute=proto.floor_compute,
        gflops=proto.gflops,
        mlp_ratio=proto.ratios.mlp,
        head_ratio=proto.ratios.heads,
        estimated_fidelity=proto.estimated_fidelity or None,
        reason=_reason(proto.reason),
        queue_seconds=seconds_of(proto.queue_time),
        decode_seconds=seconds_of(proto.decode_time),
        compute_seconds=seconds_of(proto.compute_time),
        batch_size=proto.batch_size,
    )


def _reason(reason: int) -> str:
    """The proto's name without its prefix; a newer server's reasons are numbers."""
    value = types_pb2.Reason.DESCRIPTOR.values_by_number.get(reason)
    return str(reason) if value is None else value.name.removeprefix("REASON_")


def _rung(proto: models_pb2.Rung) -> Rung:
    return Rung(
        rung=proto.rung,
        compute=proto.compute,
        gflops=proto.gflops,
        mlp_ratio=proto.ratios.mlp,
        head_ratio=proto.ratios.heads,
        sparsity=proto.sparsity,
        fidelity=proto.fidelity or None,
        latency=tuple(BatchLatency(cell.batch, seconds_of(cell.time)) for cell in proto.latency),
    )
