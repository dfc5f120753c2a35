"""A protobuf serializer for Casty's nodes: the schema `casty/v1/value.proto`, in plain Python.

Nodes are given it through the `serializer` parameter; nothing of Casty is changed:

    ClusteredActorSystem(..., serializer=ProtobufSerializer())

It carries what pickle carries of dataclasses, enums and builtin types: sets, dates, UUIDs, decimals
and complex numbers too. Messages of Google's `protobuf` package travel as `google.protobuf.Any`;
which classes are read back is up to `messages`, and one that is not known becomes an `AnyMessage`.

Classes are looked up by their names as Casty's JSON serializer does it: whoever can send to a node
can make it import a module and build any dataclass in it, but call nothing else.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import struct
import uuid
import zoneinfo
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from casty.core.address import ActorAddress
from casty.remote.ref import RemoteActorRef
from casty.remote.serialization import TypeRegistry

#: The numbers of a value's kinds.
NONE, BOOL, INT, FLOAT, STR, BYTES, LIST, TUPLE, DICT, OBJECT, REF, ENUM = range(1, 13)
FROZENSET, SET, BIG_INT, BYTEARRAY, DATETIME, DATE, TIME, TIMEDELTA = range(13, 21)
UUID, DECIMAL, COMPLEX, ANY = range(21, 25)

VARINT, FIXED64, LEN, FIXED32 = 0, 1, 2, 5

TYPE_URL = "type.googleapis.com/"

type RefFactory = Callable[[ActorAddress], RemoteActorRef[Any]]


class ProtobufError(ValueError):
    """A value cannot be written, or an input is no value."""


@dataclasses.dataclass(frozen=True)
class AnyMessage:
    """A protobuf message whose class is not known here: it can be kept and sent on."""

    type_url: str
    value: bytes


class ProtobufSerializer:
    """Writes and reads `casty.v1.Value`.

    Parameters
    ----------
    messages
        Classes of Google's `protobuf` package that are read as what they are.
    registry
        Knows classes by their names.
    """

    def __init__(
        self, messages: Iterable[Any] = (), registry: TypeRegistry | None = None
    ) -> None:
        self._registry = registry or TypeRegistry()
        self._messages = {cls.DESCRIPTOR.full_name: cls for cls in messages}

    def serialize(self, obj: Any) -> bytes:
        return self._write(obj)

    def deserialize(self, data: bytes, *, ref_factory: RefFactory | None = None) -> Any:
        return self._read(bytes(data), ref_factory)

    def _write(self, value: Any) -> bytes:
        match value:
            case None:
                return _number(NONE, 0)
            case RemoteActorRef():
                return _field(REF, value.address.to_uri().encode())
            case enum.Enum():
                member = _field(1, self._name(value)) + _field(2, value.name.encode())
                return _field(ENUM, member)
            case AnyMessage():
                return _field(ANY, _any(value.type_url, value.value))
            case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
                return _field(OBJECT, self._object(value))
            case dict():
                pairs = (
                    _field(1, self._write(key)) + _field(2, self._write(item))
                    for key, item in value.items()
                )
                return _field(DICT, b"".join(pairs))
            case list() | tuple() | set() | frozenset():
                items = b"".join(_field(1, self._write(item)) for item in value)
                return _field(_CONTAINERS[_base(value, _CONTAINERS)], items)
            case _:
                return _scalar(value)

    def _object(self, value: Any) -> bytes:
        parts = [_field(1, self._name(value))]
        for field in dataclasses.fields(value):
            parts.append(_field(2, field.name.encode()))
            parts.append(_field(3, self._write(getattr(value, field.name))))
        return b"".join(parts)

    def _name(self, value: Any) -> bytes:
        return self._registry.type_name(type(value)).encode()

    def _read(self, data: bytes, ref_factory: RefFactory | None) -> Any:
        def items(content: bytes) -> list[Any]:
            return [self._read(item, ref_factory) for item in _parts(content, 1)]

        kind, content = _kind(data)
        if kind in _CONTENT_OF:
            return _CONTENT_OF[kind](content)
        if kind in _SEQUENCES:
            return _SEQUENCES[kind](items(content))
        if kind == DICT:
            values = (self._read(value, ref_factory) for value in _parts(content, 2))
            return dict(zip(items(content), values, strict=True))
        if kind == OBJECT:
            return self._read_object(content, ref_factory)
        if kind == ENUM:
            (cls,), (name,) = _parts(content, 1), _parts(content, 2)
            return self._registry.resolve(cls.decode())[name.decode()]
        if kind == REF:
            if ref_factory is None:
                raise ProtobufError("an actor reference, and no factory for it")
            return ref_factory(ActorAddress.from_uri(content.decode()))
        return self._read_any(content)

    def _read_object(self, content: bytes, ref_factory: RefFactory | None) -> Any:
        (name,) = _parts(content, 1)
        cls = self._registry.resolve(name.decode())
        names = (field.decode() for field in _parts(content, 2))
        values = (self._read(value, ref_factory) for value in _parts(content, 3))
        sent = dict(zip(names, values, strict=True))
        known = {field.name: field for field in dataclasses.fields(cls)}
        made = cls(**{name: sent[name] for name in sent if name in known and known[name].init})
        for name in sent:
            if name in known and not known[name].init:
                object.__setattr__(made, name, sent[name])
        return made

    def _read_any(self, content: bytes) -> Any:
        url = b"".join(_parts(content, 1)).decode()
        value = b"".join(_parts(content, 2))
        cls = self._messages.get(url.rpartition("/")[2])
        return AnyMessage(url, value) if cls is None else cls.FromString(value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(number: int, value: int) -> bytes:
    """A field with an unsigned number."""
    return _varint(number << 3 | VARINT) + _varint(value)


def _signed(number: int, value: int) -> bytes:
    return _number(number, value << 1 ^ value >> 63)


def _double(number: int, value: float) -> bytes:
    return _varint(number << 3 | FIXED64) + struct.pack("<d", value)


def _field(number: int, content: bytes) -> bytes:
    """A field with a text, bytes or a message."""
    return _varint(number << 3 | LEN) + _varint(len(content)) + content


def _numbers(*values: int) -> bytes:
    """The fields from 1 on; those that are 0 are left out."""
    return b"".join(_number(at, value) for at, value in enumerate(values, 1) if value)


def _scalar(value: Any) -> bytes:
    match value:
        case bool():
            return _number(BOOL, value)
        case int() if -(2**63) <= value < 2**63:
            return _signed(INT, value)
        case int():
            size = value.bit_length() // 8 + 1
            return _field(BIG_INT, value.to_bytes(size, "little", signed=True))
        case float():
            return _double(FLOAT, value)
        case str():
            return _field(STR, value.encode())
        case bytes():
            return _field(BYTES, value)
        case bytearray():
            return _field(BYTEARRAY, bytes(value))
        case datetime.datetime():
            moment = _field(1, _date(value.date())) + _field(2, _time(value.timetz()))
            return _field(DATETIME, moment)
        case datetime.date():
            return _field(DATE, _date(value))
        case datetime.time():
            return _field(TIME, _time(value))
        case datetime.timedelta():
            return _field(TIMEDELTA, _timedelta(value))
        case uuid.UUID():
            return _field(UUID, value.bytes)
        case decimal.Decimal():
            return _field(DECIMAL, str(value).encode())
        case complex():
            return _field(COMPLEX, _double(1, value.real) + _double(2, value.imag))
        case _ if hasattr(value, "SerializeToString") and hasattr(value, "DESCRIPTOR"):
            url = TYPE_URL + value.DESCRIPTOR.full_name
            return _field(ANY, _any(url, value.SerializeToString()))
        case _:
            cls = type(value)
            raise ProtobufError(f"a {cls.__module__}.{cls.__qualname__} cannot be carried")


def _any(type_url: str, value: bytes) -> bytes:
    return _field(1, type_url.encode()) + _field(2, value)


def _date(value: datetime.date) -> bytes:
    return _numbers(value.year, value.month, value.day)


def _time(value: datetime.time) -> bytes:
    clock = _numbers(value.hour, value.minute, value.second, value.microsecond, value.fold)
    if isinstance(value.tzinfo, zoneinfo.ZoneInfo) and value.tzinfo.key is not None:
        return clock + _field(7, value.tzinfo.key.encode())
    offset = value.utcoffset()
    if value.tzinfo is not None and offset is None:
        raise ProtobufError(f"{value.tzinfo!r} has no offset of its own")
    return clock if offset is None else clock + _field(6, _timedelta(offset))


def _timedelta(value: datetime.timedelta) -> bytes:
    # Zigzag, as days may be negative.
    return _numbers(value.days << 1 ^ value.days >> 63, value.seconds, value.microseconds)


def _base(value: Any, known: dict[type, Any]) -> type:
    """The known class that a value is an instance of; a named tuple is a tuple."""
    return next(cls for cls in type(value).__mro__ if cls in known)


def _fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """The fields of a message: number, form and content."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def take(size: int) -> bytes:
        nonlocal at
        taken = data[at : at + size]
        at += size
        if len(taken) < size:
            raise ProtobufError("the input ends inside a value")
        return taken

    while at < len(data):
        number, form = divmod(varint(), 8)
        if form == VARINT:
            yield number, form, varint()
        elif form == LEN:
            yield number, form, take(varint())
        elif form in (FIXED64, FIXED32):
            yield number, form, take(8 if form == FIXED64 else 4)
        else:
            raise ProtobufError(f"a field of form {form}")


def _kind(data: bytes) -> tuple[int, Any]:
    """The one field of a value that is known, and its content."""
    known = [(number, content) for number, _, content in _fields(data) if number <= ANY]
    if len(known) != 1:
        raise ProtobufError(f"a value of {len(known)} known kinds")
    return known[0]


def _parts(data: bytes, wanted: int) -> list[bytes]:
    return [content for number, _, content in _fields(data) if number == wanted]


def _read_signed(value: int) -> int:
    return value >> 1 ^ -(value & 1)


def _read_double(content: bytes) -> float:
    return struct.unpack("<d", content)[0]


def _read_numbers(content: bytes) -> dict[int, Any]:
    return {number: value for number, _, value in _fields(content)}


def _read_date(content: bytes) -> datetime.date:
    parts = _read_numbers(content)
    return datetime.date(*(parts.get(number, 0) for number in (1, 2, 3)))


def _read_time(content: bytes) -> datetime.time:
    parts = _read_numbers(content)
    clock = (parts.get(number, 0) for number in (1, 2, 3, 4))
    if 7 in parts:
        zone = zoneinfo.ZoneInfo(parts[7].decode())
    else:
        zone = datetime.timezone(_read_timedelta(parts[6])) if 6 in parts else None
    return datetime.time(*clock, tzinfo=zone, fold=parts.get(5, 0))


def _read_datetime(content: bytes) -> datetime.datetime:
    (date,), (time,) = _parts(content, 1), _parts(content, 2)
    return datetime.datetime.combine(_read_date(date), _read_time(time))


def _read_timedelta(content: bytes) -> datetime.timedelta:
    parts = _read_numbers(content)
    days = _read_signed(parts.get(1, 0))
    return datetime.timedelta(days, parts.get(2, 0), parts.get(3, 0))


def _read_complex(content: bytes) -> complex:
    parts = _read_numbers(content)
    zero = struct.pack("<d", 0.0)
    return complex(_read_double(parts.get(1, zero)), _read_double(parts.get(2, zero)))


_CONTAINERS: dict[type, int] = {list: LIST, tuple: TUPLE, set: SET, frozenset: FROZENSET}
_SEQUENCES: dict[int, Callable[[list[Any]], Any]] = {
    LIST: list,
    TUPLE: tuple,
    SET: set,
    FROZENSET: frozenset,
}
#: What the content of a scalar's field stands for.
_CONTENT_OF: dict[int, Callable[[Any], Any]] = {
    NONE: lambda _: None,
    BOOL: bool,
    INT: _read_signed,
    FLOAT: _read_double,
    STR: bytes.decode,
    BYTES: bytes,
    BIG_INT: lambda content: int.from_bytes(content, "little", signed=True),
    BYTEARRAY: bytearray,
    DATETIME: _read_datetime,
    DATE: _read_date,
    TIME: _read_time,
    TIMEDELTA: _read_timedelta,
    UUID: lambda content: uuid.UUID(bytes=content),
    DECIMAL: lambda content: decimal.Decimal(content.decode()),
    COMPLEX: _read_complex,
}
