//! Objects and calls: the constructions of a pickle, as data.

use super::super::arena::{Children, EMPTY_TUPLE, Id, Node};
use super::super::class::{self, Callee};
use super::super::stdlib;
use super::machine::Machine;
use crate::DecodeError;
use crate::value::Instantiation;

impl Machine<'_> {
    /// Runs `cls.__new__(cls, *args)`.
    pub(super) fn new_object(&mut self) -> Result<(), DecodeError> {
        let args = self.pop()?;
        let class = self.pop()?;
        let args = self.arguments(args)?;
        let bare_uuid = self.callee(class)? == Callee::Uuid && args == EMPTY_TUPLE;
        if !bare_uuid && !self.can_be_class(class) {
            return Err(self.needs_python(class));
        }
        self.instance(class, args, Instantiation::New)
    }

    /// Returns whether a global can be a class that has instances, although its name may not be
    /// capitalised.
    fn can_be_class(&self, class: Id) -> bool {
        match self.arena.node(class) {
            Node::Class {
                callee: Callee::Class,
                ..
            } => true,
            Node::Class {
                callee: Callee::Function,
                module,
                ..
            } => class::may_hold_data(self.arena.str_bytes(module)),
            _ => false,
        }
    }

    /// Pushes an instance of a class that was called with arguments.
    fn instance(&mut self, class: Id, args: Id, made_by: Instantiation) -> Result<(), DecodeError> {
        if args == EMPTY_TUPLE {
            self.push_composed(Node::New { class, made_by })
        } else {
            self.push_composed(Node::Constructed { class, args })
        }
    }

    /// Runs `cls.__new__(cls, *args, **keywords)`.
    pub(super) fn new_object_ex(&mut self) -> Result<(), DecodeError> {
        let keywords = self.pop()?;
        let args = self.pop()?;
        let class = self.pop()?;
        let args = self.arguments(args)?;
        let Node::Dict(entries) = self.arena.node(keywords) else {
            return Err(self.malformed("keywords that are no dict"));
        };
        match self.callee(class)? {
            Callee::Partial => {
                let class = self.only_argument(args)?;
                self.callee(class)?;
                if !self.can_be_class(class) {
                    return Err(self.needs_python(class));
                }
                self.push_composed(Node::Partial { class, keywords })
            }
            _ if !self.can_be_class(class) => Err(self.needs_python(class)),
            _ if self.arena.children(entries).is_empty() => {
                self.instance(class, args, Instantiation::New)
            }
            _ if args == EMPTY_TUPLE => self.push_composed(Node::Named {
                class,
                state: keywords,
                made_by: None,
            }),
            _ => Err(self.needs_python(class)),
        }
    }

    /// Runs `callee(*args)`.
    pub(super) fn reduce(&mut self) -> Result<(), DecodeError> {
        let args = self.pop()?;
        let callee = self.pop()?;
        let args = self.arguments(args)?;
        if let Node::Partial { class, keywords } = self.arena.node(callee) {
            if args != EMPTY_TUPLE {
                return Err(self.needs_python(class));
            }
            return self.push_composed(Node::Named {
                class,
                state: keywords,
                made_by: None,
            });
        }
        if let Node::ByValue { function, .. } = self.arena.node(callee) {
            return self.push_composed(Node::ByValue { function, args });
        }
        if let Node::Member { class, name } = self.arena.node(callee) {
            return self.method(class, name, args);
        }
        match self.callee(callee)? {
            Callee::ByValue => self.by_value(callee, args),
            Callee::Class => self.instance(callee, args, Instantiation::Call),
            Callee::Function | Callee::Partial => Err(self.needs_python(callee)),
            Callee::Ref => {
                let uri = self.only_argument(args)?;
                match self.arena.node(uri) {
                    Node::Str(_) => self.push_composed(Node::Ref { uri }),
                    _ => Err(self.malformed("a reference without URI")),
                }
            }
            Callee::GetAttr => self.member(callee, args),
            known => self.known(known, callee, args),
        }
    }

    /// Runs `getattr(cls, "NAME")`.
    fn member(&mut self, callee: Id, args: Id) -> Result<(), DecodeError> {
        let [class, name] = *self.arena.items(args) else {
            return Err(self.needs_python(callee));
        };
        match (self.arena.node(class), self.arena.node(name)) {
            (Node::Class { .. }, Node::Str(_)) if self.can_be_class(class) => {
                self.push_composed(Node::Member { class, name })
            }
            _ => Err(self.needs_python(callee)),
        }
    }

    /// Runs `cls.NAME(*args)`: only a zone is made so.
    fn method(&mut self, class: Id, name: Id, args: Id) -> Result<(), DecodeError> {
        let method = self.arena.str_bytes(name);
        if self.arena.is_class(class, "zoneinfo.ZoneInfo") && method == b"_unpickle" {
            return self.known(Callee::ZoneInfo, class, args);
        }
        let method = self.arena.str(name).unwrap_or_default();
        Err(DecodeError::NeedsPython {
            what: format!("{}.{method}", self.arena.class_name(class)).into(),
        })
    }

    /// Runs a constructor of the standard library.
    fn known(&mut self, known: Callee, callee: Id, args: Id) -> Result<(), DecodeError> {
        let node = match known {
            Callee::List => Node::List(self.elements(callee, args)?),
            Callee::Tuple => Node::Tuple(self.elements(callee, args)?),
            Callee::Set => Node::Set(self.elements(callee, args)?),
            Callee::FrozenSet => Node::FrozenSet(self.elements(callee, args)?),
            Callee::Deque => Node::List(self.elements_of_deque(callee, args)?),
            Callee::Dict | Callee::OrderedDict | Callee::DefaultDict | Callee::Counter => {
                Node::Dict(self.entries_of_dict(known, callee, args)?)
            }
            Callee::Bytes | Callee::ByteArray => return self.byte_string(known, callee, args),
            _ => {
                let node = Node::Stdlib {
                    callee: known,
                    args,
                };
                if stdlib::value(&self.arena, known, args).is_none() {
                    return Err(self.not_taken(args));
                }
                return self.push_composed(node);
            }
        };
        self.arena.containers += 1;
        self.push_composed(node)
    }

    /// Returns the elements of the iterable that is the only argument; none without an argument.
    fn elements(&self, callee: Id, args: Id) -> Result<Children, DecodeError> {
        if args == EMPTY_TUPLE {
            return Ok(Children::EMPTY);
        }
        match self.arena.node(self.only_argument(args)?) {
            Node::List(children)
            | Node::Tuple(children)
            | Node::Set(children)
            | Node::FrozenSet(children) => {
                // Shared with the argument: extending one would change the other, and copying them would
                // take quadratic memory.
                Ok(children.fixed())
            }
            _ => Err(self.needs_python(callee)),
        }
    }

    /// Returns the elements that a deque begins with; how many it may have does not matter.
    fn elements_of_deque(&self, callee: Id, args: Id) -> Result<Children, DecodeError> {
        let iterable = match *self.arena.items(args) {
            [] => return Ok(Children::EMPTY),
            [iterable] => iterable,
            [iterable, most] if matches!(self.arena.node(most), Node::None | Node::Int(_)) => {
                iterable
            }
            _ => return Err(self.needs_python(callee)),
        };
        match self.arena.node(iterable) {
            Node::List(children) | Node::Tuple(children) => Ok(children.fixed_if_any()),
            _ => Err(self.needs_python(callee)),
        }
    }

    /// Returns the entries that a dict begins with. What makes the missing ones of a `defaultdict` is a
    /// class or function, which is not called.
    fn entries_of_dict(
        &self,
        known: Callee,
        callee: Id,
        args: Id,
    ) -> Result<Children, DecodeError> {
        let only = match *self.arena.items(args) {
            [] => return Ok(Children::EMPTY),
            [only] => self.arena.node(only),
            _ => return Err(self.needs_python(callee)),
        };
        match (known, only) {
            (Callee::DefaultDict, Node::None | Node::Class { .. }) => Ok(Children::EMPTY),
            (Callee::Counter, Node::Dict(children)) => Ok(children.fixed_if_any()),
            _ => Err(self.needs_python(callee)),
        }
    }

    /// Returns the error of arguments that a constructor of the standard library does not take. Those
    /// that hold an object may be right in Python, where a class of the user's can stand for a zone.
    fn not_taken(&self, args: Id) -> DecodeError {
        let mut objects = self.arena.items(args).iter().filter(|&&arg| {
            matches!(
                self.arena.node(arg),
                Node::New { .. }
                    | Node::Named { .. }
                    | Node::Positional { .. }
                    | Node::Constructed { .. }
                    | Node::Member { .. }
            )
        });
        match objects.next() {
            Some(&object) => DecodeError::NeedsPython {
                what: self.arena.type_name(object).into(),
            },
            None => self.malformed("arguments that the constructor does not take"),
        }
    }

    fn byte_string(&mut self, known: Callee, callee: Id, args: Id) -> Result<(), DecodeError> {
        let span = if args == EMPTY_TUPLE {
            self.span(0)?
        } else {
            match self.arena.node(self.only_argument(args)?) {
                Node::Bytes(span) | Node::ByteArray(span) => span,
                _ => return Err(self.needs_python(callee)),
            }
        };
        self.push_composed(if known == Callee::Bytes {
            Node::Bytes(span)
        } else {
            Node::ByteArray(span)
        })
    }

    /// Gives an instance its state.
    pub(super) fn build(&mut self) -> Result<(), DecodeError> {
        let state = self.pop()?;
        let target = self.top()?;
        let Node::New { class, made_by } = self.arena.node(target) else {
            return Err(match self.arena.node(target) {
                Node::Constructed { class, .. }
                | Node::ByValue {
                    function: class, ..
                } => self.needs_python(class),
                // Of the dicts that are read as such, only this kind can have attributes.
                Node::Dict(_) => DecodeError::NeedsPython {
                    what: "collections.OrderedDict".into(),
                },
                _ => self.malformed("state for what takes none"),
            });
        };
        let node = match self.arena.node(state) {
            Node::Dict(_) if self.callee(class)? == Callee::Uuid => {
                if stdlib::value(&self.arena, Callee::Uuid, state).is_none() {
                    return Err(self.malformed("a UUID without its int"));
                }
                Node::Stdlib {
                    callee: Callee::Uuid,
                    args: state,
                }
            }
            Node::Dict(_) => Node::Named {
                class,
                state,
                made_by: Some(made_by),
            },
            Node::List(_) => Node::Positional { class, state },
            Node::Tuple(parts) => match *self.arena.children(parts) {
                [own, slots] if self.are_dicts(own, slots) => Node::Named {
                    class,
                    state,
                    made_by: Some(made_by),
                },
                _ => return Err(self.needs_python(class)),
            },
            _ => return Err(self.needs_python(class)),
        };
        self.arena.replace(target, node);
        // An object and its state count as one value.
        self.uncount();
        Ok(())
    }

    /// Returns whether two values are the state of a class with slots: `__dict__` and the slots, either
    /// of which may be `None`.
    fn are_dicts(&self, own: Id, slots: Id) -> bool {
        matches!(
            (self.arena.node(own), self.arena.node(slots)),
            (Node::None | Node::Dict(_), Node::Dict(_)) | (Node::Dict(_), Node::None)
        )
    }

    fn callee(&self, id: Id) -> Result<Callee, DecodeError> {
        match self.arena.node(id) {
            Node::Class { callee, .. } => Ok(callee),
            Node::ByValue { function, .. } => Err(self.needs_python(function)),
            _ => Err(self.malformed("a call of what is no class")),
        }
    }

    /// Returns a tuple of arguments; the empty one always has the same number.
    fn arguments(&self, id: Id) -> Result<Id, DecodeError> {
        match self.arena.node(id) {
            Node::Tuple(children) if self.arena.children(children).is_empty() => Ok(EMPTY_TUPLE),
            Node::Tuple(_) => Ok(id),
            _ => Err(self.malformed("arguments that are no tuple")),
        }
    }

    fn only_argument(&self, args: Id) -> Result<Id, DecodeError> {
        match *self.arena.items(args) {
            [only] => Ok(only),
            _ => Err(DecodeError::malformed(
                "a call with a wrong number of arguments",
                self.at,
            )),
        }
    }
}
