"""Captures what a real node and Python's client send each other for streams, as golden vectors.

    python stream_vectors.py ../../crates/casty-proto/tests/vectors

Adds the frames to the folders of the serializers there, in place of those of an earlier run. A node
and a client live in this process, with a relay between them that notes every frame: the client has
a consumer of the node's producer and a producer for the node's consumer, so each message goes both
ways that it can go.
"""

from __future__ import annotations

import asyncio
from typing import Any

from casty import ClusterClient, ClusteredActorSystem
from casty.core.address import ActorAddress
from casty.core.streams import (
    CompleteStream,
    GetSink,
    GetSource,
    InputReady,
    Push,
    stream_consumer,
    stream_producer,
)

from capture import HOST, Relay, run
from counter_app.messages import Point
from interop_app import serializers

MODULE = "casty.core.streams."
TOPIC = "stream-"


async def capture(name: str) -> list[tuple[str, bytes]]:
    """The frames of streams that node and client send with a serializer."""
    serializer = serializers.build(name)
    async with ClusteredActorSystem(
        name="interop", host=HOST, port=0, node_id="n0", serializer=serializer
    ) as system:
        port = system.self_node.port
        relay = Relay(port)
        server = await asyncio.start_server(relay.accept, HOST, 0)
        relayed = server.sockets[0].getsockname()
        async with ClusterClient(
            contact_points=[(HOST, port)],
            system_name="interop",
            serializer=serializer,
            address_map=lambda address: relayed if address == (HOST, port) else address,
        ) as client:
            await asyncio.sleep(0.5)
            await read_by_client(system, client, port)
            await read_by_node(system, client)
            await asyncio.sleep(0.5)
        server.close()
    return relay.frames


def on_node(client: ClusterClient, port: int, path: str) -> Any:
    address = ActorAddress(system="interop", path=path, host=HOST, port=port)
    return client._remote_transport.make_ref(address)


async def read_by_client(system: ClusteredActorSystem, client: ClusterClient, port: int) -> None:
    system.spawn(stream_producer(), "numbers")
    producer = on_node(client, port, "/numbers")
    producer.tell(Push(1))
    producer.tell(Push(Point(2, 3)))
    producer.tell(InputReady())
    consumer = client.spawn(stream_consumer(producer), "reader")
    # Not answered, but by pickle: no other serializer writes what the producer hands out.
    producer.tell(GetSink(reply_to=consumer))
    await asyncio.sleep(0.2)
    source = await client.ask(consumer, lambda ref: GetSource(reply_to=ref), timeout=5.0)
    producer.tell(CompleteStream())
    assert [element async for element in source] == [1, Point(2, 3)]


async def read_by_node(system: ClusteredActorSystem, client: ClusterClient) -> None:
    producer = client.spawn(stream_producer(), "offers")
    address = ActorAddress.from_uri(f"casty://interop-client@{HOST}:0/offers")
    offers = system._remote.make_ref(address)
    consumer = system.spawn(stream_consumer(offers), "buyer")
    await asyncio.sleep(0.2)
    source = await system.ask(consumer, lambda ref: GetSource(reply_to=ref), timeout=5.0)
    for element in (4, Point(5, 6)):
        producer.tell(Push(element))
    await asyncio.sleep(0.2)
    producer.tell(CompleteStream())
    assert [element async for element in source] == [4, Point(5, 6)]
    remote = on_node(client, system.self_node.port, "/another")
    system.spawn(stream_consumer(offers), "another")
    await asyncio.sleep(0.2)
    # Answered by none; and the consumer believes to be read from then on.
    remote.tell(GetSource(reply_to=producer))


def wanted(hint: str) -> str | None:
    # Pickle writes a SinkRef with a copy of its queue, which is of no use to anybody.
    if not hint.startswith(MODULE) or hint.endswith("Ref"):
        return None
    return TOPIC + hint.removeprefix(MODULE)


if __name__ == "__main__":
    run(capture, TOPIC, wanted)
