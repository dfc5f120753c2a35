"""Has the serializers of nodes read what Rust wrote, and compares.

Standard input: one JSON object a line, with `name`, `serializer`, `hex` (the encoded message) and
one statement of what it must be:

    "python": an expression over the classes of counter_app, interop_app, casty and
        `distributed.<module>`, with `ref(uri)`
    "sample": the name of a sample of interop_app.samples
    "same_as": hex of what a real node or client wrote with the same serializer
    "merged": hex of the gossip of two nodes, of which the first merges the second's

Standard output: one JSON object a line, `name` and `difference` (null when there is none). Exits
with 1 if anything differs.
"""

from __future__ import annotations

import datetime
import decimal
import importlib
import json
import sys
import types
import uuid
from collections.abc import Callable
from typing import Any

import casty
from casty.cluster import coordinator, envelope, receptionist, state, topology, topology_actor
from casty.core.address import ActorAddress
from casty.core.transport import LocalTransport
from casty.remote.ref import RemoteActorRef

import counter_app.messages
import interop_app.messages
from interop_app import serializers
from interop_app.compare import difference
from interop_app.entities import SAMPLE_REF
from interop_app.samples import samples

TRANSPORT = LocalTransport()


def make_ref(address: ActorAddress) -> RemoteActorRef[Any]:
    return RemoteActorRef(address, TRANSPORT)


def ref(uri: str) -> RemoteActorRef[Any]:
    return make_ref(ActorAddress.from_uri(uri))


#: Their classes share names (`counter.Increment`), so each is under its module's.
STRUCTURES = ("barrier", "counter", "dict", "lock", "queue", "semaphore", "set")

NAMES: dict[str, Any] = {
    **vars(casty),
    **vars(state),
    **vars(envelope),
    **vars(receptionist),
    **vars(coordinator),
    **vars(topology),
    **vars(topology_actor),
    "receptionist": receptionist,
    **vars(counter_app.messages),
    **vars(interop_app.messages),
    "datetime": datetime,
    "decimal": decimal,
    "uuid": uuid,
    "distributed": types.SimpleNamespace(
        **{name: importlib.import_module(f"casty.distributed.{name}") for name in STRUCTURES}
    ),
    "ref": ref,
}


def check(case: dict[str, Any]) -> str | None:
    """How the encoded message differs from what the case says it must be."""
    serializer = serializers.build(case["serializer"])

    def read(text: str) -> Any:
        return serializer.deserialize(bytes.fromhex(text), ref_factory=make_ref)

    try:
        got = read(case["hex"])
    except Exception as error:
        return f"unreadable: {type(error).__name__}: {error}"
    return difference(_expected(case, read), got)


def _expected(case: dict[str, Any], read: Callable[[str], Any]) -> Any:
    if "same_as" in case:
        return read(case["same_as"])
    if "merged" in case:
        own, theirs = (read(gossip) for gossip in case["merged"])
        merged = topology_actor.merge_gossip(
            own.state, theirs.state, own.from_node, theirs.from_node
        )
        return topology_actor.GossipMessage(state=merged, from_node=own.from_node)
    if "sample" in case:
        return samples(case["serializer"], ref(SAMPLE_REF))[case["sample"]]
    return eval(case["python"], NAMES)


def main() -> int:
    failed = 0
    for line in sys.stdin:
        case = json.loads(line)
        found = check(case)
        failed += found is not None
        print(json.dumps({"name": case["name"], "difference": found}), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
