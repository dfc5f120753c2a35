//! The depth of a pickle and the number of its values, shared ones counted as often as they occur,
//! found before anything reads the values.
//!
//! A few shared values make a small pickle as large as its author likes, and one that contains
//! itself endless. Sizes are computed once per node, from the leaves up, so refusing costs time in
//! proportion to the input.

use super::arena::{Arena, Id, Node};
use crate::{DecodeError, Limit, Limits};

/// Checks the depth of an arena and the visits that an input of `input` bytes may ask for.
pub(super) fn check(arena: &Arena<'_>, root: Id, input: usize) -> Result<(), DecodeError> {
    // Without shared containers the arena is a tree, no larger than its input, and it cannot nest
    // deeper than it has containers. Nearly all messages end here.
    if !arena.shares_containers && arena.containers <= arena.depth {
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

/// The size of a node that was left; `visits` is 0 before it is entered and the largest number while
/// it is on the path.
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

/// A node on the path, and the sum of the children measured so far.
struct Step<'a> {
    id: Id,
    children: std::slice::Iter<'a, Id>,
    /// The entries of the slots, if the object has `__dict__` too.
    more: &'a [Id],
    /// The number of containers around its children.
    level: usize,
    visits: usize,
    /// The depth of its children in containers.
    depth: usize,
}

/// A depth-first traversal of the nodes, without recursion.
struct Measure<'a, 'de> {
    arena: &'a Arena<'de>,
    sizes: Vec<Size>,
    /// The open containers, never more than the depth allows.
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
                    return Err(DecodeError::malformed("a value that holds itself", 0));
                }
                Some(size) if size.visits != 0 => self.add(size)?,
                _ => self.enter(child, level)?,
            }
        }
        Ok(())
    }

    /// Adds a measured child to the node above it.
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
            return Err(DecodeError::limit(Limit::Depth, self.arena.depth));
        }
        if visits > self.budget {
            return Err(DecodeError::limit(Limit::Visits, self.budget));
        }
        Ok(())
    }

    fn enter(&mut self, id: Id, outside: usize) -> Result<(), DecodeError> {
        let level = outside + 1;
        self.within(level, 0)?;
        if let Some(size) = self.sizes.get_mut(id as usize) {
            size.visits = Size::OPEN;
        }
        let (children, more) = contents(self.arena, id);
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

/// Returns the children of a node that is no leaf; an object and its state count as one node here.
pub(super) fn contents<'a>(arena: &'a Arena<'_>, id: Id) -> (&'a [Id], &'a [Id]) {
    match arena.node(id) {
        Node::List(children)
        | Node::Tuple(children)
        | Node::Set(children)
        | Node::FrozenSet(children)
        | Node::Dict(children) => (arena.children(children), &[]),
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
