//! Headers of message frames: target, sender and class of the message.

use std::borrow::Cow;

use serde::Deserialize;

use crate::escape;

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
