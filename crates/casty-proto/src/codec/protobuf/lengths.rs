//! Lengths in front of content that is still to be written.
//!
//! A length is a varint: its size depends on the content behind it. One byte is reserved for each,
//! which holds a length below 128. Longer ones are noted and put in place when all is written, in one
//! pass from the end on that moves each byte at most once: a message whose containers are short
//! allocates nothing, and depth costs no copies.

/// A byte that is reserved for a length.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reserved {
    at: usize,
    /// The bytes that were missing before it when it was reserved.
    missing: usize,
}

/// The lengths that do not fit into the reserved byte.
#[derive(Debug, Default)]
pub(super) struct Lengths {
    /// The offset and the value of each.
    long: Vec<(usize, u64)>,
    /// The bytes that they need beyond those reserved for them.
    missing: usize,
}

impl Lengths {
    /// Reserves a byte for a length.
    #[inline]
    pub(super) fn reserve(&self, out: &mut Vec<u8>) -> Reserved {
        let at = out.len();
        out.push(0);
        Reserved {
            at,
            missing: self.missing,
        }
    }

    /// Fills in the length of all that was written behind the reserved byte.
    #[inline]
    pub(super) fn fill(&mut self, out: &mut [u8], reserved: Reserved) {
        let written = out.len().saturating_sub(reserved.at).saturating_sub(1);
        // Long lengths inside the content will take more bytes than they do now.
        let len = written + (self.missing - reserved.missing);
        match (u8::try_from(len), out.get_mut(reserved.at)) {
            (Ok(len), Some(place)) if len < 0x80 => *place = len,
            _ => {
                let len = len as u64;
                self.missing += varint_len(len) - 1;
                self.long.push((reserved.at, len));
            }
        }
    }

    /// Puts the long lengths in place.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if self.long.is_empty() {
            return;
        }
        // Inner containers end before outer ones, so the order is not that of the offsets.
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

/// Returns the number of bytes that a varint takes.
#[inline]
pub(super) fn varint_len(value: u64) -> usize {
    // Seven bits a byte.
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// Returns a varint and the number of its bytes.
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
