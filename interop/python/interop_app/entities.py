"""The sharded entities of the suite and its discoverable service."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from casty import Behavior, Behaviors

from counter_app.messages import Echo, Event, GetCount, Greet, Increment, SendTo
from interop_app.compare import difference
from interop_app.messages import (
    Append,
    AskOn,
    CheckSample,
    GetByValue,
    GetLog,
    GetNode,
    GetSample,
    Next,
)
from interop_app.samples import samples

#: Samples refer to this actor; it need not exist, references are only carried.
SAMPLE_REF = "casty://interop@127.0.0.1:1/sample"

type Entity = Callable[[str], Behavior[Any]]


def counter(node_id: str) -> Entity:
    """Counts; also answers `Echo` and `SendTo`, as the captured vectors expect of it."""

    def entity(entity_id: str) -> Behavior[Any]:
        count = 0

        async def receive(ctx: Any, message: Any) -> Behavior[Any]:
            nonlocal count
            match message:
                case Increment(amount):
                    count += amount
                case GetCount(reply_to):
                    reply_to.tell(count)
                case GetNode(reply_to):
                    reply_to.tell(node_id)
                case Echo(value, reply_to):
                    reply_to.tell(value)
                case SendTo(target, number):
                    _send_events(entity_id, target, number)
                case _:
                    return Behaviors.unhandled()
            return Behaviors.same()

        return Behaviors.receive(receive)

    return entity


def log(node_id: str, journal: str | None) -> Entity:
    """Remembers the numbers it was told, in order.

    Each is also a line of the journal, with this process before it: what a node had received is
    known when it was killed.
    """
    file = None
    if journal is not None:
        file = os.open(journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def entity(entity_id: str) -> Behavior[Any]:
        numbers: list[int] = []

        async def receive(ctx: Any, message: Any) -> Behavior[Any]:
            match message:
                case Append(number):
                    numbers.append(number)
                    if file is not None:
                        os.write(file, f"{os.getpid()} {number}\n".encode())
                case GetLog(reply_to):
                    reply_to.tell(list(numbers))
                case GetNode(reply_to):
                    reply_to.tell(node_id)
                case _:
                    return Behaviors.unhandled()
            return Behaviors.same()

        return Behaviors.receive(receive)

    return entity


def echo(serializer: str, make_ref: Callable[[str], Any]) -> Entity:
    """Gives values back; makes and checks samples."""
    named = samples(serializer, make_ref(SAMPLE_REF))

    def entity(entity_id: str) -> Behavior[Any]:
        async def receive(ctx: Any, message: Any) -> Behavior[Any]:
            match message:
                case Echo(value, reply_to):
                    reply_to.tell(value)
                case GetSample(name, reply_to):
                    reply_to.tell(named.get(name, f"no sample is called {name}"))
                case GetByValue(kind, reply_to):
                    reply_to.tell(_by_value(kind))
                case CheckSample(name, value, reply_to) if name in named:
                    reply_to.tell(difference(named[name], value))
                case CheckSample(name, _, reply_to):
                    reply_to.tell(f"no sample is called {name}")
                case _:
                    return Behaviors.unhandled()
            return Behaviors.same()

        return Behaviors.receive(receive)

    return entity


def _by_value(kind: str) -> Any:
    """A class of a function and a lambda: cloudpickle writes the code itself."""

    class Thing:
        pass

    return Thing() if kind == "instance" else lambda: Thing


def sender(entity_id: str) -> Behavior[Any]:
    """Sends numbered events to whoever it is told to."""

    async def receive(ctx: Any, message: Any) -> Behavior[Any]:
        match message:
            case SendTo(target, number):
                _send_events(entity_id, target, number)
                return Behaviors.same()
            case _:
                return Behaviors.unhandled()

    return Behaviors.receive(receive)


def greeter(node_id: str) -> Behavior[Any]:
    """The service: greets by name and tells which node did."""

    async def receive(ctx: Any, message: Any) -> Behavior[Any]:
        match message:
            case Greet(name, reply_to):
                reply_to.tell(f"Hello {name} from {node_id}")
                return Behaviors.same()
            case _:
                return Behaviors.unhandled()

    return Behaviors.receive(receive)


def numbers(node_id: str) -> Callable[[], Behavior[Any]]:
    """The singleton: tells which node it is on, and how often it was asked there."""

    def factory() -> Behavior[Any]:
        count = 0

        async def receive(ctx: Any, message: Any) -> Behavior[Any]:
            nonlocal count
            match message:
                case Next(reply_to):
                    count += 1
                    reply_to.tell(f"{node_id} {count}")
                    return Behaviors.same()
                case _:
                    return Behaviors.unhandled()

        return Behaviors.receive(receive)

    return factory


def witness(node_id: str) -> Behavior[Any]:
    """The broadcast: each node's actor tells which node it is on."""

    async def receive(ctx: Any, message: Any) -> Behavior[Any]:
        match message:
            case GetNode(reply_to):
                reply_to.tell(node_id)
                return Behaviors.same()
            case _:
                return Behaviors.unhandled()

    return Behaviors.receive(receive)


def asker(system: Any) -> Behavior[Any]:
    """Asks whom it is told to, and passes the answer on."""

    async def receive(ctx: Any, message: Any) -> Behavior[Any]:
        match message:
            case AskOn(target, name, reply_to):
                answer = await system.ask(target, lambda ref: Greet(name, ref), timeout=10.0)
                reply_to.tell(answer)
                return Behaviors.same()
            case _:
                return Behaviors.unhandled()

    return Behaviors.receive(receive)


def _send_events(entity_id: str, target: Any, number: int) -> None:
    for seq in range(number):
        target.tell(Event(seq, f"{entity_id}-{seq}"))
