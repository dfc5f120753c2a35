"""casty's own ClusterClient asks entities of the region `counter` which node they are on.

Reads one JSON object from standard input, which `interop/src/scenarios/members/reach.rs` writes, asks
again those that do not answer until `within` seconds have passed, and prints a JSON object of the answers,
null for none.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Any

from casty import ClusterClient, ShardEnvelope
from casty.remote.tls import Config as TlsConfig

from interop_app import serializers
from interop_app.messages import GetNode

#: Seconds for one attempt.
ATTEMPT = 1.0


async def run(order: dict[str, Any]) -> dict[str, str | None]:
    pairs = (contact.rsplit(":", 1) for contact in order["contacts"])
    arguments = serializers.arguments(order["serializer"], order["compression"])
    if order["tls"]:
        authority, certificate, key = order["tls"]
        arguments["tls"] = TlsConfig.from_paths(
            certfile=certificate, keyfile=key, cafile=authority
        )
    answers: dict[str, str | None] = dict.fromkeys(order["entities"])
    async with ClusterClient(
        contact_points=[(host, int(port)) for host, port in pairs],
        system_name=order["system"],
        # Two clients that announce the same address take each other's connections.
        client_port=1 + os.getpid() % 60_000,
        **arguments,
    ) as client:
        region = client.entity_ref("counter", num_shards=order["shards"])

        async def ask(entity: str) -> None:
            try:
                answers[entity] = await client.ask(
                    region,
                    lambda reply_to: ShardEnvelope(entity, GetNode(reply_to)),
                    timeout=ATTEMPT,
                )
            except TimeoutError:
                pass

        end = time.monotonic() + order["within"]
        while None in answers.values() and time.monotonic() < end:
            waiting = [entity for entity, node in answers.items() if node is None]
            await asyncio.gather(*(ask(entity) for entity in waiting))
    return answers


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(json.load(sys.stdin)))))
