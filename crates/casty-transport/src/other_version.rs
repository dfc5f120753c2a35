//! The protocols of later versions of casty, as the first bytes of a connection tell them.

use std::fmt;

/// The version of casty, as its releases are numbered, whose protocol a peer speaks instead of this one, that of
/// casty 0.16 to 0.21.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OtherVersion {
    /// The protocol of casty 0.22.
    V0_22,
    /// The protocol of casty 0.30.
    V0_30,
}

/// The number of first bytes that tell: a header's version, type, flags and stream.
const TELLING: usize = 8;

impl OtherVersion {
    /// Returns the version with whose header the bytes begin that a dialler has sent. No message of this protocol
    /// begins so: it would be a handshake of 16 MiB or more.
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        match bytes.first_chunk::<TELLING>()? {
            // A flag says that what follows is a greeting.
            [1, 0, 0, _, 0, 0, 0, 1] => Some(Self::V0_22),
            [2, 0 | 1, 0, 0, 0, 0, 0, 1] => Some(Self::V0_30),
            _ => None,
        }
    }

    /// Returns whether more bytes may tell a version.
    pub(crate) fn may_follow(bytes: &[u8]) -> bool {
        bytes.len() < TELLING && matches!(bytes, [1 | 2, 0, 0, ..])
    }
}

impl fmt::Display for OtherVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V0_22 => "casty 0.22",
            Self::V0_30 => "casty 0.30",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_told_by_eight_bytes_and_by_no_fewer() {
        for (first, version) in [
            (b"\x01\0\0\0\0\0\0\x01\0\0\0\x8e", OtherVersion::V0_22),
            (b"\x01\0\0\x01\0\0\0\x01\0\0\0\x8e", OtherVersion::V0_22),
            (b"\x02\0\0\0\0\0\0\x01\0\0\0\x51", OtherVersion::V0_30),
            (b"\x02\x01\0\0\0\0\0\x01\0\0\0\x30", OtherVersion::V0_30),
        ] {
            assert_eq!(OtherVersion::of(first), Some(version));
            for length in 4..TELLING {
                let part = first.get(..length).unwrap();
                assert_eq!(OtherVersion::of(part), None);
            }
        }
    }

    #[test]
    fn no_more_than_eight_bytes_are_waited_for() {
        assert!(OtherVersion::may_follow(b"\x02\0\0\0"));
        assert!(!OtherVersion::may_follow(b"\x02\0\0\0\0\0\0\x02"));
        assert!(!OtherVersion::may_follow(b"\x16\x03\x01\0"));
        for other in [&b"GET / HTTP/1.1"[..], b"\x01\0\0\0\0\0\0\x02\0", b""] {
            assert_eq!(OtherVersion::of(other), None);
        }
    }
}
