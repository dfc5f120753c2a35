//! The question what is at an address that closes every connection without a word: a node of a later version of
//! casty, if it answers in its own protocol.

use std::sync::Arc;
use std::time::Duration;

use casty_proto::NodeAddress;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::ConnectOptions;
use crate::error::ConnectError;
use crate::other_version::OtherVersion;
use crate::transport::{ByteStream, Transport};

/// The longest time that a dial, or an answer, may take.
const LIMIT: Duration = Duration::from_secs(1);

/// The number of bytes of an answer that are read at most.
const ANSWER: usize = 1024;

/// A name that no cluster has: it is refused, and nothing comes of it at the node.
const NOBODY: &[u8] = b"\0casty for Rust";

/// The frame that a node of 0.22 sends back as it is, but for a flag.
const PING: &[u8] = b"\x01\x02\0\0\0\0\0\0\0\0\0\x08casty-rs";

/// The beginning of its answer.
const PONG: &[u8] = b"\x01\x02\0\x02\0\0\0\0\0\0\0\x08casty-rs";

/// Asks whether a node of another version of casty is at an address, after [`connect`](super::connect) found it
/// [closed](ConnectError::Closed); `None` if nothing answers so.
///
/// Dials twice, each time for a second or the connect timeout at most, waits for an answer as long again, and reads
/// 1 KiB of it at most. A node of casty 0.16 to 0.21 takes the questions for the beginning of a handshake that does
/// not come. Returned is the error of that address, [`ConnectError::OtherVersion`], with the name of the node's
/// cluster if it tells one.
///
/// # Cancel safety
/// Dropping the future closes what was opened.
pub async fn identify(
    transport: &dyn Transport,
    dialled: &NodeAddress,
    options: &ConnectOptions,
) -> Option<ConnectError> {
    let to = options.address_map.physical(dialled);
    let limits = (
        options.connect_timeout.min(LIMIT),
        options.handshake_timeout.min(LIMIT),
    );
    let found = |version, cluster| ConnectError::OtherVersion {
        peer: dialled.to_string().into(),
        version,
        cluster,
    };
    let answer = ask(transport, &to, limits, &greeting(), |_| false).await?;
    if OtherVersion::of(&answer) == Some(OtherVersion::V0_30) {
        return Some(found(OtherVersion::V0_30, cluster(&answer)));
    }
    let is_pong = |answer: &[u8]| answer.starts_with(PONG);
    let answer = ask(transport, &to, limits, PING, is_pong).await?;
    is_pong(&answer).then(|| found(OtherVersion::V0_22, None))
}

/// Sends a question on a connection of its own, and returns what comes until the answer is whole, the stream ends or
/// the time is up; `None` if there is no connection.
async fn ask(
    transport: &dyn Transport,
    to: &NodeAddress,
    (connect, wait): (Duration, Duration),
    question: &[u8],
    is_whole: impl Fn(&[u8]) -> bool,
) -> Option<Vec<u8>> {
    let mut stream = transport.dial_within(to, connect).await.ok()?;
    let mut answer = Vec::new();
    let exchange = exchange(&mut stream, question, &mut answer, is_whole);
    // Whatever has come counts, however it ended.
    timeout(wait, exchange).await.ok();
    Some(answer)
}

async fn exchange(
    stream: &mut ByteStream,
    question: &[u8],
    answer: &mut Vec<u8>,
    is_whole: impl Fn(&[u8]) -> bool,
) -> std::io::Result<()> {
    stream.write_all(question).await?;
    stream.flush().await?;
    let mut limited = stream.take(ANSWER as u64);
    while limited.read_buf(answer).await? > 0 && !is_whole(answer) {}
    Ok(())
}

/// Returns the greeting of a client of 0.30 that belongs to no cluster: a data frame with an envelope, whose content
/// is an array in msgpack of cluster, address, id, compressions and three limits.
fn greeting() -> Vec<u8> {
    const LIMITS: [u32; 3] = [262_144, 4_194_304, 262_144];
    let mut content = b"\x05hello\x97".to_vec();
    let name_length = u8::try_from(NOBODY.len()).unwrap_or_default();
    content.extend([0xd9, name_length]);
    content.extend(NOBODY);
    content.extend(b"\xc0\xc4\x10casty-for-rust-1\x90");
    for limit in LIMITS {
        content.push(0xce);
        content.extend(limit.to_be_bytes());
    }
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_be_bytes();
    let mut frame = b"\x02\0\0\0\0\0\0\x01".to_vec();
    frame.extend(length(content.len() + 4));
    frame.extend(length(content.len()));
    frame.extend(content);
    frame
}

/// Returns the name of the cluster in a node's refusal, `cluster "ours" is not "its"`.
fn cluster(answer: &[u8]) -> Option<Arc<str>> {
    const REFUSAL: &[u8] = b"hello-reject\x91";
    let at = answer
        .windows(REFUSAL.len())
        .position(|bytes| bytes == REFUSAL)?;
    let text = match answer.get(at + REFUSAL.len()..)? {
        [head @ 0xa0..=0xbf, text @ ..] => text.get(..usize::from(head & 0x1f)),
        [0xd9, length, text @ ..] => text.get(..usize::from(*length)),
        [0xda, high, low, text @ ..] => text.get(..usize::from(u16::from_be_bytes([*high, *low]))),
        _ => None,
    };
    let (_, name) = std::str::from_utf8(text?)
        .ok()?
        .split_once("\" is not \"")?;
    Some(name.strip_suffix('"')?.into())
}

#[cfg(test)]
#[cfg(feature = "tcp")]
mod tests;
