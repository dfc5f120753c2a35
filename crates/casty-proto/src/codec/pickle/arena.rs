//! What a pickle holds, as small nodes that name each other by number.
//!
//! Text and bytes stay in the input, and a shared value is one node however often it occurs.

use std::cell::Cell;

use super::class::{self, Callee};
use super::read::passed;
use crate::error::Limit;
use crate::value::Maker;
use crate::{DecodeError, Limits};

/// A node's number.
pub(super) type Id = u32;

/// Nodes that every arena begins with.
pub(super) const NONE: Id = 0;
pub(super) const FALSE: Id = 1;
pub(super) const TRUE: Id = 2;
pub(super) const UNIT: Id = 3;

/// A stretch of the input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) at: u32,
    pub(super) len: u32,
}

/// The children of a node: a stretch of the pool, or a vector of their own once they were
/// extended (copying the stretch each time would take quadratic time).
#[derive(Debug, Clone, Copy)]
pub(super) struct Kids {
    start: u32,
    len: u32,
    /// Shared with another node, so never extended.
    fixed: bool,
}

/// Marks children with a vector of their own.
const OWN: u32 = u32::MAX;

impl Kids {
    pub(super) const NONE: Self = Self {
        start: 0,
        len: 0,
        fixed: false,
    };

    pub(super) fn fixed(self) -> Self {
        Self {
            fixed: true,
            ..self
        }
    }
}

/// One value, or a part of one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Node {
    None,
    Bool(bool),
    Int(i64),
    /// Two's complement, least significant byte first.
    Long(Span),
    Float(f64),
    Str(Span),
    Bytes(Span),
    ByteArray(Span),
    List(Kids),
    Tuple(Kids),
    Set(Kids),
    FrozenSet(Kids),
    /// Keys and values in turn.
    Dict(Kids),
    /// A global; no value by itself. Module and name are texts.
    Class {
        callee: Callee,
        module: Id,
        name: Id,
    },
    /// An instance without state so far.
    New {
        class: Id,
        maker: Maker,
    },
    /// The state is a dict, or a tuple of two dicts: `__dict__` and slots, either of which may be
    /// `None`. Keywords of a constructor if nothing else made the object.
    Named {
        class: Id,
        state: Id,
        maker: Option<Maker>,
    },
    /// The state is a list.
    Positional {
        class: Id,
        state: Id,
    },
    /// The arguments are a tuple. An enum's member by value looks the same.
    Constructed {
        class: Id,
        args: Id,
    },
    /// An enum's member by name.
    Member {
        class: Id,
        name: Id,
    },
    /// A constructor with keywords; no value by itself.
    Partial {
        class: Id,
        keywords: Id,
    },
    /// What a function of cloudpickle's makes, or what that makes when it is called; no value by
    /// itself. The arguments are a tuple.
    ByValue {
        function: Id,
        args: Id,
    },
    /// The URI is a text.
    Ref {
        uri: Id,
    },
    /// A value of the standard library and what it is made of.
    Made {
        callee: Callee,
        parts: Id,
    },
}

/// All nodes of one pickle.
#[derive(Debug)]
pub(super) struct Arena<'de> {
    input: &'de [u8],
    nodes: Vec<Node>,
    /// The node of an arena that has no other, and takes no memory for it.
    only: Node,
    pool: Vec<Id>,
    own: Vec<Vec<Id>>,
    /// A bit for every node that occurs more than once.
    fetched: Vec<u64>,
    /// Whether a node with children occurs more than once.
    pub(super) shares: bool,
    /// How many nodes can have children.
    pub(super) containers: usize,
    /// The limit of nesting.
    pub(super) depth: usize,
    /// How many bytes of long texts may still be handed out. One that occurs often is copied as
    /// often by a typed walk, out of all proportion to the input.
    texts: Cell<usize>,
}

/// Texts up to this length are handed out freely: they cost little more than their mention.
const SHORT_TEXT: usize = 64;

/// Room that so many nodes have grown too much is worth giving back.
const LARGE: usize = 16 * 1024;

/// How many bytes of long texts may be handed out, beside what the input's length allows.
const FREE_TEXTS: usize = 1 << 20;

impl<'de> Arena<'de> {
    pub(super) fn new(input: &'de [u8], depth: usize) -> Self {
        let mut nodes = Vec::with_capacity((input.len() / 4).clamp(6, 1024));
        nodes.extend([
            Node::None,
            Node::Bool(false),
            Node::Bool(true),
            Node::Tuple(Kids::NONE),
        ]);
        Self {
            nodes,
            ..Self::of(input, Node::None, depth)
        }
    }

    /// An arena of one node without children, whatever number it is asked for by.
    #[inline]
    pub(super) fn of(input: &'de [u8], only: Node, depth: usize) -> Self {
        Self {
            input,
            nodes: Vec::new(),
            only,
            pool: Vec::new(),
            own: Vec::new(),
            fetched: Vec::new(),
            shares: false,
            containers: 0,
            depth,
            texts: Cell::new(Limits::visits(input.len()) + FREE_TEXTS),
        }
    }

    /// Nothing more is added: gives back the room that a large arena has grown too much.
    pub(super) fn settle(&mut self) {
        if self.nodes.len() > LARGE {
            self.nodes.shrink_to_fit();
            self.pool.shrink_to_fit();
        }
    }

    /// How many bytes the pickle has: no more children are in all its containers together.
    pub(super) fn input_len(&self) -> usize {
        self.input.len()
    }

    /// How many nodes there are.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    #[inline]
    pub(super) fn node(&self, id: Id) -> Node {
        debug_assert!((id as usize) < self.nodes.len().max(1));
        match self.nodes.get(id as usize) {
            Some(&node) => node,
            None => self.only(),
        }
    }

    /// Off the way of arenas with more nodes, which look one up all the time.
    #[cold]
    fn only(&self) -> Node {
        self.only
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)] // never more nodes than bytes of input
    pub(super) fn add(&mut self, node: Node) -> Id {
        let id = self.nodes.len() as Id;
        push_within(&mut self.nodes, node, self.input.len() + 4);
        id
    }

    #[inline]
    pub(super) fn replace(&mut self, id: Id, node: Node) {
        if let Some(place) = self.nodes.get_mut(id as usize) {
            *place = node;
        }
    }

    #[inline]
    pub(super) fn kids(&self, kids: Kids) -> &[Id] {
        let start = kids.start as usize;
        if kids.len == OWN {
            return self.own.get(start).map_or(&[], Vec::as_slice);
        }
        self.pool
            .get(start..start + kids.len as usize)
            .unwrap_or(&[])
    }

    /// The elements of the list or tuple at `id`; none of anything else.
    #[inline]
    pub(super) fn items(&self, id: Id) -> &[Id] {
        match self.node(id) {
            Node::List(kids) | Node::Tuple(kids) => self.kids(kids),
            _ => &[],
        }
    }

    /// The entries of a named state: of `__dict__`, and of the slots if there are both.
    #[inline]
    pub(super) fn entries(&self, state: Id) -> (&[Id], &[Id]) {
        match self.node(state) {
            Node::Dict(kids) => (self.kids(kids), &[]),
            Node::Tuple(parts) => match *self.kids(parts) {
                [own, slots] => (self.entries_of(own), self.entries_of(slots)),
                _ => (&[], &[]),
            },
            _ => (&[], &[]),
        }
    }

    fn entries_of(&self, dict: Id) -> &[Id] {
        match self.node(dict) {
            Node::Dict(kids) => self.kids(kids),
            _ => &[],
        }
    }

    /// The children `items`.
    #[allow(clippy::cast_possible_truncation)] // each child took a byte of input at least
    pub(super) fn batch(&mut self, items: &[Id]) -> Kids {
        if items.is_empty() {
            return Kids::NONE;
        }
        let start = self.pool.len();
        reserve_within(&mut self.pool, items.len(), self.input.len());
        self.pool.extend_from_slice(items);
        Kids {
            start: start as u32,
            len: items.len() as u32,
            fixed: false,
        }
    }

    /// The children `kids` and then `items`; none if they are not to be extended.
    #[allow(clippy::cast_possible_truncation)] // as above
    pub(super) fn extend(&mut self, kids: Kids, items: &[Id]) -> Option<Kids> {
        if kids.fixed {
            return None;
        }
        if kids.len == 0 {
            return Some(self.batch(items));
        }
        if kids.len == OWN {
            self.own
                .get_mut(kids.start as usize)?
                .extend_from_slice(items);
            return Some(kids);
        }
        let first = self.kids(kids);
        let mut own = Vec::with_capacity(first.len() + items.len());
        own.extend_from_slice(first);
        own.extend_from_slice(items);
        self.own.push(own);
        Some(Kids {
            start: (self.own.len() - 1) as u32,
            len: OWN,
            fixed: false,
        })
    }

    /// Notes that a node occurs once more.
    #[inline]
    pub(super) fn fetch(&mut self, id: Id) {
        let (word, bit) = (id as usize / 64, id % 64);
        if self.fetched.len() <= word {
            self.fetched.resize(self.nodes.len() / 64 + 1, 0);
        }
        if let Some(word) = self.fetched.get_mut(word) {
            *word |= 1 << bit;
        }
        self.shares |= !self.is_leaf(id);
    }

    /// Whether a node occurs more than once.
    #[inline]
    pub(super) fn is_fetched(&self, id: Id) -> bool {
        self.fetched
            .get(id as usize / 64)
            .is_some_and(|word| word & (1 << (id % 64)) != 0)
    }

    /// Whether a walk ends at this node.
    #[inline]
    pub(super) fn is_leaf(&self, id: Id) -> bool {
        !matches!(
            self.node(id),
            Node::List(_)
                | Node::Tuple(_)
                | Node::Set(_)
                | Node::FrozenSet(_)
                | Node::Dict(_)
                | Node::New { .. }
                | Node::Named { .. }
                | Node::Positional { .. }
                | Node::Constructed { .. }
                | Node::Partial { .. }
        )
    }

    #[inline]
    pub(super) fn bytes(&self, span: Span) -> &'de [u8] {
        let at = span.at as usize;
        self.input.get(at..at + span.len as usize).unwrap_or(&[])
    }

    /// The bytes of a span, to be copied.
    #[inline]
    pub(super) fn spend(&self, span: Span) -> Result<&'de [u8], DecodeError> {
        let len = span.len as usize;
        if len > SHORT_TEXT {
            let Some(left) = self.texts.get().checked_sub(len) else {
                return Err(passed(Limit::Visits, Limits::visits(self.input.len())));
            };
            self.texts.set(left);
        }
        Ok(self.bytes(span))
    }

    /// The text of a span that the reader has found to be one, to be copied.
    #[inline]
    pub(super) fn text(&self, span: Span) -> Result<&'de str, DecodeError> {
        std::str::from_utf8(self.spend(span)?).map_err(|_| DecodeError::LoneSurrogate {
            at: span.at as usize,
        })
    }

    /// The text of a node, if it is one.
    pub(super) fn str(&self, id: Id) -> Option<&'de str> {
        match self.node(id) {
            Node::Str(span) => self.text(span).ok(),
            _ => None,
        }
    }

    #[inline]
    /// The bytes of a node that is a text; none of anything else.
    pub(super) fn raw(&self, id: Id) -> &'de [u8] {
        match self.node(id) {
            Node::Str(span) => self.bytes(span),
            _ => &[],
        }
    }

    /// Whether the class at `id` has the qualified name `name`.
    #[inline]
    pub(super) fn is_class(&self, id: Id, expected: &str) -> bool {
        match self.node(id) {
            Node::Class { module, name, .. } => {
                class::is_named(expected, self.raw(module), self.raw(name))
            }
            _ => false,
        }
    }

    /// The qualified name of the class at `id`.
    pub(super) fn class_name(&self, id: Id) -> String {
        match self.node(id) {
            Node::Class { module, name, .. } => class::join(
                self.str(module).unwrap_or_default(),
                self.str(name).unwrap_or_default(),
            ),
            _ => String::new(),
        }
    }

    /// The Python class of the value at `id`, for errors.
    pub(super) fn type_name(&self, id: Id) -> String {
        let name = match self.node(id) {
            Node::New { class, .. }
            | Node::Named { class, .. }
            | Node::Positional { class, .. }
            | Node::Constructed { class, .. }
            | Node::Member { class, .. } => return self.class_name(class),
            Node::None => "builtins.NoneType",
            Node::Bool(_) => "builtins.bool",
            Node::Int(_) | Node::Long(_) => "builtins.int",
            Node::Float(_) => "builtins.float",
            Node::Str(_) => "builtins.str",
            Node::Bytes(_) => "builtins.bytes",
            Node::ByteArray(_) => "builtins.bytearray",
            Node::List(_) => "builtins.list",
            Node::Tuple(_) => "builtins.tuple",
            Node::Set(_) => "builtins.set",
            Node::FrozenSet(_) => "builtins.frozenset",
            Node::Dict(_) => "builtins.dict",
            Node::Class { .. } => "builtins.type",
            Node::Partial { .. } => "functools.partial",
            Node::ByValue { function, .. } => return self.class_name(function),
            Node::Ref { .. } => "casty.remote.ref.RemoteActorRef",
            Node::Made { callee, .. } => made_name(callee),
        };
        name.to_owned()
    }
}

fn made_name(callee: Callee) -> &'static str {
    match callee {
        Callee::Complex => "builtins.complex",
        Callee::DateTime => "datetime.datetime",
        Callee::Date => "datetime.date",
        Callee::Time => "datetime.time",
        Callee::TimeDelta => "datetime.timedelta",
        Callee::TimeZone => "datetime.timezone",
        Callee::Uuid => "uuid.UUID",
        Callee::Decimal => "decimal.Decimal",
        _ => "builtins.object",
    }
}

/// Pushes, growing in doubles but never beyond `most`, which the input's length gives.
#[inline]
pub(super) fn push_within<T>(items: &mut Vec<T>, item: T, most: usize) {
    if items.len() == items.capacity() {
        reserve_within(items, 1, most);
    }
    items.push(item);
}

fn reserve_within<T>(items: &mut Vec<T>, more: usize, most: usize) {
    let need = items.len() + more;
    if need > items.capacity() {
        let first = (most / 8).clamp(16, 64).min(most);
        let want = need.max((items.len() * 2).min(most)).max(first);
        items.reserve_exact(want - items.len());
    }
}
