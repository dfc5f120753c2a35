//! A client that reaches each node of a cluster through a QUIC proxy in front of it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use casty_client::ClusterClient;
use casty_proto::NodeAddress;
use casty_transport::{Proxy, ProxyCounters, ProxyEnd, ProxyLimits, TcpTransport, Transport};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::app::{Counter, LONG, Net, close_and_check, region};
use crate::certificates::Authority;

const GRACE: Duration = Duration::from_secs(5);

/// A proxy in front of each node: where to dial the node, its counters, and its end.
struct Proxies {
    map: HashMap<NodeAddress, NodeAddress>,
    counters: Vec<ProxyCounters>,
    running: Vec<JoinHandle<ProxyEnd>>,
    stop: watch::Sender<bool>,
}

async fn proxies(nodes: &[NodeAddress], inward: &dyn Transport) -> Proxies {
    let (stop, stopped) = watch::channel(false);
    let mut all = Proxies {
        map: HashMap::new(),
        counters: Vec::new(),
        running: Vec::new(),
        stop,
    };
    for node in nodes {
        let any = NodeAddress::new("127.0.0.1", 0);
        let listener = inward.listen(&any).await.unwrap();
        let outward = Arc::new(TcpTransport::new());
        let proxy = Proxy::new(listener, node.clone(), outward, ProxyLimits::new());
        all.map.insert(node.clone(), proxy.address());
        all.counters.push(proxy.counters());
        let mut stopped = stopped.clone();
        let stop = async move {
            stopped.wait_for(|stop| *stop).await.unwrap();
        };
        all.running.push(tokio::spawn(proxy.run(stop, GRACE)));
    }
    all
}

#[tokio::test]
async fn a_client_reaches_three_nodes_through_three_quic_proxies() {
    const ENTITIES: i64 = 30;
    const TELLS: i64 = 20;
    let (cluster, log) = Net::Tcp.counters().await;
    let quic = Authority::new().quic();
    let proxies = proxies(cluster.addresses(), &*quic.build()).await;
    let client = ClusterClient::builder(cluster.system())
        .contact_points(cluster.contact_points())
        .codec(cluster.codec())
        .transport(quic)
        .address_map(proxies.map)
        .connect()
        .await
        .unwrap();
    client.ready(LONG).await.unwrap();
    let counters = region(&client);
    for amount in 1..=TELLS {
        for entity in 0..ENTITIES {
            let entity = counters.entity(format!("e{entity}"));
            entity.tell(Counter::Add { amount }).unwrap();
        }
    }
    for entity in 0..ENTITIES {
        let entity = counters.entity(format!("e{entity}"));
        let ask = entity.ask(|reply_to| Counter::Get { reply_to });
        let count: i64 = ask.within(LONG).await.unwrap();
        assert_eq!(count, TELLS * (TELLS + 1) / 2);
    }
    for entity in 0..ENTITIES {
        let name = format!("e{entity}");
        let log = log.lock();
        let told = log.iter().filter(|(id, _)| *id == name);
        let told: Vec<i64> = told.map(|(_, amount)| *amount).collect();
        assert_eq!(told, (1..=TELLS).collect::<Vec<_>>(), "{name}");
    }
    for counters in &proxies.counters {
        let counts = counters.read();
        assert!(counts.accepted >= 1, "{counts:?}");
        assert!(counts.to_node > 0 && counts.from_node > 0, "{counts:?}");
    }
    close_and_check(&client).await;
    proxies.stop.send(true).unwrap();
    for proxy in proxies.running {
        let end = proxy.await.unwrap();
        assert!(matches!(end, ProxyEnd::Stopped { cut: 0 }), "{end:?}");
    }
    cluster.stop().await;
}
