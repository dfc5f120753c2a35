//! The times after which the kernel gives up a TCP connection whose other end says nothing.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// Probes that go unanswered where the kernel counts them instead of the time.
const PROBES: u32 = 3;

/// The range of both times: a kernel counts in seconds, and up to 15 bits of them.
const SECONDS: std::ops::RangeInclusive<u64> = 1..=32_767;

/// The times after which a TCP connection is lost whose other end says nothing: a host that lost
/// its power, or a router that forgot the connection.
///
/// They hold for both directions of every socket, dialled or accepted. What the kernel does with
/// them, it does by itself; no byte of it is seen by a peer's program. Setters take and give the
/// value.
///
/// On Linux and Android both times are the kernel's own (`TCP_KEEPIDLE`, `TCP_USER_TIMEOUT`, tcp(7)).
/// Elsewhere only silence is noticed that way: three probes go unanswered between the two times.
///
/// ```
/// use std::time::Duration;
///
/// use casty_transport::{TcpConfig, TransportConfig};
///
/// let patient = TcpConfig::new().user_timeout(Duration::from_secs(60));
/// let transport = TransportConfig::tcp().over_tcp(patient);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub struct TcpConfig {
    keep_alive: Duration,
    user_timeout: Duration,
}

impl Default for TcpConfig {
    fn default() -> Self {
        Self {
            keep_alive: Self::KEEP_ALIVE,
            user_timeout: Self::USER_TIMEOUT,
        }
    }
}

impl TcpConfig {
    /// The default time without a byte after which the other end is probed: 5 s.
    pub const KEEP_ALIVE: Duration = Duration::from_secs(5);

    /// The default time for which the other end's kernel may acknowledge nothing: 15 s.
    pub const USER_TIMEOUT: Duration = Duration::from_secs(15);

    /// Creates the defaults: a probe after 5 s, lost after 15 s.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the time without a byte from the other end after which its kernel is probed. Default:
    /// 5 s; from 1 s to 9 h, in whole seconds: a time beyond either end counts as that end.
    pub fn keep_alive(mut self, after: Duration) -> Self {
        self.keep_alive = in_range(after);
        self
    }

    /// Sets the time for which the other end's kernel may acknowledge nothing, neither data nor
    /// probes, before the connection is lost. Default: 15 s; from 1 s to 9 h. One that is not
    /// longer than the time before the first probe counts as a second longer than that.
    pub fn user_timeout(mut self, after: Duration) -> Self {
        self.user_timeout = in_range(after);
        self
    }

    /// Returns the time in which all probes may go unanswered.
    fn patience(&self) -> Duration {
        let left = self.user_timeout.saturating_sub(self.keep_alive);
        left.max(Duration::from_secs(1))
    }

    /// Sets the times on a connected socket.
    ///
    /// # Errors
    /// The system refused one of them.
    pub(super) fn apply(&self, stream: &TcpStream) -> io::Result<()> {
        let socket = SockRef::from(stream);
        socket.set_tcp_keepalive(&self.probing())?;
        #[cfg(any(target_os = "linux", target_os = "android"))]
        socket.set_tcp_user_timeout(Some(self.keep_alive + self.patience()))?;
        Ok(())
    }

    /// Returns the pace of probes.
    fn probing(&self) -> TcpKeepalive {
        let probing = TcpKeepalive::new().with_time(self.keep_alive);
        #[cfg(any(
            target_os = "linux",
            target_os = "android",
            target_os = "macos",
            target_os = "ios",
            target_os = "windows",
            target_os = "freebsd",
            target_os = "netbsd",
        ))]
        let probing = {
            // Whole seconds, rounded down: better one early than one late.
            let between = (self.patience() / PROBES).max(Duration::from_secs(1));
            probing.with_interval(between).with_retries(PROBES)
        };
        probing
    }
}

/// Returns the time in whole seconds that is nearest and can be set.
fn in_range(time: Duration) -> Duration {
    Duration::from_secs(time.as_secs().clamp(*SECONDS.start(), *SECONDS.end()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_no_kernel_takes_counts_as_the_nearest_that_one_takes() {
        let of = |keep_alive, user_timeout| {
            let config = TcpConfig::new().keep_alive(keep_alive);
            let config = config.user_timeout(user_timeout);
            (config.keep_alive, config.keep_alive + config.patience())
        };
        let seconds = Duration::from_secs;
        let longest = seconds(32_767);
        for (given, taken) in [
            ((seconds(5), seconds(15)), (seconds(5), seconds(15))),
            ((Duration::ZERO, Duration::ZERO), (seconds(1), seconds(2))),
            ((seconds(9), seconds(9)), (seconds(9), seconds(10))),
            (
                (Duration::MAX, Duration::MAX),
                (longest, longest + seconds(1)),
            ),
        ] {
            assert_eq!(of(given.0, given.1), taken, "{given:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_kernel_is_told_both_times() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap());
        let stream = stream.await.unwrap();
        let seconds = Duration::from_secs;
        for (config, between) in [
            (TcpConfig::new(), seconds(3)),
            (
                TcpConfig::new()
                    .keep_alive(seconds(60))
                    .user_timeout(seconds(90)),
                seconds(10),
            ),
        ] {
            config.apply(&stream).unwrap();
            let socket = SockRef::from(&stream);
            assert!(socket.keepalive().unwrap());
            assert_eq!(socket.tcp_keepalive_time().unwrap(), config.keep_alive);
            assert_eq!(socket.tcp_keepalive_interval().unwrap(), between);
            assert_eq!(socket.tcp_keepalive_retries().unwrap(), PROBES);
            let timeout = socket.tcp_user_timeout().unwrap();
            assert_eq!(timeout, Some(config.user_timeout));
        }
    }
}
