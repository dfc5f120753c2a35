"""Writes what cloudpickle makes of things that nobody can import, for the golden vectors.

    python - ../../crates/casty-proto/tests/vectors/by_value < by_value_vectors.py

Read from standard input, so that the bytes hold no path of a machine.
"""

import dataclasses
import enum
import sys
from pathlib import Path

import cloudpickle
from counter_app.messages import Echo


class Thing:
    def method(self):
        return self


# Without __repr__, which would bring the path of a module of the standard library.
@dataclasses.dataclass(frozen=True, repr=False)
class Record:
    x: int = 1


class Shade(enum.Enum):
    DARK = 1


def function(x):
    return x


def outer():
    class Inner:
        pass

    def nested():
        return Inner, (lambda: nested)

    return Inner, nested


inner, nested = outer()

CASES = {
    "instance": Thing(),
    "class": Thing,
    "dataclass": Record(),
    "enum": Shade.DARK,
    "lambda": lambda x: x,
    "function": function,
    "local_class": inner(),
    "closure": nested,
    "bound_method": Thing().method,
    "in_a_list": [1, Record()],
    "in_a_dataclass": Echo(lambda: 1, None),
    "code": function.__code__,
}

folder = Path(sys.argv[1])
folder.mkdir(exist_ok=True)
for name, value in CASES.items():
    (folder / f"{name}.pickle").write_bytes(cloudpickle.dumps(value, protocol=5))
