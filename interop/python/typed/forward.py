"""Annotations that are texts, names for type checkers alone, and names that clash."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from typed import shapes
from typed.shapes import Unit

if TYPE_CHECKING:
    from casty import ActorRef
    from typed.choices import Color


@dataclass(frozen=True)
class Circle:
    """Another circle than that of the shapes."""

    centre: tuple[float, float]
    other: shapes.Circle
    unit: Unit


@dataclass(frozen=True)
class Value:
    """A name that Rust's side has for something else."""

    of: int


@dataclass(frozen=True)
class Late:
    """Names what comes later, and what is imported for type checkers only."""

    later: Later
    reply_to: ActorRef[Later]
    color: Color
    value: Value
    größe: int = 0


@dataclass(frozen=True)
class Later:
    text: str
    back: Late | None = None


@dataclass(frozen=True)
class Moments:
    """The types of the standard library that pickle carries."""

    when: dt.datetime
    day: dt.date
    at: dt.time
    span: dt.timedelta
    key: uuid.UUID
    price: Decimal
    maybe: dt.datetime | None = None


@dataclass(frozen=True)
class date:
    """A class in small letters that hides a type."""

    date: dt.date
