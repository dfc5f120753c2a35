//! Every message that a client writes, built by Rust and compared by Python.

use casty_client::{ActorRef, NodeAddress, ServiceKey, Value};
use casty_proto::message::membership::{
    GossipMessage, HeartbeatRequest, HeartbeatResponse, JoinAccepted, JoinRequest, PromoteMember,
    UpdateShardAllocations,
};
use casty_proto::message::structures::{barrier, counter, dict, lock, queue, semaphore, set};
use casty_proto::message::{
    ClusterState, Deregister, DownMember, Find, GetShardLocation, GetState, Listing, Member,
    MemberStatus, Register, RegisterRegion, ServiceEntry, ServiceInstance, ShardAllocation,
    ShardEnvelope, ShardLocation, Subscribe, SubscribeTopology, TopologySnapshot,
    UnsubscribeTopology, UpdateRegistry, VectorClock, WaitForMembers,
};
use casty_proto::{FrozenSet, Tuple};
use serde::Serialize;

use crate::app::{Greet, Increment};
use crate::scenario::{Context, Failure, Figures, Scenario};
use crate::serializer::Serializer;
use crate::verify::{Case, Expected, differences};
use crate::version::Feature;

pub(super) const SCENARIOS: &[Scenario] = &[Scenario::new(
    "every_message_built_by_rust_is_what_python_builds",
    60,
    |context| Box::pin(compare(context)),
)
.needs(&[Feature::Serializers])];

const REF: &str = "casty://s-client@127.1.2.3:0/_ask/00000000000000010000000000000002";

async fn compare(context: Context) -> Result<Figures, Failure> {
    let mut written = Written {
        serializer: context.serializer(),
        cases: Vec::new(),
    };
    topology(&mut written)?;
    views(&mut written)?;
    membership(&mut written)?;
    sharding(&mut written)?;
    services(&mut written)?;
    counters_and_maps(&mut written)?;
    sets_and_queues(&mut written)?;
    locks_and_barriers(&mut written)?;
    let found = differences(context.python(), &written.cases).await?;
    if !found.is_empty() {
        return Err(found.join("; ").into());
    }
    Ok(format!("{0} of {0} messages", written.cases.len()))
}

struct Written {
    serializer: Serializer,
    cases: Vec<Case>,
}

impl Written {
    /// Checks that `message` is what Python makes of `expression`, in which `REF` is a reference.
    fn is<M: Serialize>(&mut self, message: &M, expression: &str) -> Result<(), Failure> {
        let mut bytes = Vec::new();
        self.serializer.codec().encode(message, &mut bytes)?;
        self.cases.push(Case {
            name: expression.to_owned(),
            serializer: self.serializer,
            bytes,
            expected: Expected::Python(expression.replace("REF", &format!("ref({REF:?})"))),
        });
        Ok(())
    }
}

fn reply_to<M>() -> ActorRef<M> {
    ActorRef::from_uri_unchecked(REF)
}

fn node(port: u16) -> NodeAddress {
    NodeAddress::new("10.0.0.1", port)
}

fn topology(written: &mut Written) -> Result<(), Failure> {
    let subscribe = SubscribeTopology {
        reply_to: reply_to(),
    };
    written.is(&subscribe, "SubscribeTopology(reply_to=REF)")?;
    let unsubscribe = UnsubscribeTopology {
        subscriber: reply_to(),
    };
    written.is(&unsubscribe, "UnsubscribeTopology(subscriber=REF)")?;
    written.is(
        &GetState {
            reply_to: reply_to(),
        },
        "GetState(reply_to=REF)",
    )?;
    let wait = WaitForMembers {
        n: 3,
        reply_to: reply_to(),
    };
    written.is(&wait, "WaitForMembers(n=3, reply_to=REF)")?;
    let down = DownMember { address: node(1) };
    written.is(&down, "DownMember(address=NodeAddress('10.0.0.1', 1))")?;
    let update = |entries| UpdateRegistry { entries };
    let greeter = FrozenSet(vec![ServiceEntry {
        key: "greeter".into(),
        node: node(1),
        path: "/g".into(),
    }]);
    written.is(
        &update(FrozenSet::default()),
        "UpdateRegistry(entries=frozenset())",
    )?;
    written.is(
        &update(greeter),
        &format!("UpdateRegistry(entries={REGISTRY})"),
    )
}

const MEMBERS: &str = "frozenset({
    Member(NodeAddress('10.0.0.1', 1), MemberStatus.up, frozenset({'worker'}), 'n1'),
    Member(NodeAddress('10.0.0.1', 2), MemberStatus.joining, frozenset(), 'n2')})";
const ALLOCATIONS: &str = "{
    'a': {1: ShardAllocation(NodeAddress('10.0.0.1', 1), (NodeAddress('10.0.0.1', 2),)),
          2: ShardAllocation(NodeAddress('10.0.0.1', 2))},
    'b': {}}";
const REGISTRY: &str = "frozenset({ServiceEntry('greeter', NodeAddress('10.0.0.1', 1), '/g')})";

fn members() -> FrozenSet<Member> {
    let member = |port, status, roles: &[&str]| Member {
        address: node(port),
        status,
        roles: roles.iter().map(|role| (*role).into()).collect(),
        id: format!("n{port}").into(),
    };
    FrozenSet(vec![
        member(1, MemberStatus::Up, &["worker"]),
        member(2, MemberStatus::Joining, &[]),
    ])
}

fn views(written: &mut Written) -> Result<(), Failure> {
    let shard = |primary, replicas: &[u16]| ShardAllocation {
        primary: node(primary),
        replicas: replicas.iter().copied().map(node).collect(),
    };
    let shards = [(1, shard(1, &[2])), (2, shard(2, &[]))];
    let shard_allocations = [("a".into(), shards.into()), ("b".into(), [].into())];
    let entry = ServiceEntry {
        key: "greeter".into(),
        node: node(1),
        path: "/g".into(),
    };
    let snapshot = TopologySnapshot {
        members: members(),
        leader: Some(node(1)),
        shard_allocations: shard_allocations.clone().into(),
        allocation_epoch: 7,
        unreachable: FrozenSet(vec![node(2)]),
        registry: FrozenSet(vec![entry.clone()]),
    };
    let addresses = "frozenset({NodeAddress('10.0.0.1', 2)})";
    let expression = format!(
        "TopologySnapshot(members={MEMBERS}, leader=NodeAddress('10.0.0.1', 1),
        shard_allocations={ALLOCATIONS}, allocation_epoch=7, unreachable={addresses},
        registry={REGISTRY})"
    );
    written.is(&snapshot, &expression)?;
    let empty = "TopologySnapshot(frozenset(), None, {}, 0, frozenset(), frozenset())";
    written.is(&TopologySnapshot::default(), empty)?;
    let state = ClusterState {
        members: members(),
        unreachable: FrozenSet(vec![node(2)]),
        version: VectorClock {
            versions: [(node(1), 3)].into(),
        },
        shard_allocations: shard_allocations.into(),
        allocation_epoch: 7,
        seen: FrozenSet(vec![node(2)]),
        registry: FrozenSet(vec![entry]),
    };
    let expression = format!(
        "ClusterState(members={MEMBERS}, unreachable={addresses},
        version=VectorClock({{NodeAddress('10.0.0.1', 1): 3}}), shard_allocations={ALLOCATIONS},
        allocation_epoch=7, seen={addresses}, registry={REGISTRY})"
    );
    written.is(&state, &expression)
}

fn membership(written: &mut Written) -> Result<(), Failure> {
    let state = ClusterState {
        members: members(),
        version: VectorClock {
            versions: [(node(2), 1)].into(),
        },
        ..ClusterState::default()
    };
    let expected = format!(
        "ClusterState(members={MEMBERS}, version=VectorClock({{NodeAddress('10.0.0.1', 2): 1}}))"
    );
    let gossip = GossipMessage {
        state: state.clone(),
        from_node: node(1),
        is_reply: true,
    };
    let me = "NodeAddress('10.0.0.1', 1)";
    let expression = format!("GossipMessage(state={expected}, from_node={me}, is_reply=True)");
    written.is(&gossip, &expression)?;
    let accepted = JoinAccepted { state };
    written.is(&accepted, &format!("JoinAccepted(state={expected})"))?;
    for (reply_to, python) in [(None, "None"), (Some(reply_to()), "REF")] {
        let join = JoinRequest {
            node: node(1),
            roles: FrozenSet(vec!["worker".into()]),
            node_id: "n1".into(),
            reply_to,
        };
        let expression = format!("JoinRequest({me}, frozenset({{'worker'}}), 'n1', {python})");
        written.is(&join, &expression)?;
    }
    let heartbeat = HeartbeatRequest {
        from_node: node(1),
        reply_to: reply_to(),
    };
    written.is(
        &heartbeat,
        &format!("HeartbeatRequest(from_node={me}, reply_to=REF)"),
    )?;
    let answer = HeartbeatResponse { from_node: node(1) };
    written.is(&answer, &format!("HeartbeatResponse(from_node={me})"))?;
    let promote = PromoteMember { address: node(1) };
    written.is(&promote, &format!("PromoteMember(address={me})"))?;
    let allocation = ShardAllocation {
        primary: node(1),
        replicas: Tuple(vec![]),
    };
    let update = UpdateShardAllocations {
        shard_type: "a".into(),
        allocations: [(7, allocation)].into(),
        epoch: 3,
    };
    let expression = format!("UpdateShardAllocations('a', {{7: ShardAllocation({me})}}, 3)");
    written.is(&update, &expression)
}

fn sharding(written: &mut Written) -> Result<(), Failure> {
    let get = GetShardLocation {
        shard_id: 7,
        reply_to: reply_to(),
    };
    written.is(&get, "GetShardLocation(shard_id=7, reply_to=REF)")?;
    let location = ShardLocation {
        shard_id: 7,
        node: node(1),
        replicas: Tuple(vec![node(2)]),
    };
    let expression = "ShardLocation(7, NodeAddress('10.0.0.1', 1), (NodeAddress('10.0.0.1', 2),))";
    written.is(&location, expression)?;
    let register = RegisterRegion { node: node(1) };
    written.is(&register, "RegisterRegion(node=NodeAddress('10.0.0.1', 1))")?;
    let envelope: ShardEnvelope<_> =
        ShardEnvelope::new("h\u{e9} \u{1f600}", Increment { amount: -1 });
    let expression = "ShardEnvelope(entity_id='h\\u00e9 \\U0001f600', message=Increment(-1))";
    written.is(&envelope, expression)?;
    let envelope: ShardEnvelope<_> = ShardEnvelope::new("", Value::None);
    written.is(&envelope, "ShardEnvelope(entity_id='', message=None)")
}

fn services(written: &mut Written) -> Result<(), Failure> {
    let key = ServiceKey::<Greet>::new("greeter");
    let find = Find {
        key: key.clone(),
        reply_to: reply_to(),
    };
    written.is(&find, "Find(key=ServiceKey('greeter'), reply_to=REF)")?;
    let instance = ServiceInstance {
        actor: reply_to(),
        node: node(1),
    };
    let listing = Listing {
        key,
        instances: FrozenSet(vec![instance]),
    };
    let expression = "Listing(key=ServiceKey('greeter'), instances=frozenset({
        ServiceInstance(ref=REF, node=NodeAddress('10.0.0.1', 1))}))";
    written.is(&listing, expression)?;
    let key = ServiceKey::<Greet>::new("greeter");
    let (actor, reply_to) = (reply_to::<Greet>(), reply_to());
    let subscribe = Subscribe {
        key: key.clone(),
        reply_to,
    };
    written.is(
        &subscribe,
        "receptionist.Subscribe(ServiceKey('greeter'), REF)",
    )?;
    let register = Register {
        key: key.clone(),
        actor: actor.clone(),
    };
    written.is(&register, "Register(key=ServiceKey('greeter'), ref=REF)")?;
    let deregister = Deregister { key, actor };
    written.is(
        &deregister,
        "Deregister(key=ServiceKey('greeter'), ref=REF)",
    )
}

/// Messages whose fields are all that Python has to be told.
macro_rules! structures {
    ($written:ident: $($module:ident $class:ident $(<$of:ty>)? { $($field:ident: $value:expr => $python:literal),* })*) => {$(
        let message = $module::$class $(::<$of>)? { $($field: $value),* };
        let fields: &[&str] = &[$(concat!(stringify!($field), "=", $python)),*];
        let (module, class) = (stringify!($module), stringify!($class));
        $written.is(&message, &format!("distributed.{module}.{class}({})", fields.join(", ")))?;
    )*};
}

fn counters_and_maps(written: &mut Written) -> Result<(), Failure> {
    let owned = || Value::dict([("age", 30)]);
    structures! { written:
        counter Increment { amount: 7 => "7", reply_to: reply_to() => "REF" }
        counter Decrement { amount: 1 => "1", reply_to: reply_to() => "REF" }
        counter GetValue { reply_to: reply_to() => "REF" }
        counter DestroyCounter { reply_to: reply_to() => "REF" }
        dict Put<Value> { value: owned() => "{'age': 30}", reply_to: reply_to() => "REF" }
        dict Get<Value> { reply_to: reply_to() => "REF" }
        dict Delete { reply_to: reply_to() => "REF" }
        dict Contains { reply_to: reply_to() => "REF" }
    }
    Ok(())
}

fn sets_and_queues(written: &mut Written) -> Result<(), Failure> {
    structures! { written:
        set Add<(u8, String)> { value: (1, "x".to_owned()) => "(1, 'x')", reply_to: reply_to() => "REF" }
        set Remove<String> { value: "x".to_owned() => "'x'", reply_to: reply_to() => "REF" }
        set SetContains<Option<u8>> { value: None => "None", reply_to: reply_to() => "REF" }
        set SetSize { reply_to: reply_to() => "REF" }
        set DestroySet { reply_to: reply_to() => "REF" }
        queue Enqueue<Vec<u8>> { value: vec![1, 2] => "[1, 2]", reply_to: reply_to() => "REF" }
        queue Dequeue<String> { reply_to: reply_to() => "REF" }
        queue Peek<String> { reply_to: reply_to() => "REF" }
        queue QueueSize { reply_to: reply_to() => "REF" }
        queue DestroyQueue { reply_to: reply_to() => "REF" }
    }
    Ok(())
}

fn locks_and_barriers(written: &mut Written) -> Result<(), Failure> {
    let me = || "me".to_owned();
    // What is granted is not said to nodes of this version.
    let granted = true;
    written.is(
        &lock::LockAcquired { granted },
        "distributed.lock.LockAcquired()",
    )?;
    written.is(
        &semaphore::SemaphoreAcquired { granted },
        "distributed.semaphore.SemaphoreAcquired()",
    )?;
    structures! { written:
        lock LockAcquire { owner: me() => "'me'", reply_to: reply_to() => "REF" }
        lock LockTryAcquire { owner: me() => "'me'", reply_to: reply_to() => "REF" }
        lock LockTryResult { acquired: true => "True" }
        lock LockRelease { owner: me() => "'me'", reply_to: reply_to() => "REF" }
        lock LockReleased { released: false => "False" }
        lock DestroyLock { reply_to: reply_to() => "REF" }
        semaphore SemaphoreAcquire { owner: me() => "'me'", reply_to: reply_to() => "REF" }
        semaphore SemaphoreTryAcquire { owner: me() => "'me'", reply_to: reply_to() => "REF" }
        semaphore SemaphoreTryResult { acquired: false => "False" }
        semaphore SemaphoreRelease { owner: me() => "'me'", reply_to: reply_to() => "REF" }
        semaphore SemaphoreReleased { released: true => "True" }
        semaphore DestroySemaphore { reply_to: reply_to() => "REF" }
        barrier BarrierArrive { node: me() => "'me'", expected: 2 => "2", reply_to: reply_to() => "REF" }
        barrier BarrierReleased {}
        barrier DestroyBarrier { reply_to: reply_to() => "REF" }
    }
    Ok(())
}
