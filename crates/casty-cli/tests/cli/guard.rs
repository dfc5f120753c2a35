//! The guard as a process, in clusters of nodes that gossip and do not heal, as real ones.

use casty_client::casty_routing::membership::{Healing, MembershipEvent};
use casty_client::{Codec, Compression, NodeAddress, QuicConfig, TransportConfig};
use casty_proto::message::MemberStatus;
use casty_testkit::{Cluster, ClusterBuilder, MembershipOptions};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::process::{AMPLE, Ended, LONGEST, casty, casty_to, end, ended, send};
use crate::tls::Certificates;

fn options() -> MembershipOptions {
    MembershipOptions::new().healing(Healing::Off)
}

/// Starts two nodes, unless they are configured further.
async fn nodes(configure: impl FnOnce(ClusterBuilder) -> ClusterBuilder) -> Cluster {
    let builder = Cluster::builder("my-cluster").nodes(2);
    let cluster = configure(builder.membership(options())).start();
    timeout(LONGEST, cluster).await.unwrap().unwrap()
}

/// A guard that runs, and what it prints.
struct Guard {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    address: NodeAddress,
}

impl Guard {
    /// Starts a guard whose seed is the first node.
    async fn start(cluster: &Cluster, host: &str, more: &[&str]) -> Self {
        let seed = cluster.addresses()[0].to_string();
        let mut command = casty(&["guard", "--system", "my-cluster", "--seed", &seed]);
        command.args(["--advertise", host, "--port", "0", "--listen", "127.0.0.1"]);
        let mut child = command.arg("--json").args(more).spawn().unwrap();
        let out = child.stdout.take().unwrap();
        let mut guard = Self {
            child,
            lines: BufReader::new(out).lines(),
            address: NodeAddress::new(host, 0),
        };
        let listening = guard.said("listening").await;
        guard.address = listening["node"].as_str().unwrap().parse().unwrap();
        guard
    }

    /// Waits until it prints an event of this name.
    async fn said(&mut self, event: &str) -> Value {
        loop {
            let line = timeout(LONGEST, self.lines.next_line()).await;
            let line = line.unwrap_or_else(|_| panic!("{event} is not said"));
            let line = line.unwrap().expect("the guard goes on");
            let document: Value = serde_json::from_str(&line).unwrap();
            if document["event"] == event {
                return document;
            }
        }
    }

    /// Waits for its end, and returns the events that it printed last, too.
    async fn ended(mut self) -> (Ended, Vec<String>) {
        let mut said = Vec::new();
        let reading = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                let document: Value = serde_json::from_str(&line).unwrap();
                said.push(document["event"].as_str().unwrap().to_owned());
            }
        };
        timeout(LONGEST, reading).await.expect("it ends");
        (ended(self.child).await, said)
    }

    async fn terminate(self) -> (Ended, Vec<String>) {
        send(&self.child, "TERM").await;
        self.ended().await
    }
}

/// Waits until the nodes of these numbers see a member so, and know that all of them do.
async fn agreed(cluster: &Cluster, nodes: &[usize], member: &NodeAddress, wanted: MemberStatus) {
    let is_so = |number: &usize| {
        cluster.state(*number).is_some_and(|state| {
            let mut listed = state.members.iter();
            let is_so = listed.any(|it| it.address == *member && it.status == wanted);
            is_so && state.is_converged()
        })
    };
    let agreed = cluster.wait_until(|_| nodes.iter().all(is_so));
    let agreed = timeout(LONGEST, agreed).await;
    agreed.unwrap_or_else(|_| panic!("{member} is {wanted:?} to all"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_is_a_member_until_it_is_told_to_end_and_then_gone_at_once() {
    let (told, mut events) = mpsc::unbounded_channel();
    let watched = options().on_event(move |_, event| drop(told.send(event.clone())));
    let cluster = nodes(|builder| builder.membership(watched)).await;
    let mut guard = Guard::start(&cluster, "localhost", &[]).await;
    let me = guard.address.clone();
    guard.said("joined").await;
    agreed(&cluster, &[0, 1], &me, MemberStatus::Up).await;
    let topology = casty_to(&cluster, &["topology", "--timeout", AMPLE]);
    let topology = end(topology).await.with(0);
    let listed = format!("member   {me}  localhost  up");
    assert!(topology.out.contains(&listed), "{topology:#?}");

    let (ended, said) = guard.terminate().await;
    ended.with(0);
    assert_eq!(&said[said.len() - 2..], ["leaving", "left"], "{said:?}");
    agreed(&cluster, &[0, 1], &me, MemberStatus::Down).await;
    let mut is_ordered = false;
    while let Ok(event) = events.try_recv() {
        is_ordered |= matches!(&event, MembershipEvent::Ordered { node } if *node == me);
        assert!(!matches!(event, MembershipEvent::Silent { .. }), "{event}");
    }
    assert!(is_ordered, "nodes were told, and waited for no silence");
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_guard_a_node_that_was_killed_stays_dead() {
    for healing in ["silence", "stillness"] {
        let cluster = nodes(|builder| builder.nodes(3)).await;
        let mut guard = Guard::start(&cluster, "localhost", &["--healing", healing]).await;
        guard.said("joined").await;
        agreed(&cluster, &[0, 1, 2], &guard.address, MemberStatus::Up).await;
        let dead = cluster.addresses()[2].clone();
        cluster.kill(2).await;
        // Once all who live know that all of them know, nobody is left who could call it up.
        agreed(&cluster, &[0, 1], &dead, MemberStatus::Down).await;
        agreed(&cluster, &[0, 1], &guard.address, MemberStatus::Up).await;
        let (ended, said) = guard.terminate().await;
        ended.with(0);
        assert!(said.iter().any(|it| it == "member"), "{said:?}");
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_could_lead_a_node_says_so_and_leaves() {
    let hosts = ["127.0.0.1", "localhost"].map(|host| NodeAddress::new(host, 0));
    let cluster = nodes(|builder| builder.addresses(hosts)).await;
    let mut guard = Guard::start(&cluster, "127.0.0.2", &[]).await;
    let me = guard.address.clone();
    let behind = guard.said("behind").await;
    assert_eq!(behind["node"], cluster.addresses()[1].to_raw());
    let (ended, said) = guard.ended().await;
    let ended = ended.with(1);
    let why = format!("sorts behind {me}");
    assert!(ended.err.contains(&why), "{ended:?}");
    assert_eq!(said, ["leaving", "left"]);
    agreed(&cluster, &[0, 1], &me, MemberStatus::Down).await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_whose_nodes_have_all_died_joins_those_that_come_back() {
    let cluster = nodes(|builder| builder.nodes(1)).await;
    let mut guard = Guard::start(&cluster, "localhost", &[]).await;
    guard.said("joined").await;
    agreed(&cluster, &[0], &guard.address, MemberStatus::Up).await;
    cluster.kill(0).await;
    guard.said("silent").await;
    let alone = guard.said("alone").await;
    assert_eq!(alone["node"], Value::Null);
    cluster.restart(0).await.unwrap();
    guard.said("joined").await;
    agreed(&cluster, &[0], &guard.address, MemberStatus::Up).await;
    let state = cluster.state(0).unwrap();
    assert_eq!(state.leader(), Some(&cluster.addresses()[0]));
    guard.terminate().await.0.with(0);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_speaks_what_the_nodes_are_configured_with() {
    let certificates = Certificates::new();
    let tls = certificates.config("node.pem");
    let (ca, own) = (certificates.path("ca.pem"), certificates.path("guard.pem"));
    for (name, transport) in [
        ("tls", TransportConfig::tls(tls.clone())),
        ("quic", TransportConfig::quic(QuicConfig::new(tls.clone()))),
    ] {
        let codec = Codec::json().compressed(Compression::Zlib);
        let cluster = nodes(|builder| builder.transport(transport).codec(codec)).await;
        let args = ["--transport", name, "--tls-ca", &ca, "--tls-cert", &own];
        let args = [&args[..], &["--codec", "json", "--compression", "zlib"]].concat();
        let mut guard = Guard::start(&cluster, "localhost", &args).await;
        guard.said("joined").await;
        agreed(&cluster, &[0, 1], &guard.address, MemberStatus::Up).await;
        guard.terminate().await.0.with(0);
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_guards_bear_with_each_other() {
    let cluster = nodes(|builder| builder).await;
    let first = Guard::start(&cluster, "localhost", &[]).await;
    agreed(&cluster, &[0, 1], &first.address, MemberStatus::Up).await;
    let second = Guard::start(&cluster, "localhost", &[]).await;
    agreed(&cluster, &[0, 1], &second.address, MemberStatus::Up).await;
    for guard in [first, second] {
        let (ended, said) = guard.terminate().await;
        ended.with(0);
        assert!(!said.iter().any(|it| it == "behind"), "{said:?}");
    }
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guard_that_is_alone_tells_so_and_goes_on() {
    let cluster = nodes(|builder| builder.nodes(1)).await;
    cluster.kill(0).await;
    let mut guard = Guard::start(&cluster, "localhost", &[]).await;
    let waiting = guard.said("waiting").await;
    let seed = cluster.addresses()[0].to_string();
    assert!(waiting["text"].as_str().unwrap().contains(&seed));
    cluster.restart(0).await.unwrap();
    guard.said("joined").await;
    guard.terminate().await.0.with(0);
    cluster.stop().await;
}

#[tokio::test]
async fn a_guard_that_makes_no_sense_is_wrong_usage() {
    let (system, seed) = (["--system", "s"], ["--seed", "10.0.1.10:25520"]);
    let named = ["--advertise", "guard"];
    let cases: &[(&[&[&str]], &str)] = &[
        (&[&system, &named], "use --seed, CASTY_CONTACT_POINTS or"),
        (&[&seed, &named], "use --system"),
        (
            &[&system, &seed, &["--advertise", "10.0.1.1"]],
            "sorts before",
        ),
        (
            &[&system, &seed, &["--advertise", "10.0.1.10"]],
            "the guard itself",
        ),
        (&[&system, &seed, &["--advertise", "a b"]], "is no host"),
        (
            &[&system, &seed, &named, &["--healing", "hope"]],
            "invalid value",
        ),
        (
            &[&system, &seed, &named, &["--port", "70000"]],
            "invalid value",
        ),
        (
            &[&system, &seed, &named, &["--listen", "here"]],
            "invalid value",
        ),
        (&[&system, &["--seed", "nowhere"]], "invalid value"),
        (
            &[&system, &seed, &named, &["--transport", "tls"]],
            "needs tls.ca",
        ),
    ];
    for (args, why) in cases {
        let args = args.concat();
        let ended = end(casty(&[&["guard"], &args[..]].concat())).await.with(2);
        assert!(ended.err.contains(why), "{args:?}: {ended:?}");
        assert_eq!(ended.out, "", "{args:?}");
    }
    // An address that is none of this machine.
    let elsewhere = [
        &["guard"],
        &system[..],
        &seed,
        &named,
        &["--listen", "192.0.2.1"],
    ];
    let ended = end(casty(&elsewhere.concat())).await.with(1);
    assert!(
        ended.err.contains("cannot listen at 192.0.2.1:25520"),
        "{ended:?}"
    );
}
