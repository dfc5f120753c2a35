"""casty's own ClusterClient under the orders of `cargo xtask interop --faults`.

Reads one JSON order a line from standard input and answers each with one JSON line on standard
output; `interop/src/faults/order.rs` says what they mean, and `ours.rs` beside it obeys the same
orders with the Rust client. Times are seconds since the epoch. Ends when standard input closes.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from typing import Any

from casty import ClusterClient, ShardEnvelope

from interop_app.messages import Append, GetNode


#: Seconds between the last message and the end of the client.
DRAIN = 1.0


class Watched(ClusterClient):
    """Unmodified but for a note of every snapshot that it takes."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self.seen: list[dict[str, Any]] = []
        self.first = asyncio.Event()

    def _on_topology_update(self, snapshot: Any) -> None:
        super()._on_topology_update(snapshot)
        owned: dict[str, int] = {}
        for allocation in snapshot.shard_allocations.get("log", {}).values():
            owner = _text(allocation.primary)
            owned[owner] = owned.get(owner, 0) + 1
        live = [
            _text(member.address)
            for member in snapshot.members
            if member.status.name == "up" and member.address not in snapshot.unreachable
        ]
        self.seen.append({"at": time.time(), "live": live, "owned": owned})
        self.first.set()


class Loads:
    """The clients, and what runs until it is stopped."""

    def __init__(self) -> None:
        self.clients: list[Watched] = []
        self.regions: list[Any] = []
        self.running: dict[str, asyncio.Task[None]] = {}
        self.asked: dict[str, list[list[Any]]] = {}
        self.told: dict[str, list[float]] = {}

    async def obey(self, order: dict[str, Any]) -> Any:
        return await getattr(self, order.pop("do"))(**order)

    async def connect(
        self,
        system: str,
        shards: int,
        contacts: list[str],
        map: dict[str, str],
        clients: int,
        within: float,
    ) -> float | None:
        table = {_pair(canonical): _pair(dialled) for canonical, dialled in map.items()}
        begun = time.monotonic()
        for _ in range(clients):
            client = Watched(
                contact_points=[_pair(contact) for contact in contacts],
                system_name=system,
                address_map=lambda address: table.get(tuple(address), address),
            )
            await client.__aenter__()
            self.clients.append(client)
            self.regions.append(client.entity_ref("log", num_shards=shards))
        try:
            async with asyncio.timeout(within):
                await asyncio.gather(*(client.first.wait() for client in self.clients))
        except TimeoutError:
            return None
        return time.monotonic() - begun

    async def ask(self, load: str, entities: list[str], every: float, timeout: float) -> None:
        records: list[list[Any]] = []
        self.asked[load] = records
        self.running[load] = asyncio.create_task(self._ask(records, entities, every, timeout))

    async def _ask(
        self, records: list[list[Any]], entities: list[str], every: float, timeout: float
    ) -> None:
        due = time.monotonic()
        under_way: set[asyncio.Task[None]] = set()
        while True:
            record: list[Any] = [time.time(), None]
            entity = entities[len(records) % len(entities)]
            records.append(record)
            asking = asyncio.create_task(self._ask_one(record, entity, timeout))
            under_way.add(asking)
            asking.add_done_callback(under_way.discard)
            due += every
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _ask_one(self, record: list[Any], entity: str, timeout: float) -> None:
        begun = time.monotonic()
        try:
            await self._get_node(0, entity, timeout)
            record[1] = time.monotonic() - begun
        except TimeoutError:
            pass

    async def _get_node(self, client: int, entity: str, timeout: float) -> str:
        return await self.clients[client].ask(
            self.regions[client],
            lambda reply_to: ShardEnvelope(entity, GetNode(reply_to)),
            timeout=timeout,
        )

    async def tell(self, load: str, entity: str, every: float) -> None:
        times: list[float] = []
        self.told[load] = times
        self.running[load] = asyncio.create_task(self._tell(times, entity, every))

    async def _tell(self, times: list[float], entity: str, every: float) -> None:
        due = time.monotonic()
        while True:
            number = len(times)
            times.append(time.time())
            self.regions[0].tell(ShardEnvelope(entity, Append(number)))
            due += every
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def stop(self, load: str) -> dict[str, Any]:
        self.running.pop(load).cancel()
        return {"asks": self.asked.pop(load, []), "tells": self.told.pop(load, [])}

    async def views(self) -> list[dict[str, Any]]:
        return self.clients[0].seen

    async def burst(self, asks: int, timeout: float) -> dict[str, Any]:
        begun = time.monotonic()
        outcomes = await asyncio.gather(
            *(
                self._get_node(client, f"burst-{number}", timeout)
                for client in range(len(self.clients))
                for number in range(asks)
            ),
            return_exceptions=True,
        )
        failed = Counter(type(outcome).__name__ for outcome in outcomes)
        answered = failed.pop("str", 0)
        return {"answered": answered, "failed": failed, "took": time.monotonic() - begun}

    async def close(self) -> None:
        """Says nothing of what became of messages, because the client knows nothing of it."""
        for task in self.running.values():
            task.cancel()
        # It drops what it has not written when it ends.
        await asyncio.sleep(DRAIN)
        for client in self.clients:
            await client.__aexit__(None, None, None)


def _text(address: Any) -> str:
    return f"{address.host}:{address.port}"


def _pair(text: str) -> tuple[str, int]:
    host, port = text.rsplit(":", 1)
    return host, int(port)


async def run() -> None:
    loads = Loads()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    while line := await reader.readline():
        try:
            answer = {"done": await loads.obey(json.loads(line))}
        except Exception as error:
            answer = {"failed": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(run())
