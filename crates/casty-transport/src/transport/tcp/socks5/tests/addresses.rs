//! Proxies of several addresses, and nodes whose address is the fault.

use super::*;

fn socket(proxy: &NodeAddress) -> SocketAddr {
    SocketAddr::new([127, 0, 0, 1].into(), proxy.port())
}

/// Returns an address at which nobody listens.
async fn nobody() -> SocketAddr {
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
    gone.local_addr().unwrap()
}

/// Dials a node through a proxy of these addresses, which does not connect. Returns the error in words.
async fn refused(addresses: Vec<SocketAddr>) -> String {
    let to = NodeAddress::new("node.example", 25520);
    let proxy = Socks5::new(NodeAddress::new("proxy.example", 1080));
    let error = proxy.dial_by(addresses, &to).await.unwrap_err();
    Chain(&error).to_string()
}

#[tokio::test]
async fn the_answer_of_a_proxy_counts_whatever_becomes_of_its_other_addresses() {
    for (reply, told) in [
        (1, "does not tell why"),
        (2, "does not allow the connection"),
        (5, "node.example:25520 refused the connection"),
    ] {
        let (at, _asked) = proxy(Script::Reply(reply)).await;
        let words = refused(vec![socket(&at), nobody().await]).await;
        assert!(words.contains(told), "{words}");
    }
}

#[tokio::test]
async fn an_address_of_no_proxy_gives_way_to_the_next() {
    for (script, told) in [
        (Script::Says(b""), "cannot talk to the SOCKS5 proxy"),
        (Script::Says(b"HTTP/1.1 400"), "is no SOCKS5 proxy"),
    ] {
        let (none, _asked) = proxy(script).await;
        let (at, _asked) = proxy(Script::Reply(2)).await;
        let words = refused(vec![socket(&none), socket(&at)]).await;
        assert!(words.contains("does not allow the connection"), "{words}");
        let (none, _asked) = proxy(script).await;
        let words = refused(vec![socket(&none), nobody().await]).await;
        assert!(words.contains(told), "{words}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_proxy_that_takes_its_time_to_dial_is_the_only_one_that_does() {
    let (at, _asked) = proxy(Script::Late(2)).await;
    let other = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addresses = vec![socket(&at), other.local_addr().unwrap()];
    let asked_too = async {
        loop {
            let (mut stream, _) = other.accept().await.unwrap();
            // To be reached is not to be asked.
            if stream.read(&mut [0; 1]).await.is_ok_and(|count| count > 0) {
                return;
            }
        }
    };
    tokio::select! {
        words = refused(addresses) => {
            assert!(words.contains("does not allow the connection"), "{words}");
        }
        () = asked_too => panic!("two proxies are asked to dial one node"),
    }
}

#[tokio::test]
async fn a_host_whose_name_is_too_long_is_not_the_fault_of_the_proxy() {
    let to = NodeAddress::new("n".repeat(256), 25520);
    let (at, _asked) = proxy(Script::Open).await;
    let error = through(Socks5::new(at)).dial(&to).await.unwrap_err();
    assert!(matches!(error, DialError::Unresolved { .. }), "{error:?}");
    let words = Chain(&error).to_string();
    assert!(words.contains("at most 255 bytes"), "{words}");
    assert_eq!(
        ConnectError::from(error).conclusion(),
        Conclusion::Unreachable
    );
}
