"""Values of every Python type that a serializer carries, by name."""

from __future__ import annotations

import datetime
import decimal
import uuid
import zoneinfo
from typing import Any

from counter_app import messages as wire
from interop_app import messages
from typed import samples as typed

#: What a serializer can carry: each level includes those before it.
LEVELS = {"json": 0, "msgpack": 1, "pickle": 2, "cloudpickle": 2, "protobuf": 2}
TEXT = 'h\u00e9llo \u4e16\u754c \U0001f600 "q" \\ \n'


def samples(serializer: str, ref: Any) -> dict[str, Any]:
    """All samples that `serializer` carries; `ref` stands wherever an actor is referred to."""
    level = LEVELS[serializer]
    named = _plain(level, ref)
    if level >= 1:
        named["bytes"] = b"\x00\xff raw"
    if level >= 2:
        named |= _pickled()
    if serializer == "protobuf":
        # Not installed beside versions that take no serializer.
        from google.protobuf.timestamp_pb2 import Timestamp

        named["message"] = Timestamp(seconds=5, nanos=6)
    named["everything"] = _everything(level, ref)
    named |= typed.samples(level, ref)
    return named


def _plain(level: int, ref: Any) -> dict[str, Any]:
    big, negative_big = _big(level)
    return {
        "none": None,
        "true": True,
        "int": -5,
        "big_int": big,
        "negative_big_int": negative_big,
        "float": 0.1,
        "nan": float("nan"),
        "infinity": float("inf"),
        "text": TEXT,
        "list": [1, "two", [3.5, None]],
        "tuple": (1, "a", (2, 3), 4.0),
        "empty_tuple": (),
        "dict": {"a": 1, 2: [True], (3, 4): {"b": None}},
        "frozenset": frozenset({1, 2, 3}),
        "enum": wire.Color.GREEN,
        "tuple_enum": wire.Color.BLUE,
        "int_enum": wire.Level.HIGH,
        "flag": wire.Perm.W,
        "frozen": wire.Point(1, 2),
        "mutable": wire.MutablePoint(3, 4),
        "frozen_slots": wire.SlotPoint(5, 6),
        "slots": wire.MutableSlotPoint(7, 8),
        "defaults": wire.WithDefaults("n"),
        "empty": wire.Empty(),
        "nested": wire.Outer.Inner(9),
        "keywords": messages.Keywords(first=1),
        "keyword_slots": messages.KeywordSlots(first=1),
        "ref": ref,
    }


def _big(level: int) -> tuple[int, int]:
    """The largest integers; msgpack knows 64 bits only."""
    return (2**63, -(2**63)) if level == 1 else (2**200 + 1, -(2**100))


def _pickled() -> dict[str, Any]:
    utc = datetime.timezone.utc
    east = datetime.timezone(datetime.timedelta(hours=5, minutes=30))
    return {
        "bytearray": bytearray(b"arr"),
        "set": {1, 2, 3},
        "datetime": datetime.datetime(2026, 7, 12, 1, 2, 3, 456789),
        "datetime_utc": datetime.datetime(2026, 7, 12, 1, 2, 3, tzinfo=utc),
        "datetime_east": datetime.datetime(2026, 7, 12, 1, 2, 3, tzinfo=east),
        "datetime_zone": datetime.datetime(
            2026, 10, 25, 2, 30, tzinfo=zoneinfo.ZoneInfo("UTC"), fold=1
        ),
        "date": datetime.date(2026, 7, 12),
        "time": datetime.time(1, 2, 3),
        "timedelta": datetime.timedelta(days=-1, seconds=2, microseconds=3),
        "uuid": uuid.UUID("12345678-1234-5678-1234-567812345678"),
        "decimal": decimal.Decimal("123.4500"),
        "complex": 1 + 2j,
        "computed": messages.Computed(3),
    }


def _everything(level: int, ref: Any) -> Any:
    """One object with all of it: the class and the values of the golden vectors."""
    big, negative_big = _big(level)
    fields: dict[str, Any] = dict(
        none=None, yes=True, no=False, small=7, neg=-5, i8=-128, u16=40000, i32=-2_000_000_000,
        i64=2**62 + 1, bigint=big, negbig=negative_big, f=3.141592653589793, ninf=float("-inf"),
        nan=float("nan"), text=TEXT, empty_text="",
        lst=[1, "two", [3.5, None]], tup=(1, "a", (2, 3), 4.0), empty_tup=(), t1=(1,), t2=(1, 2),
        t3=(1, 2, 3), t4=(1, 2, 3, 4), dct={"a": 1, "b": [True, False], "c": {"d": None}},
        intkeys={1: "one", -2: "two"}, tupkeys={(1, 2): "x"}, fset=frozenset({"only"}),
        empty_fset=frozenset(), color=wire.Color.GREEN, level=wire.Level.HIGH, perm=wire.Perm.W,
        point=wire.Point(1, 2), mpoint=wire.MutablePoint(3, 4), slot=wire.SlotPoint(5, 6),
        mslot=wire.MutableSlotPoint(7, 8), dflt=wire.WithDefaults("n"), empty=wire.Empty(),
        inner=wire.Outer.Inner(9), ref=ref,
    )  # fmt: skip
    if level == 0:
        return wire.JsonSafe(**fields)
    fields["data"] = b"\x00\xff raw"
    if level == 1:
        return wire.MsgpackSafe(**fields)
    shared = [1, 2, 3]
    return wire.Everything(
        **fields,
        big_data=bytes(range(256)) * 2,
        barr=bytearray(b"arr"),
        st={10},
        empty_st=set(),
        when=datetime.datetime(2026, 7, 12, 1, 2, 3, 456789),
        when_utc=datetime.datetime(2026, 7, 12, 1, 2, 3, tzinfo=datetime.timezone.utc),
        day=datetime.date(2026, 7, 12),
        tod=datetime.time(1, 2, 3),
        delta=datetime.timedelta(days=1, seconds=2, microseconds=3),
        uid=uuid.UUID("12345678-1234-5678-1234-567812345678"),
        dec=decimal.Decimal("123.4500"),
        cplx=1 + 2j,
        shared_a=shared,
        shared_b=shared,
    )
