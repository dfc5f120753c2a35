use std::time::Duration;

use casty_proto::Chain;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::transport::{Transport, TransportConfig};
use crate::{Conclusion, ConnectError};

use super::*;

mod addresses;

/// The answers of a proxy of a test.
#[derive(Clone, Copy)]
enum Script {
    /// Dials what it is asked for, whoever asks.
    Open,
    /// Does so for `user` with `secret`.
    Login,
    /// Answers a request with this reply (RFC 1928, section 6).
    Reply(u8),
    /// Does so after a second.
    Late(u8),
    /// Says these bytes whatever is asked.
    Says(&'static [u8]),
}

/// Starts a proxy for one connection. Returns its address, and the host and port that it is asked for.
async fn proxy(script: Script) -> (NodeAddress, tokio::task::JoinHandle<Option<(String, u16)>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = NodeAddress::new("127.0.0.1", listener.local_addr().unwrap().port());
    let asked = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        serve(stream, script).await
    });
    (at, asked)
}

async fn serve(mut stream: TcpStream, script: Script) -> Option<(String, u16)> {
    let mut two = [0; 2];
    stream.read_exact(&mut two).await.ok()?;
    let mut methods = vec![0; usize::from(two[1])];
    stream.read_exact(&mut methods).await.ok()?;
    match script {
        Script::Says(bytes) => {
            stream.write_all(bytes).await.ok()?;
            return None;
        }
        Script::Login => {
            if !methods.contains(&2) {
                stream.write_all(&[5, 0xff]).await.ok()?;
                return None;
            }
            stream.write_all(&[5, 2]).await.ok()?;
            let mut login = vec![0; 2 + "user".len() + 1 + "secret".len()];
            stream.read_exact(&mut login).await.ok()?;
            let right = login == b"\x01\x04user\x06secret";
            stream.write_all(&[1, u8::from(!right)]).await.ok()?;
            if !right {
                return None;
            }
        }
        Script::Open | Script::Reply(_) | Script::Late(_) => {
            stream.write_all(&[5, 0]).await.ok()?;
        }
    }
    let target = request(&mut stream).await?;
    let reply = match script {
        Script::Reply(code) => code,
        Script::Late(code) => {
            let late = std::future::pending::<()>();
            tokio::time::timeout(Duration::from_secs(1), late)
                .await
                .ok();
            code
        }
        _ => 0,
    };
    let bound = [5, reply, 0, 1, 127, 0, 0, 1, 0, 0];
    stream.write_all(&bound).await.ok()?;
    if reply == 0 {
        let mut node = TcpStream::connect((target.0.as_str(), target.1))
            .await
            .ok()?;
        tokio::io::copy_bidirectional(&mut stream, &mut node)
            .await
            .ok();
    }
    Some(target)
}

/// Reads the request of a connection: to a name, or to an address of IPv4.
async fn request(stream: &mut TcpStream) -> Option<(String, u16)> {
    let mut head = [0; 4];
    stream.read_exact(&mut head).await.ok()?;
    assert_eq!(head[..3], [5, 1, 0]);
    let host = match head[3] {
        1 => {
            let mut ip = [0; 4];
            stream.read_exact(&mut ip).await.ok()?;
            std::net::Ipv4Addr::from(ip).to_string()
        }
        3 => {
            let mut name = vec![0; usize::from(stream.read_u8().await.ok()?)];
            stream.read_exact(&mut name).await.ok()?;
            String::from_utf8(name).unwrap()
        }
        other => panic!("an address of type {other}"),
    };
    Some((host, stream.read_u16().await.ok()?))
}

fn through(proxy: Socks5) -> Arc<dyn Transport> {
    TransportConfig::tcp().through(proxy).build()
}

#[tokio::test]
async fn bytes_go_through_the_proxy_which_is_told_names_as_they_are() {
    for (script, host) in [
        (Script::Open, "localhost"),
        (Script::Open, "127.0.0.1"),
        (Script::Login, "localhost"),
    ] {
        let any = NodeAddress::new("127.0.0.1", 0);
        let mut node = TransportConfig::tcp().build().listen(&any).await.unwrap();
        let to = NodeAddress::new(host, node.address().port());
        let (at, asked) = proxy(script).await;
        let mut choice = Socks5::new(at);
        if let Script::Login = script {
            choice = choice.user("user", "secret");
            assert!(!format!("{choice:?}").contains("secret"));
        }
        let mut near = through(choice).dial(&to).await.unwrap();
        let mut far = node.accept().await.unwrap();
        near.write_all(b"there").await.unwrap();
        far.write_all(b"back!").await.unwrap();
        let mut bytes = [0; 5];
        far.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"there");
        near.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"back!");
        drop((near, far));
        assert_eq!(asked.await.unwrap(), Some((host.to_owned(), to.port())));
    }
}

/// Dials through a proxy that does not connect. Returns what is concluded, and the error in words.
async fn refused_by(proxy: Socks5) -> (Conclusion, String) {
    let to = NodeAddress::new("node.example", 25520);
    let error = through(proxy).dial(&to).await.unwrap_err();
    let words = Chain(&error).to_string();
    (ConnectError::from(error).conclusion(), words)
}

/// The answers that are no connection, what they tell the caller, and in which words.
const REFUSALS: [(Script, Conclusion, &str); 12] = [
    (
        Script::Reply(1),
        Conclusion::Unreachable,
        "does not tell why",
    ),
    (
        Script::Reply(2),
        Conclusion::Misconfigured,
        "does not allow the connection",
    ),
    (
        Script::Reply(3),
        Conclusion::Unreachable,
        "cannot connect to node.example:25520",
    ),
    (
        Script::Reply(4),
        Conclusion::Unreachable,
        "cannot connect to node.example:25520",
    ),
    (
        Script::Reply(5),
        Conclusion::Unreachable,
        "node.example:25520 refused the connection",
    ),
    (
        Script::Reply(7),
        Conclusion::Misconfigured,
        "makes no connections",
    ),
    (
        Script::Reply(8),
        Conclusion::Misconfigured,
        "takes no addresses of this kind",
    ),
    (
        Script::Reply(9),
        Conclusion::Unreachable,
        "does not tell why",
    ),
    (
        Script::Says(&[5, 2]),
        Conclusion::Misconfigured,
        "wants another user or password",
    ),
    (
        Script::Login,
        Conclusion::Misconfigured,
        "wants another user or password",
    ),
    (
        Script::Says(b"HTTP/1.1 400"),
        Conclusion::Misconfigured,
        "is no SOCKS5 proxy",
    ),
    (
        Script::Says(b""),
        Conclusion::Unreachable,
        "cannot talk to the SOCKS5 proxy",
    ),
];

#[tokio::test]
async fn what_the_proxy_refuses_is_told_with_who_is_at_fault() {
    for (script, conclusion, told) in REFUSALS {
        let (at, _asked) = proxy(script).await;
        let (concluded, words) = refused_by(Socks5::new(at)).await;
        assert!(words.contains(told), "{words}");
        assert_eq!(concluded, conclusion, "{words}");
    }
    for (name, password) in [("user", "wrong!"), ("", "secret")] {
        let (at, _asked) = proxy(Script::Login).await;
        let (concluded, words) = refused_by(Socks5::new(at).user(name, password)).await;
        assert!(words.contains("wants another user or password"), "{words}");
        assert_eq!(concluded, Conclusion::Misconfigured);
    }
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr();
    let gone = NodeAddress::new("127.0.0.1", gone.unwrap().port());
    let (concluded, words) = refused_by(Socks5::new(gone)).await;
    assert!(words.contains("cannot talk to the SOCKS5 proxy"), "{words}");
    assert_eq!(concluded, Conclusion::Unreachable);
}

#[tokio::test]
async fn a_proxy_that_says_nothing_is_given_up_in_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = NodeAddress::new("127.0.0.1", listener.local_addr().unwrap().port());
    let to = NodeAddress::new("node.example", 25520);
    let limit = Duration::from_millis(50);
    let error = through(Socks5::new(at)).dial_within(&to, limit).await;
    assert!(
        matches!(error, Err(DialError::TimedOut { .. })),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_transport_that_is_neither_tcp_nor_tls_has_no_proxy() {
    let proxy = Socks5::new(NodeAddress::new("proxy.example", 1080));
    let network = crate::MemoryNetwork::new();
    let memory = TransportConfig::memory(network).through(proxy.clone());
    assert!(!format!("{memory:?}").contains("proxy.example"));
    let tcp = TransportConfig::tcp().through(proxy);
    assert!(format!("{tcp:?}").contains("proxy.example"));
}
