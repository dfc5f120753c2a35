"""Writes the captured frames of pickle nodes again as protobuf, for the golden vectors.

    python protobuf_vectors.py ../../crates/casty-proto/tests/vectors

Reads `pickle/` there and writes `protobuf/`: the same frames with the same headers, and messages as
the Python serializer writes them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from casty.remote.serialization import PickleSerializer

from interop_app import serializers
from verify import make_ref


def main(folder: Path) -> None:
    source, target = folder / "pickle", folder / "protobuf"
    target.mkdir(exist_ok=True)
    # Frames that were captured anew may have other numbers.
    for old in target.glob("*.bin"):
        old.unlink()
    pickle, protobuf = PickleSerializer(), serializers.build("protobuf")
    lines = []
    for entry in json.loads((source / "index.json").read_text()):
        frame = (source / entry["file"]).read_bytes()
        kept = {key: entry[key] for key in ("file", "direction", "frame_type", "what")}
        if "payload_offset" in entry:
            offset = entry["payload_offset"]
            value = pickle.deserialize(frame[offset:], ref_factory=make_ref)
            body = frame[4:offset] + protobuf.serialize(value)
            frame = len(body).to_bytes(4, "big") + body
            kept |= {key: entry[key] for key in ("header", "payload_offset", "decoded")}
        (target / entry["file"]).write_bytes(frame)
        lines.append(json.dumps(kept))
    (target / "index.json").write_text("[\n" + ",\n".join(lines) + "\n]\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
