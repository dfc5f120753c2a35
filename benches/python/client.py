"""casty's own ClusterClient as a worker of `cargo xtask bench --real`.

Obeys the orders that `benches/harness/src/worker.rs` describes, with the loads of
`benches/src/real.rs`, against the nodes of the real-cluster suite.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from typing import Any

from casty import ClusterClient, ShardEnvelope

from counter_app.messages import GetCount, Increment

ENTITIES = [f"python-{number}" for number in range(16)]
TELLS = 2_000
#: Tells between two moments in which the client may write.
BURST = 16
PERMILLES = (50, 100, 250, 500, 750, 900, 950, 990, 995, 999)


class Sender:
    """One client of the cluster."""

    def __init__(self, client: ClusterClient, shards: int) -> None:
        self.client = client
        self.region: Any = client.entity_ref("counter", num_shards=shards)

    async def count(self, entity: str) -> int:
        return await self.client.ask(
            self.region, lambda reply_to: ShardEnvelope(entity, GetCount(reply_to)), timeout=10.0
        )

    async def counted(self) -> int:
        return sum([await self.count(entity) for entity in ENTITIES])

    async def ask(self, tasks: int, seconds: float) -> tuple[int, float, list[float]]:
        latencies: list[float] = []
        begun = time.perf_counter()

        async def asking(entity: str) -> None:
            while time.perf_counter() - begun < seconds:
                asked = time.perf_counter()
                await self.count(entity)
                latencies.append(time.perf_counter() - asked)

        await asyncio.gather(*(asking(ENTITIES[task % len(ENTITIES)]) for task in range(tasks)))
        return len(latencies), time.perf_counter() - begun, latencies

    async def tell(self, seconds: float) -> tuple[int, float, list[float]]:
        tells = int(TELLS * seconds)
        before = await self.counted()
        begun = time.perf_counter()
        for number in range(tells):
            self.region.tell(ShardEnvelope(ENTITIES[number % len(ENTITIES)], Increment(1)))
            if number % BURST == 0:
                await asyncio.sleep(0)
        counted = await self.counted() - before
        if counted != tells:
            raise RuntimeError(f"{counted} of {tells} tells were counted")
        return tells, time.perf_counter() - begun, []

    async def carry(self, order: dict[str, Any]) -> dict[str, Any]:
        spent = time.process_time()
        load: str = order["load"]
        if load == "tell":
            operations, elapsed, latencies = await self.tell(order["seconds"])
        elif load.startswith("c") and load[1:].isdigit():
            operations, elapsed, latencies = await self.ask(int(load[1:]), order["seconds"])
        else:
            raise ValueError(f"nobody sends {load} to real nodes")
        latencies.sort()
        return {
            "operations": operations,
            "seconds": elapsed,
            "processor_seconds": time.process_time() - spent,
            "resident_bytes": resident(),
            "latency_microseconds": [
                latencies[len(latencies) * permille // 1000] * 1e6
                for permille in PERMILLES
                if latencies
            ],
        }


def resident() -> int:
    """The bytes of this process that are in memory; 0 where the system does not tell it."""
    try:
        with open("/proc/self/statm") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


async def connected(client: ClusterClient, sender: Sender) -> None:
    """Asks until the cluster answers: the client has no other way to tell."""
    for _ in range(100):
        try:
            await sender.counted()
            return
        except TimeoutError:
            await asyncio.sleep(0.1)
    raise RuntimeError("the cluster does not answer")


async def run(system: str, contacts: str, shards: int) -> None:
    pairs = [contact.rsplit(":", 1) for contact in contacts.split(",")]
    points = [(host, int(port)) for host, port in pairs]
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    async with ClusterClient(contact_points=points, system_name=system) as client:
        await asyncio.sleep(1.0)
        sender = Sender(client, shards)
        await connected(client, sender)
        say({"ready": {}})
        while line := await reader.readline():
            try:
                said = {"sample": await sender.carry(json.loads(line))}
            except Exception as error:
                said = {"failed": f"{type(error).__name__}: {error}"}
            say(said)


def main() -> None:
    parser = argparse.ArgumentParser(description="casty's ClusterClient under orders.")
    parser.add_argument("--system", required=True)
    parser.add_argument("--contact", required=True, help="host:port,...")
    parser.add_argument("--shards", type=int, required=True)
    args = parser.parse_args()
    asyncio.run(run(args.system, args.contact, args.shards))


if __name__ == "__main__":
    main()
