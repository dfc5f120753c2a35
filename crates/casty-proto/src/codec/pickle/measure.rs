//! How deep a pickle nests and how much a walk over it would visit, before anything walks it.
//!
//! A few shared values make a small pickle as large as its author likes, and one that holds
//! itself endless. Sizes are computed once per node, from the leaves up, so refusing costs time in
//! proportion to the input.

use super::arena::{Arena, Id, Node};
use super::read::{malformed, passed};
use crate::error::Limit;
use crate::{DecodeError, Limits};

/// Refuses what passes the arena's depth or the visits that an input of `input` bytes may ask for.
pub(super) fn check(arena: &Arena<'_>, root: Id, input: usize) -> Result<(), DecodeError> {
    // A tree of few containers is neither deep nor larger than its input.
    if !arena.shares && arena.containers <= arena.depth {
        return Ok(());
    }
    if arena.is_leaf(root) {
        return Ok(());
    }
    Measure {
        arena,
        sizes: vec![Size::UNKNOWN; arena.len()],
        path: Vec::new(),
        budget: Limits::visits(input),
    }
    .run(root)
}

/// What is known of a node that was left; `visits` is 0 before it is entered and the largest
/// number while it is on the path.
#[derive(Clone, Copy)]
struct Size {
    visits: u32,
    depth: u16,
}

impl Size {
    const UNKNOWN: Self = Self {
        visits: 0,
        depth: 0,
    };
    const OPEN: u32 = u32::MAX;
}

/// A node on the path, and what its children add up to so far.
struct Step<'a> {
    id: Id,
    children: std::slice::Iter<'a, Id>,
    /// Those of the slots, where an object has `__dict__` too.
    more: &'a [Id],
    /// How many containers are around its children.
    level: usize,
    visits: usize,
    /// How many containers its children nest.
    depth: usize,
}

struct Measure<'a, 'de> {
    arena: &'a Arena<'de>,
    sizes: Vec<Size>,
    /// Never longer than the depth allows.
    path: Vec<Step<'a>>,
    budget: usize,
}

impl Measure<'_, '_> {
    fn run(mut self, root: Id) -> Result<(), DecodeError> {
        self.enter(root, 0)?;
        while let Some(step) = self.path.last_mut() {
            // Most children are leaves: they are counted on the spot.
            let Some(&child) = step.children.find(|&&child| {
                step.visits += 1;
                !self.arena.is_leaf(child)
            }) else {
                step.children = std::mem::take(&mut step.more).iter();
                if step.children.len() == 0 {
                    self.leave()?;
                }
                continue;
            };
            step.visits -= 1;
            let level = step.level;
            match self.sizes.get(child as usize).copied() {
                Some(size) if size.visits == Size::OPEN => {
                    return Err(malformed("a value that holds itself", 0));
                }
                Some(size) if size.visits != 0 => self.add(size)?,
                _ => self.enter(child, level)?,
            }
        }
        Ok(())
    }

    /// Adds a child that is measured to the node above it.
    fn add(&mut self, child: Size) -> Result<(), DecodeError> {
        let Some(step) = self.path.last_mut() else {
            return Ok(());
        };
        step.visits += child.visits as usize;
        step.depth = step.depth.max(child.depth.into());
        let (deepest, visits) = (step.level + usize::from(child.depth), step.visits);
        self.within(deepest, visits)
    }

    fn within(&self, depth: usize, visits: usize) -> Result<(), DecodeError> {
        if depth > self.arena.depth {
            return Err(passed(Limit::Depth, self.arena.depth));
        }
        if visits > self.budget {
            return Err(passed(Limit::Visits, self.budget));
        }
        Ok(())
    }

    fn enter(&mut self, id: Id, outside: usize) -> Result<(), DecodeError> {
        let level = outside + 1;
        self.within(level, 0)?;
        if let Some(size) = self.sizes.get_mut(id as usize) {
            size.visits = Size::OPEN;
        }
        let (children, more) = children(self.arena, id);
        self.path.push(Step {
            id,
            children: children.iter(),
            more,
            level,
            visits: 1,
            depth: 0,
        });
        Ok(())
    }

    fn leave(&mut self) -> Result<(), DecodeError> {
        let Some(step) = self.path.pop() else {
            return Ok(());
        };
        self.within(0, step.visits)?;
        let size = Size {
            visits: u32::try_from(step.visits)
                .unwrap_or(Size::OPEN)
                .min(Size::OPEN - 1),
            depth: u16::try_from(step.depth + 1).unwrap_or(u16::MAX),
        };
        if let Some(place) = self.sizes.get_mut(step.id as usize) {
            *place = size;
        }
        self.add(size)
    }
}

/// The children of a node that is no leaf; an object and its state are one node here.
pub(super) fn children<'a>(arena: &'a Arena<'_>, id: Id) -> (&'a [Id], &'a [Id]) {
    match arena.node(id) {
        Node::List(kids)
        | Node::Tuple(kids)
        | Node::Set(kids)
        | Node::FrozenSet(kids)
        | Node::Dict(kids) => (arena.kids(kids), &[]),
        Node::Named { state: entries, .. }
        | Node::Partial {
            keywords: entries, ..
        } => arena.entries(entries),
        Node::Positional { state: items, .. } | Node::Constructed { args: items, .. } => {
            (arena.items(items), &[])
        }
        _ => (&[], &[]),
    }
}
