"""Collections of all sorts, and classes that hold themselves."""

import collections
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Dict, List, NamedTuple, Tuple, TypedDict


class Pair(NamedTuple):
    a: int
    b: int


class Options(TypedDict):
    depth: int


@dataclass(frozen=True, order=True)
class Key:
    row: int
    column: str


@dataclass(frozen=True)
class Plain:
    """All that json carries."""

    numbers: list[int]
    old: List[str]
    bare: list
    pair: tuple[int, str]
    one: tuple[int]
    old_pair: Tuple[int, float]
    unit: tuple[()]
    many: tuple[float, ...]
    bare_tuple: tuple
    by_name: dict[str, list[int]]
    old_map: Dict[str, bool]
    by_pair: dict[tuple[int, str], float]
    by_key: dict[Key, str]
    bare_map: dict
    names: frozenset[str]
    abstract: AbstractSet[int]
    sequence: Sequence[int]
    iterable: Iterable[str]
    mapping: Mapping[int, str]
    noted: Annotated[int, "in metres"]
    nested: dict[str, list[tuple[int, dict[int, str]] | None]]
    options: Options
    anything: Any
    thing: object


@dataclass(frozen=True)
class Strange:
    """Types that serializers have no word for, or Rust."""

    path: Path
    pair: Pair
    queue: collections.deque[int]
    by_float: dict[float, str]
    long: tuple[int, int, int, int, int, int, int, int, int, int, int, int, int]


@dataclass(frozen=True)
class Pickled:
    """All that pickle alone carries."""

    members: set[int]
    prices: dict[Decimal, str]
    raw: bytearray
    z: complex


@dataclass(frozen=True)
class Binary:
    data: bytes


@dataclass
class Node:
    """A list as it was before there were lists."""

    value: int
    next: "Node | None" = None


@dataclass
class Tree:
    label: str
    children: list["Tree"] = field(default_factory=list)
    by_name: dict[str, "Tree"] = field(default_factory=dict)


@dataclass(frozen=True)
class Number:
    value: float


@dataclass(frozen=True)
class Add:
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True)
class Negate:
    of: "Expression"


type Expression = Number | Add | Negate


@dataclass
class Even:
    odd: "Odd | None"


@dataclass
class Odd:
    even: Even


type Json = dict[str, Json] | list[Json] | str | None
type Deep = list[Deep]


@dataclass(frozen=True)
class Document:
    body: Json
    deep: Deep
