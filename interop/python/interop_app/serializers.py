"""The serializers that nodes of the suite can be given, by name: Casty's, and the protobuf one.

Before casty 0.19 neither nodes nor its client take any: they pickle.
"""

from __future__ import annotations

from typing import Any

import casty

NAMES = ("pickle", "json", "msgpack", "protobuf", "cloudpickle")


def build(name: str, compression: Any = None) -> Any:
    """A serializer; `compression` is a `casty.CompressionConfig`."""
    if name != "protobuf":
        return casty.build_serializer(casty.SerializationConfig(name, compression))
    from casty.remote.serialization import CompressedSerializer
    from google.protobuf.timestamp_pb2 import Timestamp

    from casty_protobuf import ProtobufSerializer

    inner = ProtobufSerializer(messages=[Timestamp])
    return inner if compression is None else CompressedSerializer(inner, compression)


def arguments(name: str, algorithm: str | None = None) -> dict[str, Any]:
    """The arguments that tell a node or a client its serializer, compressed if there is an algorithm."""
    if not hasattr(casty, "build_serializer"):
        if (name, algorithm) != ("pickle", None):
            raise SystemExit("casty before 0.19 only pickles")
        return {}
    compression = casty.CompressionConfig(algorithm=algorithm) if algorithm else None
    return {"serializer": build(name, compression)}
