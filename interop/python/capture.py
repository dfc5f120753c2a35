"""Golden vectors: notes the frames that a node and its peer exchange, and keeps those that are wanted.

The frames go to the folders of the serializers under crates/casty-proto/tests/vectors, in place of those
of an earlier run, and their descriptions to the index there. Those of protobuf are written from those of
pickle by protobuf_vectors.py afterwards.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from casty.remote.ref import RemoteActorRef

from interop_app import serializers
from verify import make_ref

SERIALIZERS = ("pickle", "json", "msgpack")
HOST = "127.0.0.1"

#: Says what the frame of a class is, by its name; None if it is not wanted.
type Wanted = Callable[[str], str | None]
#: Captures the frames of a serializer, by its name.
type Capture = Callable[[str], Awaitable[list[tuple[str, bytes]]]]


class Relay:
    """Passes on what it reads, and keeps the frames."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.frames: list[tuple[str, bytes]] = []

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        to_reader, to_writer = await asyncio.open_connection(HOST, self.port)
        await asyncio.gather(
            self.pass_on("c2s", reader, to_writer), self.pass_on("s2c", to_reader, writer)
        )

    async def pass_on(
        self, direction: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            while True:
                head = await reader.readexactly(4)
                frame = head + await reader.readexactly(int.from_bytes(head, "big"))
                self.frames.append((direction, frame))
                writer.write(frame)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def shown(message: Any) -> str:
    """A message as indices show it."""

    def value(field: Any) -> str:
        is_ref = isinstance(field, RemoteActorRef)
        return f"<ref {field.address.to_uri()}>" if is_ref else repr(field)

    fields = (f"{name}={value(field)}" for name, field in vars(message).items())
    return f"{type(message).__name__}({', '.join(fields)})"


def described(
    name: str, direction: str, frame: bytes, wanted: Wanted
) -> dict[str, Any] | None:
    """The entry of a frame in an index, but for its number; None if it is not wanted."""
    if frame[4] != 1:
        return None
    length = int.from_bytes(frame[5:9], "big")
    header = json.loads(frame[9 : 9 + length])
    what = wanted(header["type_hint"])
    if what is None:
        return None
    return {
        "direction": direction,
        "frame_type": "message(0x01)",
        "len": len(frame),
        "what": what,
        "header": header,
        "payload_offset": 9 + length,
        "payload_len": len(frame) - 9 - length,
        "decoded": shown(
            serializers.build(name).deserialize(frame[9 + length :], ref_factory=make_ref)
        ),
    }


def write(
    name: str, folder: Path, frames: list[tuple[str, bytes]], topic: str, wanted: Wanted
) -> int:
    """Writes the wanted frames of a serializer, each of which begins with the topic."""
    index = folder / "index.json"
    entries = json.loads(index.read_text())
    for entry in entries:
        if entry["what"].startswith(topic):
            (folder / entry["file"]).unlink()
    entries = [entry for entry in entries if not entry["what"].startswith(topic)]
    seen: set[bytes] = set()
    number = len(entries)
    for direction, frame in frames:
        entry = described(name, direction, frame, wanted)
        # What is sent again and again is written once.
        if entry is None or frame in seen:
            continue
        seen.add(frame)
        file = f"{number:02}-{direction}-{entry['what']}.bin"
        (folder / file).write_bytes(frame)
        entries.append({"file": file, **entry})
        number += 1
    lines = (json.dumps(e, separators=(",", ":"), ensure_ascii=False) for e in entries)
    index.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    return number


def run(capture: Capture, topic: str, wanted: Wanted) -> None:
    """Captures and writes the frames of all serializers to the folder that is the program's argument."""

    async def all_of_them(folder: Path) -> None:
        for name in SERIALIZERS:
            frames = await capture(name)
            print(name, write(name, folder / name, frames, topic, wanted), "frames")

    logging.basicConfig(level=logging.WARNING)
    asyncio.run(all_of_them(Path(sys.argv[1])))
