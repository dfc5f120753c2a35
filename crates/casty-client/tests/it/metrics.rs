//! The metrics of a client, as the recorder of the program is told them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use casty_client::{ActorRef, AskError, ShardEnvelope};
use casty_transport::MemoryNetwork;
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder,
    SharedString, Unit,
};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::node::{connected, in_paused_time, others_run};

const LONG: Duration = Duration::from_mins(1);

/// The values by name and labels; the number of times for a histogram.
type Values = BTreeMap<String, f64>;

/// A recorder whose values can be waited for.
#[derive(Clone, Default)]
struct Recorded {
    values: Arc<watch::Sender<Values>>,
    described: Arc<watch::Sender<BTreeMap<String, Option<Unit>>>>,
}

/// One metric of it.
struct One {
    key: String,
    values: Arc<watch::Sender<Values>>,
}

impl One {
    fn change(&self, change: impl FnOnce(&mut f64)) {
        let key = self.key.clone();
        self.values
            .send_modify(|values| change(values.entry(key).or_default()));
    }
}

impl CounterFn for One {
    #[expect(clippy::cast_precision_loss, reason = "tests count to ten")]
    fn increment(&self, value: u64) {
        self.change(|it| *it += value as f64);
    }

    fn absolute(&self, _: u64) {
        unreachable!("several clients add up");
    }
}

impl GaugeFn for One {
    fn increment(&self, value: f64) {
        self.change(|it| *it += value);
    }

    fn decrement(&self, value: f64) {
        self.change(|it| *it -= value);
    }

    fn set(&self, value: f64) {
        self.change(|it| *it = value);
    }
}

impl HistogramFn for One {
    fn record(&self, value: f64) {
        assert!((0.0..60.0).contains(&value), "{value} s");
        self.change(|it| *it += 1.0);
    }
}

impl Recorded {
    fn one(&self, key: &Key) -> Arc<One> {
        let labels: Vec<_> = key
            .labels()
            .map(|label| format!("{}={}", label.key(), label.value()))
            .collect();
        Arc::new(One {
            key: format!("{}{{{}}}", key.name(), labels.join(",")),
            values: Arc::clone(&self.values),
        })
    }

    fn describe(&self, key: &KeyName, unit: Option<Unit>) {
        let key = key.as_str().to_owned();
        self.described.send_modify(|all| {
            all.insert(key, unit);
        });
    }

    /// Returns the present value of a metric of system `s`.
    fn value(&self, name: &str, labels: &str) -> f64 {
        let key = format!("casty_client_{name}{{system=s{labels}}}");
        self.values.borrow()[&key]
    }

    /// Waits until a metric of system `s` has a value.
    async fn wait_for(&self, name: &str, labels: &str, value: f64) {
        let key = format!("casty_client_{name}{{system=s{labels}}}");
        let mut values = self.values.subscribe();
        let is_so = |values: &Values| values.get(&key).is_some_and(|it| (it - value).abs() < 0.01);
        let told = timeout(LONG, values.wait_for(is_so)).await.is_ok();
        assert!(told, "{key} is {:?}", self.values.borrow().get(&key));
    }
}

impl Recorder for Recorded {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(&key, unit);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(&key, unit);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, _: SharedString) {
        self.describe(&key, unit);
    }

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.one(key))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.one(key))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.one(key))
    }
}

#[test]
fn what_a_client_counts_is_told_once_a_second_and_levels_go_back_in_the_end() {
    in_paused_time(|| async {
        let recorded = Recorded::default();
        let _guard = metrics::set_default_local_recorder(&recorded);
        let (client, _node, mut link) = connected(&MemoryNetwork::new()).await;
        assert_eq!(
            recorded
                .described
                .borrow()
                .get("casty_client_written_bytes_total"),
            Some(&Some(Unit::Bytes))
        );
        recorded.wait_for("clients", ",state=ready", 1.0).await;
        recorded.wait_for("clients", ",state=starting", 0.0).await;
        recorded.wait_for("connections", "", 1.0).await;
        recorded.wait_for("connects_total", ",node=new", 1.0).await;
        recorded.wait_for("view_epoch", "", 1.0).await;

        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        entity.tell(1).unwrap();
        let told: ShardEnvelope<i32> = link.next_to("/_region-r").await.unwrap().decode();
        assert_eq!(told.message, 1);
        recorded
            .wait_for("messages_total", ",fate=written", 1.0)
            .await;
        assert!(client.stats().written_bytes > 0);

        let ask = entity
            .ask(|reply_to: ActorRef<i32>| reply_to)
            .within(LONG)
            .send();
        recorded.wait_for("pending_asks", "", 1.0).await;
        let asked: ShardEnvelope<ActorRef<i32>> =
            link.next_to("/_region-r").await.unwrap().decode();
        link.send(&asked.message, &7).await;
        assert_eq!(ask.await.unwrap(), 7);
        let written = client.stats().written_bytes;
        let report = client.close(Duration::from_secs(1)).await;
        assert!(report.stats.written_bytes >= written);
        others_run().await;
        recorded.wait_for("messages_accepted_total", "", 2.0).await;
        recorded.wait_for("disconnects_total", "", 1.0).await;
        let gauges = ["connections", "pending_asks", "members"];
        for gauge in gauges.into_iter().chain(["view_age_seconds", "view_epoch"]) {
            recorded.wait_for(gauge, "", 0.0).await;
        }
        recorded.wait_for("clients", ",state=ready", 0.0).await;
    });
}

#[test]
fn dead_letters_are_told_by_reason_bytes_by_fate_and_connections_by_whether_the_node_was_known() {
    in_paused_time(|| async {
        let recorded = Recorded::default();
        let _guard = metrics::set_default_local_recorder(&recorded);
        let network = MemoryNetwork::new();
        let (client, mut node, mut link) = connected(&network).await;
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        entity.tell(1).unwrap();
        link.next_to("/_region-r").await.unwrap();
        let told = |name, labels, value| recorded.wait_for(name, labels, value);
        told("messages_total", ",fate=written", 1.0).await;
        let written = recorded.value("message_bytes_total", ",fate=written");
        let all = u32::try_from(client.stats().written_bytes).unwrap();
        // The rest are the protocol's own.
        assert!(
            written > 50.0 && written < f64::from(all),
            "{written} of {all}"
        );
        entity.tell(22).unwrap();
        link.next_to("/_region-r").await.unwrap();
        // Of one digit more.
        told("message_bytes_total", ",fate=written", 2.0 * written + 1.0).await;

        drop(link);
        node.accept_and_tell().await;
        told("connects_total", ",node=known", 1.0).await;
        told("connects_total", ",node=new", 1.0).await;

        let nobody = client.bind(crate::node::actor::<i32>(
            &crate::node::Node::listen(&network, "m:1").await,
            "/user/x",
        ));
        let length = 3.0;
        nobody.tell(333).unwrap();
        told("dead_letters_total", ",reason=expired", 1.0).await;
        told("messages_total", ",fate=not_sent", 1.0).await;
        told("message_bytes_total", ",fate=not_sent", length).await;
    });
}

#[test]
fn the_time_of_each_ask_is_told_by_its_region_and_outcome() {
    in_paused_time(|| async {
        let recorded = Recorded::default();
        let _guard = metrics::set_default_local_recorder(&recorded);
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let region = client.entity_ref("r", 1).unwrap();
        let entity = region.entity("e");
        let outcome = |region, outcome| format!(",region={region},outcome={outcome}");
        // Before any ask: else the first failure would have nothing to differ from.
        for of in ["r", ""] {
            for failed in ["unavailable", "timed_out", "closed"] {
                let asks = recorded.value("asks_total", &outcome(of, failed));
                assert!(asks.abs() < 0.01, "{of} {failed}: {asks}");
            }
        }
        let ask = entity.ask(|reply_to: ActorRef<i32>| reply_to).send();
        let asked: ShardEnvelope<ActorRef<i32>> =
            link.next_to("/_region-r").await.unwrap().decode();
        link.send(&asked.message, &7).await;
        assert_eq!(ask.await.unwrap(), 7);
        recorded
            .wait_for("ask_duration_seconds", &outcome("r", "replied"), 1.0)
            .await;

        let unanswered = region.ask(|reply_to: ActorRef<i32>| ShardEnvelope::new("e", reply_to));
        let error = unanswered.within(Duration::from_secs(1)).await.unwrap_err();
        assert!(matches!(error, AskError::Timeout { .. }), "{error}");
        recorded
            .wait_for("ask_duration_seconds", &outcome("r", "timed_out"), 1.0)
            .await;
        let asks = recorded.value("asks_total", &outcome("r", "timed_out"));
        assert!((asks - 1.0).abs() < 0.01, "{asks}");

        drop(entity.ask(|reply_to: ActorRef<i32>| reply_to).send());
        recorded
            .wait_for("ask_duration_seconds", &outcome("r", "abandoned"), 1.0)
            .await;

        let actor = client.bind(crate::node::actor::<ActorRef<i32>>(&node, "/user/x"));
        let wrong = actor.ask(|reply_to: ActorRef<i32>| reply_to).send();
        let asked: ActorRef<String> = link.next_to("/user/x").await.unwrap().decode();
        link.send(&asked, &"no number".to_owned()).await;
        wrong.await.unwrap_err();
        recorded
            .wait_for("ask_duration_seconds", &outcome("", "bug"), 1.0)
            .await;
    });
}

#[test]
fn of_many_asks_each_is_told() {
    in_paused_time(|| async {
        use tokio_stream::StreamExt;

        let recorded = Recorded::default();
        let _guard = metrics::set_default_local_recorder(&recorded);
        let (client, _node, mut link) = connected(&MemoryNetwork::new()).await;
        let region = client.entity_ref("r", 1).unwrap();
        let asks = region.ask_many(4, 0..3, |_, reply_to: ActorRef<i32>| ("e", reply_to));
        let answering = async {
            for _ in 0..3 {
                let asked: ShardEnvelope<ActorRef<i32>> =
                    link.next_to("/_region-r").await.unwrap().decode();
                link.send(&asked.message, &7).await;
            }
        };
        let (replies, ()) = tokio::join!(asks.collect::<Vec<_>>(), answering);
        assert!(
            replies.iter().all(|(_, reply)| matches!(reply, Ok(7))),
            "{replies:?}"
        );
        recorded
            .wait_for("ask_duration_seconds", ",region=r,outcome=replied", 3.0)
            .await;
    });
}
