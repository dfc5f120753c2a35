//! The tokens of a MessagePack input.

use rmp::Marker;

use super::super::source::{Kind, Mark, Number, Open, Source};
use crate::DecodeError;

/// A source of the tokens of a MessagePack input. An [`Open`] counts the elements still to come.
pub(crate) struct MsgPackSource<'a> {
    input: &'a [u8],
    at: usize,
    /// The elements and entries that the open containers still wait for.
    outstanding: usize,
}

impl<'a> MsgPackSource<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            at: 0,
            outstanding: 0,
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.input.get(self.at..).unwrap_or_default()
    }

    #[cold]
    fn truncated(&self) -> DecodeError {
        DecodeError::Truncated {
            at: self.input.len(),
        }
    }

    #[cold]
    fn malformed(&self, what: &'static str) -> DecodeError {
        DecodeError::malformed(what, self.at)
    }

    /// Returns the next marker; it is not consumed.
    #[inline]
    fn marker(&self) -> Result<Marker, DecodeError> {
        match self.input.get(self.at) {
            Some(byte) => Ok(Marker::from_u8(*byte)),
            None => Err(self.truncated()),
        }
    }

    /// Consumes `len` bytes.
    #[inline]
    fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, _) = self
            .rest()
            .split_at_checked(len)
            .ok_or_else(|| self.truncated())?;
        self.at += len;
        Ok(taken)
    }

    /// Consumes the marker and the number behind it.
    #[inline]
    fn operand<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let operand = *self
            .rest()
            .get(1..)
            .and_then(<[u8]>::first_chunk)
            .ok_or_else(|| self.truncated())?;
        self.at += 1 + N;
        Ok(operand)
    }

    fn length8(&mut self) -> Result<usize, DecodeError> {
        Ok(usize::from(u8::from_be_bytes(self.operand()?)))
    }

    fn length16(&mut self) -> Result<usize, DecodeError> {
        Ok(usize::from(u16::from_be_bytes(self.operand()?)))
    }

    fn length32(&mut self) -> Result<usize, DecodeError> {
        Ok(u32::from_be_bytes(self.operand()?) as usize)
    }

    fn fixed(&mut self, len: u8) -> usize {
        self.at += 1;
        usize::from(len)
    }

    /// Consumes a string and its marker.
    #[inline]
    fn raw_str(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = match self.marker()? {
            Marker::FixStr(len) => self.fixed(len),
            Marker::Str8 => self.length8()?,
            Marker::Str16 => self.length16()?,
            Marker::Str32 => self.length32()?,
            _ => return Err(self.malformed("no string")),
        };
        self.take(len)
    }

    #[inline]
    fn text(&mut self) -> Result<&'a str, DecodeError> {
        let at = self.at;
        std::str::from_utf8(self.raw_str()?).map_err(|_| DecodeError::Malformed {
            what: "a string that is no UTF-8",
            at,
        })
    }

    fn raw_bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = match self.marker()? {
            Marker::Bin8 => self.length8()?,
            Marker::Bin16 => self.length16()?,
            Marker::Bin32 => self.length32()?,
            _ => return Err(self.malformed("no bytes")),
        };
        self.take(len)
    }

    /// Opens a container of `len` elements or entries.
    ///
    /// # Errors
    /// The input is too short for them.
    #[inline]
    fn open(&mut self, len: usize) -> Result<Open, DecodeError> {
        // Each element still to come takes a byte at least, in this container and in those around it.
        // So an announced length is never more than the bytes that are left, and nested containers
        // cannot each announce all of them: memory that is allocated by these lengths stays in
        // proportion to the input.
        let outstanding = self.outstanding.saturating_add(len);
        if outstanding > self.input.len() - self.at {
            return Err(self.truncated());
        }
        self.outstanding = outstanding;
        Ok(Open(len))
    }
}

impl Source for MsgPackSource<'_> {
    #[inline]
    fn peek(&mut self) -> Result<Kind, DecodeError> {
        Ok(match self.marker()? {
            Marker::FixStr(_) | Marker::Str8 | Marker::Str16 | Marker::Str32 => Kind::Str,
            Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => Kind::Map,
            Marker::FixArray(_) | Marker::Array16 | Marker::Array32 => Kind::Array,
            Marker::Null => Kind::Null,
            Marker::True | Marker::False => Kind::Bool,
            Marker::Bin8 | Marker::Bin16 | Marker::Bin32 => Kind::Bytes,
            Marker::FixPos(_)
            | Marker::FixNeg(_)
            | Marker::U8
            | Marker::U16
            | Marker::U32
            | Marker::U64
            | Marker::I8
            | Marker::I16
            | Marker::I32
            | Marker::I64
            | Marker::F32
            | Marker::F64 => Kind::Number,
            Marker::Reserved => return Err(self.malformed("the byte that is never used")),
            _ => return Err(self.malformed("an extension type")),
        })
    }

    fn null(&mut self) -> Result<(), DecodeError> {
        self.at += 1;
        Ok(())
    }

    fn bool(&mut self) -> Result<bool, DecodeError> {
        let value = self.marker()? == Marker::True;
        self.at += 1;
        Ok(value)
    }

    #[inline]
    fn number(&mut self) -> Result<Number, DecodeError> {
        let int = match self.marker()? {
            Marker::FixPos(value) => {
                self.at += 1;
                i64::from(value)
            }
            Marker::FixNeg(value) => {
                self.at += 1;
                i64::from(value)
            }
            Marker::U8 => i64::from(u8::from_be_bytes(self.operand()?)),
            Marker::U16 => i64::from(u16::from_be_bytes(self.operand()?)),
            Marker::U32 => i64::from(u32::from_be_bytes(self.operand()?)),
            Marker::U64 => {
                let value = u64::from_be_bytes(self.operand()?);
                return Ok(i64::try_from(value).map_or(Number::UInt(value), Number::Int));
            }
            Marker::I8 => i64::from(i8::from_be_bytes(self.operand()?)),
            Marker::I16 => i64::from(i16::from_be_bytes(self.operand()?)),
            Marker::I32 => i64::from(i32::from_be_bytes(self.operand()?)),
            Marker::I64 => i64::from_be_bytes(self.operand()?),
            Marker::F32 => {
                return Ok(Number::Float(f64::from(f32::from_be_bytes(
                    self.operand()?,
                ))));
            }
            Marker::F64 => return Ok(Number::Float(f64::from_be_bytes(self.operand()?))),
            _ => return Err(self.malformed("no number")),
        };
        Ok(Number::Int(int))
    }

    #[inline]
    fn str(&mut self) -> Result<&str, DecodeError> {
        self.text()
    }

    fn bytes(&mut self) -> Result<&[u8], DecodeError> {
        self.raw_bytes()
    }

    fn skip_leaf(&mut self, kind: Kind) -> Result<(), DecodeError> {
        match kind {
            Kind::Null | Kind::Bool => self.null(),
            Kind::Str => self.raw_str().map(drop),
            Kind::Bytes => self.raw_bytes().map(drop),
            _ => self.number().map(drop),
        }
    }

    #[inline]
    fn open_array(&mut self) -> Result<Open, DecodeError> {
        let len = match self.marker()? {
            Marker::FixArray(len) => self.fixed(len),
            Marker::Array16 => self.length16()?,
            Marker::Array32 => self.length32()?,
            _ => return Err(self.malformed("no array")),
        };
        self.open(len)
    }

    #[inline]
    fn open_map(&mut self) -> Result<Open, DecodeError> {
        let len = match self.marker()? {
            Marker::FixMap(len) => self.fixed(len),
            Marker::Map16 => self.length16()?,
            Marker::Map32 => self.length32()?,
            _ => return Err(self.malformed("no map")),
        };
        self.open(len)
    }

    #[inline]
    fn next(&mut self, open: &mut Open) -> Result<bool, DecodeError> {
        match open.0.checked_sub(1) {
            Some(left) => {
                open.0 = left;
                self.outstanding = self.outstanding.saturating_sub(1);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    #[inline]
    fn next_key(&mut self, open: &mut Open) -> Result<Option<&str>, DecodeError> {
        if !self.next(open)? {
            return Ok(None);
        }
        if self.peek()? != Kind::Str {
            return Err(self.malformed("a key that is no string"));
        }
        self.text().map(Some)
    }

    fn hint(&self, open: Open) -> Option<usize> {
        Some(open.0)
    }

    fn at(&self) -> usize {
        self.at
    }

    fn mark(&self) -> Mark {
        Mark {
            at: self.at,
            outstanding: self.outstanding,
        }
    }

    fn rewind(&mut self, mark: Mark) {
        self.at = mark.at;
        self.outstanding = mark.outstanding;
    }

    fn end(&mut self) -> Result<(), DecodeError> {
        match self.input.len() - self.at {
            0 => Ok(()),
            extra => Err(DecodeError::Trailing { extra }),
        }
    }
}
