//! Scalars, names, and the calls that construct values of the standard library.

use super::super::opcode as op;
use super::super::stdlib::FOLD;
use super::spelling::{self, sized, sized8};
use super::writer::Writer;
use crate::EncodeError;
use crate::value::{Date, DateTime, NO_DECIMAL, Time, TimeDelta, ZoneName, is_decimal};

impl Writer<'_> {
    #[inline]
    pub(super) fn str(&mut self, value: &str) {
        spelling::str(self.out, value);
    }

    pub(super) fn global(&mut self, module: &str, name: &str) {
        spelling::global(self.out, module, name);
    }

    pub(super) fn partial(&mut self) {
        spelling::partial(self.out);
    }

    pub(super) fn bool(&mut self, value: bool) {
        self.out
            .push(if value { op::NEWTRUE } else { op::NEWFALSE });
    }

    #[inline]
    pub(super) fn int(&mut self, value: i64) {
        match u8::try_from(value) {
            Ok(byte) => self.out.extend_from_slice(&[op::BININT1, byte]),
            Err(_) => self.wide_int(value),
        }
    }

    fn wide_int(&mut self, value: i64) {
        if let Ok(short) = u16::try_from(value) {
            let [a, b] = short.to_le_bytes();
            self.out.extend_from_slice(&[op::BININT2, a, b]);
        } else if let Ok(int) = i32::try_from(value) {
            let [a, b, c, d] = int.to_le_bytes();
            self.out.extend_from_slice(&[op::BININT, a, b, c, d]);
        } else {
            self.long(&value.to_le_bytes());
        }
    }

    pub(super) fn unsigned_long(&mut self, value: u128) {
        let mut bytes = [0; 17];
        bytes[..16].copy_from_slice(&value.to_le_bytes());
        self.long(&bytes);
    }

    /// Writes an int in two's complement, the least significant byte first, in as few bytes as it takes.
    pub(super) fn long(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        while let [rest @ .., before, last] = bytes
            && ((*last == 0 && *before < 0x80) || (*last == 0xff && *before >= 0x80))
        {
            bytes = bytes.get(..=rest.len()).unwrap_or_default();
        }
        match u8::try_from(bytes.len()) {
            Ok(len) => self.out.extend_from_slice(&[op::LONG1, len]),
            Err(_) => sized(self.out, op::LONG4, bytes.len()),
        }
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn float(&mut self, value: f64) {
        self.out.push(op::BINFLOAT);
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    pub(super) fn bytes(&mut self, value: &[u8]) {
        match u8::try_from(value.len()) {
            Ok(len) => self.out.extend_from_slice(&[op::SHORT_BINBYTES, len]),
            Err(_) if u32::try_from(value.len()).is_ok() => {
                sized(self.out, op::BINBYTES, value.len());
            }
            Err(_) => sized8(self.out, op::BINBYTES8, value.len()),
        }
        self.out.extend_from_slice(value);
    }

    pub(super) fn byte_array(&mut self, value: &[u8]) {
        sized8(self.out, op::BYTEARRAY8, value.len());
        self.out.extend_from_slice(value);
    }

    /// Writes a member of an enum by its name.
    pub(super) fn getattr(&mut self, module: &str, class: &str, member: &str) {
        self.out
            .extend_from_slice(b"\x8c\x08builtins\x8c\x07getattr\x93");
        self.global(module, class);
        self.str(member);
        self.out.extend_from_slice(&[op::TUPLE2, op::REDUCE]);
    }

    pub(super) fn reference(&mut self, uri: &str) {
        self.out
            .extend_from_slice(b"\x8c\x10casty.remote.ref\x8c\x11restore_actor_ref\x93");
        self.str(uri);
        self.out.extend_from_slice(&[op::TUPLE1, op::REDUCE]);
    }

    pub(super) fn date(&mut self, date: Date) {
        self.global("datetime", "date");
        let [high, low] = date.year.to_be_bytes();
        self.bytes(&[high, low, date.month, date.day]);
        self.out.extend_from_slice(&[op::TUPLE1, op::REDUCE]);
    }

    pub(super) fn time(&mut self, time: &Time) {
        self.global("datetime", "time");
        let [_, a, b, c] = time.microsecond.to_be_bytes();
        let hour = if time.fold {
            time.hour | FOLD
        } else {
            time.hour
        };
        self.bytes(&[hour, time.minute, time.second, a, b, c]);
        self.zoned(time);
    }

    pub(super) fn datetime(&mut self, value: &DateTime) {
        let DateTime { date, time } = value;
        self.global("datetime", "datetime");
        let [high, low] = date.year.to_be_bytes();
        let [_, a, b, c] = time.microsecond.to_be_bytes();
        let month = if time.fold {
            date.month | FOLD
        } else {
            date.month
        };
        let state = [
            high,
            low,
            month,
            date.day,
            time.hour,
            time.minute,
            time.second,
            a,
            b,
            c,
        ];
        self.bytes(&state);
        self.zoned(time);
    }

    /// Ends the arguments of a time or datetime and calls it.
    fn zoned(&mut self, time: &Time) {
        if let Some(zone) = &time.zone {
            self.zone(zone);
            return self.out.extend_from_slice(&[op::TUPLE2, op::REDUCE]);
        }
        let Some(offset) = time.offset else {
            return self.out.extend_from_slice(&[op::TUPLE1, op::REDUCE]);
        };
        self.global("datetime", "timezone");
        self.timedelta(offset);
        let ends = [op::TUPLE1, op::REDUCE, op::TUPLE2, op::REDUCE];
        self.out.extend_from_slice(&ends);
    }

    /// Writes a named zone as Python does: a call of a method of its class, with the name and whether the
    /// zone may come from a cache.
    fn zone(&mut self, zone: &ZoneName) {
        self.getattr("zoneinfo", "ZoneInfo", "_unpickle");
        self.str(zone.as_str());
        self.int(1);
        self.out.extend_from_slice(&[op::TUPLE2, op::REDUCE]);
    }

    pub(super) fn timedelta(&mut self, delta: TimeDelta) {
        self.global("datetime", "timedelta");
        self.int(delta.days.into());
        self.int(delta.seconds.into());
        self.int(delta.microseconds.into());
        self.out.extend_from_slice(&[op::TUPLE3, op::REDUCE]);
    }

    /// Writes a UUID in the form that Python writes: a state with one int.
    pub(super) fn uuid(&mut self, uuid: [u8; 16]) {
        self.global("uuid", "UUID");
        self.out
            .extend_from_slice(&[op::EMPTY_TUPLE, op::NEWOBJ, op::EMPTY_DICT]);
        self.str("int");
        self.unsigned_long(u128::from_be_bytes(uuid));
        self.out.extend_from_slice(&[op::SETITEM, op::BUILD]);
    }

    /// Writes a `Decimal`.
    ///
    /// # Errors
    /// Python makes none of the text: the node could not load the message.
    pub(super) fn decimal(&mut self, text: &str) -> Result<(), EncodeError> {
        if !is_decimal(text) {
            return Err(EncodeError::Unsupported {
                codec: "pickle",
                what: NO_DECIMAL,
            });
        }
        self.global("decimal", "Decimal");
        self.str(text);
        self.out.extend_from_slice(&[op::TUPLE1, op::REDUCE]);
        Ok(())
    }

    pub(super) fn complex(&mut self, re: f64, im: f64) {
        self.global("builtins", "complex");
        self.float(re);
        self.float(im);
        self.out.extend_from_slice(&[op::TUPLE2, op::REDUCE]);
    }
}
