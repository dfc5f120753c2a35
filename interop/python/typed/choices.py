"""Enums, unions, literals and new types."""

import enum
from dataclasses import dataclass
from typing import Literal, NewType, Optional, Union

UserId = NewType("UserId", str)
Amount = NewType("Amount", int)

type Names = list[str]
type MaybeName = str | None


class Color(enum.Enum):
    """A color, as messages name it."""

    RED = 1
    GREEN = "green"
    BLUE = (0, 0, 255)
    CRIMSON = 1


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Suit(enum.StrEnum):
    HEARTS = enum.auto()
    NOT_SPADES = "not spades"


class Perm(enum.Flag):
    R = 1
    W = 2
    RW = 3


class Mode(enum.IntFlag):
    OFF = 0
    ON = 1


@dataclass(frozen=True)
class Deposit:
    account: UserId
    amount: Amount


@dataclass(frozen=True)
class Withdraw:
    account: UserId
    amount: Amount


@dataclass(frozen=True)
class Close:
    pass


@dataclass(frozen=True)
class Freeze:
    why: str


#: A union by assignment.
Command = Deposit | Withdraw | Close
#: One by typing.
Legacy = Union[Freeze, Close]

type Event = Command | Freeze


@dataclass(frozen=True)
class Journal:
    """Every kind of choice as a field."""

    command: Command
    legacy: Legacy
    event: Event
    last: Optional[Event]
    maybe: Command | None
    unnamed: Deposit | Freeze
    again: Freeze | Deposit
    many: list[Deposit | Withdraw]
    order: Literal["asc", "desc"]
    size: Literal[1, 2, None]
    mixed: Literal[1, "a"]
    color: Color
    level: Level
    suit: Suit
    perm: Perm
    mode: Mode
    names: Names
    name: MaybeName
    scalar: int | str
    by_user: dict[UserId, Amount]
    by_level: dict[Level, str]
    by_maybe: dict[Color | None, int]
