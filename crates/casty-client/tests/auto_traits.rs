//! The auto traits that users rely on: handles go anywhere, futures may be spawned.

use casty_client::{
    AcquireError, ActorContext, ActorExit, ActorHandle, ActorRef, ActorStats, Admin, AskAll,
    AskError, Barrier, BoundRef, BroadcastRef, BroadcastTell, ClientBuilder, CloseReport,
    ClusterClient, ConfigError, Counter, DeadLetter, DeadLetters, DiscoveryError, Distributed,
    DownError, DownReport, EntityRef, Error, Gathered, Guard, Health, HealthWatch, Instance,
    LeaderRef, Listing, Lock, LookupError, Map, NameError, NotSent, PickBy, PickError, PickedError,
    PickedInstance, Picker, ProducerError, Queue, ReadyError, RegionError, RegionRef, Reply,
    Semaphore, ServiceKey, Services, Set, SpawnError, Stats, StreamError, StreamProducer,
    StreamSink, StreamSource, StructureError, TellError, Topology,
};
use serde::Serialize;

fn goes_anywhere<T: Send + Sync + Unpin + 'static>() {}
fn is_spawned<T: Send>(_: T) {}

/// A message that is no thread's but its own.
#[derive(Serialize)]
struct Message {
    reply_to: ActorRef<i64>,
}

#[test]
fn handles_and_errors_go_to_any_thread() {
    goes_anywhere::<ClusterClient>();
    goes_anywhere::<ClientBuilder>();
    goes_anywhere::<RegionRef>();
    goes_anywhere::<EntityRef>();
    goes_anywhere::<BoundRef<Message>>();
    goes_anywhere::<ActorContext<Message>>();
    goes_anywhere::<ActorHandle<Message>>();
    goes_anywhere::<(ActorExit, ActorStats)>();
    goes_anywhere::<Instance<Message>>();
    goes_anywhere::<Listing<Message>>();
    goes_anywhere::<Services<Message>>();
    goes_anywhere::<Picker<Message>>();
    goes_anywhere::<PickBy>();
    goes_anywhere::<LeaderRef<Message>>();
    goes_anywhere::<BroadcastRef<Message>>();
    goes_anywhere::<BroadcastTell>();
    goes_anywhere::<AskAll<Message, i64, fn(ActorRef<i64>) -> Message>>();
    goes_anywhere::<Gathered<i64>>();
    goes_anywhere::<Reply<i64>>();
    goes_anywhere::<Reply<i64, PickedInstance>>();
    goes_anywhere::<Topology>();
    goes_anywhere::<(Health, HealthWatch)>();
    goes_anywhere::<Error>();
    goes_anywhere::<DeadLetters>();
    goes_anywhere::<StreamSource<Message>>();
    goes_anywhere::<StreamProducer<Message>>();
    goes_anywhere::<StreamSink<Message>>();
    goes_anywhere::<DeadLetter>();
    goes_anywhere::<Admin>();
    goes_anywhere::<DownReport>();
    goes_anywhere::<Stats>();
    goes_anywhere::<CloseReport>();
    goes_anywhere::<(TellError, AskError, NotSent, ConfigError, DiscoveryError)>();
    goes_anywhere::<(
        LookupError,
        PickError,
        PickedError<TellError>,
        PickedError<AskError>,
    )>();
    goes_anywhere::<(ReadyError, RegionError, NameError, SpawnError, DownError)>();
    goes_anywhere::<(StreamError, ProducerError)>();
}

#[test]
fn structures_go_to_any_thread() {
    goes_anywhere::<(StructureError, AcquireError)>();
    goes_anywhere::<(Distributed, Counter, Lock, Semaphore, Barrier, Guard)>();
    goes_anywhere::<Map<std::rc::Rc<()>>>();
    goes_anywhere::<Set<std::rc::Rc<()>>>();
    goes_anywhere::<Queue<std::rc::Rc<()>>>();
}

#[test]
fn references_bound_to_messages_of_one_thread_go_to_any_thread() {
    goes_anywhere::<BoundRef<std::rc::Rc<()>>>();
    goes_anywhere::<ActorRef<std::rc::Rc<()>>>();
    goes_anywhere::<StreamSource<std::rc::Rc<()>>>();
    goes_anywhere::<StreamProducer<std::rc::Rc<()>>>();
    goes_anywhere::<StreamSink<std::rc::Rc<()>>>();
}

/// Never run: that it compiles is the test.
#[expect(dead_code, reason = "that it compiles is the test")]
fn futures_may_be_spawned(client: &ClusterClient, entity: &EntityRef) {
    let within = std::time::Duration::from_secs(1);
    let ask = entity.ask::<_, i64>(|reply_to| Message { reply_to });
    is_spawned(ask.send());
    let owned = entity.clone();
    is_spawned(async move { owned.ask::<_, i64>(|reply_to| Message { reply_to }).await });
    is_spawned(entity.tell_within("message", within));
    is_spawned(client.ready(within));
    is_spawned(client.admin().diagnose());
    let key = ServiceKey::<Message>::new("service");
    is_spawned(client.lookup_wait(&key, within));
    is_spawned(client.services(&key).wait_for(1));
    let picker = client.picker(&key);
    is_spawned(picker.ask::<i64>(|reply_to| Message { reply_to }).send());
    is_spawned(async move {
        let ask = picker.ask::<i64>(|reply_to| Message { reply_to });
        ask.idempotent().await
    });
    let leader = client.singleton::<Message>("singleton").ok();
    let leader = leader.as_ref();
    is_spawned(leader.map(|leader| leader.wait_for_leader(within)));
    let message = |reply_to| Message { reply_to };
    is_spawned(leader.map(|leader| leader.ask::<i64>(message).idempotent().send()));
    let all = client.broadcast::<Message>("all").ok();
    let asked = all.and_then(|all| all.ask_all::<i64, _>(message).ok());
    is_spawned(asked.map(AskAll::gather));
    is_spawned(client.topology().wait_for(|_| true));
    is_spawned(ClusterClient::builder("s").connect());
    is_spawned(client.close(within));
    let producer = client.stream_producer::<i64>("numbers");
    if let Ok(producer) = producer {
        let mut stream = client.subscribe(&producer.actor_ref());
        is_spawned(async move { stream.next().await });
        let sink = client.stream_sink(&producer.actor_ref());
        is_spawned(async move { sink.send(1).await });
        is_spawned(async move { producer.send(1).await });
    }
}
