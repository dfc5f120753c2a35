"""What is hard to say in Rust: names that it has taken, boxes inside aliases, variables that nothing holds."""

from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Self


@dataclass(frozen=True)
class Vec:
    """A vector, and no list of anything."""

    items: list[int]


@dataclass(frozen=True)
class Sum:
    total: list[int]
    count: int = -1


#: Names that are names neither of Python nor of Rust.
Unit = Enum("Unit", {"m²": 1, "kg": 2, "½": 3}, module=__name__)


@dataclass
class Node:
    value: int
    next: "MaybeNode"


type MaybeNode = Node | None


@dataclass
class Chain[T]:
    value: T
    rest: "MaybeChain[T]" = None


type MaybeChain[T] = Chain[T] | None


@dataclass
class End:
    pass


@dataclass
class Link:
    value: int
    rest: "Rest" = field(default_factory=End)


type Rest = Link | End | None


@dataclass
class Even:
    odd: "MaybeOdd"


@dataclass
class Odd:
    even: Even
    pair: "Pair"


type MaybeOdd = Odd | None
type Pair = tuple[MaybeOdd, int]


@dataclass
class Index[K]:
    """Rust has no word for its dict, and so no use for K."""

    places: dict[K, int]
    next: "Index[K] | None" = None


@dataclass
class Uses:
    index: Index[str]


@dataclass
class Parent:
    """Its own field is of another type in each of its children."""

    name: str
    other: Self | None = None


@dataclass
class Child(Parent):
    age: int = 0


@dataclass
class Ring[T]:
    value: T
    next: Self | None = None


type MaybeVec = Vec | None
type Either = MaybeVec | Sum


@dataclass
class Choices:
    """None is one of them, wherever it is said."""

    either: Either
    here: MaybeVec | Sum
    same: "MaybeVec | Vec"
    noted: Annotated[int, {"unit": "m"}]
    noted_too: Annotated[Vec, "all of them"] | Sum
    mixed: "Annotated[MaybeVec, 'some'] | Sum | Unit"


@dataclass
class Page[T]:
    """Every field has a default, and one of them is none of Rust's."""

    entries: list[T] = field(default_factory=list)
    following: T | None = None
    size: int = 20


@dataclass
class Slot[T]:
    held: T | None = None


@dataclass
class Blank:
    """Rust has the same default for every field."""

    text: str = ""
    count: int = field(init=False, default=0)
    page: Page[int] | None = None
