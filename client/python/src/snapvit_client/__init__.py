"""Client of the SnapViT server: image embeddings and labels at the compute budget that a request names.

    from snapvit_client import Client

    with Client("127.0.0.1:50051") as client:
        result = client.embed("photo.jpg", budget="50%")
        print(result.embedding.shape, result.receipt.served_compute)

AsyncClient has the same methods for asyncio.
"""

from snapvit_client._async_client import AsyncClient
from snapvit_client._budget import Budget, BudgetLike
from snapvit_client._channel import Tls
from snapvit_client._client import Client
from snapvit_client._errors import SnapvitError
from snapvit_client._images import ImageLike
from snapvit_client._requests import Activation, Dtype, Output, Pooling
from snapvit_client._results import (
    BatchLatency,
    ClassifyResult,
    EmbedResult,
    Label,
    ModelInfo,
    Receipt,
    Rung,
)
from snapvit_client._retry import RetryPolicy

__all__ = [
    "Activation",
    "AsyncClient",
    "BatchLatency",
    "Budget",
    "BudgetLike",
    "ClassifyResult",
    "Client",
    "Dtype",
    "EmbedResult",
    "ImageLike",
    "Label",
    "ModelInfo",
    "Output",
    "Pooling",
    "Receipt",
    "RetryPolicy",
    "Rung",
    "SnapvitError",
    "Tls",
]
