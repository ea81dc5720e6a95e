import numpy as np
import pytest

from snapvit_client import SnapvitError
from snapvit_client._generated.snapvit.v1 import inference_pb2, types_pb2
from snapvit_client._results import classify_results, embed_results

VALUES = np.array([0.5, -1.25, 3.0, 100.0], np.float32)


def reply(**embedding: object) -> inference_pb2.EmbedResponse:
    item = inference_pb2.EmbedItem(embedding=inference_pb2.Embedding(**embedding))  # type: ignore[arg-type]
    return inference_pb2.EmbedResponse(items=[item])


@pytest.mark.parametrize(
    "embedding",
    [
        {"dtype": 1, "values": VALUES.tolist()},
        {"dtype": 2, "packed": VALUES.astype("<f2").tobytes()},
        {"dtype": 3, "packed": (VALUES.view(np.uint32) >> 16).astype("<u2").tobytes()},
        {"dtype": 4, "packed": np.array([2, -5, 12, 120], np.int8).tobytes(), "scale": 0.25},
    ],
)
def test_every_dtype_becomes_float32(embedding: dict[str, object]) -> None:
    result = embed_results(reply(shape=[2, 2], **embedding), 1)[0].embedding
    assert result.dtype == np.float32
    expected = VALUES if embedding["dtype"] != 4 else np.array([0.5, -1.25, 3, 30], np.float32)
    assert result.tolist() == expected.reshape(2, 2).tolist()


@pytest.mark.parametrize("embedding", [{"dtype": 1, "values": [1, 2]}, {"dtype": 5, "packed": b"123"}])
def test_embedding_that_is_not_what_it_says_is_an_error(embedding: dict[str, object]) -> None:
    result = embed_results(reply(shape=[3], **embedding), 1)[0]
    with pytest.raises(SnapvitError, match="the server sent"):
        result.embedding


def test_receipt_in_plain_types() -> None:
    response = inference_pb2.ClassifyResponse()
    item = response.items.add()
    item.labels.labels.add(index=8, label="ship", score=0.75)
    item.receipt.reason = types_pb2.REASON_LOAD
    item.receipt.served_compute = 0.5
    item.receipt.ratios.mlp = 0.3
    item.receipt.compute_time.FromMicroseconds(1500)
    result = classify_results(response, 1)[0]
    assert result.labels[0].label == "ship"
    assert result.receipt is not None
    assert (result.receipt.reason, result.receipt.served_compute, result.receipt.mlp_ratio) == ("LOAD", 0.5, 0.3)
    assert result.receipt.compute_seconds == pytest.approx(0.0015)
    assert result.receipt.estimated_fidelity is None


def test_reason_of_a_newer_server_is_its_number() -> None:
    response = inference_pb2.ClassifyResponse()
    item = response.items.add()
    item.labels.SetInParent()
    item.receipt.reason = 77  # type: ignore[assignment]
    receipt = classify_results(response, 1)[0].receipt
    assert receipt is not None and receipt.reason == "77"
