//! Contact points whose name has several addresses, not all of them nodes'.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use casty_client::{NodeAddress, TransportConfig};
use casty_transport::{Resolver, TcpTransport};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::app::GetCount;
use crate::clients::{builder, close};
use crate::cluster::SHARDS;
use crate::scenario::{Context, Failure, Figures, LeftOut, Scenario};
use crate::transport::Transport;

pub(super) const SCENARIOS: &[Scenario] = &[Scenario::new(
    "behind_an_address_of_a_name_that_is_no_nodes_the_next_one_is_found",
    90,
    |context| Box::pin(decoys(context)),
)];

/// A name server of the suite's own: every name has these addresses.
#[derive(Debug)]
struct Addresses(Vec<SocketAddr>);

#[async_trait]
impl Resolver for Addresses {
    async fn resolve(&self, _: &NodeAddress) -> io::Result<Vec<SocketAddr>> {
        Ok(self.0.clone())
    }
}

/// The behaviour of what listens at the first address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decoy {
    Silent,
    Closing,
    Talking,
}

async fn decoys(context: Context) -> Result<Figures, Failure> {
    if context.link().transport() != Transport::Tcp {
        return LeftOut::because("over TCP only: the certificates are for an address");
    }
    let cluster = context.cluster().await?;
    let node: SocketAddr = cluster.addresses()[0].to_string().parse()?;
    let mut waits = Vec::new();
    for decoy in [Decoy::Silent, Decoy::Closing, Decoy::Talking] {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let names = Arc::new(Addresses(vec![listener.local_addr()?, node]));
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(behave(decoy, stream));
            }
        });
        let transport = Arc::new(TcpTransport::new().resolver(names));
        let client = builder(cluster, &[])
            .contact_point("cluster.example:25520")
            .transport(TransportConfig::custom(transport));
        let begun = Instant::now();
        let client = client.connect().await?;
        client.ready(Duration::from_secs(20)).await?;
        let wait = begun.elapsed();
        let count = client.entity_ref("counter", SHARDS)?.entity("names");
        count.ask(|reply_to| GetCount { reply_to }).await?;
        close(&client).await?;
        accepting.abort();
        // One that is silent has the 2 s that a handshake may take.
        if wait >= Duration::from_secs(3) {
            return Err(format!("behind a {decoy:?} address after {wait:?}").into());
        }
        waits.push(format!("{decoy:?} {:.0}", wait.as_secs_f64() * 1e3));
    }
    Ok(format!("first views after {} ms", waits.join(", ")))
}

async fn behave(decoy: Decoy, mut stream: TcpStream) {
    if decoy == Decoy::Talking {
        let answer = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
        stream.write_all(answer).await.ok();
    }
    if decoy != Decoy::Closing {
        stream.read_to_end(&mut Vec::new()).await.ok();
    }
}
