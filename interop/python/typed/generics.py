"""Generic classes, of the old and the new syntax, and what is made of them."""

from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from casty import ActorRef

T = TypeVar("T")
K = TypeVar("K")
V_co = TypeVar("V_co", covariant=True)


@dataclass(frozen=True)
class Envelope[M]:
    """A message and what goes with it."""

    message: M
    size: int = 20
    cause: M | None = None
    rest: list[M] = field(default_factory=list)


@dataclass(frozen=True)
class Old(Generic[K, V_co]):
    key: K
    value: V_co


@dataclass(frozen=True)
class Ask(Generic[T]):
    question: str
    reply_to: ActorRef[T]


@dataclass(frozen=True)
class AskNumber(Ask[int]):
    """Asks for a number: what its base leaves open is known here."""

    deadline: float = 1.5


@dataclass(frozen=True)
class Labelled(Old[str, T]):
    label: str = ""


@dataclass(frozen=True)
class Phantom[T]:
    """Mentions no T."""

    text: str


@dataclass(frozen=True)
class Success[T]:
    value: T


@dataclass(frozen=True)
class Failure:
    why: str


type Outcome[T] = Success[T] | Failure
type Both[T] = tuple[T, T]


@dataclass
class Chain[T]:
    value: T
    next: "Chain[T] | None" = None


@dataclass(frozen=True)
class Uses:
    """Type arguments of every kind."""

    numbers: Envelope[int]
    nested: Envelope[Envelope[str]]
    bare: Envelope
    anything: Envelope[Any]
    old: Old[str, list[int]]
    labelled: Labelled[int]
    outcome: Outcome[int]
    both: Both[str]
    phantom: Phantom[int]
    chain: Chain[int]
    either: Success[int] | Failure
    twice: Success[int] | Success[str]


@dataclass(frozen=True)
class Subscribe:
    listener: ActorRef[Outcome[int]]
    anyone: ActorRef
    others: list[ActorRef[Success[int] | Failure]]
