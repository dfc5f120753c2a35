//! A node that fills every text which it may choose with characters that a terminal obeys.

use std::sync::Arc;

use casty_client::{ActorRef, Codec, NodeAddress, TransportConfig, Value};
use casty_proto::frame::{self, DEFAULT_MAX_FRAME, FrameDecoder, FrameKind};
use casty_proto::header::Header;
use casty_proto::message::{
    Allocations, ClusterState, GetState, Member, MemberStatus, ServiceEntry, ShardAllocation,
    SubscribeTopology, TopologySnapshot,
};
use casty_proto::value::{Object, State};
use casty_proto::{FrozenSet, Limits, Tuple};
use casty_transport::{ConnectOptions, Connection, Listener, accept};
use serde::Serialize;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinHandle;

use crate::process::{AMPLE, Ended, GET, casty, end};

/// Clears the screen, adds a line that looks like one of the command's, and columns, and an item, and a
/// change, and an escape; turns letters around, colours.
const HOSTILE: &str =
    "x\u{1b}[2J\r\nmember   forged:1  up\u{202e}\u{9b}31m\u{7f}\t\\n\u{2003} -> down,a";
/// The same as the command shows it.
const SHOWN: &str = concat!(
    r"x\u{1b}[2J\r\nmember \u{20}\u{20}forged:1 \u{20}up\u{202e}\u{9b}31m\u{7f}\t",
    r"\u{5c}n\u{2003} -\u{3e} down,a"
);
/// The path of an actor, which cannot have a line break.
const PATH: &str = "/a\u{1b}[2J\r\u{202e}\u{9b}31m";

const CODEC: Codec = Codec::json();

/// Starts the node. It answers until its task is aborted.
async fn node() -> (NodeAddress, JoinHandle<()>) {
    let transport = TransportConfig::tcp().build();
    let listener = transport.listen(&NodeAddress::new("127.0.0.1", 0)).await;
    let listener = listener.unwrap();
    let address = listener.address();
    (address.clone(), tokio::spawn(serve(listener, address)))
}

async fn serve(mut listener: Box<dyn Listener>, address: NodeAddress) {
    loop {
        let stream = listener.accept().await.unwrap();
        let address = address.clone();
        tokio::spawn(async move {
            if let Ok(connection) = accept(stream, &address, &ConnectOptions::new()).await {
                answer(connection, &address).await;
            }
        });
    }
}

/// Answers each message of a connection until it ends.
async fn answer(mut connection: Connection, address: &NodeAddress) {
    let decoder = FrameDecoder::new(DEFAULT_MAX_FRAME);
    let (mut buffer, stream) = (connection.leftover, &mut connection.stream);
    loop {
        while let Some(frame) = decoder.next(&mut buffer).unwrap() {
            let (header, message) = Header::split(&frame.payload).unwrap();
            let wire = match &*header.type_hint {
                "casty.cluster.topology.SubscribeTopology" => {
                    frame_of(&read::<SubscribeTopology>(message).reply_to, &view(address))
                }
                "casty.cluster.topology_actor.GetState" => {
                    frame_of(&read::<GetState>(message).reply_to, &state(address))
                }
                // It hangs up instead.
                "casty.cluster.topology_actor.DownMember" => return,
                _ => match reply_to(&read(message)) {
                    Some(to) => {
                        // And a message to an actor that the client has not.
                        let lost =
                            ActorRef::<Value>::from_uri_unchecked(format!("casty://s{PATH}"));
                        [frame_of(&lost, &object()), frame_of(&to, &object())].concat()
                    }
                    None => Vec::new(),
                },
            };
            if stream.write_all(&wire).await.is_err() {
                return;
            }
        }
        if stream.read_buf(&mut buffer).await.unwrap_or(0) == 0 {
            return;
        }
    }
}

fn read<M: serde::de::DeserializeOwned>(message: &[u8]) -> M {
    CODEC.decode(message, &Limits::default()).unwrap()
}

/// Returns the reference to which a message asks to reply, in an envelope or not.
fn reply_to(message: &Value) -> Option<ActorRef<Value>> {
    let inner = message.get("message").unwrap_or(message);
    match inner.get("reply_to") {
        Some(Value::Ref(to)) => Some(to.clone()),
        _ => None,
    }
}

fn frame_of<M: ?Sized>(to: &ActorRef<M>, message: &impl Serialize) -> Vec<u8> {
    let (mut head, mut encoded, mut wire) = (Vec::new(), Vec::new(), Vec::new());
    let class = CODEC.encode(message, &mut encoded).unwrap();
    let header = Header {
        target: to.uri().into(),
        sender: "casty://s@n:1/".into(),
        type_hint: class,
    };
    header.write(&mut head);
    let parts: [&[u8]; 2] = [&head, &encoded];
    frame::write_frame(&mut wire, FrameKind::Message, &parts, DEFAULT_MAX_FRAME).unwrap();
    wire
}

/// Returns a class; one with a colon would come back with a dot.
fn class() -> String {
    format!("a.B{}", HOSTILE.replace(':', ""))
}

/// Returns an object whose class and fields are chosen as badly.
fn object() -> Value {
    let field = (Arc::from(HOSTILE), Value::Str(HOSTILE.into()));
    Value::Object(Arc::new(Object {
        class: class().into(),
        state: State::Named([field].into_iter().collect()),
    }))
}

/// The address of a member that is dead.
const DEAD: &str = "127.0.0.1:1";

/// Returns the members: the node itself, one that is dead, and one that nobody can dial.
fn members(address: &NodeAddress) -> FrozenSet<Member> {
    let member = |address: NodeAddress| Member {
        address,
        status: MemberStatus::Up,
        roles: FrozenSet([HOSTILE.into()].into()),
        id: HOSTILE.into(),
    };
    FrozenSet(
        [
            address.clone(),
            DEAD.parse().unwrap(),
            NodeAddress::new(HOSTILE, 1),
        ]
        .map(member)
        .into(),
    )
}

/// Returns the allocations of two regions.
fn allocations(address: &NodeAddress) -> Allocations {
    let at = |primary: NodeAddress| ShardAllocation {
        primary,
        replicas: Tuple::default(),
    };
    let badly = [(0, at(NodeAddress::new(HOSTILE, 1)))].into();
    let well = (0..4).map(|shard| (shard, at(address.clone()))).collect();
    [(HOSTILE.into(), badly), ("counter".into(), well)].into()
}

fn registry(address: &NodeAddress) -> FrozenSet<ServiceEntry> {
    let entry = |key: &str, node: NodeAddress| ServiceEntry {
        key: key.into(),
        node,
        path: PATH.into(),
    };
    let nobody = NodeAddress::new(HOSTILE, 1);
    FrozenSet([entry("greeter", address.clone()), entry(HOSTILE, nobody)].into())
}

fn view(address: &NodeAddress) -> TopologySnapshot {
    TopologySnapshot {
        members: members(address),
        leader: Some(address.clone()),
        shard_allocations: allocations(address),
        allocation_epoch: 1,
        registry: registry(address),
        ..TopologySnapshot::default()
    }
}

fn state(address: &NodeAddress) -> ClusterState {
    ClusterState {
        members: members(address),
        shard_allocations: allocations(address),
        allocation_epoch: 1,
        registry: registry(address),
        ..ClusterState::default()
    }
}

/// Runs a command that logs all it can, and asserts that nothing which it prints does anything to a
/// terminal or pretends to be a line of its own.
async fn harmless(node: &NodeAddress, args: &[&str]) -> Ended {
    let mut command = casty(args);
    command
        .env("CASTY_CONTACT_POINTS", node.to_string())
        .env("CASTY_SYSTEM", "s")
        .env("CASTY_CODEC", "json")
        .env("CASTY_REGIONS", "counter=4")
        .args(["-vv", "--timeout", AMPLE]);
    let ended = end(command).await;
    for line in ended.out.lines().chain(ended.err.lines()) {
        let obeyed = |it: char| it.is_control() || it == '\u{202e}';
        assert!(!line.contains(obeyed), "{args:?}: {line:?}");
        assert!(!line.starts_with("member   forged"), "{args:?}: {line:?}");
    }
    assert!(
        !ended.out.contains('\r') && !ended.err.contains('\r'),
        "{ended:?}"
    );
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_node_has_chosen_is_printed_on_its_line_and_without_control_characters() {
    let (address, serving) = node().await;
    let all = harmless(&address, &["topology"]).await.with(0);
    let path = r"/a\u{1b}[2J\r\u{202e}\u{9b}31m";
    let role = SHOWN.replace(',', r"\u{2c}");
    for line in [
        format!("leader   {address}"),
        format!("member   {SHOWN}:1  {SHOWN}  up  roles={role}"),
        format!("member   {address}  {SHOWN}  up  roles={role}"),
        format!("region   {SHOWN}  1 shard allocated  {SHOWN}:1=1  ids=0"),
        format!("service  {SHOWN}  {SHOWN}:1{path}"),
        format!("service  greeter  {address}{path}"),
    ] {
        assert!(all.out.lines().any(|it| it == line), "{line}: {all:#?}");
    }
    let found = harmless(&address, &["lookup", "greeter"]).await.with(0);
    assert_eq!(found.out, format!("casty://s@{address}{path}\n"));
    // Its name is the user's own word here, which no shell forbids.
    harmless(&address, &["lookup", &format!("{HOSTILE}?")])
        .await
        .with(1);
    let ill = harmless(&address, &["doctor"]).await.with(1);
    let refuses = format!("critical  {SHOWN}:1 is up to {address} and cannot be connected: ");
    assert!(
        ill.out.lines().any(|it| it.starts_with(&refuses)),
        "{ill:#?}"
    );
    for line in ill.out.lines() {
        assert!(!line[10..].contains("  "), "no more columns: {line:?}");
    }
    assert!(
        ill.err.contains("cannot be connected"),
        "the log has it, too: {ill:#?}"
    );
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn json_means_what_the_node_has_sent_and_prints_nothing_of_it_raw() {
    let (address, serving) = node().await;
    let read = |ended: Ended| -> serde_json::Value { serde_json::from_str(&ended.out).unwrap() };
    let all = read(harmless(&address, &["topology", "--json"]).await.with(0));
    assert_eq!(all["members"][format!("{HOSTILE}:1")]["id"], HOSTILE);
    assert_eq!(all["regions"][HOSTILE]["allocated"], 1);
    assert_eq!(
        all["services"][HOSTILE],
        json!([format!("{HOSTILE}:1{PATH}")])
    );
    let found = read(
        harmless(&address, &["lookup", "--json", "greeter"])
            .await
            .with(0),
    );
    let uri = format!("casty://s@{address}{PATH}");
    assert_eq!(found, json!([{ "uri": uri, "node": address.to_string() }]));
    let ill = read(harmless(&address, &["doctor", "--json"]).await.with(1));
    let findings = ill["findings"].as_array().unwrap().iter();
    let refuse = findings.filter(|it| it["problem"] == "refuses-connections");
    let refuse: Vec<_> = refuse.map(|it| it["node"].clone()).collect();
    assert_eq!(refuse, [json!(DEAD), json!(format!("{HOSTILE}:1"))]);
    for args in [
        &["ask", "counter", "user-1", GET][..],
        &["lookup", "greeter", "--ask", GET],
    ] {
        let reply = read(harmless(&address, args).await.with(0));
        let expected = json!({ "_type": class(), HOSTILE: HOSTILE });
        assert_eq!(reply, expected, "as it was sent");
    }
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_declared_dead_by_the_address_that_is_shown_whatever_its_host() {
    let (address, serving) = node().await;
    let shown = format!("{SHOWN}:1");
    let down = harmless(&address, &["down", &shown]).await.with(1);
    let why = format!("casty: no node was told that {shown} is dead");
    assert!(down.err.lines().any(|it| it == why), "{down:#?}");
    serving.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_not_called_down_if_no_node_was_told() {
    let (address, serving) = node().await;
    let down = harmless(&address, &["down", DEAD]).await.with(1);
    assert_eq!(down.out, "");
    let why = format!("casty: no node was told that {DEAD} is dead");
    assert!(down.err.lines().any(|it| it == why), "{down:#?}");
    serving.abort();
}
