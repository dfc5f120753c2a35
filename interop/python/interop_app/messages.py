"""What the entities of the suite understand beyond `counter_app.messages`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Append:
    """A numbered tell: the log entity appends `number`."""

    number: int


@dataclass(frozen=True)
class GetLog:
    """Answered with the list of numbers in the order in which they arrived."""

    reply_to: Any


@dataclass(frozen=True)
class GetNode:
    """Answered with the id of the node on which the entity lives, as text."""

    reply_to: Any


@dataclass(frozen=True)
class Next:
    """Answered with the id of the node and how often that singleton was asked, as text."""

    reply_to: Any


@dataclass(frozen=True)
class AskOn:
    """Answered with what `target` answers to a `Greet` of that name."""

    target: Any
    name: str
    reply_to: Any


@dataclass(frozen=True)
class GetSample:
    """Answered with the sample of that name, made by Python."""

    name: str
    reply_to: Any


@dataclass(frozen=True)
class CheckSample:
    """Answered with None when `value` equals the sample of that name, else with the difference."""

    name: str
    value: Any
    reply_to: Any


@dataclass(frozen=True)
class GetByValue:
    """Answered with what no other process can import: an `instance`, or a `lambda`."""

    kind: str
    reply_to: Any


@dataclass(kw_only=True)
class Keywords:
    """Can only be built by keyword."""

    first: int
    second: str = "two"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeywordSlots:
    """Frozen, with slots, by keyword: the shape that a pickled dict state breaks silently."""

    first: int
    second: str = "two"


@dataclass
class Computed:
    """Has a field that only `__post_init__` sets."""

    side: int
    area: int = field(init=False)

    def __post_init__(self) -> None:
        self.area = self.side * self.side


@dataclass(frozen=True)
class Produce:
    """Starts a producer of that name, which is put the numbers below `count` as it has room, and
    completed. Answered with its reference."""

    name: str
    count: int
    buffer_size: int
    reply_to: Any


@dataclass(frozen=True)
class ProducePrices:
    """Starts a producer of that name, which is put the prices of `interop_app.streams`. Answered
    with its reference."""

    name: str
    reply_to: Any


@dataclass(frozen=True)
class StartProducer:
    """Starts a producer of that name that nobody puts anything into. Answered with its reference."""

    name: str
    buffer_size: int
    reply_to: Any


@dataclass(frozen=True)
class Consume:
    """Reads a producer until it ends, or `take` elements if that is not 0. Answered with what was
    read, as `Consumed`."""

    producer: Any
    take: int
    timeout: float
    reply_to: Any


@dataclass(frozen=True)
class Consumed:
    elements: list[Any]
    seconds: float


@dataclass(frozen=True)
class PriceUpdate:
    """The element of casty's own example of a stream."""

    symbol: str
    price: float
