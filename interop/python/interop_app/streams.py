"""Streams of a node: producers and consumers of casty's own, started on demand.

The producer of prices and the consumer that takes some of many are those of casty's own example of
streams, each with its other end elsewhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from casty import Behavior, Behaviors, ClusteredActorSystem
from casty.core.streams import (
    GetSink,
    GetSource,
    SinkRef,
    SourceRef,
    stream_consumer,
    stream_producer,
)

from interop_app.messages import (
    Consume,
    Consumed,
    PriceUpdate,
    Produce,
    ProducePrices,
    StartProducer,
)

#: The name of the actor that starts them, which every node has.
DESK = "streams"
PRICES = (142.50, 143.10, 141.80, 144.20, 145.00)


def desk(system: ClusteredActorSystem) -> Behavior[Any]:
    tasks: set[asyncio.Task[None]] = set()
    started = 0

    def run(task: Any) -> None:
        running = asyncio.get_running_loop().create_task(task)
        tasks.add(running)
        running.add_done_callback(tasks.discard)

    async def receive(ctx: Any, message: Any) -> Behavior[Any]:
        nonlocal started
        started += 1
        match message:
            case Produce(name, count, buffer_size, reply_to):
                producer = system.spawn(stream_producer(buffer_size=buffer_size), name)
                run(_put(system, producer, range(count)))
                reply_to.tell(producer)
            case ProducePrices(name, reply_to):
                producer = system.spawn(stream_producer(buffer_size=16), name)
                run(_put(system, producer, (PriceUpdate("AAPL", price) for price in PRICES)))
                reply_to.tell(producer)
            case StartProducer(name, buffer_size, reply_to):
                reply_to.tell(system.spawn(stream_producer(buffer_size=buffer_size), name))
            case Consume(producer, take, timeout, reply_to):
                behavior = stream_consumer(producer, timeout=timeout)
                consumer = system.spawn(behavior, f"consumer-{started}")
                run(_take(system, consumer, take, reply_to))
            case _:
                return Behaviors.unhandled()
        return Behaviors.same()

    return Behaviors.receive(receive)


async def _put(system: ClusteredActorSystem, producer: Any, elements: Iterable[Any]) -> None:
    sink: SinkRef[Any] = await system.ask(producer, lambda ref: GetSink(reply_to=ref), timeout=10)
    for element in elements:
        await sink.put(element)
    await sink.complete()


async def _take(system: ClusteredActorSystem, consumer: Any, take: int, reply_to: Any) -> None:
    source: SourceRef[Any] = await system.ask(
        consumer, lambda ref: GetSource(reply_to=ref), timeout=10
    )
    begun = asyncio.get_running_loop().time()
    elements = []
    iterator = aiter(source)
    async for element in iterator:
        elements.append(element)
        if len(elements) == take:
            break
    # Cancels the stream at once; else the garbage collector does.
    await iterator.aclose()
    reply_to.tell(Consumed(elements, asyncio.get_running_loop().time() - begun))
