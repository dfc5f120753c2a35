"""Describes the messages of Python modules as one JSON document on standard output.

Follows `parts.py` and `files.py` in one text. Arguments: the modules. Before them, `--path FOLDER` is a folder to
import from, and `--opaque CLASS` a class to leave undescribed. What the modules print goes to standard
error.
"""


class Describer:
    def __init__(self, modules, opaque, paths):
        self.modules = modules
        self.opaque = opaque
        self.paths = paths
        self.types = {}
        #: The modules of the classes that are described, and of their bases.
        self.read = set()
        self.notes = []
        self.sources = {}
        self.guarded = {}
        #: The members of a union that a module names, and the name.
        self.unions = {}

    # What is described ------------------------------------------------------------------

    def run(self):
        found = [(module, self.exported(module)) for module in self.modules]
        for module, names in found:
            self.name_unions(module, names)
        for module, names in found:
            for name, value in names.items():
                self.root(module, name, value)
        return {
            "modules": [module.__name__ for module in self.modules],
            "types": sorted(self.types.values(), key=self.order),
            "notes": self.notes,
            "files": self.files(),
        }

    def files(self):
        asked = {module.__name__ for module in self.modules}
        return files(asked, {name for name, _ in self.types} | self.read, self.paths)

    def exported(self, module):
        """The names of a module that count: those of `__all__`, or the public ones of its own."""
        listed = getattr(module, "__all__", None)
        if listed is not None:
            return {name: getattr(module, name) for name in listed if hasattr(module, name)}
        assigned = self.source(module.__name__).assigned
        own = {}
        for name, value in vars(module).items():
            if name.startswith("_"):
                continue
            if isinstance(value, (type, typing.NewType, ALIAS)):
                home = value.__module__ or ""
                is_own = home == module.__name__ or home.startswith(module.__name__ + ".")
            else:
                is_own = assigned is None or name in assigned
            if is_own:
                own[name] = value
        return own

    def root(self, module, name, value):
        if isinstance(value, type):
            self.classes(value)
        elif isinstance(value, (typing.NewType, ALIAS)):
            self.named(value)
        elif is_union(value):
            self.named_union(module, name, value)

    def classes(self, cls):
        """Describes a class and those inside it."""
        if is_data(cls) or issubclass(cls, enum.Enum):
            self.convert(cls, Context(cls, cls.__module__))
        for name, inner in vars(cls).items():
            is_own = isinstance(inner, type) and inner.__qualname__ == f"{cls.__qualname__}.{name}"
            if is_own and not name.startswith("_"):
                self.classes(inner)

    def name_unions(self, module, names):
        """Remembers the unions that are assigned to a name, so that fields go by it."""
        for name, value in names.items():
            if not is_union(value):
                continue
            context = Context(None, module.__name__)
            members, _ = self.members(value, context)
            if len(members) > 1 and not self.fault(members):
                key = frozenset(identity(member) for member, _ in members)
                self.unions.setdefault(key, (module.__name__, name))

    def named_union(self, module, name, value):
        members, _ = self.members(value, Context(None, module.__name__))
        key = frozenset(identity(member) for member, _ in members)
        if self.unions.get(key) == (module.__name__, name):
            self.define_union(module.__name__, name, members, [])

    def define_union(self, module, name, members, params):
        if (module, name) in self.types:
            return
        self.types[module, name] = described = {
            "kind": "union",
            "module": module,
            "name": name,
            "doc": None,
            "params": params,
        }
        described["members"] = [self.convert(member, context) for member, context in members]

    def order(self, described):
        """Requested modules come first; in each, types stand as in the source."""
        module, name = described["module"], described["name"]
        requested = [one.__name__ for one in self.modules]
        rank = requested.index(module) if module in requested else len(requested)
        names = list(vars(sys.modules[module])) if module in sys.modules else []
        outer = name.split(".")[0]
        place = names.index(outer) if outer in names else len(names)
        return rank, module if rank == len(requested) else "", place, name.count("."), name

    # Modules ----------------------------------------------------------------------------

    def source(self, module):
        if module not in self.sources:
            self.sources[module] = Source(sys.modules.get(module))
        return self.sources[module]

    def guarded_names(self, module):
        """What a module imports for type checkers only."""
        if module not in self.guarded:
            self.guarded[module] = names = {}
            for node in self.source(module).guarded:
                self.run_import(module, node, names)
        return self.guarded[module]

    def run_import(self, module, node, names):
        scope = {"__name__": module, "__package__": vars(sys.modules[module]).get("__package__")}
        text = ast.unparse(node)
        try:
            exec(text, scope)
        except Exception as error:
            wanted = isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0]
            for one in node.names:
                if wanted == "casty" and one.name == "ActorRef":
                    names[one.asname or one.name] = ActorRef
                else:
                    self.notes.append(f"{module}: `{text}` fails: {told(error)}")
            return
        for name in ("__builtins__", "__name__", "__package__"):
            scope.pop(name, None)
        names.update(scope)

    def evaluate(self, text, context):
        try:
            return eval(text, {}, context.names({}))
        except NameError:
            return eval(text, {}, context.names(self.guarded_names(context.module)))

    # Annotations ------------------------------------------------------------------------

    def convert(self, tp, context):
        """Returns the description of an annotation, and describes what it names."""
        if isinstance(tp, typing.ForwardRef):
            tp = tp.__forward_arg__
        if isinstance(tp, str):
            try:
                tp = self.evaluate(tp, context)
            except Exception as error:
                return unknown(f"`{tp}` cannot be evaluated: {told(error)}")
            if isinstance(tp, str):
                return unknown(f"`{tp}` is a text in a text")
        if scalar := scalar_of(tp):
            return {"kind": scalar}
        if tp in (typing.Any, object):
            return ANY
        if tp is typing.Self and context.this is not None:
            return self.convert(*itself(context.this))
        if isinstance(tp, typing.TypeVar):
            return self.variable(tp, context)
        if is_union(tp):
            return self.union(tp, context)
        if isinstance(tp, (typing.NewType, ALIAS)):
            return self.named(tp)
        if bare(tp) is not tp:
            return self.convert(bare(tp), context)
        base, args = origin(tp), typing.get_args(tp)
        if base is typing.Literal:
            return self.literal(args, context)
        if isinstance(base, ALIAS):
            return self.named(base, [self.convert(arg, context) for arg in args])
        return self.container(base, args, context) or self.instance(tp, base, args, context)

    def variable(self, tp, context):
        if tp in context.bound:
            stands_for, outer = context.bound[tp]
            return self.convert(stands_for, outer)
        if tp in context.params:
            return {"kind": "param", "name": tp.__name__}
        return unknown(f"nothing tells what the type variable `{tp.__name__}` stands for")

    def container(self, base, args, context):
        def of(at):
            return self.convert(args[at], context) if at < len(args) else ANY

        if base in LISTS:
            return {"kind": "list", "of": of(0)}
        if base in DICTS:
            return {"kind": "dict", "key": of(0), "value": of(1)}
        if base in SETS:
            return {"kind": "set", "of": of(0)}
        if base in FROZEN_SETS:
            return {"kind": "frozenset", "of": of(0)}
        if base is tuple:
            if len(args) == 2 and args[1] is Ellipsis:
                return {"kind": "var_tuple", "of": of(0)}
            if not args:
                return {"kind": "var_tuple", "of": ANY}
            if any(isinstance(arg, typing.TypeVarTuple) or is_unpacked(arg) for arg in args):
                return {"kind": "var_tuple", "of": ANY}
            return {"kind": "tuple", "of": [self.convert(arg, context) for arg in args]}
        return None

    def instance(self, tp, base, args, context):
        if is_actor_ref(base):
            return {"kind": "ref", "message": self.convert(args[0], context) if args else ANY}
        if isinstance(base, type) and name_of(base) in self.opaque:
            return unknown(self.left_out(base))
        if is_data(base) or (isinstance(base, type) and issubclass(base, enum.Enum)):
            if why := self.left_out(base):
                return unknown(why)
            params = variables(base)
            given = [self.convert(arg, context) for arg in args]
            if len(given) != len(params):
                given = [ANY for _ in params]
            (self.dataclass if is_data(base) else self.enum)(base)
            return named(base.__module__, base.__qualname__, given)
        if typing.is_typeddict(base):
            return {"kind": "dict", "key": {"kind": "str"}, "value": ANY}
        return unknown(f"`{shown(tp)}` is no dataclass, enum or type that serializers know")

    def left_out(self, cls):
        """Why a class is not described; None if it is."""
        if name_of(cls) in self.opaque:
            return f"`{name_of(cls)}` is to be opaque"
        if issubclass(cls, enum.Enum) and not cls.__members__:
            return f"`{name_of(cls)}` is an enum without members"
        if not is_importable(cls):
            return f"`{name_of(cls)}` cannot be imported by that name"
        return None

    def literal(self, args, context):
        kinds = [self.convert(type(arg), context) for arg in args if arg is not None]
        if not kinds or any(kind != kinds[0] for kind in kinds):
            of = {"kind": "none"} if not kinds else unknown("literals of several types")
        else:
            values = [told_literal(arg) for arg in args if arg is not None]
            of = {"kind": "literal", "of": kinds[0], "values": values}
        return {"kind": "optional", "of": of} if None in args and kinds else of

    def named(self, tp, args=()):
        module, name = tp.__module__, tp.__name__
        context = Context(tp, module, getattr(tp, "__type_params__", ()))
        params = [param.__name__ for param in context.params]
        given = list(args) if len(args) == len(params) else [ANY for _ in params]
        if (module, name) not in self.types:
            if isinstance(tp, typing.NewType):
                kind, value = "newtype", tp.__supertype__
            else:
                kind, value = "alias", tp.__value__
            members, has_none = self.members(value, context) if is_union(value) else ([], False)
            if len(members) > 1 and not has_none and not self.fault(members):
                self.define_union(module, name, members, params)
                return named(module, name, given)
            self.types[module, name] = described = {
                "kind": kind,
                "module": module,
                "name": name,
                "params": params,
            }
            described["type"] = self.convert(value, context)
        return named(module, name, given)

    # Unions -----------------------------------------------------------------------------

    def members(self, tp, context):
        """The members of a union and of the unions in it, each with its context, and whether None is one."""
        found, has_none = {}, False
        for arg, where in self.flat(tp, context, ()):
            if arg is None or arg is types.NoneType:
                has_none = True
            else:
                found.setdefault(identity(arg), (arg, where))
        return list(found.values()), has_none

    def flat(self, tp, context, seen):
        """The members of a union, in whatever aliases; a type that is none is its own only one."""
        tp, context = self.written(tp, context)
        if isinstance(tp, ALIAS) and tp not in seen:
            inside = Context(tp, tp.__module__, tp.__type_params__)
            return self.flat(tp.__value__, inside, (*seen, tp))
        if is_union(tp):
            return [one for arg in typing.get_args(tp) for one in self.flat(arg, context, seen)]
        return [(tp, context)]

    def written(self, tp, context):
        """An annotation without the text around it and the notes beside it, and the place that it is of."""
        tp = bare(tp)
        if isinstance(tp, typing.ForwardRef):
            tp = tp.__forward_arg__
        if isinstance(tp, str):
            try:
                tp = bare(self.evaluate(tp, context))
            except Exception:
                return tp, context
        if tp is typing.Self and context.this is not None:
            return itself(context.this)
        return tp, context

    def union(self, tp, context):
        args = typing.get_args(tp)
        others = [arg for arg in args if arg is not None and arg is not types.NoneType]
        if len(others) == 1 and len(args) == 2:
            return optional(self.convert(others[0], context))
        members, has_none = self.members(tp, context)
        of = self.choice(members)
        return optional(of) if has_none else of

    def choice(self, members):
        """A value of one of these types."""
        if len(members) < 2:
            return self.convert(*members[0]) if members else {"kind": "none"}
        if why := self.fault(members):
            return unknown(why)
        key = frozenset(identity(member) for member, _ in members)
        if key in self.unions:
            module, name = self.unions[key]
            self.define_union(module, name, members, [])
            return named(module, name, [])
        return {"kind": "union", "members": [self.convert(one, where) for one, where in members]}

    def fault(self, members):
        """Why no enum of Rust has these as its members; None if one has.

        Each needs a class that is described, for that is what values are told apart by.
        """
        classes = [origin(member) for member, _ in members]
        if not all(is_data(cls) for cls in classes):
            texts = " and ".join(f"`{shown(member)}`" for member, _ in members)
            return f"a union of {texts}: only those of dataclasses are told apart"
        for cls in classes:
            if why := self.left_out(cls):
                return f"a union in which {why}"
        if len(set(classes)) < len(classes):
            return "a union with one class twice, which its name does not tell apart"
        return None

    # Classes ----------------------------------------------------------------------------

    def dataclass(self, cls):
        key = cls.__module__, cls.__qualname__
        if key in self.types:
            return
        self.read.update(base.__module__ for base in cls.__mro__)
        params = variables(cls)
        contexts = {}
        bases(cls, Context(cls, cls.__module__, params, this=cls), contexts)
        self.types[key] = described = {
            "kind": "dataclass",
            "module": cls.__module__,
            "name": cls.__qualname__,
            "doc": docstring(cls),
            "params": [param.__name__ for param in params],
            "notes": [],
        }
        if wanted := init_only(cls):
            described["notes"].append(
                f"Nodes build no such object from json or msgpack: `{wanted}` is an argument of its "
                "constructor, and no field."
            )
        described["fields"] = [self.field(cls, field, contexts) for field in dataclasses.fields(cls)]

    def field(self, cls, field, contexts):
        owner = next((base for base in cls.__mro__ if field.name in annotations(base)), cls)
        context = contexts.get(owner) or Context(owner, owner.__module__, this=cls)
        docs = self.source(owner.__module__).docs
        return {
            "name": field.name,
            "type": self.convert(field.type, context),
            "default": self.default(field),
            "init": field.init,
            "doc": docs.get((owner.__qualname__, field.name)),
        }

    def enum(self, cls):
        key = cls.__module__, cls.__qualname__
        if key in self.types:
            return
        self.read.update(base.__module__ for base in cls.__mro__)
        docs = self.source(cls.__module__).docs
        members = {}
        for name, member in cls.__members__.items():
            if name == member.name:
                doc = docs.get((cls.__qualname__, name))
                members[name] = {"name": name, "aliases": [], "doc": doc} | pickled(cls, member)
            elif member.name in members:
                members[member.name]["aliases"].append(name)
        self.types[key] = {
            "kind": "enum",
            "module": cls.__module__,
            "name": cls.__qualname__,
            "doc": docstring(cls),
            "flag": issubclass(cls, enum.Flag),
            "members": list(members.values()),
        }

    # Defaults ---------------------------------------------------------------------------

    def default(self, field):
        if field.default is not dataclasses.MISSING:
            return value_of(field.default, DEEPEST)
        factory = field.default_factory
        if factory is dataclasses.MISSING:
            return None
        if factory in FACTORIES:
            return value_of(factory(), DEEPEST)
        if is_data(factory) and not init_only(factory):
            fields = [one for one in dataclasses.fields(factory) if one.init]
            values = [[one.name, self.default(one)] for one in fields]
            if all(value is not None and is_told(value) for _, value in values):
                name = {"module": factory.__module__, "name": factory.__qualname__}
                return {"kind": "object"} | name | {"fields": values}
        return unknown(f"it is made by `{getattr(factory, '__qualname__', 'a call')}`")


def told(error):
    """Python's own words for an error, and the line that raised it if that is in a file."""
    text = f"{type(error).__name__}: {error}"
    frames = traceback.extract_tb(error.__traceback__)
    places = [frame for frame in frames if not frame.filename.startswith("<")]
    if places and "importlib" not in places[-1].filename and not isinstance(error, SyntaxError):
        text += f" ({places[-1].filename}, line {places[-1].lineno})"
    return text


def load(name):
    try:
        return importlib.import_module(name)
    except BaseException as error:
        raise Failure(kind="import", module=name, message=told(error)) from None


def main(args):
    opaque, modules, paths = set(), [], []
    args = iter(args)
    for arg in args:
        if arg == "--path":
            paths.append(os.path.abspath(next(args)))
            sys.path.insert(0, paths[-1])
        elif arg == "--opaque":
            opaque.add(next(args))
        else:
            modules.append(arg)
    # What modules print is no part of the document.
    sys.stdout.flush()
    document = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    os.dup2(2, 1)
    try:
        described = Describer([load(name) for name in modules], opaque, paths).run()
        told_of = {"casty_types": VERSION, "described": described}
    except Failure as failure:
        told_of = {"casty_types": VERSION, "error": failure.error}
    except Exception as error:
        told_of = {"casty_types": VERSION, "error": {"kind": "python", "message": told(error)}}
    json.dump(told_of, document)
    document.close()
    # Threads that a module has started are not waited for.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


main(sys.argv[1:])
