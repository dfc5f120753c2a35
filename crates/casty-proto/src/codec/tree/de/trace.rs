//! The path to the part of a tree that does not fit its type, found by reading the tree once more, as
//! far as it was read. So a tree that fits costs nothing for it.

use super::super::marker::{self, Marker};
use super::super::source::{Kind, Mark, Open, Source};
use crate::DecodeError;
use crate::error::path::Segment;

/// The longest beginning of a key that is kept, in bytes.
const KEPT: usize = 512;

/// Adds the path to the part that was read last to an error about it; `start` is the position of the
/// whole tree, and `levels` the number of levels that the reader had entered.
#[cold]
pub(super) fn located<S: Source>(
    mut error: DecodeError,
    source: &mut S,
    start: Mark,
    levels: usize,
) -> DecodeError {
    if !error.is_about_a_part() {
        return error;
    }
    let end = source.at();
    source.rewind(start);
    let mut tracer = Tracer {
        source,
        end,
        open: Vec::new(),
    };
    if tracer.run().is_ok() {
        // Where nothing marks the end of a container, its last part ends where it does itself. Then the
        // level tells which of them was being read, and what is said whether that was over.
        let over = matches!(error, DecodeError::MissingField { .. });
        let is_open = |frame: &&Frame| frame.level + usize::from(over) <= levels;
        for frame in tracer.open.iter().rev().filter(is_open) {
            if let Some(step) = frame.step() {
                error.add_step(&step);
            }
        }
    }
    error
}

/// A container that is open, and the part of it that was begun last.
struct Frame {
    open: Open,
    kind: FrameKind,
    /// The number of levels as readers count them: a marker and what is behind it are one.
    level: usize,
    /// The elements that were begun.
    count: usize,
    /// The last key of a map, or the key of a pair.
    key: String,
}

/// The kinds of containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FrameKind {
    Array,
    /// The array behind `__dict__`.
    Dict,
    /// One of its elements.
    Pair,
    Map,
    /// A map that stands for a member of an enum.
    Member,
}

impl Frame {
    /// Returns whether an array in this place belongs to the level that is open.
    fn is_marked(&self) -> bool {
        match self.kind {
            FrameKind::Dict => true,
            FrameKind::Map => matches!(
                Marker::from_key(&self.key),
                Some(Marker::Tuple | Marker::FrozenSet | Marker::Dict)
            ),
            _ => false,
        }
    }

    fn step(&self) -> Option<Segment<'_>> {
        match self.kind {
            FrameKind::Array => Some(Segment::Index(self.count.checked_sub(1)?)),
            FrameKind::Pair if self.count == 2 => Some(Segment::Name(&self.key)),
            FrameKind::Map if self.count > 0 && Marker::from_key(&self.key).is_none() => {
                Some(Segment::Name(&self.key))
            }
            _ => None,
        }
    }
}

/// A second reading of a tree, up to an offset.
struct Tracer<'s, S> {
    source: &'s mut S,
    end: usize,
    open: Vec<Frame>,
}

impl<S: Source> Tracer<'_, S> {
    /// Reads until the offset is reached; then the parts that are begun are those on the path.
    fn run(&mut self) -> Result<(), DecodeError> {
        loop {
            if self.value()? {
                return Ok(());
            }
            loop {
                if self.open.is_empty() {
                    return Ok(());
                }
                if self.advance()? {
                    break;
                }
                self.open.pop();
                if self.is_reached() {
                    return Ok(());
                }
            }
            if self.is_reached() {
                return Ok(());
            }
        }
    }

    fn is_reached(&self) -> bool {
        self.source.at() >= self.end
    }

    /// Reads a leaf, or opens a container. Returns whether the offset is reached.
    fn value(&mut self) -> Result<bool, DecodeError> {
        let kind = self.source.peek()?;
        if self.is_reached() {
            return Ok(true);
        }
        let above = self.open.last_mut();
        let mut level = above.as_ref().map_or(0, |frame| frame.level) + 1;
        let (open, kind) = match kind {
            Kind::Array => {
                let above = above.as_deref();
                let kind = match above {
                    Some(frame) if frame.kind == FrameKind::Dict => FrameKind::Pair,
                    Some(frame) if frame.kind == FrameKind::Map && frame.key == marker::DICT => {
                        FrameKind::Dict
                    }
                    _ => FrameKind::Array,
                };
                if above.is_some_and(Frame::is_marked) {
                    level -= 1;
                }
                (self.source.open_array()?, kind)
            }
            Kind::Map => (self.source.open_map()?, FrameKind::Map),
            Kind::Str => {
                let text = self.source.str()?;
                if let Some(pair) = above
                    && pair.kind == FrameKind::Pair
                    && pair.count == 1
                {
                    keep(&mut pair.key, text);
                }
                return Ok(self.is_reached());
            }
            leaf => {
                self.source.skip_leaf(leaf)?;
                return Ok(self.is_reached());
            }
        };
        self.open.push(Frame {
            open,
            kind,
            level,
            count: 0,
            key: String::new(),
        });
        Ok(self.is_reached())
    }

    /// Advances to the next part of the innermost container; false if there is none.
    fn advance(&mut self) -> Result<bool, DecodeError> {
        let Some(frame) = self.open.last_mut() else {
            return Ok(false);
        };
        let more = match frame.kind {
            FrameKind::Map | FrameKind::Member => match self.source.next_key(&mut frame.open)? {
                Some(key) => {
                    keep(&mut frame.key, key);
                    if key == marker::ENUM {
                        frame.kind = FrameKind::Member;
                    }
                    true
                }
                None => false,
            },
            _ => self.source.next(&mut frame.open)?,
        };
        frame.count += usize::from(more);
        Ok(more)
    }
}

/// Keeps the beginning of a key.
fn keep(kept: &mut String, key: &str) {
    kept.clear();
    kept.push_str(key.get(..key.floor_char_boundary(KEPT)).unwrap_or_default());
}
