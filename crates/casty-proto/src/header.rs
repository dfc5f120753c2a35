//! Headers of message frames: target, sender and class of the message.

use std::borrow::Cow;

use serde::Deserialize;

use crate::escape;
use crate::trace_parent::TraceParent;

/// The header of a message frame, `{"target": .., "sender": .., "type_hint": ..}`.
///
/// Nodes deliver by the target's path alone; the sender and the type hint serve their logs.
///
/// ```
/// use casty_proto::header::Header;
///
/// let header = Header {
///     target: "casty://bank@10.0.1.10:25520/_cluster/_topology".into(),
///     sender: "casty://bank-client@10.0.1.99:0/".into(),
///     type_hint: "casty.cluster.topology_actor.GetState".into(),
/// };
/// let mut payload = Vec::new();
/// header.write(&mut payload);
/// payload.extend_from_slice(b"the encoded message");
/// assert_eq!(Header::split(&payload)?, (header, &b"the encoded message"[..]));
/// # Ok::<(), casty_proto::header::HeaderError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
pub struct Header<'a> {
    /// The URI of the receiving actor.
    #[serde(borrow)]
    pub target: Cow<'a, str>,
    /// The URI of the sending system, with an empty path.
    #[serde(borrow)]
    pub sender: Cow<'a, str>,
    /// The Python class of the message, `module.QualName`.
    #[serde(borrow)]
    pub type_hint: Cow<'a, str>,
}

impl<'a> Header<'a> {
    /// Splits the payload of a message frame into its header and the encoded message.
    ///
    /// # Errors
    /// The payload is truncated, or the header is no JSON object with the three keys. Nodes skip such
    /// a message and keep the connection.
    pub fn split(payload: &'a [u8]) -> Result<(Self, &'a [u8]), HeaderError> {
        let (header, message) = split_payload(payload)?;
        Ok((Self::read(header)?, message))
    }

    /// Reads a header alone, the part of a payload that [`split_payload`] returns first.
    ///
    /// # Errors
    /// It is no JSON object with the three keys.
    pub fn read(header: &'a [u8]) -> Result<Self, HeaderError> {
        serde_json::from_slice(header).map_err(|_| HeaderError::Malformed)
    }

    /// Appends `u32_be length ‖ header` to `out`, as nodes read it.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        out.extend_from_slice(b"{\"target\": ");
        write_text(out, &self.target);
        out.extend_from_slice(b", \"sender\": ");
        write_text(out, &self.sender);
        out.extend_from_slice(b", \"type_hint\": ");
        write_text(out, &self.type_hint);
        out.push(b'}');
        let length = u32::try_from(out.len() - start - 4).unwrap_or(u32::MAX);
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }
}

/// Splits the payload of a message frame into the bytes of its header and those of its message,
/// without parsing either.
///
/// # Errors
/// The payload is shorter than it says.
pub fn split_payload(payload: &[u8]) -> Result<(&[u8], &[u8]), HeaderError> {
    let (length, rest) = payload
        .split_first_chunk::<4>()
        .ok_or(HeaderError::Truncated)?;
    rest.split_at_checked(u32::from_be_bytes(*length) as usize)
        .ok_or(HeaderError::Truncated)
}

/// The key of a trace context, and the text before it, which takes the place of the last brace.
const TRACE_KEY: &[u8; 18] = b", \"traceparent\": \"";
/// The length of what takes that place.
const TRACE_TAIL: usize = TRACE_KEY.len() + TraceParent::LENGTH + 2;

/// A header that was written before, and a trace context in it under the key `traceparent`: the bytes, in
/// parts, without a copy of the header.
///
/// Nodes ignore keys that they do not know.
#[derive(Debug, Clone, Copy)]
pub struct TracedHeader<'a> {
    length: [u8; 4],
    front: &'a [u8],
    tail: [u8; TRACE_TAIL],
}

impl<'a> TracedHeader<'a> {
    /// Adds a trace context to what [`Header::write`] has written, its length included; `None` if that is
    /// something else.
    pub fn new(written: &'a [u8], trace: &TraceParent) -> Option<Self> {
        let (length, header) = written.split_first_chunk::<4>()?;
        let front = header.strip_suffix(b"}")?;
        let more = u32::try_from(TRACE_TAIL - 1).ok()?;
        let length = u32::from_be_bytes(*length).checked_add(more)?;
        let mut tail = [0; TRACE_TAIL];
        let (key, rest) = tail.split_at_mut(TRACE_KEY.len());
        key.copy_from_slice(TRACE_KEY);
        let (value, end) = rest.split_at_mut(TraceParent::LENGTH);
        value.copy_from_slice(&trace.to_bytes());
        end.copy_from_slice(b"\"}");
        Some(Self {
            length: length.to_be_bytes(),
            front,
            tail,
        })
    }

    /// Returns the bytes, in order.
    pub fn parts(&self) -> [&[u8]; 3] {
        [&self.length, self.front, &self.tail]
    }
}

/// Returns the trace context that a header has, the part of a payload that [`split_payload`] returns first;
/// `None` if it has none, or one that cannot be read.
pub fn trace_parent(header: &[u8]) -> Option<TraceParent> {
    #[derive(Deserialize)]
    struct Traced<'a> {
        #[serde(borrow)]
        traceparent: Cow<'a, str>,
    }

    let read: Traced<'_> = serde_json::from_slice(header).ok()?;
    read.traceparent.parse().ok()
}

/// Appends a JSON string in ASCII.
fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for character in text.chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            ' '..='~' => out.push(character as u8),
            _ => escape::push_unicode(out, character),
        }
    }
    out.push(b'"');
}

/// The error of a message whose header cannot be read. Only that message is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The payload is shorter than it says.
    #[error("the message ends inside its header")]
    Truncated,
    /// The header is no JSON object with target, sender and type_hint.
    #[error("the header is no JSON object with target, sender and type_hint")]
    Malformed,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_round_trip_with_any_text() {
        let header = Header {
            target: "casty://s@h:1/a \"b\" \\ \u{e9}\u{1f600}\u{1}".into(),
            sender: "casty://s-client@127.0.0.1:0/".into(),
            type_hint: "pkg.mod.Outer.Inner".into(),
        };
        let mut wire = Vec::new();
        header.write(&mut wire);
        wire.extend_from_slice(b"message");
        assert!(wire[4..].is_ascii(), "as json.dumps writes it");
        assert_eq!(Header::split(&wire).unwrap(), (header, &b"message"[..]));
    }

    #[test]
    fn a_header_is_written_behind_what_is_there_as_pythons_json_writes_it() {
        let header = Header {
            target: "casty://s@h:1/\"~ é\u{7f}".into(),
            sender: "".into(),
            type_hint: "m.C".into(),
        };
        let mut wire = b"before".to_vec();
        header.write(&mut wire);
        let written = concat!(
            r#"{"target": "casty://s@h:1/\"~ \u00e9\u007f", "#,
            r#""sender": "", "type_hint": "m.C"}"#
        );
        let length = u32::try_from(written.len()).unwrap().to_be_bytes();
        assert_eq!(wire[..6], *b"before");
        assert_eq!(wire[6..10], length);
        assert_eq!(std::str::from_utf8(&wire[10..]), Ok(written));
    }

    const TRACE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_trace_context_is_a_key_more_and_the_header_reads_as_before() {
        let header = Header {
            target: "casty://s@h:1/a \"b\"".into(),
            sender: "casty://s-client@127.0.0.1:0/".into(),
            type_hint: "pkg.mod.C".into(),
        };
        let mut plain = Vec::new();
        header.write(&mut plain);
        let trace = TRACE.parse().unwrap();
        let mut wire = TracedHeader::new(&plain, &trace).unwrap().parts().concat();
        assert_eq!(wire.len(), plain.len() + 74);
        wire.extend_from_slice(b"message");
        assert_eq!(Header::split(&wire).unwrap(), (header, &b"message"[..]));
        let (head, message) = split_payload(&wire).unwrap();
        assert_eq!(message, b"message");
        let expected = format!(r#", "type_hint": "pkg.mod.C", "traceparent": "{TRACE}"}}"#);
        assert!(std::str::from_utf8(head).unwrap().ends_with(&expected));
        assert_eq!(trace_parent(head), Some(trace));
        assert_eq!(trace_parent(&plain[4..]), None);
    }

    #[test]
    fn a_trace_context_that_cannot_be_read_is_none() {
        for header in [
            "",
            "{}",
            r#"{"traceparent": 1}"#,
            r#"{"traceparent": null}"#,
            r#"{"traceparent": "00-0"}"#,
            r#"{"traceparent": "", "traceparent": ""}"#,
        ] {
            assert_eq!(trace_parent(header.as_bytes()), None, "{header}");
        }
        assert!(TracedHeader::new(b"", &TRACE.parse().unwrap()).is_none());
        assert!(TracedHeader::new(b"\0\0\0\x01[", &TRACE.parse().unwrap()).is_none());
    }

    #[test]
    fn truncated_and_malformed_headers_are_told_apart() {
        assert_eq!(Header::split(&[0, 0, 0]), Err(HeaderError::Truncated));
        assert_eq!(
            Header::split(&[0, 0, 0, 5, b'{']),
            Err(HeaderError::Truncated)
        );
        assert_eq!(Header::split(&[0xff; 64]), Err(HeaderError::Truncated));
        assert_eq!(Header::split(b"\0\0\0\x02{}"), Err(HeaderError::Malformed));
        assert_eq!(
            Header::split(b"\0\0\0\x04nope"),
            Err(HeaderError::Malformed)
        );
    }
}
