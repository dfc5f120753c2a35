use std::net::Ipv4Addr;

use tokio::time::Instant;

use super::*;

#[cfg(feature = "tcp")]
mod sockets;

/// Behaves as an address does in a test of the race; its port says how.
async fn behave(address: SocketAddr) -> io::Result<SocketAddr> {
    const SILENT: u16 = 1;
    const SLOW: u16 = 2;
    const REFUSING: u16 = 3;
    match address.port() {
        SILENT => std::future::pending().await,
        SLOW => {
            let late = std::future::pending::<()>();
            let _ = timeout(Duration::from_millis(400), late).await;
            Ok(address)
        }
        REFUSING => Err(io::ErrorKind::ConnectionRefused.into()),
        _ => Ok(address),
    }
}

#[tokio::test(start_paused = true)]
async fn the_next_address_is_tried_after_a_failure_or_a_quarter_of_a_second() {
    let (silent, slow, refusing, good) = (1, 2, 3, 4);
    for (ports, taken, after) in [
        (vec![good, silent], good, 0),
        (vec![refusing, refusing, good], good, 0),
        (vec![silent, good], good, 250),
        (vec![silent, silent, refusing, good], good, 500),
        (vec![slow, good], good, 250),
        (vec![slow, silent, silent], slow, 400),
        (vec![slow, refusing], slow, 400),
    ] {
        let addresses = ports.iter().map(|port| (Ipv4Addr::LOCALHOST, *port).into());
        let start = Instant::now();
        let first = first_to_connect(addresses.collect(), nothing_resolved(), behave).await;
        assert_eq!(first.unwrap().port(), taken, "{ports:?}");
        assert_eq!(start.elapsed(), Duration::from_millis(after), "{ports:?}");
    }
    let error = first_to_connect(Vec::new(), nothing_resolved(), behave)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

/// A name server that knows many addresses, and tells each twice.
#[derive(Debug)]
struct Twice(u16);

#[async_trait]
impl Resolver for Twice {
    async fn resolve(&self, _: &NodeAddress) -> io::Result<Vec<SocketAddr>> {
        let ports = (1..=self.0).flat_map(|port| [port; 2]);
        Ok(ports
            .map(|port| (Ipv4Addr::LOCALHOST, port).into())
            .collect())
    }
}

#[tokio::test]
async fn of_the_addresses_of_a_name_each_counts_once_and_64_in_all() {
    let name = NodeAddress::new("many", 1);
    for (known, taken) in [(3, 3), (64, 64), (65, 64)] {
        let found = resolve(&Twice(known), &name).await.unwrap();
        let ports = found.iter().map(SocketAddr::port);
        assert!(ports.eq(1..=taken), "{found:?}");
    }
}
