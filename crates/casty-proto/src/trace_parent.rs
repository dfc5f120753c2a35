//! The trace context of a message, as W3C's header `traceparent` has it.

use std::fmt;
use std::str::FromStr;

/// The place of a message in a distributed trace: the trace, and the span that sent it, as W3C's
/// [Trace Context](https://www.w3.org/TR/trace-context/) writes them, in 55 bytes.
///
/// Always valid: neither id is zero. Read and written without allocation.
///
/// ```
/// use casty_proto::TraceParent;
///
/// let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// let trace: TraceParent = text.parse()?;
/// assert!(trace.is_sampled());
/// assert_eq!(trace.parent_id(), 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
/// assert_eq!(trace.to_string(), text);
/// # Ok::<(), casty_proto::TraceParentError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceParent {
    trace_id: [u8; 16],
    parent_id: [u8; 8],
    flags: u8,
}

/// The error of what is no trace context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceParentError {
    /// The text is not of the form `00-TRACE-PARENT-FLAGS`, in small hexadecimal digits.
    #[error(
        "no traceparent of 55 bytes such as 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    )]
    Malformed,
    /// The text is of version ff, which there is none of.
    #[error("no traceparent has the version ff")]
    Version,
    /// The trace's id is zero.
    #[error("the id of the trace is zero")]
    NoTrace,
    /// The id of the span is zero.
    #[error("the id of the parent is zero")]
    NoParent,
}

/// The digits, by value.
const DIGITS: &[u8; 16] = b"0123456789abcdef";

impl TraceParent {
    /// The length of the text in bytes.
    pub const LENGTH: usize = 55;

    /// Returns the context of the span `parent_id` of the trace `trace_id`. Of the flags, 1 is that the
    /// trace is sampled.
    ///
    /// # Errors
    /// One of the ids is zero.
    pub fn new(
        trace_id: [u8; 16],
        parent_id: [u8; 8],
        flags: u8,
    ) -> Result<Self, TraceParentError> {
        if trace_id == [0; 16] {
            return Err(TraceParentError::NoTrace);
        }
        if parent_id == [0; 8] {
            return Err(TraceParentError::NoParent);
        }
        Ok(Self {
            trace_id,
            parent_id,
            flags,
        })
    }

    /// Returns the id of the trace, most significant byte first.
    pub fn trace_id(&self) -> [u8; 16] {
        self.trace_id
    }

    /// Returns the id of the span that sent the message, most significant byte first.
    pub fn parent_id(&self) -> [u8; 8] {
        self.parent_id
    }

    /// Returns the flags.
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// Returns whether the trace is recorded, as far as the sender knows.
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    /// Returns the text, all of it ASCII, of version 00.
    pub fn to_bytes(&self) -> [u8; Self::LENGTH] {
        let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
        write_hex(&mut text[3..35], &self.trace_id);
        write_hex(&mut text[36..52], &self.parent_id);
        write_hex(&mut text[53..55], &[self.flags]);
        text
    }

    /// Reads the text. Of a later version than 00, what that has in common with it is read.
    ///
    /// # Errors
    /// It is no trace context, or one of the ids is zero.
    pub fn from_bytes(text: &[u8]) -> Result<Self, TraceParentError> {
        let malformed = TraceParentError::Malformed;
        let (known, more) = text
            .split_first_chunk::<{ Self::LENGTH }>()
            .ok_or(malformed)?;
        if [known[2], known[35], known[52]] != *b"---" {
            return Err(malformed);
        }
        let [version] = read_hex(&known[..2])?;
        if version == 0xff {
            return Err(TraceParentError::Version);
        }
        // Only a later version may have something behind, and then as a further field.
        if !more.is_empty() && (version == 0 || more[0] != b'-') {
            return Err(malformed);
        }
        let [flags] = read_hex(&known[53..])?;
        Self::new(read_hex(&known[3..35])?, read_hex(&known[36..52])?, flags)
    }
}

/// Writes bytes as twice as many digits.
fn write_hex(text: &mut [u8], bytes: &[u8]) {
    for (digits, byte) in text.chunks_exact_mut(2).zip(bytes) {
        digits[0] = DIGITS[usize::from(byte >> 4)];
        digits[1] = DIGITS[usize::from(byte & 15)];
    }
}

/// Reads twice as many digits as bytes.
fn read_hex<const N: usize>(text: &[u8]) -> Result<[u8; N], TraceParentError> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        _ => Err(TraceParentError::Malformed),
    };
    let mut bytes = [0; N];
    for (byte, digits) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = digit(digits[0])? << 4 | digit(digits[1])?;
    }
    Ok(bytes)
}

impl FromStr for TraceParent {
    type Err = TraceParentError;

    fn from_str(text: &str) -> Result<Self, TraceParentError> {
        Self::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.to_bytes();
        f.pad(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    proptest! {
        #[test]
        fn what_is_written_is_read_again(trace: [u8; 16], parent: [u8; 8], flags: u8) {
            if let Ok(context) = TraceParent::new(trace, parent, flags) {
                prop_assert_eq!(TraceParent::from_bytes(&context.to_bytes()), Ok(context));
                prop_assert_eq!(context.to_string().parse(), Ok(context));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(text: Vec<u8>, at in 0..55_usize, byte: u8) {
            let _ = TraceParent::from_bytes(&text);
            let mut changed: [u8; 55] = TEXT.as_bytes().try_into().unwrap();
            changed[at] = byte;
            if let Ok(read) = TraceParent::from_bytes(&changed) {
                // The version alone is not kept.
                prop_assert_eq!(&read.to_bytes()[2..], &changed[2..]);
            }
        }
    }

    #[test]
    fn what_is_no_context_is_refused_with_the_reason() {
        use TraceParentError::{Malformed, NoParent, NoTrace, Version};
        let long = format!("{TEXT}-more");
        for (text, error) in [
            ("", Malformed),
            (&TEXT[..54], Malformed),
            (&long, Malformed),
            (
                "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                Malformed,
            ),
            (
                "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
                Malformed,
            ),
            (
                "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0g",
                Malformed,
            ),
            (
                "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                Version,
            ),
            (
                "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                NoTrace,
            ),
            (
                "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
                NoParent,
            ),
        ] {
            assert_eq!(text.parse::<TraceParent>(), Err(error), "{text}");
        }
    }

    #[test]
    fn of_a_later_version_what_is_known_is_read() {
        let later = format!("cc{}-what-comes", &TEXT[2..]);
        assert_eq!(later.parse::<TraceParent>(), TEXT.parse());
        assert_eq!(
            format!("cc{}.", &TEXT[2..]).parse::<TraceParent>(),
            Err(TraceParentError::Malformed)
        );
    }

    #[test]
    fn the_flag_of_a_sampled_trace_is_told() {
        let trace: TraceParent = TEXT.parse().unwrap();
        assert!(trace.is_sampled());
        let unsampled = TraceParent::new(trace.trace_id(), trace.parent_id(), 2).unwrap();
        assert!(!unsampled.is_sampled());
        assert_eq!((unsampled.flags(), format!("{unsampled:?}").len()), (2, 55));
    }
}
