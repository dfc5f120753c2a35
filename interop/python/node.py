"""One cluster node of the real-cluster suite, in a process of its own.

Prints `LISTENING <port>` on standard output as soon as it can be dialled, and `READY <port>` once
the cluster is complete and its regions are allocated. With `--standby` it prints `STANDBY` before
all else and begins when it reads a line. Ends on SIGTERM, on SIGINT, and when standard input
closes, so that it never outlives the process that started it (`--detached` turns the last off).
`cargo xtask interop --serve` starts three; by hand, with the python of a virtual environment that
has requirements.txt:

    python node.py --port 25520 --nodes 3 --detached &
    python node.py --port 25521 --nodes 3 --seeds 127.0.0.1:25520 --detached &
    python node.py --port 25522 --nodes 3 --seeds 127.0.0.1:25520 --detached &
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import threading
from typing import Any

from casty import (
    Behaviors,
    ClusteredActorSystem,
    MemberStatus,
    ServiceKey,
)
from casty.cluster.coordinator import GetShardLocation, ShardLocation
from casty.cluster.topology_actor import GetState
from casty.core.address import ActorAddress
from casty.remote.tls import Config as TlsConfig

from interop_app import entities, serializers

try:
    import casty.core.streams
except ModuleNotFoundError:
    # Of casty before 0.17.
    streams = None
else:
    from interop_app import streams

#: Seconds for the cluster to form and settle, and for a node to shut down.
STARTUP = 90.0
SHUTDOWN = 3.0
#: A region whose shards nobody has asked for before a client does.
FRESH = "fresh"
SERVICE = "greeter"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="One Casty cluster node for tests.")
    parser.add_argument("--system", default="interop")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--node-id", default=None, help="default: n<port>")
    parser.add_argument("--seeds", type=_addresses, default=(), help="host:port,...")
    parser.add_argument("--nodes", type=int, default=1, help="members to wait for")
    parser.add_argument("--shards", type=int, default=100, help="of every region")
    parser.add_argument("--regions", type=_names, default=(), help="name,... (default: all)")
    parser.add_argument(
        "--structures", type=_names, default=(), help="kind:name,... (semaphores of two)"
    )
    parser.add_argument(
        "--unallocated", action="store_true", help="leave all shards to whoever asks first"
    )
    parser.add_argument("--rejoin", action="store_true", help="the cluster runs: settle nothing")
    parser.add_argument("--standby", action="store_true", help="begin at a line of standard input")
    parser.add_argument("--journal", default=None, help="file to append what `log` received to")
    parser.add_argument("--detached", action="store_true", help="do not end with standard input")
    parser.add_argument("--tls-ca", default=None, help="PEM files; all three, or no TLS")
    parser.add_argument("--tls-cert", default=None)
    parser.add_argument("--tls-key", default=None)
    parser.add_argument("--log-level", default="WARNING")
    parser.add_argument("--serializer", default="pickle", choices=serializers.NAMES)
    parser.add_argument(
        "--compression", default="none", choices=["none", "zlib", "gzip", "bz2", "lzma", "lz4"]
    )
    parsed = parser.parse_args()
    parsed.node_id = parsed.node_id or f"n{parsed.port}"
    return parsed


def _addresses(text: str) -> tuple[tuple[str, int], ...]:
    pairs = (seed.rsplit(":", 1) for seed in text.split(",") if seed)
    return tuple((host, int(port)) for host, port in pairs)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name for name in text.split(",") if name)


def regions(args: argparse.Namespace, system: ClusteredActorSystem) -> dict[str, entities.Entity]:
    def make_ref(uri: str) -> Any:
        return system._remote.make_ref(ActorAddress.from_uri(uri))

    known = {
        "counter": entities.counter(args.node_id),
        "log": entities.log(args.node_id, args.journal),
        "echo": entities.echo(args.serializer, make_ref),
        "sender": entities.sender,
        FRESH: entities.counter(args.node_id),
    }
    return {name: known[name] for name in args.regions or known}


def structures(args: argparse.Namespace, system: ClusteredActorSystem) -> dict[str, int]:
    """Hosts distributed structures; their regions, and the number of shards of each."""
    distributed = system.distributed()
    regions = {}
    for structure in args.structures:
        kind, name = structure.split(":")
        match kind:
            case "map" | "set" | "queue":
                types = (str, Any) if kind == "map" else Any
                getattr(distributed, kind)[types](name)
            case "sem":
                distributed.semaphore(name, 2)
            case _:
                getattr(distributed, kind)(name)
        regions[f"d-{kind}-{name}"] = 10 if kind == "barrier" else 100
    return regions


async def run(args: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if not args.detached:
        threading.Thread(target=_watch_stdin, args=(loop, stop), daemon=True).start()
    algorithm = None if args.compression == "none" else args.compression
    tls = None
    if args.tls_ca:
        tls = TlsConfig.from_paths(
            certfile=args.tls_cert, keyfile=args.tls_key, cafile=args.tls_ca
        )
    system = ClusteredActorSystem(
        name=args.system,
        host=args.host,
        port=args.port,
        node_id=args.node_id,
        seed_nodes=args.seeds,
        tls=tls,
        **serializers.arguments(args.serializer, algorithm),
    )
    async with system:
        print(f"LISTENING {system.self_node.port}", flush=True)
        starting = asyncio.ensure_future(start(args, system))
        stopping = asyncio.ensure_future(stop.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            print(f"READY {system.self_node.port}", flush=True)
        else:
            starting.cancel()
        await stopping
        # Shutting down may wait for peers that are gone; nobody waits for this process.
        last_resort = threading.Timer(SHUTDOWN, os._exit, (0,))
        last_resort.daemon = True
        last_resort.start()


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    while os.read(0, 4096):
        pass
    loop.call_soon_threadsafe(stop.set)


async def start(args: argparse.Namespace, system: ClusteredActorSystem) -> None:
    """Joins, hosts the regions, the service and the other actors, settles the shards."""
    async with asyncio.timeout(STARTUP):
        await system.wait_for(args.nodes, timeout=STARTUP)
        hosted = regions(args, system)
        for name, entity in hosted.items():
            system.spawn(Behaviors.sharded(entity, num_shards=args.shards), name)
        shared = structures(args, system)
        service = Behaviors.discoverable(
            entities.greeter(args.node_id), key=ServiceKey(SERVICE)
        )
        system.spawn(service, SERVICE)
        system.spawn(Behaviors.singleton(entities.numbers(args.node_id)), "numbers")
        system.spawn(Behaviors.broadcasted(entities.witness(args.node_id)), "witness")
        system.spawn(entities.asker(system), "asker")
        if streams is not None:
            system.spawn(streams.desk(system), streams.DESK)
        if args.rejoin:
            await rejoin(args, system)
        elif not args.unallocated:
            settled = {name: args.shards for name in hosted if name != FRESH}
            await settle(args, system, settled | shared)


async def settle(
    args: argparse.Namespace, system: ClusteredActorSystem, regions: dict[str, int]
) -> None:
    """Allocates every shard, region after region, and waits until this node knows.

    Regions share one allocation epoch and each coordinator counts for itself, so allocations of
    two regions at a time are forgotten and made again elsewhere, and entities lose their state.
    """
    await _until(system, lambda state: len(_services(state)) >= args.nodes)
    state = await system.get_cluster_state()
    if state.leader == system.self_node:
        for name, shards in regions.items():
            await _allocate(system, name, shards)
    await _until(
        system,
        lambda state: all(
            len(state.shard_allocations.get(name, {})) == shards
            for name, shards in regions.items()
        ),
    )


async def rejoin(args: argparse.Namespace, system: ClusteredActorSystem) -> None:
    """Waits until every seed that answers sees this node as up again."""
    while True:
        seen = await asyncio.gather(*(_is_up_at(args, system, seed) for seed in args.seeds))
        answers = [up for up in seen if up is not None]
        if answers and all(answers):
            return
        await asyncio.sleep(0.1)


async def _is_up_at(
    args: argparse.Namespace, system: ClusteredActorSystem, seed: tuple[str, int]
) -> bool | None:
    """Whether the seed's view has this node as up; None if it does not answer."""
    host, port = seed
    address = ActorAddress(
        system=args.system, path="/_cluster/_topology", host=host, port=port
    )
    try:
        state: Any = await system.ask(
            system._remote.make_ref(address), lambda ref: GetState(ref), timeout=1.0
        )
    except TimeoutError:
        return None
    own = system.self_node
    return own not in state.unreachable and any(
        member.address == own and member.status == MemberStatus.up for member in state.members
    )


def _services(state: Any) -> set[Any]:
    return {entry.node for entry in state.registry if entry.key == SERVICE}


async def _allocate(system: ClusteredActorSystem, name: str, shards: int) -> None:
    coordinator = system.lookup(f"/_coord-{name}")
    for shard in range(shards):
        reply: ShardLocation = await system.ask(
            coordinator, lambda ref: GetShardLocation(shard, ref), timeout=STARTUP
        )
        assert reply.shard_id == shard
    await _until(
        system, lambda state: len(state.shard_allocations.get(name, {})) == shards
    )


async def _until(system: ClusteredActorSystem, condition: Any) -> None:
    while not condition(await system.get_cluster_state()):
        await asyncio.sleep(0.05)


def main() -> None:
    args = arguments()
    logging.basicConfig(
        level=args.log_level,
        stream=sys.stderr,
        format=f"%(asctime)s {args.node_id} %(levelname)s %(name)s: %(message)s",
    )
    if args.standby:
        print("STANDBY", flush=True)
        while os.read(0, 1) not in (b"\n", b""):
            pass
    asyncio.run(run(args))


if __name__ == "__main__":
    main()
