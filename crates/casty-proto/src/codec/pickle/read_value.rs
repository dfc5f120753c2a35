//! Reads [`Value`]s from an arena, without recursion; values that are shared there are shared here.

use std::sync::Arc;

use num_bigint::BigInt;

use super::arena::{Arena, Id, Node};
use super::{measure, stdlib};
use crate::value::{EnumMember, Fields, Halves, Member, Object, Origin, State};
use crate::{ActorRef, DecodeError, Limit, Value};

/// Reads the value at `root`.
pub(super) fn value(arena: &Arena<'_>, root: Id) -> Result<Value, DecodeError> {
    let mut values = ValueReader::new(arena);
    let mut path: Vec<Open<'_>> = Vec::new();
    let mut id = root;
    loop {
        match values.open(id)? {
            Opened::Container(open) => path.push(open),
            Opened::Value(value) => match path.last_mut() {
                Some(above) => above.push(value, arena)?,
                None => return Ok(value),
            },
        }
        // The arena was measured; this bounds the path even if that were wrong.
        if path.len() > arena.depth {
            return Err(DecodeError::limit(Limit::Depth, arena.depth));
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
            let value = values.close(open)?;
            match path.last_mut() {
                Some(above) => above.push(value, arena)?,
                None => return Ok(value),
            }
        };
    }
}

/// A node as it was opened: a value at once, or a container whose children come first.
enum Opened<'a> {
    Value(Value),
    Container(Open<'a>),
}

/// A container of which some children are read.
struct Open<'a> {
    id: Id,
    children: std::slice::Iter<'a, Id>,
    /// The entries of the slots, if the object has `__dict__` too.
    more: &'a [Id],
    collected: Collected,
}

impl Open<'_> {
    fn next(&mut self) -> Option<Id> {
        if self.children.len() == 0 {
            self.children = std::mem::take(&mut self.more).iter();
        }
        self.children.next().copied()
    }

    /// Adds a child.
    ///
    /// # Errors
    /// It is the name of a field, and no text: a class can make what it likes of its state.
    fn push(&mut self, value: Value, arena: &Arena<'_>) -> Result<(), DecodeError> {
        self.collected
            .push(value)
            .map_err(|NoName| DecodeError::NeedsPython {
                what: arena.type_name(self.id).into(),
            })
    }
}

/// The fault of a field whose name is no text.
struct NoName;

/// The children of a container that were read so far.
enum Collected {
    Items(Vec<Value>),
    Pairs(Vec<(Value, Value)>, Option<Value>),
    Fields(Vec<(Arc<str>, Value)>, Option<Arc<str>>),
}

impl Collected {
    fn push(&mut self, value: Value) -> Result<(), NoName> {
        match self {
            Self::Items(items) => items.push(value),
            Self::Pairs(pairs, key) => match key.take() {
                Some(key) => pairs.push((key, value)),
                None => *key = Some(value),
            },
            Self::Fields(fields, name) => match (name.take(), value) {
                (Some(name), value) => fields.push((name, value)),
                (None, Value::Str(text)) => *name = Some(text),
                (None, _) => return Err(NoName),
            },
        }
        Ok(())
    }
}

/// A reader of values, with those that may occur again.
struct ValueReader<'a, 'de> {
    arena: &'a Arena<'de>,
    // Nodes that occur once are never looked up, so neither vector is allocated before the first
    // shared node: most messages have none but names.
    /// For each node one more than its place among the shared values; 0 without one.
    places: Vec<u32>,
    shared: Vec<Value>,
    /// The children that all containers together may still have.
    left: usize,
}

impl<'a, 'de> ValueReader<'a, 'de> {
    fn new(arena: &'a Arena<'de>) -> Self {
        Self {
            arena,
            places: Vec::new(),
            shared: Vec::new(),
            left: arena.input_len(),
        }
    }

    /// Returns the value of a shared node that was read before.
    fn known(&self, id: Id) -> Option<&Value> {
        let place = *self.places.get(id as usize)?;
        self.shared.get((place as usize).checked_sub(1)?)
    }

    /// Keeps the value of a node that may occur again.
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
        let (children, more) = measure::contents(self.arena, id);
        let len = children.len() + more.len();
        // Shared containers are read once. Only objects that share their state can have more children,
        // taken together, than the input has bytes: each would get a copy of all fields.
        let Some(left) = self.left.checked_sub(len) else {
            let max = self.arena.input_len();
            return Err(DecodeError::limit(Limit::Visits, max));
        };
        self.left = left;
        let collected = match self.arena.node(id) {
            Node::List(_)
            | Node::Tuple(_)
            | Node::Set(_)
            | Node::FrozenSet(_)
            | Node::Positional { .. }
            | Node::Constructed { .. } => Collected::Items(Vec::with_capacity(len)),
            Node::Dict(_) => Collected::Pairs(Vec::with_capacity(len / 2), None),
            Node::New { .. } | Node::Named { .. } => {
                Collected::Fields(Vec::with_capacity(len / 2), None)
            }
            _ => {
                let value = self.leaf(id)?;
                if self.arena.is_shared(id) {
                    self.keep(id, &value);
                }
                return Ok(Opened::Value(value));
            }
        };
        Ok(Opened::Container(Open {
            id,
            children: children.iter(),
            more,
            collected,
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
            Node::Stdlib {
                callee,
                args: parts,
            } => match self.arena.needs_python(id) {
                Some(error) => return Err(error),
                None => stdlib::value(self.arena, callee, parts).ok_or_else(|| {
                    DecodeError::malformed("arguments that the constructor does not take", 0)
                })?,
            },
            _ => {
                return Err(self
                    .arena
                    .needs_python(id)
                    .unwrap_or_else(|| DecodeError::malformed("what is no value", 0)));
            }
        })
    }

    /// Returns a text, shared with its other occurrences.
    fn text(&mut self, id: Id) -> Result<Arc<str>, DecodeError> {
        let value = match self.known(id) {
            Some(value) => value.clone(),
            None => self.leaf(id)?,
        };
        match value {
            Value::Str(text) => {
                if self.arena.is_shared(id) && self.known(id).is_none() {
                    self.keep(id, &Value::Str(Arc::clone(&text)));
                }
                Ok(text)
            }
            _ => Err(DecodeError::malformed("a name that is no text", 0)),
        }
    }

    /// Returns a class's name, which all its instances share.
    fn class(&mut self, id: Id) -> Arc<str> {
        if let Some(Value::Str(name)) = self.known(id) {
            return Arc::clone(name);
        }
        let name: Arc<str> = self.arena.class_name(id).into();
        if self.arena.is_shared(id) {
            self.keep(id, &Value::Str(Arc::clone(&name)));
        }
        name
    }

    fn close(&mut self, open: Open<'_>) -> Result<Value, DecodeError> {
        let value = match (self.arena.node(open.id), open.collected) {
            (Node::List(_), Collected::Items(items)) => Value::List(items.into()),
            (Node::Tuple(_), Collected::Items(items)) => Value::Tuple(items.into()),
            (Node::Set(_), Collected::Items(items)) => Value::Set(items.into()),
            (Node::FrozenSet(_), Collected::Items(items)) => Value::FrozenSet(items.into()),
            (Node::Dict(_), Collected::Pairs(pairs, _)) => Value::Dict(pairs.into()),
            (
                node @ (Node::New { class, .. } | Node::Named { class, .. }),
                Collected::Fields(fields, _),
            ) => {
                let fields = Fields::with_origin(self.origin(node), fields);
                self.object(class, State::Named(fields))
            }
            (Node::Positional { class, .. }, Collected::Items(items)) => {
                self.object(class, State::Positional(items))
            }
            (Node::Constructed { class, .. }, Collected::Items(items)) => {
                self.constructed(class, items)
            }
            _ => return Err(DecodeError::malformed("what is no value", 0)),
        };
        if self.arena.is_shared(open.id) {
            self.keep(open.id, &value);
        }
        Ok(value)
    }

    /// Returns the way in which the pickle gave an object its named fields.
    #[allow(clippy::cast_possible_truncation)] // there are no more fields than nodes
    fn origin(&self, node: Node) -> Origin {
        let Node::Named {
            state,
            made_by: Some(made_by),
            ..
        } = node
        else {
            return match node {
                Node::New { made_by, .. } => Origin::Bare(made_by),
                _ => Origin::Keywords,
            };
        };
        let &[own, slots] = self.arena.items(state) else {
            return Origin::Dict(made_by);
        };
        let halves = match (self.arena.node(own), self.arena.node(slots)) {
            (Node::Dict(_), Node::Dict(_)) => Halves::Both,
            (Node::Dict(_), _) => Halves::Own,
            _ => Halves::Slots,
        };
        let own = self.arena.entries(state).0.len() / 2;
        Origin::Slots(made_by, halves, own as u32)
    }

    fn object(&mut self, class: Id, state: State) -> Value {
        let class = self.class(class);
        Value::Object(Arc::new(Object { class, state }))
    }

    /// Returns the result of calling a class. With one argument it is a member of an enum: that is how
    /// enums travel.
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
