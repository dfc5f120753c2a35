"""The serializers that nodes of the suite can be given, by name: Casty's, and the protobuf one."""

from __future__ import annotations

from typing import Any

from casty import CompressionConfig, SerializationConfig, build_serializer
from casty.remote.serialization import CompressedSerializer
from google.protobuf.timestamp_pb2 import Timestamp

from casty_protobuf import ProtobufSerializer

NAMES = ("pickle", "json", "msgpack", "protobuf", "cloudpickle")


def build(name: str, compression: CompressionConfig | None = None) -> Any:
    if name != "protobuf":
        return build_serializer(SerializationConfig(name, compression))
    inner = ProtobufSerializer(messages=[Timestamp])
    return inner if compression is None else CompressedSerializer(inner, compression)
