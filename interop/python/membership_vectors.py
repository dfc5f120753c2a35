"""Captures what two real nodes send each other to be one cluster, as golden vectors.

    python membership_vectors.py ../../crates/casty-proto/tests/vectors

Adds the frames to the folders of the serializers there, in place of those of an earlier run. Both nodes
live in this process, and the second one reaches the first by a relay that notes every frame. What nodes
tell only themselves, one of them sends to the other here.
"""

from __future__ import annotations

import asyncio
from typing import Any

from casty import Behaviors, ClusteredActorSystem, ServiceKey
from casty.cluster.receptionist import Deregister, Register, Subscribe
from casty.cluster.state import NodeAddress, ServiceEntry, ShardAllocation
from casty.cluster.topology_actor import (
    PromoteMember,
    UpdateRegistry,
    UpdateShardAllocations,
)
from casty.core.address import ActorAddress

from capture import HOST, Relay, run
from interop_app import serializers

TOPIC = "member-"
WANTED = {
    "casty.cluster.topology_actor.": (
        "GossipMessage",
        "JoinRequest",
        "JoinAccepted",
        "HeartbeatRequest",
        "HeartbeatResponse",
        "PromoteMember",
        "UpdateShardAllocations",
        "UpdateRegistry",
    ),
    "casty.cluster.receptionist.": ("Register", "Deregister", "Subscribe"),
}
#: Gossip goes on and on; so many are kept.
GOSSIP = 4


def on(sender: ClusteredActorSystem, node: NodeAddress, path: str) -> Any:
    address = ActorAddress(system="interop", path=path, host=node.host, port=node.port)
    return sender._remote.make_ref(address)


async def capture(name: str) -> list[tuple[str, bytes]]:
    """The frames that two nodes send each other with a serializer."""
    first = ClusteredActorSystem(
        name="interop",
        host=HOST,
        port=0,
        node_id="n0",
        roles=frozenset({"seed"}),
        serializer=serializers.build(name),
    )
    async with first:
        relay = Relay(first.self_node.port)
        server = await asyncio.start_server(relay.accept, HOST, 0)
        second = ClusteredActorSystem(
            name="interop",
            host=HOST,
            port=0,
            node_id="n1",
            seed_nodes=[server.sockets[0].getsockname()],
            serializer=serializers.build(name),
        )
        async with second:
            await second.wait_for(2, timeout=20.0)
            tell_what_is_told_to_oneself(first, second)
            await asyncio.sleep(3.0)
        server.close()
    return first_gossip(relay.frames)


def tell_what_is_told_to_oneself(
    first: ClusteredActorSystem, second: ClusteredActorSystem
) -> None:
    node, me = first.self_node, second.self_node
    topology = on(second, node, "/_cluster/_topology")
    topology.tell(PromoteMember(address=me))
    allocations = {3: ShardAllocation(node, (me,)), 7: ShardAllocation(me)}
    topology.tell(UpdateShardAllocations("account", allocations, 1))
    entry = ServiceEntry(key="greeter", node=me, path="/greeter")
    topology.tell(UpdateRegistry(entries=frozenset({entry})))
    receptionist = on(second, node, "/_cluster/_receptionist")
    actor = second.spawn(Behaviors.ignore(), "greeter")
    key: ServiceKey[Any] = ServiceKey("greeter")
    receptionist.tell(Subscribe(key=key, reply_to=actor))
    receptionist.tell(Register(key=key, ref=actor))
    receptionist.tell(Deregister(key=key, ref=actor))


def first_gossip(frames: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """The frames without the gossip that goes on and on."""
    kept, gossip = [], 0
    for direction, frame in frames:
        if b".GossipMessage" in frame[:512]:
            gossip += 1
            if gossip > GOSSIP:
                continue
        kept.append((direction, frame))
    return kept


def wanted(hint: str) -> str | None:
    for module, names in WANTED.items():
        if hint.startswith(module) and hint.removeprefix(module) in names:
            return TOPIC + hint.removeprefix(module)
    return None


if __name__ == "__main__":
    run(capture, TOPIC, wanted)
