"""Equality as strict as a wire must be: 1, 1.0 and True differ, NaN equals NaN."""

from __future__ import annotations

import dataclasses
import math
import struct
from typing import Any

from casty.remote.ref import RemoteActorRef


def difference(expected: Any, got: Any, where: str = "value") -> str | None:
    """Where and how `got` differs from `expected`; None when it does not."""
    if isinstance(expected, RemoteActorRef) and isinstance(got, RemoteActorRef):
        uris = expected.address.to_uri(), got.address.to_uri()
        return None if uris[0] == uris[1] else f"{where}: expected {uris[0]}, got {uris[1]}"
    if type(expected) is not type(got):
        return f"{where}: expected {_show(expected)}, got {_show(got)}"
    match expected:
        case float():
            same = math.isnan(expected) and math.isnan(got) or _bits(expected) == _bits(got)
            return None if same else f"{where}: expected {expected!r}, got {got!r}"
        case list() | tuple():
            return _sequences(expected, got, where)
        case dict():
            return _dicts(expected, got, where)
        case set() | frozenset():
            return _sets(expected, got, where)
        case _ if dataclasses.is_dataclass(expected):
            return _objects(expected, got, where)
        case _:
            same = expected == got and repr(expected) == repr(got)
            return None if same else f"{where}: expected {_show(expected)}, got {_show(got)}"


def _bits(number: float) -> bytes:
    return struct.pack(">d", number)


def _show(value: Any) -> str:
    return f"{type(value).__qualname__} {value!r:.120}"


def _sequences(expected: Any, got: Any, where: str) -> str | None:
    if len(expected) != len(got):
        return f"{where}: expected {len(expected)} items, got {len(got)}"
    found = (difference(a, b, f"{where}[{i}]") for i, (a, b) in enumerate(zip(expected, got)))
    return next(filter(None, found), None)


def _dicts(expected: Any, got: Any, where: str) -> str | None:
    """In any order: Python's dicts keep theirs, but are equal without."""
    keys = {key: key for key in got}
    if len(expected) != len(keys):
        return f"{where}: expected {len(expected)} keys, got {len(keys)}"
    for key, value in expected.items():
        if key not in keys:
            return f"{where}: key {_show(key)} is missing"
        found = difference(key, keys[key], f"key of {where}")
        found = found or difference(value, got[key], f"{where}[{key!r}]")
        if found is not None:
            return found
    return None


def _sets(expected: Any, got: Any, where: str) -> str | None:
    """Items in any order; each is paired with one that has no difference."""
    if len(expected) != len(got):
        return f"{where}: expected {len(expected)} items, got {len(got)}"
    rest = list(got)
    for item in expected:
        twin = next((i for i, b in enumerate(rest) if difference(item, b) is None), None)
        if twin is None:
            return f"{where}: {_show(item)} is missing"
        del rest[twin]
    return None


def _objects(expected: Any, got: Any, where: str) -> str | None:
    """Field by field; a slot that was never set is a difference, not an error."""
    unset = object()
    for field in dataclasses.fields(expected):
        found = difference(
            getattr(expected, field.name), getattr(got, field.name, unset), f"{where}.{field.name}"
        )
        if found is not None:
            return found
    return None
