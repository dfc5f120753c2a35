//! The content of a pickle as small nodes that refer to each other by number.
//!
//! Text and bytes stay in the input, and a shared value is one node however often it occurs: memory
//! is in proportion to the input, whatever it would be if every value were written out.

use std::cell::Cell;

use super::class::{self, Callee};
use crate::value::Instantiation;
use crate::{DecodeError, Limit, Limits};

/// The number of a node.
pub(super) type Id = u32;

/// The nodes that every arena begins with.
pub(super) const NONE: Id = 0;
pub(super) const FALSE: Id = 1;
pub(super) const TRUE: Id = 2;
pub(super) const EMPTY_TUPLE: Id = 3;

/// A range of the input.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) at: u32,
    pub(super) len: u32,
}

/// The children of a node: a range of the pool, or a vector of their own once they were extended
/// (copying the range each time would take quadratic time).
#[derive(Debug, Clone, Copy)]
pub(super) struct Children {
    start: u32,
    len: u32,
    /// True if another node shares them, so that they are never extended.
    fixed: bool,
}

/// The length that marks children with a vector of their own.
const EXTENDED: u32 = u32::MAX;

impl Children {
    pub(super) const EMPTY: Self = Self {
        start: 0,
        len: 0,
        fixed: false,
    };

    /// Returns the same children, if there are any, as those of a node that others share.
    pub(super) fn fixed_if_any(self) -> Self {
        if self.len == 0 { self } else { self.fixed() }
    }

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
    /// An int in two's complement, the least significant byte first.
    Long(Span),
    Float(f64),
    Str(Span),
    Bytes(Span),
    ByteArray(Span),
    List(Children),
    Tuple(Children),
    Set(Children),
    FrozenSet(Children),
    /// A dict, its keys and values in turn.
    Dict(Children),
    /// A global, which is no value by itself. Module and name are texts.
    Class {
        callee: Callee,
        module: Id,
        name: Id,
    },
    /// An instance without state so far.
    New {
        class: Id,
        made_by: Instantiation,
    },
    /// An object whose state is a dict, or a tuple of two dicts: `__dict__` and slots, either of which
    /// may be `None`. Without `made_by`, they are the keywords of its constructor.
    Named {
        class: Id,
        state: Id,
        made_by: Option<Instantiation>,
    },
    /// An object whose state is a list.
    Positional {
        class: Id,
        state: Id,
    },
    /// An object by the tuple of its arguments. An enum's member by value looks the same.
    Constructed {
        class: Id,
        args: Id,
    },
    /// A member of an enum by its name.
    Member {
        class: Id,
        name: Id,
    },
    /// A constructor with keywords, which is no value by itself.
    Partial {
        class: Id,
        keywords: Id,
    },
    /// The result of one of cloudpickle's functions, or of a call of that result; it is no value by
    /// itself. The arguments are a tuple.
    ByValue {
        function: Id,
        args: Id,
    },
    /// A reference, whose URI is a text.
    Ref {
        uri: Id,
    },
    /// A value of the standard library by the arguments of its constructor, or its state.
    Stdlib {
        callee: Callee,
        args: Id,
    },
}

/// All nodes of one pickle.
#[derive(Debug)]
pub(super) struct Arena<'de> {
    input: &'de [u8],
    nodes: Vec<Node>,
    /// The children that were never extended, those of one node behind those of another.
    pool: Vec<Id>,
    /// The children that were extended, a vector for each node.
    extended: Vec<Vec<Id>>,
    /// A bit for every node, set if it occurs more than once.
    shared: Vec<u64>,
    /// True if a node with children occurs more than once.
    pub(super) shares_containers: bool,
    /// The number of nodes that can have children.
    pub(super) containers: usize,
    /// The limit of nesting.
    pub(super) depth: usize,
    /// The bytes of long texts that may still be copied. A typed value owns its texts, so one that
    /// occurs often in the pickle is copied as often, out of all proportion to the input.
    texts: Cell<usize>,
}

/// The longest text that is not counted: a copy costs little more than the mention in the input.
const SHORT_TEXT: usize = 64;

/// The number of nodes from which unused capacity is given back.
const LARGE: usize = 16 * 1024;

/// The bytes of long texts that may be copied beside those that the input's length allows.
const FREE_TEXTS: usize = 1 << 20;

impl<'de> Arena<'de> {
    pub(super) fn new(input: &'de [u8], depth: usize) -> Self {
        let mut nodes = Vec::with_capacity((input.len() / 4).clamp(6, 1024));
        nodes.extend([
            Node::None,
            Node::Bool(false),
            Node::Bool(true),
            Node::Tuple(Children::EMPTY),
        ]);
        Self {
            input,
            nodes,
            pool: Vec::new(),
            extended: Vec::new(),
            shared: Vec::new(),
            shares_containers: false,
            containers: 0,
            depth,
            texts: Cell::new(Limits::visits(input.len()) + FREE_TEXTS),
        }
    }

    /// Gives back the unused capacity of a large arena that is complete.
    pub(super) fn shrink(&mut self) {
        if self.nodes.len() > LARGE {
            self.nodes.shrink_to_fit();
            self.pool.shrink_to_fit();
        }
    }

    /// Returns the length of the pickle in bytes: all its containers together have no more children.
    pub(super) fn input_len(&self) -> usize {
        self.input.len()
    }

    /// Returns the number of nodes.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    #[inline]
    pub(super) fn node(&self, id: Id) -> Node {
        debug_assert!((id as usize) < self.nodes.len());
        match self.nodes.get(id as usize) {
            Some(&node) => node,
            None => Node::None,
        }
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

    /// Returns the numbers of a node's children.
    #[inline]
    pub(super) fn children(&self, children: Children) -> &[Id] {
        let start = children.start as usize;
        if children.len == EXTENDED {
            return self.extended.get(start).map_or(&[], Vec::as_slice);
        }
        self.pool
            .get(start..start + children.len as usize)
            .unwrap_or(&[])
    }

    /// Returns the elements of the list or tuple at `id`; none for any other node.
    #[inline]
    pub(super) fn items(&self, id: Id) -> &[Id] {
        match self.node(id) {
            Node::List(children) | Node::Tuple(children) => self.children(children),
            _ => &[],
        }
    }

    /// Returns the entries of a named state: those of `__dict__`, and those of the slots.
    #[inline]
    pub(super) fn entries(&self, state: Id) -> (&[Id], &[Id]) {
        match self.node(state) {
            Node::Dict(children) => (self.children(children), &[]),
            Node::Tuple(parts) => match *self.children(parts) {
                [own, slots] => (self.entries_of(own), self.entries_of(slots)),
                _ => (&[], &[]),
            },
            _ => (&[], &[]),
        }
    }

    fn entries_of(&self, dict: Id) -> &[Id] {
        match self.node(dict) {
            Node::Dict(children) => self.children(children),
            _ => &[],
        }
    }

    /// Stores the children `items`.
    #[allow(clippy::cast_possible_truncation)] // each child took a byte of input at least
    pub(super) fn batch(&mut self, items: &[Id]) -> Children {
        if items.is_empty() {
            return Children::EMPTY;
        }
        let start = self.pool.len();
        reserve_within(&mut self.pool, items.len(), self.input.len());
        self.pool.extend_from_slice(items);
        Children {
            start: start as u32,
            len: items.len() as u32,
            fixed: false,
        }
    }

    /// Appends `items` to the children of a node; `None` if another node shares them.
    #[allow(clippy::cast_possible_truncation)] // as above
    pub(super) fn extend(&mut self, children: Children, items: &[Id]) -> Option<Children> {
        if children.fixed {
            return None;
        }
        if children.len == 0 {
            return Some(self.batch(items));
        }
        if children.len == EXTENDED {
            self.extended
                .get_mut(children.start as usize)?
                .extend_from_slice(items);
            return Some(children);
        }
        let first = self.children(children);
        let mut extended = Vec::with_capacity(first.len() + items.len());
        extended.extend_from_slice(first);
        extended.extend_from_slice(items);
        self.extended.push(extended);
        Some(Children {
            start: (self.extended.len() - 1) as u32,
            len: EXTENDED,
            fixed: false,
        })
    }

    /// Notes that a node occurs once more.
    #[inline]
    pub(super) fn mark_shared(&mut self, id: Id) {
        let (word, bit) = (id as usize / 64, id % 64);
        if self.shared.len() <= word {
            self.shared.resize(self.nodes.len() / 64 + 1, 0);
        }
        if let Some(word) = self.shared.get_mut(word) {
            *word |= 1 << bit;
        }
        self.shares_containers |= !self.is_leaf(id);
    }

    /// Returns whether a node occurs more than once.
    #[inline]
    pub(super) fn is_shared(&self, id: Id) -> bool {
        self.shared
            .get(id as usize / 64)
            .is_some_and(|word| word & (1 << (id % 64)) != 0)
    }

    /// Returns whether a node has no children.
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

    /// Returns the bytes of a span that the caller copies.
    ///
    /// # Errors
    /// The long texts that were copied before use up what the input allows.
    #[inline]
    pub(super) fn copied_bytes(&self, span: Span) -> Result<&'de [u8], DecodeError> {
        let len = span.len as usize;
        if len > SHORT_TEXT {
            let Some(left) = self.texts.get().checked_sub(len) else {
                let max = Limits::visits(self.input.len());
                return Err(DecodeError::limit(Limit::Visits, max));
            };
            self.texts.set(left);
        }
        Ok(self.bytes(span))
    }

    /// Returns the text of a span that the reader has checked, and that the caller copies.
    #[inline]
    pub(super) fn text(&self, span: Span) -> Result<&'de str, DecodeError> {
        std::str::from_utf8(self.copied_bytes(span)?).map_err(|_| DecodeError::LoneSurrogate {
            at: span.at as usize,
        })
    }

    /// Returns the text of a node; `None` if it is something else.
    pub(super) fn str(&self, id: Id) -> Option<&'de str> {
        match self.node(id) {
            Node::Str(span) => self.text(span).ok(),
            _ => None,
        }
    }

    /// Returns the bytes of a node that is a text; none for any other node.
    #[inline]
    pub(super) fn str_bytes(&self, id: Id) -> &'de [u8] {
        match self.node(id) {
            Node::Str(span) => self.bytes(span),
            _ => &[],
        }
    }

    /// Returns whether the class at `id` has the qualified name `expected`.
    #[inline]
    pub(super) fn is_class(&self, id: Id, expected: &str) -> bool {
        match self.node(id) {
            Node::Class { module, name, .. } => {
                class::is_named(expected, self.str_bytes(module), self.str_bytes(name))
            }
            _ => false,
        }
    }

    /// Returns the qualified name of the class at `id`.
    pub(super) fn class_name(&self, id: Id) -> String {
        match self.node(id) {
            Node::Class { module, name, .. } => class::join(
                self.str(module).unwrap_or_default(),
                self.str(name).unwrap_or_default(),
            ),
            _ => String::new(),
        }
    }

    /// Returns the error about a node that is no value: a class or a constructor by itself.
    pub(super) fn needs_python(&self, id: Id) -> Option<DecodeError> {
        let what = match self.node(id) {
            Node::Class { .. } => self.class_name(id),
            Node::Partial { class, .. }
            | Node::ByValue {
                function: class, ..
            } => self.class_name(class),
            Node::Stdlib {
                callee: Callee::TimeZone | Callee::ZoneInfo,
                ..
            } => self.type_name(id),
            _ => return None,
        };
        Some(DecodeError::NeedsPython { what: what.into() })
    }

    /// Returns the Python class of the value at `id`, for errors.
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
            Node::Stdlib { callee, .. } => stdlib_class(callee),
        };
        name.to_owned()
    }
}

fn stdlib_class(callee: Callee) -> &'static str {
    match callee {
        Callee::Complex => "builtins.complex",
        Callee::DateTime => "datetime.datetime",
        Callee::Date => "datetime.date",
        Callee::Time => "datetime.time",
        Callee::TimeDelta => "datetime.timedelta",
        Callee::TimeZone => "datetime.timezone",
        Callee::ZoneInfo => "zoneinfo.ZoneInfo",
        Callee::Uuid => "uuid.UUID",
        Callee::Decimal => "decimal.Decimal",
        _ => "builtins.object",
    }
}

/// Pushes an item. The vector doubles when it is full, but never beyond `most`, which follows from
/// the input's length.
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
