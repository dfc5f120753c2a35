//! The errors of quinn in words, with what the peer has written in them escaped.

use casty_proto::Escaped;
use quinn::{ConnectionError, TransportErrorCode};
use rustls::AlertDescription;

use crate::transport::tls::words::name;

/// Returns the loss of a connection in words.
pub(super) fn told(error: &ConnectionError) -> String {
    match error {
        ConnectionError::TransportError(ours) => match tls_alert(ours.code) {
            Some(alert) => format!("TLS failed: {}", name(&alert)),
            None => format!("the peer broke the protocol: {}", ours.code),
        },
        ConnectionError::ConnectionClosed(theirs) => {
            let code = match tls_alert(theirs.error_code) {
                Some(alert) => format!("TLS failed: {}", name(&alert)),
                None => theirs.error_code.to_string(),
            };
            format!("the peer gave up: {code}{}", reason(&theirs.reason))
        }
        ConnectionError::ApplicationClosed(theirs) => {
            let code = theirs.error_code;
            format!(
                "the peer closed it with code {code}{}",
                reason(&theirs.reason)
            )
        }
        other => Escaped::new(other).to_string(),
    }
}

/// Returns the TLS alert in an error code; QUIC gives them the codes from 0x100 to 0x1ff (RFC 9001,
/// section 4.8).
pub(super) fn tls_alert(code: TransportErrorCode) -> Option<AlertDescription> {
    let alert = u64::from(code).checked_sub(0x100)?;
    u8::try_from(alert).ok().map(AlertDescription::from)
}

/// Returns what a peer has written, as part of a sentence.
fn reason(written: &[u8]) -> String {
    if written.is_empty() {
        return String::new();
    }
    format!(", {:?}", Escaped::new(String::from_utf8_lossy(written)))
}

#[cfg(test)]
mod tests {
    use quinn::{ApplicationClose, VarInt};

    use super::*;

    #[test]
    fn what_a_peer_writes_when_it_closes_is_escaped() {
        let closed = ApplicationClose {
            error_code: VarInt::from_u32(7),
            reason: "bye\u{1b}[2J\nadmin: all is well".into(),
        };
        let told = told(&ConnectionError::ApplicationClosed(closed));
        let expected = r#"the peer closed it with code 7, "bye\u{1b}[2J\nadmin: all is well""#;
        assert_eq!(told, expected);
    }
}
