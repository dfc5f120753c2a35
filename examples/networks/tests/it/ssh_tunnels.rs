//! The page `ssh-tunnels`: nodes at addresses that cannot be dialled, and a tunnel to each.

use std::path::Path;
use std::sync::Arc;

use casty_client::{AddressMap, ClientConfig, NodeAddress, TransportConfig};
use casty_testkit::Cluster;
use casty_transport::{Advertised, TcpTransport};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::LONG;
use crate::bank::bank;
use crate::casty::Proxy;
use crate::page::{block, of_cluster};
use crate::program::Program;

const PAGE: &str = include_str!("../../ssh-tunnels/README.md");

/// Returns an address of the network behind the bastion, where nothing listens; the port is a free one.
fn behind(number: usize) -> NodeAddress {
    NodeAddress::new(format!("127.0.77.1{number}"), 0)
}

/// Returns the place at which a node of that network really listens.
fn really(node: &NodeAddress) -> NodeAddress {
    NodeAddress::new("127.0.0.1", node.port())
}

/// Starts three nodes behind the bastion.
async fn nodes() -> Cluster {
    let tcp = Arc::new(TcpTransport::new());
    let listens = AddressMap::function(really);
    let behind_bastion = Advertised::new(tcp, listens, AddressMap::identity());
    let builder = bank().addresses((0..3).map(behind));
    let builder = builder.transport(TransportConfig::custom(Arc::new(behind_bastion)));
    builder.start().await.unwrap()
}

/// A port that is forwarded, as `ssh -L` does it; by `casty proxy`, for there is no bastion here.
async fn tunnel(node: &NodeAddress, folder: &Path) -> Proxy {
    let to = really(node);
    let line = format!("casty proxy --listen tcp://127.0.0.1:0 --to tcp://{to}");
    Proxy::start(&line, folder).await
}

/// Returns the local ends of the page's command, and the nodes behind them.
fn forwarded() -> Vec<(String, String)> {
    let command = block(PAGE, "", "sh", 0);
    let words: Vec<_> = command.split_whitespace().collect();
    let options = words.windows(2).filter(|pair| pair[0] == "-L");
    let ends = options.map(|pair| {
        let parts: Vec<_> = pair[1].split(':').collect();
        (parts[..2].join(":"), parts[2..].join(":"))
    });
    ends.collect()
}

#[test]
fn the_map_of_the_page_leads_to_the_ports_that_its_command_forwards() {
    let settings = block(PAGE, "", "toml", 0);
    let (_, map) = settings.split_once("[address_map]\n").unwrap();
    let (map, _) = map.split_once("\n\n").unwrap();
    let lines = forwarded().into_iter();
    let lines = lines.map(|(local, node)| format!("\"{node}\" = \"{local}\""));
    assert_eq!(lines.collect::<Vec<_>>().join("\n"), map);
}

#[test]
fn the_settings_for_a_proxy_in_place_of_tunnels_are_settings() {
    let settings = block(PAGE, "A node that joins later", "toml", 0);
    let config = ClientConfig::layers().toml(&settings, "the page").unwrap();
    let proxy = config.load().unwrap().socks5().proxy.clone();
    assert_eq!(proxy, Some(NodeAddress::new("127.0.0.1", 1080)));
}

#[tokio::test]
async fn tunnels_break_and_come_back_and_a_node_without_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let cluster = nodes().await;
    let mut settings = of_cluster(&block(PAGE, "", "toml", 0), &cluster);
    let mut tunnels = Vec::new();
    for (node, (local, _)) in cluster.addresses().iter().zip(forwarded()) {
        let direct = TcpStream::connect((node.host(), node.port())).await;
        direct.expect_err("it cannot be dialled");
        let tunnel = tunnel(node, folder).await;
        settings = settings.replace(&local, &tunnel.address().to_string());
        tunnels.push(tunnel);
    }
    let mut program = Program::start(folder, &settings, &[], &[("CASTY_ASK_TIMEOUT", "2s")]);
    program.says(&["ready: 3 of 3 members"]).await;

    tunnels[1].kill().await;
    let broken = cluster.addresses()[1].to_string();
    let refused = format!("{} refused the connection", tunnels[1].address());
    program
        .says(&["degraded: 2 of 3 members", &broken, &refused])
        .await;
    program.forget();
    tunnels[1].restart().await;
    program.says(&["ready: 3 of 3 members"]).await;

    let number = cluster.add(behind(3)).await.unwrap();
    let joined = cluster.address(number).unwrap();
    let refused = format!("{joined} refused the connection");
    program.says(&["degraded: 3 of 4 members", &refused]).await;
    // A node that dies leaves its shards to the others, and most to the one that has none yet.
    program.forget();
    cluster.kill(2).await;
    program.says(&["degraded: 2 of 3 members", &refused]).await;
    program.says(&["does not answer"]).await;
    let (answered, failed) = program.end().await;
    assert!(answered > 0 && failed > 0, "{answered} {failed}");

    let tunnel = tunnel(&joined, folder).await;
    let line = format!("[address_map]\n\"{joined}\" = \"{}\"", tunnel.address());
    let settings = settings.replace("[address_map]", &line);
    let mut program = Program::start(folder, &settings, &[], &[]);
    program.says(&["ready: 3 of 3 members"]).await;
    let handled = cluster.wait_until(|status| status.nodes[number].messages > 0);
    timeout(LONG, handled).await.expect("it is asked");
    let (answered, failed) = program.end().await;
    assert!(answered > 0 && failed == 0, "{answered} {failed}");
    cluster.stop().await;
}
