"""A participant in distributed structures, under the orders of the suite: casty's own ClusterClient.

Reads one JSON order a line from standard input and answers each with one JSON line on standard output;
`interop/src/scenarios/structures/participant.rs` says what they mean. Ends when standard input closes.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from casty import ClusterClient

from interop_app import serializers

#: Seconds for whatever takes its turn.
PATIENCE = 60.0
#: Seconds inside a lock, and with a permit.
INSIDE = 0.002


class Participant:
    def __init__(self) -> None:
        self.client: Any = None
        self.structures: Any = None

    async def obey(self, order: dict[str, Any]) -> Any:
        return await getattr(self, order.pop("do"))(**order)

    async def connect(self, system: str, contacts: list[str], serializer: str) -> None:
        pairs = (contact.rsplit(":", 1) for contact in contacts)
        self.client = ClusterClient(
            contact_points=[(host, int(port)) for host, port in pairs],
            system_name=system,
            # Two clients that announce the same address take each other's connections.
            client_port=1 + os.getpid() % 60_000,
            serializer=serializers.build(serializer),
        )
        await self.client.__aenter__()
        self.structures = self.client.distributed()

    async def put(self, name: str, key: str, value: Any) -> Any:
        return await self.structures.map[str, Any](name).put(key, value)

    async def get(self, name: str, key: str) -> Any:
        return await self.structures.map[str, Any](name).get(key)

    async def drain(self, name: str) -> list[int]:
        """Takes values until there is none."""
        queue = self.structures.queue[int](name)
        taken = []
        while (value := await queue.dequeue()) is not None:
            taken.append(value)
        return taken

    async def lock(self, name: str, tasks: int, turns: int, marker: str) -> int:
        """Has tasks take turns under the lock; the number of turns."""
        async def take_turns() -> None:
            lock = self.structures.lock(name, timeout=PATIENCE)
            for _ in range(turns):
                await lock.acquire()
                # Fails if another is inside.
                os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
                await asyncio.sleep(INSIDE)
                os.unlink(marker)
                if not await lock.release():
                    raise RuntimeError("the lock was not held")

        await asyncio.gather(*(take_turns() for _ in range(tasks)))
        return tasks * turns

    async def enter(self, name: str, marker: str) -> str:
        """Takes the lock for good; the owner's name."""
        lock = self.structures.lock(name, timeout=PATIENCE)
        await lock.acquire()
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
        return lock._owner

    async def permits(self, name: str, tasks: int, turns: int, folder: str) -> int:
        """Has tasks take turns with a permit; the most that were inside at once."""
        most = 0

        async def take_turns(number: int) -> None:
            nonlocal most
            permit = self.structures.semaphore(name, 2, timeout=PATIENCE)
            inside = Path(folder) / f"python-{number}"
            for _ in range(turns):
                await permit.acquire()
                inside.touch()
                most = max(most, len(os.listdir(folder)))
                await asyncio.sleep(INSIDE)
                inside.unlink()
                if not await permit.release():
                    raise RuntimeError("the permit was not held")

        await asyncio.gather(*(take_turns(number) for number in range(tasks)))
        return most

    async def arrive(self, name: str, expected: int) -> None:
        barrier = self.structures.barrier(name, node_id="python", timeout=PATIENCE)
        await barrier.arrive(expected)

    async def close(self) -> None:
        await self.client.__aexit__(None, None, None)


async def run() -> None:
    participant = Participant()
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    while line := await reader.readline():
        try:
            answer = {"done": await participant.obey(json.loads(line))}
        except Exception as error:
            answer = {"failed": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(run())
