//! Objects that are opened as far as their marker.

use super::super::marker::{self, Marker};
use super::super::reader::Reader;
use super::super::source::{Kind, Mark, Open, Source};
use crate::DecodeError;
use crate::class_name::{is_class, same_class};

/// An object that was opened as far as its marker.
pub(super) struct Head {
    /// The marker, if there is one: its value is next. Without one, the first key is.
    pub(super) marker: Option<Marker>,
    pub(super) open: Open,
    /// The position of the first key, if other keys came before the marker.
    late: Option<(Mark, Open)>,
}

impl Head {
    /// Returns to the keys that came before the marker, if any did.
    pub(super) fn into_keys<S: Source>(self, reader: &mut Reader<S>) -> Open {
        match self.late {
            Some((mark, open)) => {
                reader.source.rewind(mark);
                open
            }
            None => self.open,
        }
    }
}

impl<S: Source> Reader<S> {
    /// Opens an object and finds its marker. Nodes write it first; one that comes later is found
    /// by skipping the keys before it, which are then read again.
    #[inline]
    pub(super) fn head(&mut self) -> Result<Head, DecodeError> {
        let start = self.source.open_map()?;
        let keys = self.source.mark();
        let mut open = start;
        self.item()?;
        let Some(key) = self.source.next_key(&mut open)? else {
            // Closed; asked again, it is still closed.
            return Ok(Head {
                marker: None,
                open,
                late: None,
            });
        };
        if let Some(marker) = Marker::from_key(key)
            && marker.fits(self.source.peek()?)
        {
            return Ok(Head {
                marker: Some(marker),
                open,
                late: None,
            });
        }
        self.late_head(keys, start, open)
    }

    #[cold]
    fn late_head(&mut self, keys: Mark, start: Open, mut open: Open) -> Result<Head, DecodeError> {
        let marker = loop {
            self.skip()?;
            self.item()?;
            let Some(key) = self.source.next_key(&mut open)? else {
                break None;
            };
            if let Some(marker) = Marker::from_key(key)
                && marker.fits(self.source.peek()?)
            {
                break Some(marker);
            }
        };
        // An object inside one of the skipped values may have a late marker too: without a limit, the
        // same bytes would be read again at every level.
        self.visit(self.source.at() - keys.at)?;
        if marker.is_none() {
            self.source.rewind(keys);
            open = start;
        }
        Ok(Head {
            marker,
            open,
            late: marker.map(|_| (keys, start)),
        })
    }

    /// Skips the keys that are left of an object.
    #[inline]
    pub(super) fn close(&mut self, open: &mut Open) -> Result<(), DecodeError> {
        while self.source.next_key(open)?.is_some() {
            self.item()?;
            self.skip()?;
        }
        Ok(())
    }

    /// Finds the name of an enum's member behind the class, which was read.
    pub(super) fn member(&mut self, head: Head) -> Result<Open, DecodeError> {
        let mut open = head.into_keys(self);
        loop {
            self.item()?;
            let Some(key) = self.source.next_key(&mut open)? else {
                return Err(self.malformed("an enum without its member"));
            };
            if key == marker::MEMBER && self.source.peek()? == Kind::Str {
                return Ok(open);
            }
            self.skip()?;
        }
    }

    /// Reads the class of an object and checks that it is `expected`; an undotted name takes any.
    #[inline]
    pub(super) fn check_class(&mut self, expected: &'static str) -> Result<(), DecodeError> {
        let found = self.source.str()?;
        if same_class(expected, found) || !is_class(expected) {
            return Ok(());
        }
        Err(DecodeError::Class {
            expected,
            found: found.into(),
        })
    }

    /// Opens an object of the class that `name` names; `None` if `name` names no class and
    /// something else is next, nothing of which was then consumed.
    #[inline]
    pub(super) fn instance(&mut self, name: &'static str) -> Result<Option<Open>, DecodeError> {
        let kind = self.source.peek()?;
        let start = self.source.mark();
        let found = if kind == Kind::Map {
            let head = self.head()?;
            match head.marker {
                Some(Marker::Type) => {
                    self.check_class(name)?;
                    return Ok(Some(head.into_keys(self)));
                }
                Some(other) => other.class(),
                None => kind.class(),
            }
        } else {
            kind.class()
        };
        if is_class(name) {
            return Err(DecodeError::Class {
                expected: name,
                found: found.into(),
            });
        }
        self.source.rewind(start);
        Ok(None)
    }
}
