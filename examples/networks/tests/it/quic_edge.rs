//! The page `quic-edge`: nodes of TCP, reached by QUIC through a `casty proxy` beside each.

use std::path::Path;

use casty_client::NodeAddress;
use casty_testkit::Cluster;
use tokio::time::timeout;

use crate::LONG;
use crate::bank::bank;
use crate::casty::{Proxy, shell};
use crate::page::{block, of_cluster};
use crate::program::Program;
use crate::translation::Translation;

const PAGE: &str = include_str!("../../quic-edge/README.md");

/// Makes the certificates of the page, for proxies that are dialled at this host.
async fn certificates(folder: &Path) {
    let commands = block(PAGE, "Certificates", "sh", 0);
    shell(&commands.replace("edge-1.example.com", "127.0.0.1"), folder).await;
}

/// Starts the proxy of the page in front of a node.
async fn proxy(node: &NodeAddress, folder: &Path) -> Proxy {
    let line = block(PAGE, "Beside each node", "sh", 0);
    let line = line.replace("0.0.0.0:25530", "127.0.0.1:0");
    let line = line.replace("127.0.0.1:25520", &node.to_string());
    Proxy::start(&line, folder).await
}

/// Returns the settings of the page, for nodes that are dialled at these addresses.
fn settings(cluster: &Cluster, dialled: &[String]) -> String {
    let settings = of_cluster(&block(PAGE, "The client", "toml", 0), cluster);
    let all = (1..).zip(dialled);
    all.fold(settings, |settings, (number, address)| {
        settings.replace(&format!("edge-{number}.example.com:25530"), address)
    })
}

#[tokio::test]
async fn a_proxy_is_killed_and_started_again_and_the_program_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    certificates(folder).await;
    let cluster = bank().start().await.unwrap();
    let mut proxies = Vec::new();
    for node in cluster.addresses() {
        proxies.push(proxy(node, folder).await);
    }
    let dialled: Vec<_> = proxies.iter().map(|it| it.address().to_string()).collect();
    // Shorter than on the page, for a proxy that is killed says nothing.
    let variables = [
        ("CASTY_QUIC__IDLE_TIMEOUT", "2s"),
        ("CASTY_QUIC__KEEP_ALIVE", "500ms"),
        ("CASTY_ASK_TIMEOUT", "2s"),
    ];
    let settings = settings(&cluster, &dialled);
    let mut program = Program::start(folder, &settings, &[], &variables);
    program.says(&["ready: 3 of 3 members"]).await;

    proxies[1].kill().await;
    let node = cluster.addresses()[1].to_string();
    program.says(&["degraded: 2 of 3 members", &node]).await;
    let silent = program.says(&["does not answer"]).await;
    let (account, _) = silent.split_once(' ').unwrap();
    program.forget();
    proxies[1].restart().await;
    program.says(&["ready: 3 of 3 members"]).await;
    program.says(&[account, "answers again"]).await;

    let (answered, _) = program.end().await;
    assert!(answered > 0);
    // Nobody has come to the nodes but the proxies.
    for proxy in proxies {
        let said = proxy.stop().await;
        assert!(!said.contains("connections: 0 accepted"), "{said}");
    }
    cluster.stop().await;
}

#[tokio::test]
async fn a_translation_that_forgets_the_client_costs_neither_an_ask_nor_a_connection() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    certificates(folder).await;
    let cluster = bank().nodes(1).start().await.unwrap();
    let proxy = proxy(&cluster.addresses()[0], folder).await;
    let to = proxy.address().to_string().parse().unwrap();
    let translation = Translation::start(to).await;
    let settings = settings(&cluster, &[translation.address.to_string()]);
    // The other two nodes of the page are not there.
    let contacts = cluster.contact_points().join(",");
    let variables = [("CASTY_CONTACT_POINTS", &*contacts)];
    let mut program = Program::start(folder, &settings, &[], &variables);
    program.says(&["ready: 1 of 1 members"]).await;
    for _ in 0..3 {
        let forgetting = timeout(LONG, translation.forget(50));
        forgetting.await.expect("datagrams come back");
    }
    let (answered, failed) = program.end().await;
    assert!(answered > 0 && failed == 0, "{answered} {failed}");
    assert!(!program.has_said("0 of 1"));
    let said = proxy.stop().await;
    assert!(said.contains("connections: 1 accepted"), "{said}");
    cluster.stop().await;
}
