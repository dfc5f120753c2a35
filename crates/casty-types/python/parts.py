"""The parts of Python's types: what annotations, classes, enums and their sources say.

`files.py` and `describe.py` follow in one text.
"""

import ast
import builtins
import collections
import collections.abc as abc
import dataclasses
import datetime
import decimal
import enum
import importlib
import inspect
import json
import os
import sys
import traceback
import types
import typing
import uuid

VERSION = 1

SCALARS = {
    bool: "bool",
    int: "int",
    float: "float",
    str: "str",
    bytes: "bytes",
    bytearray: "bytearray",
    complex: "complex",
    datetime.datetime: "datetime",
    datetime.date: "date",
    datetime.time: "time",
    datetime.timedelta: "timedelta",
    uuid.UUID: "uuid",
    decimal.Decimal: "decimal",
    types.NoneType: "none",
    None: "none",
}

LISTS = (list, abc.Sequence, abc.MutableSequence, abc.Collection, abc.Iterable, abc.Reversible)
DICTS = (dict, abc.Mapping, abc.MutableMapping)
SETS = (set, abc.MutableSet)
FROZEN_SETS = (frozenset, abc.Set)
WRAPPERS = (typing.Final, typing.Required, typing.NotRequired, typing.ClassVar)
ANY = {"kind": "any"}
ALIAS = typing.TypeAliasType

#: Factories whose value is always the same.
FACTORIES = (list, dict, set, frozenset, tuple, str, bytes, bytearray, int, float, bool)
#: The deepest default that is written out, and the longest of its containers.
DEEPEST, LONGEST = 8, 64


class Failure(Exception):
    """Ends the run; the arguments are what the document says of it."""

    def __init__(self, **error):
        super().__init__(error)
        self.error = error


class Context:
    """The place of an annotation: names as they are known there, and what type variables stand for.

    `this` is the class that `Self` stands for: the one that is described, which may have inherited the
    field from the owner.
    """

    def __init__(self, owner, module, params=(), bound=None, this=None):
        self.owner = owner
        self.module = module
        self.params = params
        self.bound = bound or {}
        self.this = this

    def names(self, guarded):
        scope = {param.__name__: param for param in getattr(self.owner, "__type_params__", ())}
        module = vars(sys.modules[self.module]) if self.module in sys.modules else {}
        own = vars(self.owner) if isinstance(self.owner, type) else {}
        return collections.ChainMap(scope, module, dict(own), guarded, vars(builtins))


class Source:
    """A module's text, as far as there is one."""

    def __init__(self, module):
        self.assigned = None
        self.docs = {}
        self.guarded = []
        try:
            tree = ast.parse(inspect.getsource(module))
        except (OSError, TypeError, SyntaxError, ValueError):
            return
        self.assigned = set()
        for node in tree.body:
            self._top(node)
        self._classes(tree.body, "")

    def _top(self, node):
        if isinstance(node, ast.Assign):
            self.assigned.update(t.id for t in node.targets if isinstance(t, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            self.assigned.add(node.target.id)
        elif isinstance(node, ast.TypeAlias):
            self.assigned.add(node.name.id)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            imports = (ast.Import, ast.ImportFrom)
            self.guarded.extend(one for one in node.body if isinstance(one, imports))

    def _classes(self, body, prefix):
        """Collects the texts that stand below fields and members, as their docstrings."""
        for node in body:
            if not isinstance(node, ast.ClassDef):
                continue
            name = prefix + node.name
            for before, after in zip(node.body, node.body[1:]):
                target = None
                if isinstance(before, ast.AnnAssign):
                    target = before.target
                elif isinstance(before, ast.Assign) and len(before.targets) == 1:
                    target = before.targets[0]
                text = after.value.value if _is_text(after) else None
                if isinstance(target, ast.Name) and text:
                    self.docs[name, target.id] = inspect.cleandoc(text)
            self._classes(node.body, name + ".")


def _is_text(node):
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


class ActorRef:
    """Stands in for casty's where an annotation names it and casty is not installed."""

    def __class_getitem__(cls, message):
        return types.GenericAlias(cls, (message,))


def is_actor_ref(cls):
    if cls is ActorRef:
        return True
    module = getattr(cls, "__module__", None) or ""
    named = getattr(cls, "__name__", "") in ("ActorRef", "RemoteActorRef", "LocalActorRef")
    return isinstance(cls, type) and named and module.split(".")[0] == "casty"


def is_data(cls):
    """Whether a class travels by its fields. An enum that has a dataclass mixed in travels by its members."""
    is_class = isinstance(cls, type) and not issubclass(cls, enum.Enum)
    return is_class and dataclasses.is_dataclass(cls)


def name_of(cls):
    return f"{cls.__module__}.{cls.__qualname__}"


def identity(tp):
    """A text that no other annotation has."""
    return name_of(tp) if isinstance(tp, type) and not typing.get_args(tp) else str(tp)


def shown(tp):
    """The annotation as a person would write it: without the private modules of a package."""
    if isinstance(tp, type) and not typing.get_args(tp):
        module = tp.__module__.split("._")[0]
        return tp.__qualname__ if module == "builtins" else f"{module}.{tp.__qualname__}"
    return str(tp).replace("typing.", "")


def unknown(why):
    return {"kind": "unknown", "why": why}


def origin(tp):
    return typing.get_origin(tp) or tp


def bare(tp):
    """An annotation without what is noted beside it."""
    while typing.get_origin(tp) is typing.Annotated or typing.get_origin(tp) in WRAPPERS:
        tp = typing.get_args(tp)[0]
    return tp


def scalar_of(tp):
    """The kind of a scalar; None if it is none, or has notes beside it that have no hash."""
    try:
        return SCALARS.get(tp)
    except TypeError:
        return None


def itself(cls):
    """What `Self` is in a class, and the place that it is of."""
    params = variables(cls)
    return (cls[params] if params else cls), Context(cls, cls.__module__, params, this=cls)


def named(module, name, args):
    return {"kind": "named", "module": module, "name": name, "args": args}


def optional(of):
    return of if of["kind"] in ("optional", "any", "none") else {"kind": "optional", "of": of}


def is_union(tp):
    return typing.get_origin(tp) in (typing.Union, types.UnionType)


def told_literal(value):
    return str(value) if isinstance(value, enum.Enum) else repr(value)


def is_unpacked(tp):
    return typing.get_origin(tp) is typing.Unpack or getattr(tp, "__unpacked__", False)


def variables(cls):
    """The type variables of a class; none if some are packs of types."""
    params = getattr(cls, "__parameters__", ())
    return params if all(isinstance(one, typing.TypeVar) for one in params) else ()


def bases(cls, context, out):
    """Collects what the type variables of a class's bases stand for."""
    out.setdefault(cls, context)
    written = {origin(base): base for base in vars(cls).get("__orig_bases__", ())}
    for base in cls.__bases__:
        args = typing.get_args(written.get(base, base))
        pairs = zip(getattr(base, "__parameters__", ()), args)
        bound = {param: (arg, context) for param, arg in pairs}
        bases(base, Context(base, base.__module__, (), bound, context.this), out)


def annotations(cls):
    if sys.version_info >= (3, 14):
        import annotationlib

        form = annotationlib.Format.FORWARDREF
        return annotationlib.get_annotations(cls, format=form)
    return vars(cls).get("__annotations__", {})


def init_only(cls):
    """The name of an argument without default that is no field; None if there is none."""
    fields = {field.name for field in dataclasses.fields(cls)}
    try:
        arguments = inspect.signature(cls).parameters.values()
    except (TypeError, ValueError):
        return None
    kinds = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    for argument in arguments:
        if argument.kind not in kinds and argument.default is inspect.Parameter.empty:
            if argument.name not in fields:
                return argument.name
    return None


def docstring(cls):
    """The class's own docstring, unless dataclass or enum has made it up."""
    text = vars(cls).get("__doc__")
    made_up = isinstance(text, str) and text.startswith(f"{cls.__name__}(")
    return inspect.cleandoc(text) if isinstance(text, str) and not made_up else None


def is_importable(cls):
    at = sys.modules.get(cls.__module__)
    for part in cls.__qualname__.split("."):
        at = getattr(at, part, None)
    return at is cls and cls.__module__ != "__main__"


def pickled(cls, member):
    """How pickle knows a member: by the text of a value, or by its name."""
    reduced = member.__reduce_ex__(5)
    if not isinstance(reduced, tuple) or reduced[0] is not cls or len(reduced[1]) != 1:
        is_named = isinstance(reduced, str) or reduced[0] is getattr
        return {"value": None} if is_named else {"value": None, "why": "it is pickled in its own way"}
    value = reduced[1][0]
    if not is_plain(value, 4):
        return {"value": None, "why": f"its value is of the type `{shown(type(value))}`"}
    return {"value": str(value)}


def is_plain(value, depth):
    if type(value) is tuple:
        return depth > 0 and all(is_plain(item, depth - 1) for item in value)
    return type(value) in (types.NoneType, bool, int, float, str)


def is_told(value):
    """Whether nothing in a default is unknown."""
    return value["kind"] != "unknown"


def value_of(value, depth):
    """Describes a default."""
    kind = SCALARS.get(type(value))
    if depth == 0:
        return unknown("it nests too deep")
    if isinstance(value, enum.Enum):
        cls = type(value)
        if value.name not in cls.__members__:
            return unknown("it has several flags")
        name = {"module": cls.__module__, "name": cls.__qualname__}
        return {"kind": "member"} | name | {"member": value.name}
    if kind == "none":
        return {"kind": "none"}
    if kind == "bool":
        return {"kind": "bool", "value": value}
    if kind in ("int", "float", "str", "decimal", "uuid"):
        return {"kind": kind, "value": str(value)}
    if kind in ("bytes", "bytearray"):
        return {"kind": kind, "value": list(value)} if len(value) <= LONGEST else unknown("it is long")
    if kind == "timedelta":
        return {"kind": kind, "value": [value.days, value.seconds, value.microseconds]}
    if type(value) in (list, tuple, set, frozenset, dict):
        return container_of(value, depth)
    if is_data(type(value)) and is_importable(type(value)):
        cls = type(value)
        fields = [field.name for field in dataclasses.fields(value) if field.init]
        values = [[name, value_of(getattr(value, name), depth - 1)] for name in fields]
        if all(is_told(one) for _, one in values):
            return {"kind": "object", "module": cls.__module__, "name": cls.__qualname__, "fields": values}
    return unknown(f"it is of the type `{shown(type(value))}`")


def container_of(value, depth):
    if len(value) > LONGEST:
        return unknown("it is long")
    if type(value) is dict:
        items = [[value_of(one, depth - 1) for one in pair] for pair in value.items()]
        fine = all(is_told(one) for pair in items for one in pair)
    else:
        # Sets have no order of their own.
        ordered = sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value
        items = [value_of(one, depth - 1) for one in ordered]
        fine = all(is_told(one) for one in items)
    return {"kind": type(value).__name__, "items": items} if fine else unknown("it has such parts")
