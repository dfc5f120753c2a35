//! MessagePack as it is written.

use num_bigint::BigInt;
use rmp::Marker;

use super::super::sink::{Array, Scalars, Sink, spell_class, unsupported};
use crate::EncodeError;
use crate::codec::prepared::{Prepared, Spelling, Table};

/// The classes that the program's own types name.
static CLASSES: Table<()> = Table::new(Spelling {
    class: |name, out| spell_class(MsgPackSink::new(out), name),
    // Only a name of 4 GiB would be refused.
    field: |name, out| drop(MsgPackSink::new(out).str(name)),
});

/// A sink that appends MessagePack to a buffer.
pub(crate) struct MsgPackSink<'a> {
    out: &'a mut Vec<u8>,
}

/// The number in an [`Array`] whose length was written when it was opened.
const COUNTED: usize = usize::MAX;

impl<'a> MsgPackSink<'a> {
    #[inline]
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    #[inline]
    fn put<const N: usize>(&mut self, marker: Marker, bytes: [u8; N]) {
        self.out.push(marker.to_u8());
        self.out.extend_from_slice(&bytes);
    }

    /// Writes a length in the first of three forms that holds it; the caller has tried the smallest.
    fn length(&mut self, len: usize, forms: [Option<Marker>; 3]) -> Result<(), EncodeError> {
        let [one, two, four] = forms;
        if let (Ok(len), Some(marker)) = (u8::try_from(len), one) {
            self.put(marker, len.to_be_bytes());
        } else if let (Ok(len), Some(marker)) = (u16::try_from(len), two) {
            self.put(marker, len.to_be_bytes());
        } else if let (Ok(len), Some(marker)) = (u32::try_from(len), four) {
            self.put(marker, len.to_be_bytes());
        } else {
            return Err(unsupported::<Self>("anything of 4 GiB"));
        }
        Ok(())
    }
}

/// Returns the length if the marker itself can hold it.
#[inline]
fn fixed(len: usize, below: u8) -> Option<u8> {
    u8::try_from(len).ok().filter(|len| *len < below)
}

impl Scalars for MsgPackSink<'_> {
    const NAME: &'static str = "msgpack";

    fn null(&mut self) {
        self.out.push(Marker::Null.to_u8());
    }

    fn bool(&mut self, value: bool) {
        let marker = if value { Marker::True } else { Marker::False };
        self.out.push(marker.to_u8());
    }

    #[inline]
    fn int(&mut self, value: i64) {
        if let Ok(value) = u64::try_from(value) {
            self.uint(value);
        } else if let Ok(value) = i8::try_from(value) {
            if value >= -32 {
                self.out.push(Marker::FixNeg(value).to_u8());
            } else {
                self.put(Marker::I8, value.to_be_bytes());
            }
        } else if let Ok(value) = i16::try_from(value) {
            self.put(Marker::I16, value.to_be_bytes());
        } else if let Ok(value) = i32::try_from(value) {
            self.put(Marker::I32, value.to_be_bytes());
        } else {
            self.put(Marker::I64, value.to_be_bytes());
        }
    }

    #[inline]
    fn uint(&mut self, value: u64) {
        if let Ok(value) = u8::try_from(value) {
            if value < 128 {
                self.out.push(Marker::FixPos(value).to_u8());
            } else {
                self.put(Marker::U8, value.to_be_bytes());
            }
        } else if let Ok(value) = u16::try_from(value) {
            self.put(Marker::U16, value.to_be_bytes());
        } else if let Ok(value) = u32::try_from(value) {
            self.put(Marker::U32, value.to_be_bytes());
        } else {
            self.put(Marker::U64, value.to_be_bytes());
        }
    }

    fn big(&mut self, value: &BigInt) -> Result<(), EncodeError> {
        if let Ok(value) = i64::try_from(value) {
            self.int(value);
        } else if let Ok(value) = u64::try_from(value) {
            self.uint(value);
        } else {
            return Err(unsupported::<Self>("an int of more than 64 bits"));
        }
        Ok(())
    }

    fn float(&mut self, value: f64) {
        self.put(Marker::F64, value.to_be_bytes());
    }

    #[inline]
    fn str(&mut self, value: &str) -> Result<(), EncodeError> {
        match fixed(value.len(), 32) {
            Some(len) => self.out.push(Marker::FixStr(len).to_u8()),
            None => self.length(
                value.len(),
                [Some(Marker::Str8), Some(Marker::Str16), Some(Marker::Str32)],
            )?,
        }
        self.out.extend_from_slice(value.as_bytes());
        Ok(())
    }

    fn bytes(&mut self, value: &[u8]) -> Result<(), EncodeError> {
        self.length(
            value.len(),
            [Some(Marker::Bin8), Some(Marker::Bin16), Some(Marker::Bin32)],
        )?;
        self.out.extend_from_slice(value);
        Ok(())
    }
}

impl Sink for MsgPackSink<'_> {
    #[inline]
    fn open_array(&mut self, len: Option<usize>) -> Result<Array, EncodeError> {
        let Some(len) = len else {
            // The length is not known yet: closing the array writes it over these bytes.
            let at = self.out.len();
            self.put(Marker::Array32, [0; 4]);
            return Ok(Array(at));
        };
        match fixed(len, 16) {
            Some(len) => self.out.push(Marker::FixArray(len).to_u8()),
            None => self.length(len, [None, Some(Marker::Array16), Some(Marker::Array32)])?,
        }
        Ok(Array(COUNTED))
    }

    #[inline]
    fn element(&mut self, _: bool) {}

    #[inline]
    fn close_array(&mut self, array: Array, count: usize) -> Result<(), EncodeError> {
        if array.0 == COUNTED {
            return Ok(());
        }
        let count = u32::try_from(count).map_err(|_| unsupported::<Self>("anything of 4 GiB"))?;
        let length = self.out.get_mut(array.0.saturating_add(1)..);
        if let Some(length) = length.and_then(<[u8]>::first_chunk_mut) {
            *length = count.to_be_bytes();
        }
        Ok(())
    }

    #[inline]
    fn open_map(&mut self, len: usize) -> Result<(), EncodeError> {
        match fixed(len, 16) {
            Some(len) => self.out.push(Marker::FixMap(len).to_u8()),
            None => self.length(len, [None, Some(Marker::Map16), Some(Marker::Map32)])?,
        }
        Ok(())
    }

    #[inline]
    fn key(&mut self, _: bool, key: &str) -> Result<(), EncodeError> {
        self.str(key)
    }

    #[inline]
    fn close_map(&mut self) {}

    #[inline]
    fn open_ref(&mut self) {
        self.out.extend_from_slice(b"\x81\xa7__ref__");
    }

    #[inline]
    fn prepared(name: &'static str) -> Option<&'static Prepared<()>> {
        CLASSES.get(name)
    }

    #[inline]
    fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }
}
