//! A source of tokens with the limits that hold for it.

use super::source::{Kind, Open, Source};
use crate::{DecodeError, Limit, Limits};

/// A reader of a tree within limits.
pub(crate) struct Reader<S> {
    pub(super) source: S,
    depth: Quota,
    items: Quota,
    visits: Quota,
}

/// An amount that may be spent.
struct Quota {
    left: usize,
    max: usize,
    limit: Limit,
}

impl Quota {
    fn new(limit: Limit, max: usize) -> Self {
        Self {
            left: max,
            max,
            limit,
        }
    }

    #[inline]
    fn spend(&mut self, count: usize) -> Result<(), DecodeError> {
        match self.left.checked_sub(count) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(self.passed()),
        }
    }

    #[cold]
    fn passed(&self) -> DecodeError {
        DecodeError::limit(self.limit, self.max)
    }
}

impl<S: Source> Reader<S> {
    /// Returns a reader of a source over `size` bytes.
    pub(crate) fn new(source: S, size: usize, limits: &Limits) -> Self {
        Self {
            source,
            depth: Quota::new(Limit::Depth, limits.depth.min(Limits::MAX_DEPTH)),
            items: Quota::new(Limit::Items, limits.items),
            visits: Quota::new(Limit::Visits, Limits::visits(size)),
        }
    }

    /// Checks that the input ends here.
    pub(crate) fn end(&mut self) -> Result<(), DecodeError> {
        self.source.end()
    }

    /// Counts a value or key.
    #[inline]
    pub(super) fn item(&mut self) -> Result<(), DecodeError> {
        self.items.spend(1)
    }

    /// Checks that so many more items are within the limit.
    pub(super) fn check_items(&self, items: usize) -> Result<(), DecodeError> {
        if items > self.items.left {
            return Err(self.items.passed());
        }
        Ok(())
    }

    /// Enters a container.
    #[inline]
    pub(super) fn enter(&mut self) -> Result<(), DecodeError> {
        self.depth.spend(1)
    }

    /// Leaves a container.
    #[inline]
    pub(super) fn leave(&mut self) {
        self.depth.left += 1;
    }

    /// Returns the number of levels that were entered and not left.
    pub(super) fn levels(&self) -> usize {
        self.depth.max - self.depth.left
    }

    pub(super) fn malformed(&self, what: &'static str) -> DecodeError {
        DecodeError::malformed(what, self.source.at())
    }

    /// Counts bytes that will be read a second time.
    pub(super) fn visit(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.visits.spend(bytes)
    }

    /// Skips one value, whatever it holds, without recursion. Costs memory for its nesting only.
    pub(super) fn skip(&mut self) -> Result<(), DecodeError> {
        // A dict is three levels of the tree, each of its values one more.
        let deepest = self.depth.left.saturating_mul(3);
        let mut stack: Vec<(Kind, Open)> = Vec::new();
        loop {
            self.item()?;
            let kind = self.source.peek()?;
            match kind {
                Kind::Array | Kind::Map => {
                    if stack.len() >= deepest {
                        return Err(self.depth.passed());
                    }
                    let open = match kind {
                        Kind::Array => self.source.open_array()?,
                        _ => self.source.open_map()?,
                    };
                    stack.push((kind, open));
                }
                leaf => self.source.skip_leaf(leaf)?,
            }
            loop {
                let Some((kind, open)) = stack.last_mut() else {
                    return Ok(());
                };
                let more = match kind {
                    Kind::Array => self.source.next(open)?,
                    _ => self.source.next_key(open)?.is_some(),
                };
                if more {
                    break;
                }
                stack.pop();
            }
        }
    }
}
