"""Writes what pickle makes of collections, zones and states, for the golden vectors.

    python - ../../crates/casty-proto/tests/vectors/standard < standard_vectors.py

Read from standard input, as by_value_vectors.py is.
"""

import collections
import dataclasses
import datetime
import pickle
import sys
import zoneinfo
from pathlib import Path


class Dict(dict):
    pass


class List(list):
    pass


class Ordered(collections.OrderedDict):
    pass


class Default(collections.defaultdict):
    pass


class Deque(collections.deque):
    pass


class Zone(datetime.tzinfo):
    def utcoffset(self, when):
        return datetime.timedelta(hours=1)


class Made:
    @classmethod
    def make(cls, x):
        return cls()

    def __reduce__(self):
        return Made.make, (1,)


class Numbered:
    def __getstate__(self):
        return {1: 2}


class Stateless:
    pass


class EmptyState:
    def __getstate__(self):
        return {}

    def __setstate__(self, state):
        self.states = [state]


@dataclasses.dataclass
class Slots:
    __slots__ = ("x",)
    x: int


class SlotsAndDict(Slots):
    pass


class HalfEmpty:
    """Has a state of two dicts, of which any may be empty or missing."""

    def __init__(self, *halves):
        self.halves = halves

    def __getstate__(self):
        return self.halves

    def __setstate__(self, state):
        self.halves = state


def missing():
    return 0


def attributed():
    made = collections.OrderedDict(a=1)
    made.note = "x"
    return made


BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")
PAIRS = {"b": 1, "a": [2]}

CASES = {
    # Read as data.
    "ordered_dict": collections.OrderedDict(PAIRS),
    "ordered_dict_empty": collections.OrderedDict(),
    "default_dict": collections.defaultdict(list, PAIRS),
    "default_dict_function": collections.defaultdict(missing, PAIRS),
    "default_dict_none": collections.defaultdict(None, PAIRS),
    "counter": collections.Counter(PAIRS | {"a": 2}),
    "deque": collections.deque([1, "two"]),
    "deque_bounded": collections.deque([1, "two"], 5),
    "deque_empty": collections.deque(),
    "datetime_zone": datetime.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1),
    "datetime_zone_uncached": datetime.datetime(
        2024, 1, 2, 3, 4, 5, 6, tzinfo=zoneinfo.ZoneInfo.no_cache("UTC")
    ),
    "time_zone": datetime.time(1, 2, 3, tzinfo=BERLIN),
    "nested": [collections.OrderedDict(x=collections.deque([collections.Counter(a=1)]))],
    "stateless": Stateless(),
    "empty_state": EmptyState(),
    "slots": Slots(1),
    "halves_both_empty": HalfEmpty({}, {}),
    "halves_own_none": HalfEmpty(None, {}),
    "halves_slots_none": HalfEmpty({}, None),
    "halves_own": HalfEmpty({"a": 1}, {}),
    # Need Python.
    "ordered_dict_attribute": attributed(),
    "dict_subclass": Dict(PAIRS),
    "list_subclass": List([1, 2]),
    "ordered_dict_subclass": Ordered(PAIRS),
    "default_dict_subclass": Default(missing, PAIRS),
    "deque_subclass": Deque([1]),
    "deque_subclass_bounded": Deque([1], 5),
    "datetime_own_zone": datetime.datetime(2024, 1, 1, tzinfo=Zone()),
    "zone": BERLIN,
    "class_method": Made(),
    "numbered_state": Numbered(),
}

#: Nodes write the last; the other is Python's own choice up to 3.13.
PROTOCOLS = (4, 5)


def main() -> None:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in CASES.items():
        for protocol in PROTOCOLS:
            written = pickle.dumps(value, protocol=protocol)
            (folder / f"{name}.{protocol}.pickle").write_bytes(written)


if __name__ == "__main__":
    main()
