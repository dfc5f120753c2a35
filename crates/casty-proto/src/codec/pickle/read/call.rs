//! Objects and calls: what a pickle constructs, as data.

use super::super::arena::{Id, Kids, Node, UNIT};
use super::super::class::{self, Callee};
use super::super::stdlib;
use super::{Machine, malformed};
use crate::DecodeError;
use crate::value::Maker;

impl Machine<'_> {
    /// `cls.__new__(cls, *args)`.
    pub(super) fn new_object(&mut self) -> Result<(), DecodeError> {
        let args = self.pop()?;
        let class = self.pop()?;
        let args = self.arguments(args)?;
        let bare_uuid = self.callee(class)? == Callee::Uuid && args == UNIT;
        if !bare_uuid && !self.can_be_class(class) {
            return Err(self.needs_python(class));
        }
        self.instance(class, args, Maker::New)
    }

    /// Whether a name that is not capitalised may be a class, which only a class can be made of.
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
            } => class::may_hold_data(self.arena.raw(module)),
            _ => false,
        }
    }

    fn instance(&mut self, class: Id, args: Id, maker: Maker) -> Result<(), DecodeError> {
        if args == UNIT {
            self.value_of(Node::New { class, maker })
        } else {
            self.value_of(Node::Constructed { class, args })
        }
    }

    /// Puts a node on the stack in the place of its parts, which were counted.
    pub(super) fn value_of(&mut self, node: Node) -> Result<(), DecodeError> {
        let id = self.arena.add(node);
        self.items = self.items.saturating_sub(1);
        self.push(id)
    }

    /// `cls.__new__(cls, *args, **keywords)`.
    pub(super) fn new_object_ex(&mut self) -> Result<(), DecodeError> {
        let keywords = self.pop()?;
        let args = self.pop()?;
        let class = self.pop()?;
        let args = self.arguments(args)?;
        let Node::Dict(entries) = self.arena.node(keywords) else {
            return Err(self.bad("keywords that are no dict"));
        };
        match self.callee(class)? {
            Callee::Partial => {
                let class = self.only_argument(args)?;
                self.callee(class)?;
                if !self.can_be_class(class) {
                    return Err(self.needs_python(class));
                }
                self.value_of(Node::Partial { class, keywords })
            }
            _ if !self.can_be_class(class) => Err(self.needs_python(class)),
            _ if self.arena.kids(entries).is_empty() => self.instance(class, args, Maker::New),
            _ if args == UNIT => self.value_of(Node::Named {
                class,
                state: keywords,
                maker: None,
            }),
            _ => Err(self.needs_python(class)),
        }
    }

    /// `callee(*args)`.
    pub(super) fn reduce(&mut self) -> Result<(), DecodeError> {
        let args = self.pop()?;
        let callee = self.pop()?;
        let args = self.arguments(args)?;
        if let Node::Partial { class, keywords } = self.arena.node(callee) {
            if args != UNIT {
                return Err(self.needs_python(class));
            }
            return self.value_of(Node::Named {
                class,
                state: keywords,
                maker: None,
            });
        }
        if let Node::ByValue { function, .. } = self.arena.node(callee) {
            return self.value_of(Node::ByValue { function, args });
        }
        match self.callee(callee)? {
            Callee::ByValue => self.by_value(callee, args),
            Callee::Class => self.instance(callee, args, Maker::Call),
            Callee::Function | Callee::Partial => Err(self.needs_python(callee)),
            Callee::Ref => {
                let uri = self.only_argument(args)?;
                match self.arena.node(uri) {
                    Node::Str(_) => self.value_of(Node::Ref { uri }),
                    _ => Err(self.bad("a reference without URI")),
                }
            }
            Callee::GetAttr => self.member(callee, args),
            known => self.known(known, callee, args),
        }
    }

    /// `getattr(cls, "NAME")`.
    fn member(&mut self, callee: Id, args: Id) -> Result<(), DecodeError> {
        let [class, name] = *self.arena.items(args) else {
            return Err(self.needs_python(callee));
        };
        match (self.arena.node(class), self.arena.node(name)) {
            (Node::Class { .. }, Node::Str(_)) if self.can_be_class(class) => {
                self.value_of(Node::Member { class, name })
            }
            _ => Err(self.needs_python(callee)),
        }
    }

    /// A constructor of the standard library.
    fn known(&mut self, known: Callee, callee: Id, args: Id) -> Result<(), DecodeError> {
        let node = match known {
            Callee::List => Node::List(self.elements(callee, args)?),
            Callee::Tuple => Node::Tuple(self.elements(callee, args)?),
            Callee::Set => Node::Set(self.elements(callee, args)?),
            Callee::FrozenSet => Node::FrozenSet(self.elements(callee, args)?),
            Callee::Dict if args == UNIT => Node::Dict(Kids::NONE),
            Callee::Bytes | Callee::ByteArray => return self.byte_string(known, callee, args),
            Callee::Dict => return Err(self.needs_python(callee)),
            _ => {
                let node = Node::Made {
                    callee: known,
                    parts: args,
                };
                if stdlib::value(&self.arena, known, args).is_none() {
                    return Err(self.bad("arguments that the constructor does not take"));
                }
                return self.value_of(node);
            }
        };
        self.arena.containers += 1;
        self.value_of(node)
    }

    /// The elements of the iterable that is the only argument; none without one.
    fn elements(&self, callee: Id, args: Id) -> Result<Kids, DecodeError> {
        if args == UNIT {
            return Ok(Kids::NONE);
        }
        match self.arena.node(self.only_argument(args)?) {
            Node::List(kids) | Node::Tuple(kids) | Node::Set(kids) | Node::FrozenSet(kids) => {
                Ok(kids.fixed())
            }
            _ => Err(self.needs_python(callee)),
        }
    }

    fn byte_string(&mut self, known: Callee, callee: Id, args: Id) -> Result<(), DecodeError> {
        let span = if args == UNIT {
            self.span(0)?
        } else {
            match self.arena.node(self.only_argument(args)?) {
                Node::Bytes(span) | Node::ByteArray(span) => span,
                _ => return Err(self.needs_python(callee)),
            }
        };
        self.value_of(if known == Callee::Bytes {
            Node::Bytes(span)
        } else {
            Node::ByteArray(span)
        })
    }

    /// Gives an instance its state.
    pub(super) fn build(&mut self) -> Result<(), DecodeError> {
        let state = self.pop()?;
        let target = self.top()?;
        let Node::New { class, maker } = self.arena.node(target) else {
            return Err(match self.arena.node(target) {
                Node::Constructed { class, .. }
                | Node::ByValue {
                    function: class, ..
                } => self.needs_python(class),
                _ => self.bad("state for what takes none"),
            });
        };
        let node = match self.arena.node(state) {
            Node::Dict(_) if self.callee(class)? == Callee::Uuid => {
                if stdlib::value(&self.arena, Callee::Uuid, state).is_none() {
                    return Err(self.bad("a UUID without its int"));
                }
                Node::Made {
                    callee: Callee::Uuid,
                    parts: state,
                }
            }
            Node::Dict(_) => Node::Named {
                class,
                state,
                maker: Some(maker),
            },
            Node::List(_) => Node::Positional { class, state },
            Node::Tuple(parts) => match *self.arena.kids(parts) {
                [own, slots] if self.are_dicts(own, slots) => Node::Named {
                    class,
                    state,
                    maker: Some(maker),
                },
                _ => return Err(self.needs_python(class)),
            },
            _ => return Err(self.needs_python(class)),
        };
        self.arena.replace(target, node);
        // An object and its state are one value.
        self.items = self.items.saturating_sub(1);
        Ok(())
    }

    /// Whether this is the state of a class with slots: `__dict__` or none, and the slots or none.
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
            _ => Err(self.bad("a call of what is no class")),
        }
    }

    /// A tuple of arguments; the empty one always by the same number.
    fn arguments(&self, id: Id) -> Result<Id, DecodeError> {
        match self.arena.node(id) {
            Node::Tuple(kids) if self.arena.kids(kids).is_empty() => Ok(UNIT),
            Node::Tuple(_) => Ok(id),
            _ => Err(self.bad("arguments that are no tuple")),
        }
    }

    fn only_argument(&self, args: Id) -> Result<Id, DecodeError> {
        match *self.arena.items(args) {
            [only] => Ok(only),
            _ => Err(malformed(
                "a call with a wrong number of arguments",
                self.at,
            )),
        }
    }

    fn needs_python(&self, class: Id) -> DecodeError {
        DecodeError::NeedsPython {
            what: self.arena.class_name(class).into(),
        }
    }
}
