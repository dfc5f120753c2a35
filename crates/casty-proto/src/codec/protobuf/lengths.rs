//! Lengths in front of what is still to be written.
//!
//! A length is a varint, so how many bytes it takes is known when its content is. One byte is left
//! for each, which holds a length below 128. Longer ones are noted and put in place when all is
//! written, in one pass from the end on that moves each byte at most once: a message whose
//! containers are short allocates nothing, and depth costs no copies.

/// A place that was left for a length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    at: usize,
    /// The bytes that were missing before it, as far as was known when it was left.
    missing: usize,
}

/// The lengths that do not fit into their place.
#[derive(Debug, Default)]
pub(super) struct Lengths {
    /// Where, and which.
    long: Vec<(usize, u64)>,
    /// How many bytes they need beyond those left for them.
    missing: usize,
}

impl Lengths {
    /// Leaves a place.
    #[inline]
    pub(super) fn leave(&self, out: &mut Vec<u8>) -> Gap {
        let at = out.len();
        out.push(0);
        Gap {
            at,
            missing: self.missing,
        }
    }

    /// Fills a place: what is behind it is its content.
    #[inline]
    pub(super) fn fill(&mut self, out: &mut [u8], gap: Gap) {
        let written = out.len().saturating_sub(gap.at).saturating_sub(1);
        let len = written + (self.missing - gap.missing);
        match (u8::try_from(len), out.get_mut(gap.at)) {
            (Ok(len), Some(place)) if len < 0x80 => *place = len,
            _ => {
                let len = len as u64;
                self.missing += varint_len(len) - 1;
                self.long.push((gap.at, len));
            }
        }
    }

    /// Puts the long lengths in place.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.long.is_empty() {
            return;
        }
        self.long.sort_unstable();
        let mut from = out.len();
        let mut to = from + self.missing;
        out.resize(to, 0);
        for (at, len) in self.long.drain(..).rev() {
            let content = at + 1..from;
            to -= content.len();
            out.copy_within(content, to);
            let (bytes, count) = varint(len);
            to -= count;
            if let (Some(place), Some(bytes)) = (out.get_mut(to..to + count), bytes.get(..count)) {
                place.copy_from_slice(bytes);
            }
            from = at;
        }
        self.missing = 0;
    }
}

/// How many bytes a varint takes.
#[inline]
pub(super) fn varint_len(value: u64) -> usize {
    // Seven bits a byte.
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// A varint and how many bytes it has.
#[inline]
fn varint(mut value: u64) -> ([u8; 10], usize) {
    let mut bytes = [0; 10];
    let mut count = 0;
    for byte in &mut bytes {
        count += 1;
        *byte = (value & 0x7f) as u8;
        value >>= 7;
        if value == 0 {
            break;
        }
        *byte |= 0x80;
    }
    (bytes, count)
}

/// Appends a varint.
#[inline]
pub(super) fn put_varint(out: &mut Vec<u8>, value: u64) {
    match u8::try_from(value) {
        Ok(small) if small < 0x80 => out.push(small),
        _ => {
            let (bytes, count) = varint(value);
            out.extend_from_slice(bytes.get(..count).unwrap_or_default());
        }
    }
}
