"""A node of casty 0.22 or 0.30, whichever is installed: it speaks another protocol than the rest of the suite.

    python stranger.py HOST:PORT [SEED]

Prints `LISTENING` on standard output as soon as it can be dialled, and ends when standard input closes.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading

import casty


def system(at: str, seeds: list[str]):
    if hasattr(casty, "start"):
        return casty.start(at, seeds=seeds)
    return casty.ActorSystem(
        cluster=casty.Cluster(bind=at, advertise=at, seeds=tuple(seeds))
    )


async def main(at: str, *seeds: str) -> None:
    async with system(at, list(seeds)):
        print("LISTENING", flush=True)
        await asyncio.Event().wait()


def end_with_stdin() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_stdin, daemon=True).start()
    asyncio.run(main(*sys.argv[1:]))
