//! A [`Value`] of whatever the arena holds; what is shared there is shared here.

use std::sync::Arc;

use num_bigint::BigInt;

use super::arena::{Arena, Id, Node};
use super::de::needs_python;
use super::read::{malformed, passed};
use super::{measure, stdlib};
use crate::error::Limit;
use crate::value::{EnumMember, Fields, Member, Object, Origin, State};
use crate::{ActorRef, DecodeError, Value};

/// The value at `root`. Never recurses.
pub(super) fn value(arena: &Arena<'_>, root: Id) -> Result<Value, DecodeError> {
    let mut build = Build::new(arena);
    let mut path: Vec<Open<'_>> = Vec::new();
    let mut id = root;
    loop {
        match build.open(id)? {
            Opened::Container(open) => path.push(open),
            Opened::Value(value) => match path.last_mut() {
                Some(above) => above.parts.push(value)?,
                None => return Ok(value),
            },
        }
        // The arena was measured; this holds even if that were wrong.
        if path.len() > arena.depth {
            return Err(passed(Limit::Depth, arena.depth));
        }
        id = loop {
            let Some(open) = path.last_mut() else {
                return Ok(Value::None);
            };
            if let Some(next) = open.next() {
                break next;
            }
            let Some(open) = path.pop() else {
                return Ok(Value::None);
            };
            let value = build.close(open)?;
            match path.last_mut() {
                Some(above) => above.parts.push(value)?,
                None => return Ok(value),
            }
        };
    }
}

enum Opened<'a> {
    Value(Value),
    Container(Open<'a>),
}

/// A container of which some children are values by now.
struct Open<'a> {
    id: Id,
    children: std::slice::Iter<'a, Id>,
    /// Those of the slots, where an object has `__dict__` too.
    more: &'a [Id],
    parts: Parts,
}

impl Open<'_> {
    fn next(&mut self) -> Option<Id> {
        if self.children.len() == 0 {
            self.children = std::mem::take(&mut self.more).iter();
        }
        self.children.next().copied()
    }
}

enum Parts {
    Items(Vec<Value>),
    Pairs(Vec<(Value, Value)>, Option<Value>),
    Fields(Vec<(Arc<str>, Value)>, Option<Arc<str>>),
}

impl Parts {
    fn push(&mut self, value: Value) -> Result<(), DecodeError> {
        match self {
            Self::Items(items) => items.push(value),
            Self::Pairs(pairs, key) => match key.take() {
                Some(key) => pairs.push((key, value)),
                None => *key = Some(value),
            },
            Self::Fields(fields, name) => match (name.take(), value) {
                (Some(name), value) => fields.push((name, value)),
                (None, Value::Str(text)) => *name = Some(text),
                (None, _) => return Err(malformed("a field whose name is no text", 0)),
            },
        }
        Ok(())
    }
}

struct Build<'a, 'de> {
    arena: &'a Arena<'de>,
    /// For each node one more than its place among the shared values; 0 without one.
    places: Vec<u32>,
    shared: Vec<Value>,
    /// How many more children all containers together may have.
    left: usize,
}

impl<'a, 'de> Build<'a, 'de> {
    fn new(arena: &'a Arena<'de>) -> Self {
        Self {
            arena,
            places: Vec::new(),
            shared: Vec::new(),
            left: arena.input_len(),
        }
    }

    fn known(&self, id: Id) -> Option<&Value> {
        let place = *self.places.get(id as usize)?;
        self.shared.get((place as usize).checked_sub(1)?)
    }

    /// Notes the value of a node that may occur again.
    #[allow(clippy::cast_possible_truncation)] // there are no more of them than nodes
    fn keep(&mut self, id: Id, value: &Value) {
        if self.places.is_empty() {
            self.places.resize(self.arena.len(), 0);
        }
        self.shared.push(value.clone());
        if let Some(place) = self.places.get_mut(id as usize) {
            *place = self.shared.len() as u32;
        }
    }

    fn open(&mut self, id: Id) -> Result<Opened<'a>, DecodeError> {
        if let Some(value) = self.known(id) {
            return Ok(Opened::Value(value.clone()));
        }
        let (children, more) = measure::children(self.arena, id);
        let len = children.len() + more.len();
        // Only objects that share their state could have more children than the input has bytes.
        let Some(left) = self.left.checked_sub(len) else {
            let max = self.arena.input_len();
            return Err(passed(Limit::Visits, max));
        };
        self.left = left;
        let parts = match self.arena.node(id) {
            Node::List(_)
            | Node::Tuple(_)
            | Node::Set(_)
            | Node::FrozenSet(_)
            | Node::Positional { .. }
            | Node::Constructed { .. } => Parts::Items(Vec::with_capacity(len)),
            Node::Dict(_) => Parts::Pairs(Vec::with_capacity(len / 2), None),
            Node::New { .. } | Node::Named { .. } => {
                Parts::Fields(Vec::with_capacity(len / 2), None)
            }
            _ => {
                let value = self.leaf(id)?;
                if self.arena.is_fetched(id) {
                    self.keep(id, &value);
                }
                return Ok(Opened::Value(value));
            }
        };
        Ok(Opened::Container(Open {
            id,
            children: children.iter(),
            more,
            parts,
        }))
    }

    fn leaf(&mut self, id: Id) -> Result<Value, DecodeError> {
        Ok(match self.arena.node(id) {
            Node::None => Value::None,
            Node::Bool(value) => Value::Bool(value),
            Node::Int(int) => Value::Int(int),
            Node::Long(span) => {
                let int = BigInt::from_signed_bytes_le(self.arena.bytes(span));
                match i64::try_from(&int) {
                    Ok(int) => Value::Int(int),
                    Err(_) => Value::BigInt(Arc::new(int)),
                }
            }
            Node::Float(float) => Value::Float(float),
            Node::Str(span) => Value::Str(self.arena.text(span)?.into()),
            Node::Bytes(span) => Value::Bytes(self.arena.bytes(span).into()),
            Node::ByteArray(span) => Value::ByteArray(self.arena.bytes(span).into()),
            Node::Ref { uri } => Value::Ref(ActorRef::from_wire(self.text(uri)?)),
            Node::Member { class, name } => Value::Enum(Arc::new(EnumMember {
                class: self.class(class),
                member: Member::Name(self.text(name)?),
            })),
            Node::Made { callee, parts } => match needs_python(self.arena, id) {
                Some(error) => return Err(error),
                None => stdlib::value(self.arena, callee, parts)
                    .ok_or_else(|| malformed("arguments that the constructor does not take", 0))?,
            },
            _ => {
                return Err(needs_python(self.arena, id)
                    .unwrap_or_else(|| malformed("what is no value", 0)));
            }
        })
    }

    /// A text, shared if it occurs elsewhere.
    fn text(&mut self, id: Id) -> Result<Arc<str>, DecodeError> {
        let value = match self.known(id) {
            Some(value) => value.clone(),
            None => self.leaf(id)?,
        };
        match value {
            Value::Str(text) => {
                if self.arena.is_fetched(id) && self.known(id).is_none() {
                    self.keep(id, &Value::Str(Arc::clone(&text)));
                }
                Ok(text)
            }
            _ => Err(malformed("a name that is no text", 0)),
        }
    }

    /// A class's name; all instances share it.
    fn class(&mut self, id: Id) -> Arc<str> {
        if let Some(Value::Str(name)) = self.known(id) {
            return Arc::clone(name);
        }
        let name: Arc<str> = self.arena.class_name(id).into();
        if self.arena.is_fetched(id) {
            self.keep(id, &Value::Str(Arc::clone(&name)));
        }
        name
    }

    fn close(&mut self, open: Open<'_>) -> Result<Value, DecodeError> {
        let value = match (self.arena.node(open.id), open.parts) {
            (Node::List(_), Parts::Items(items)) => Value::List(items.into()),
            (Node::Tuple(_), Parts::Items(items)) => Value::Tuple(items.into()),
            (Node::Set(_), Parts::Items(items)) => Value::Set(items.into()),
            (Node::FrozenSet(_), Parts::Items(items)) => Value::FrozenSet(items.into()),
            (Node::Dict(_), Parts::Pairs(pairs, _)) => Value::Dict(pairs.into()),
            (
                node @ (Node::New { class, .. } | Node::Named { class, .. }),
                Parts::Fields(fields, _),
            ) => {
                let fields = Fields::of(self.origin(node), fields);
                self.object(class, State::Named(fields))
            }
            (Node::Positional { class, .. }, Parts::Items(items)) => {
                self.object(class, State::Positional(items))
            }
            (Node::Constructed { class, .. }, Parts::Items(items)) => {
                self.constructed(class, items)
            }
            _ => return Err(malformed("what is no value", 0)),
        };
        if self.arena.is_fetched(open.id) {
            self.keep(open.id, &value);
        }
        Ok(value)
    }

    /// How an object with named fields was made.
    #[allow(clippy::cast_possible_truncation)] // there are no more fields than nodes
    fn origin(&self, node: Node) -> Origin {
        match node {
            Node::New { maker, .. } => Origin::Dict(maker),
            Node::Named {
                state,
                maker: Some(maker),
                ..
            } => match self.arena.node(state) {
                Node::Tuple(_) => {
                    let own = self.arena.entries(state).0.len() / 2;
                    Origin::Slots(maker, own as u32)
                }
                _ => Origin::Dict(maker),
            },
            _ => Origin::Keywords,
        }
    }

    fn object(&mut self, class: Id, state: State) -> Value {
        let class = self.class(class);
        Value::Object(Arc::new(Object { class, state }))
    }

    /// A call with one argument is how an enum's member travels.
    fn constructed(&mut self, class: Id, mut args: Vec<Value>) -> Value {
        match (args.pop(), args.is_empty()) {
            (Some(value), true) => Value::Enum(Arc::new(EnumMember {
                class: self.class(class),
                member: Member::Value(value),
            })),
            (last, _) => {
                args.extend(last);
                self.object(class, State::Constructed(args))
            }
        }
    }
}
