//! The spans of a client: which there are, what is recorded of each, and when they end.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use casty_client::{ActorRef, AskError};
use casty_transport::MemoryNetwork;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::logs::listen_with_another;
use crate::node::{Node, actor, builder, connected, in_paused_time, others_run};
use crate::retries::Get;

const SECOND: Duration = Duration::from_secs(1);

/// One span as a subscriber is told of it.
#[derive(Debug, Clone)]
struct Told {
    name: &'static str,
    fields: BTreeMap<String, String>,
    parent: Option<u64>,
    handles: usize,
    entered: usize,
}

impl Told {
    #[track_caller]
    fn assert(&self, expected: &[(&str, &str)]) {
        assert_eq!(
            (self.handles, self.entered),
            (0, 0),
            "it has ended: {self:?}"
        );
        for (field, value) in expected {
            let found = self.fields.get(*field).map(String::as_str);
            assert_eq!(found, Some(*value), "{field} of {self:?}");
        }
    }
}

/// Keeps the spans of the thread that sets it, and counts what is asked about them.
#[derive(Clone)]
struct Spans {
    all: Arc<Mutex<Vec<Told>>>,
    entered: Arc<Mutex<Vec<Id>>>,
    level: Level,
}

struct Fields<'a>(&'a mut BTreeMap<String, String>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let known = self.0.insert(field.name().to_owned(), format!("{value:?}"));
        assert_eq!(known, None, "{field} is recorded once");
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

impl Spans {
    fn listen(level: Level) -> (Self, DefaultGuard) {
        listen_with_another();
        let spans = Self {
            all: Arc::default(),
            entered: Arc::default(),
            level,
        };
        let guard = tracing::subscriber::set_default(spans.clone());
        (spans, guard)
    }

    fn change(&self, id: &Id, change: impl FnOnce(&mut Told)) {
        let place = usize::try_from(id.into_u64() - 1).unwrap();
        change(&mut self.all.lock().unwrap()[place]);
    }

    /// Returns the spans of this name, in the order in which they began.
    fn of(&self, name: &str) -> Vec<Told> {
        let all = self.all.lock().unwrap();
        all.iter()
            .filter(|told| told.name == name)
            .cloned()
            .collect()
    }

    fn only(&self, name: &str) -> Told {
        let mut found = self.of(name);
        assert_eq!(found.len(), 1, "{name}: {found:?}");
        found.remove(0)
    }
}

impl Subscriber for Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut fields = BTreeMap::new();
        span.record(&mut Fields(&mut fields));
        let entered = self.entered.lock().unwrap().last().map(Id::into_u64);
        let told = Told {
            name: span.metadata().name(),
            fields,
            parent: entered.filter(|_| span.is_contextual()),
            handles: 1,
            entered: 0,
        };
        let mut all = self.all.lock().unwrap();
        all.push(told);
        Id::from_u64(all.len() as u64)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        self.change(id, |told| values.record(&mut Fields(&mut told.fields)));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, id: &Id) {
        self.entered.lock().unwrap().push(id.clone());
        self.change(id, |told| told.entered += 1);
    }

    fn exit(&self, id: &Id) {
        let mut entered = self.entered.lock().unwrap();
        let at = entered.iter().rposition(|it| it == id).unwrap();
        entered.remove(at);
        self.change(id, |told| told.entered -= 1);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.change(id, |told| told.handles += 1);
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut closed = false;
        self.change(&id, |told| {
            told.handles -= 1;
            closed = told.handles == 0;
        });
        closed
    }
}

fn get(reply_to: ActorRef<String>) -> Get {
    Get {
        reply_to,
        ballast: "a-payload".to_owned(),
    }
}

#[test]
fn an_ask_is_a_span_with_its_way_and_its_outcome_and_without_its_entity() {
    in_paused_time(|| async {
        let (spans, _guard) = Spans::listen(Level::DEBUG);
        let (client, _node, mut link) = connected(&MemoryNetwork::new()).await;
        let entity = client.entity_ref("r", 1).unwrap().entity("the-entity");
        let program = tracing::info_span!("program");
        let ask = {
            let _entered = program.enter();
            entity.ask(get).send()
        };
        assert_eq!(spans.only("ask").handles, 1, "it has not ended");
        let asked = crate::retries::asked(&mut link).await;
        link.send(&asked, &"the-reply".to_owned()).await;
        ask.await.unwrap();
        let ask = spans.only("ask");
        ask.assert(&[
            ("region", "r"),
            ("node", "n:1"),
            ("attempts", "1"),
            ("outcome", "replied"),
        ]);
        assert!(ask.fields["message"].ends_with("::Get"), "{ask:?}");
        assert_eq!(ask.fields.len(), 5, "{ask:?}");
        assert_eq!(ask.parent, program.id().map(|id| id.into_u64()));
        for secret in ["the-entity", "a-payload", "the-reply"] {
            assert!(!format!("{:?}", spans.all).contains(secret), "{secret}");
        }
    });
}

#[test]
fn an_ask_that_is_awaited_without_being_sent_before_is_a_span_too() {
    in_paused_time(|| async {
        let (spans, _guard) = Spans::listen(Level::DEBUG);
        let (client, node, mut link) = connected(&MemoryNetwork::new()).await;
        let to = actor::<Get>(&node, "/a\u{202e}b");
        let answered = async {
            let asked: Get = link.next_to("/a\u{202e}b").await.unwrap().decode();
            link.send(&asked.reply_to, &String::new()).await;
        };
        let (reply, ()) = tokio::join!(async { client.ask(&to, get).await }, answered);
        reply.unwrap();
        let ask = spans.only("ask");
        ask.assert(&[("node", "n:1"), ("attempts", "1"), ("outcome", "replied")]);
        let path = &ask.fields["path"];
        assert!(
            path.starts_with("/a") && !path.contains('\u{202e}'),
            "{path}"
        );
        assert!(!ask.fields.contains_key("region"), "{ask:?}");
    });
}

#[test]
fn the_attempts_of_an_ask_are_counted_and_the_last_node_is_named() {
    in_paused_time(|| async {
        let (spans, _guard) = Spans::listen(Level::DEBUG);
        let (client, mut node, mut link) = connected(&MemoryNetwork::new()).await;
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let ask = tokio::spawn(entity.ask(get).idempotent().send());
        crate::retries::asked(&mut link).await;
        drop(link);
        let mut link = node.accept_and_tell().await;
        let second = crate::retries::asked(&mut link).await;
        link.send(&second, &String::new()).await;
        ask.await.unwrap().unwrap();
        let ask = spans.only("ask");
        ask.assert(&[("node", "n:1"), ("attempts", "2"), ("outcome", "replied")]);
    });
}

#[test]
fn an_ask_that_fails_or_is_given_up_says_so() {
    in_paused_time(|| async {
        let (spans, _guard) = Spans::listen(Level::DEBUG);
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        let client = builder(&network, "n:1").pending_asks(1).connect().await;
        let client = client.unwrap();
        let mut link = node.accept_and_tell().await;
        client.ready(SECOND).await.unwrap();
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let ask = entity.ask(get).within(SECOND);
        assert!(matches!(ask.await, Err(AskError::Timeout { .. })));
        let open = entity.ask(get).send();
        let refused = entity.ask(get).await.unwrap_err();
        assert!(matches!(refused, AskError::TooManyAsks { .. }), "{refused}");
        drop(open);
        let lost = entity.ask(get).send();
        for _ in 0..3 {
            crate::retries::asked(&mut link).await;
        }
        drop(link);
        assert!(matches!(lost.await, Err(AskError::Lost { .. })));
        // Never polled, so nothing was sent, and nothing is told.
        drop(entity.ask(get).into_future());
        let [timeout, given_up, refused, lost] = &spans.of("ask")[..] else {
            panic!("{:?}", spans.of("ask"));
        };
        timeout.assert(&[("outcome", "timed_out"), ("node", "n:1"), ("attempts", "1")]);
        given_up.assert(&[("outcome", "abandoned")]);
        refused.assert(&[("outcome", "busy"), ("attempts", "0")]);
        assert!(!refused.fields.contains_key("node"), "{refused:?}");
        lost.assert(&[("outcome", "lost"), ("node", "n:1"), ("attempts", "1")]);
    });
}

#[test]
fn nothing_is_begun_for_asks_where_nobody_listens_at_their_level() {
    in_paused_time(|| async {
        let (spans, _guard) = Spans::listen(Level::INFO);
        let (client, _node, mut link) = connected(&MemoryNetwork::new()).await;
        let entity = client.entity_ref("r", 1).unwrap().entity("e");
        let ask = entity.ask(get).send();
        let asked = crate::retries::asked(&mut link).await;
        link.send(&asked, &String::new()).await;
        ask.await.unwrap();
        assert!(spans.of("ask").is_empty() && spans.of("view").is_empty());
        assert_eq!(spans.of("connect").len(), 1);
    });
}

#[test]
fn dials_subscriptions_and_views_are_spans() {
    in_paused_time(|| async {
        let (spans, _guard) = Spans::listen(Level::DEBUG);
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        let client = builder(&network, "n:1").connect().await.unwrap();
        let mut link = node.accept().await;
        let subscribe = link.next().await.unwrap();
        let subscribe: casty_proto::message::SubscribeTopology = subscribe.decode();
        let subscription = spans.only("subscribe");
        assert_eq!(
            subscription.handles, 1,
            "no view has come: {subscription:?}"
        );
        let view = crate::node::view(&[&node.address], Some(&node.address));
        link.send(&subscribe.reply_to, &view).await;
        client.ready(SECOND).await.unwrap();
        link.send(&subscribe.reply_to, &view).await;
        link.send(&subscribe.reply_to.cast(), &7_i32).await;
        let _elsewhere = builder(&network, "nobody:1").connect().await.unwrap();
        others_run().await;
        let dials = spans.of("connect");
        let of = |node: &str| dials.iter().find(|dial| dial.fields["node"] == node);
        of("n:1").unwrap().assert(&[
            ("outcome", "connected"),
            ("peer", "n:1"),
            ("secondary", "false"),
        ]);
        let failed = of("nobody:1").unwrap();
        failed.assert(&[("outcome", "failed")]);
        assert!(failed.fields.contains_key("error") && !failed.fields.contains_key("peer"));
        spans
            .only("subscribe")
            .assert(&[("node", "n:1"), ("outcome", "taken")]);
        let [fresh, repeated, refused] = &spans.of("view")[..] else {
            panic!("{:?}", spans.of("view"));
        };
        fresh.assert(&[
            ("node", "n:1"),
            ("outcome", "fresh"),
            ("epoch", "1"),
            ("members", "1"),
        ]);
        repeated.assert(&[("outcome", "repeated")]);
        refused.assert(&[("outcome", "refused")]);
        assert!(
            [fresh, repeated, refused]
                .iter()
                .all(|view| view.parent.is_none())
        );
    });
}

#[test]
fn a_subscription_that_brings_no_view_ends_as_silent() {
    in_paused_time(|| async {
        let (spans, _guard) = Spans::listen(Level::INFO);
        let network = MemoryNetwork::new();
        let mut node = Node::listen(&network, "n:1").await;
        let client = builder(&network, "n:1").connect().await.unwrap();
        let _link = node.accept().await;
        // In virtual time: as long as a node may be silent, and more.
        let ready = client.ready(60 * SECOND).await;
        assert!(ready.is_err(), "no view has come");
        spans.of("subscribe")[0].assert(&[("outcome", "silent")]);
    });
}
