"""The methods of the services, bound to a channel of grpc or grpc.aio."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from snapvit_client._generated.snapvit.v1 import inference_pb2, models_pb2




class Service:
    def __init__(self, channel: Any) -> None:
        def unary(path: str, response: type[Message]) -> Any:
            return channel.unary_unary(
                path, request_serializer=_serialize, response_deserializer=response.FromString
            )

        def stream(path: str, response: type[Message]) -> Any:
            return channel.stream_stream(
                path, request_serializer=_serialize, response_deserializer=response.FromString
            )

        self.embed = unary("/snapvit.v1.Inference/Embed", inference_pb2.EmbedResponse)
        self.classify = unary("/snapvit.v1.Inference/Classify", inference_pb2.ClassifyResponse)
        self.list_models = unary("/snapvit.v1.Models/ListModels", models_pb2.ListModelsResponse)
        self.get_model = unary("/snapvit.v1.Models/GetModel", models_pb2.ModelInfo)
        self.embed_stream = stream("/snapvit.v1.Inference/EmbedStream", inference_pb2.EmbedResponse)
        self.classify_stream = stream("/snapvit.v1.Inference/ClassifyStream", inference_pb2.ClassifyResponse)


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()
