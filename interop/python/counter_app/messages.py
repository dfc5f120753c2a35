"""The classes that the golden vectors name. Names, fields and their order are on the wire."""

from __future__ import annotations

import datetime
import decimal
import enum
import uuid
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Increment:
    amount: int


@dataclass(frozen=True)
class GetCount:
    reply_to: Any


@dataclass(frozen=True)
class Echo:
    """Asks an entity to answer with `value`, whatever it is."""

    value: Any
    reply_to: Any


@dataclass(frozen=True)
class SendTo:
    """Asks an entity to send `count` events to `target`, numbered from 0."""

    target: Any
    count: int


@dataclass(frozen=True)
class Event:
    seq: int
    text: str


@dataclass(frozen=True)
class Greet:
    name: str
    reply_to: Any


class Color(enum.Enum):
    RED = 1
    GREEN = "green"
    BLUE = (0, 0, 255)


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Perm(enum.Flag):
    R = 1
    W = 2


@dataclass(frozen=True)
class Point:
    x: int
    y: int


@dataclass
class MutablePoint:
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class SlotPoint:
    x: int
    y: int


@dataclass(slots=True)
class MutableSlotPoint:
    x: int
    y: int


@dataclass(frozen=True)
class WithDefaults:
    name: str
    retries: int = 3
    tags: tuple[str, ...] = ()
    meta: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Empty:
    pass


class Outer:
    @dataclass(frozen=True)
    class Inner:
        v: int


@dataclass(frozen=True)
class JsonSafe:
    """A field of every type that the json serializer carries."""

    none: None
    yes: bool
    no: bool
    small: int
    neg: int
    i8: int
    u16: int
    i32: int
    i64: int
    bigint: int
    negbig: int
    f: float
    ninf: float
    nan: float
    text: str
    empty_text: str
    lst: list[Any]
    tup: tuple[Any, ...]
    empty_tup: tuple[()]
    t1: tuple[int]
    t2: tuple[int, int]
    t3: tuple[int, int, int]
    t4: tuple[int, int, int, int]
    dct: dict[str, Any]
    intkeys: dict[int, str]
    tupkeys: dict[tuple[int, int], str]
    fset: frozenset[str]
    empty_fset: frozenset[str]
    color: Color
    level: Level
    perm: Perm
    point: Point
    mpoint: MutablePoint
    slot: SlotPoint
    mslot: MutableSlotPoint
    dflt: WithDefaults
    empty: Empty
    inner: Outer.Inner
    ref: Any


@dataclass(frozen=True)
class MsgpackSafe(JsonSafe):
    """msgpack carries bytes too, but integers of 64 bits only."""

    data: bytes


@dataclass(frozen=True)
class Everything(MsgpackSafe):
    """pickle carries all of it."""

    big_data: bytes
    barr: bytearray
    st: set[int]
    empty_st: set[int]
    when: datetime.datetime
    when_utc: datetime.datetime
    day: datetime.date
    tod: datetime.time
    delta: datetime.timedelta
    uid: uuid.UUID
    dec: decimal.Decimal
    cplx: complex
    shared_a: list[int]
    shared_b: list[int]
