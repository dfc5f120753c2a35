"""A value of every class of this package, by name, as far as a serializer carries them."""

import datetime as dt
import uuid
from decimal import Decimal
from typing import Any

from typed import choices, containers, forward, generics, shapes


def samples(level: int, ref: Any) -> dict[str, Any]:
    """Those of json at level 0, of msgpack at 1, and of pickle at 2; `ref` is a reference."""
    named = _shapes() | _choices() | _containers() | _generics(ref) | _forward(ref)
    if level >= 1:
        named["typed.Binary"] = containers.Binary(b"\x00\xff")
    if level >= 2:
        named |= _pickled()
    return named


def _shapes() -> dict[str, Any]:
    return {
        "typed.Circle": shapes.Circle(id=1, radius=2.5, unit=shapes.Unit.FOOT),
        "typed.Slotted": shapes.Slotted(1),
        "typed.MutableSlotted": shapes.MutableSlotted(1, "a"),
        "typed.Keywords": shapes.Keywords(first=1),
        "typed.Mixed": shapes.Mixed(1, b=2),
        "typed.Seeded": shapes.Seeded(7),
        "typed.Empty": shapes.Empty(),
        "typed.Inner": shapes.Outer.Inner(1),
        "typed.Kind": shapes.Outer.Kind.B,
        "typed.Switches": shapes.Switches(True, False, True, False),
        "typed.Odd": shapes.Odd("t", 1, 2, "u", 3),
        "typed.UsesPrivate": shapes.UsesPrivate(shapes._Private(4)),
        "typed.odd_inner": shapes.odd_class.inner(5),
    }


def _choices() -> dict[str, Any]:
    deposit = choices.Deposit(choices.UserId("ada"), choices.Amount(5))
    withdraw = choices.Withdraw(choices.UserId("ada"), choices.Amount(3))
    freeze = choices.Freeze("fraud")
    journal = choices.Journal(
        command=deposit, legacy=choices.Close(), event=freeze, last=None, maybe=withdraw,
        unnamed=freeze, again=deposit, many=[deposit, withdraw], order="desc", size=None,
        mixed="a", color=choices.Color.BLUE, level=choices.Level.HIGH,
        suit=choices.Suit.NOT_SPADES, perm=choices.Perm.RW, mode=choices.Mode.OFF,
        names=["a", "b"], name="n", scalar="s", by_user={choices.UserId("ada"): choices.Amount(1)},
        by_level={choices.Level.LOW: "low"}, by_maybe={None: 0, choices.Color.RED: 1},
    )  # fmt: skip
    return {"typed.Journal": journal, "typed.Command": withdraw, "typed.Event": choices.Close()}


def _containers() -> dict[str, Any]:
    plain = containers.Plain(
        numbers=[1, 2], old=["a"], bare=[1, "b"], pair=(1, "p"), one=(1,), old_pair=(1, 0.5),
        unit=(), many=(0.5, 1.5), bare_tuple=(1, "t"), by_name={"n": [1]}, old_map={"o": True},
        by_pair={(1, "p"): 0.5}, by_key={containers.Key(1, "c"): "k"}, bare_map={1: "one"},
        names=frozenset({"only"}), abstract=frozenset({1}), sequence=[3], iterable=["i"],
        mapping={4: "four"}, noted=5, nested={"n": [(1, {2: "two"}), None]}, options={"depth": 1},
        anything={"a": [1, None]}, thing="thing",
    )  # fmt: skip
    number, tree = containers.Number(1.5), containers.Tree("leaf")
    return {
        "typed.Plain": plain,
        "typed.Node": containers.Node(1, containers.Node(2, containers.Node(3))),
        "typed.Tree": containers.Tree("root", [tree, tree], {"l": containers.Tree("leaf")}),
        "typed.Expression": containers.Add(number, containers.Negate(number)),
        "typed.Even": containers.Even(containers.Odd(containers.Even(None))),
        "typed.Document": containers.Document({"a": ["b", None]}, [[], [[]]]),
    }


def _generics(ref: Any) -> dict[str, Any]:
    success = generics.Success(1)
    uses = generics.Uses(
        numbers=generics.Envelope(1, cause=2, rest=[3]),
        nested=generics.Envelope(generics.Envelope("inner")), bare=generics.Envelope("any"),
        anything=generics.Envelope(None), old=generics.Old("k", [1]),
        labelled=generics.Labelled("k", 1, "l"), outcome=generics.Failure("why"),
        both=("a", "b"), phantom=generics.Phantom("p"),
        chain=generics.Chain(1, generics.Chain(2)), either=success, twice=success,
    )  # fmt: skip
    return {
        "typed.Uses": uses,
        "typed.AskNumber": generics.AskNumber("how many", ref),
        "typed.Subscribe": generics.Subscribe(ref, ref, [ref]),
    }


def _forward(ref: Any) -> dict[str, Any]:
    other = shapes.Circle(id=1)
    late = forward.Late(
        forward.Later("text"), ref, choices.Color.GREEN, forward.Value(1), 2
    )
    return {
        "typed.OtherCircle": forward.Circle((0.5, -1.5), other, shapes.Unit.METRE),
        "typed.Later": forward.Later("text", late),
    }


def _pickled() -> dict[str, Any]:
    utc = dt.datetime(2026, 7, 12, 1, 2, 3, 456789, tzinfo=dt.timezone.utc)
    key = uuid.UUID("12345678-1234-5678-1234-567812345678")
    moments = forward.Moments(
        utc, utc.date(), utc.time(), dt.timedelta(days=-1, seconds=5), key, Decimal("1.50")
    )
    return {
        "typed.Settings": shapes.Settings(),
        "typed.Defaults": shapes.Defaults(whole=2.0, tags=frozenset({"a"}), process=1),
        "typed.Computed": shapes.Computed(3),
        "typed.Moments": moments,
        "typed.date": forward.date(dt.date(2026, 7, 12)),
        "typed.Pickled": containers.Pickled({1}, {Decimal("1.5"): "p"}, bytearray(b"raw"), 1 + 2j),
    }
