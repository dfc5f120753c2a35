"""Dataclasses in all their shapes: inherited, frozen, with slots, by keyword, with defaults."""

import math
import os
from dataclasses import KW_ONLY, InitVar, dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, ClassVar
from uuid import UUID


class Unit(Enum):
    """The unit of a length."""

    METRE = "m"
    FOOT = "ft"
    """Only where nobody can be talked out of it."""


@dataclass(frozen=True)
class Base:
    """The part that all shapes have.

    Ids are given by the drawing, see ``Drawing`` and Drawing.next_id().
    """

    LIMIT: ClassVar[int] = 100

    id: int
    """The number in the drawing."""
    name: str = "unnamed"


@dataclass(frozen=True)
class Circle(Base):
    radius: float = 1.0
    unit: Unit = Unit.METRE


@dataclass(frozen=True, slots=True)
class Slotted:
    x: int
    y: int = -1


@dataclass(slots=True)
class MutableSlotted:
    x: int
    label: str | None = None


@dataclass(kw_only=True)
class Keywords:
    second: str = "two"
    first: int


@dataclass
class Mixed:
    """A field by position, and others by keyword.

    Example::

        Mixed(1, b=2)

    - lists [1] stay
    - as they <are>
    """

    a: int
    _: KW_ONLY
    b: int
    c: bool = False


@dataclass
class Computed:
    side: int
    area: int = field(init=False)

    def __post_init__(self) -> None:
        self.area = self.side * self.side


@dataclass
class Seeded:
    seed: InitVar[int | None] = None
    value: int = 0

    def __post_init__(self, seed: int | None) -> None:
        if seed is not None:
            self.value = seed


@dataclass(frozen=True)
class Settings:
    retries: int = 3
    backoff: timedelta = timedelta(seconds=1, microseconds=500_000)


@dataclass(frozen=True)
class Defaults:
    """A default of every kind."""

    yes: bool = True
    no: bool = False
    none: None = None
    count: int = 0
    large: int = -1_234_567
    ratio: float = math.pi
    whole: float = 2
    endless: float = math.inf
    text: str = 'say "hi"\n'
    empty: str = ""
    missing: str | None = None
    given: int | None = 7
    names: list[str] = field(default_factory=list)
    pair: tuple[int, str] = (1, "one")
    sizes: tuple[int, ...] = (1, 2, 3)
    nothing: tuple[int, ...] = ()
    labels: dict[str, int] = field(default_factory=dict)
    tags: frozenset[str] = frozenset({"b", "a"})
    unit: Unit = Unit.FOOT
    settings: Settings = Settings(retries=5)
    made: Settings = field(default_factory=Settings)
    anything: Any = None
    price: Decimal = Decimal("1.50")
    key: UUID = UUID("12345678-1234-5678-1234-567812345678")
    process: int = field(default_factory=os.getpid)


@dataclass(frozen=True)
class Empty:
    pass


class Outer:
    """A namespace, and no message."""

    @dataclass(frozen=True)
    class Inner:
        v: int

    class Kind(Enum):
        A = 1
        B = 2


@dataclass(frozen=True)
class Switches:
    is_on: bool
    is_open: bool
    is_new: bool
    is_old: bool


@dataclass(frozen=True)
class Odd:
    """Names that Rust keeps for itself, or writes in another way."""

    type: str
    match: int
    self: int
    userName: str
    _hidden: int = 0


@dataclass(frozen=True)
class _Private:
    x: int


@dataclass(frozen=True)
class UsesPrivate:
    inner: _Private


class odd_class:
    @dataclass(frozen=True)
    class inner:
        x: int
