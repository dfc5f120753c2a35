"""A node of the bank's cluster, which hosts accounts until it is told to end."""

from __future__ import annotations

import argparse
import asyncio
import logging
import pathlib
import signal

from casty import Behaviors, ClusteredActorSystem

import bank


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="A node of the bank's cluster.")
    parser.add_argument("--system", default="bank")
    parser.add_argument("--host", required=True, help="the name by which all others reach this node")
    parser.add_argument("--bind", default="0.0.0.0", help="the address to listen at")
    parser.add_argument("--port", type=int, default=25520)
    parser.add_argument("--seeds", type=_addresses, default=(), help="host:port,...")
    parser.add_argument("--nodes", type=int, default=3, help="members to wait for at the beginning")
    parser.add_argument("--ready", type=pathlib.Path, help="a file to make when it hosts accounts")
    return parser.parse_args()


def _addresses(text: str) -> tuple[tuple[str, int], ...]:
    pairs = (seed.rsplit(":", 1) for seed in text.split(",") if seed)
    return tuple((host, int(port)) for host, port in pairs)


async def run(args: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    own = (args.host, args.port)
    system = ClusteredActorSystem(
        name=args.system,
        host=args.host,
        port=args.port,
        bind_host=args.bind,
        node_id=args.host,
        seed_nodes=tuple(seed for seed in args.seeds if seed != own),
    )
    async with system:
        try:
            # A node that gives shards out before it has found the others would be another cluster.
            await system.wait_for(args.nodes, timeout=60.0)
        except TimeoutError:
            logging.warning("fewer than %d members; going on without", args.nodes)
        system.spawn(Behaviors.sharded(bank.account, num_shards=bank.SHARDS), bank.REGION)
        if args.ready:
            args.ready.touch()
        logging.info("%s:%d hosts accounts", *own)
        await stop.wait()


if __name__ == "__main__":
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(run(arguments()))
