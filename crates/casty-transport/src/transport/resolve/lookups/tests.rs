use std::net::Ipv4Addr;
use std::pin::{Pin, pin};
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::time::Duration;

use futures_util::future::join_all;
use parking_lot::Condvar;
use tokio::time::timeout;

use super::*;

/// A name server that is down: look-ups of `slow-N` hang until they are let go, one for each text
/// that is sent. It counts.
struct NameServer {
    asked: Mutex<Vec<String>>,
    heard: Condvar,
    running: Mutex<(usize, usize)>,
    go: Mutex<Option<mpsc::Receiver<()>>>,
}

impl NameServer {
    const fn new() -> Self {
        Self {
            asked: Mutex::new(Vec::new()),
            heard: Condvar::new(),
            running: Mutex::new((0, 0)),
            go: Mutex::new(None),
        }
    }

    /// Returns what lets one look-up go.
    fn hang(&self) -> mpsc::Sender<()> {
        let (sender, receiver) = mpsc::channel();
        *self.go.lock() = Some(receiver);
        sender
    }

    /// Waits until it was asked so often, and returns the names.
    fn asked(&self, times: usize) -> Vec<String> {
        let mut asked = self.asked.lock();
        self.heard
            .wait_while(&mut asked, |asked| asked.len() < times);
        asked.clone()
    }

    fn answer(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().push(host.to_owned());
        self.heard.notify_all();
        {
            let mut running = self.running.lock();
            running.0 += 1;
            running.1 = running.1.max(running.0);
        }
        if host.starts_with("slow") {
            // Each takes one; the lock is held meanwhile, which keeps the others waiting as well.
            let go = self.go.lock();
            go.as_ref().map(mpsc::Receiver::recv);
        }
        self.running.lock().0 -= 1;
        match host {
            "nobody" => Err(io::Error::new(io::ErrorKind::NotFound, "no such name")),
            "broken" => panic!("on purpose"),
            _ => Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]),
        }
    }
}

#[tokio::test]
async fn one_look_up_of_a_name_goes_on_at_a_time_and_few_in_all() {
    static SERVER: NameServer = NameServer::new();
    static LOOKUPS: Lookups = Lookups::new(3, |host| SERVER.answer(host));
    let go = SERVER.hang();
    // Many dials of a few names, all of which give up.
    for round in 0..20 {
        let dials = (0..50).map(|dial| {
            let host = format!("slow-{}", dial % 10);
            timeout(Duration::from_millis(1), async move {
                LOOKUPS.addresses(&host).await
            })
        });
        let ended = join_all(dials).await;
        assert!(ended.iter().all(Result::is_err), "round {round}");
    }
    let hosts = SERVER.asked(3);
    assert_eq!(hosts.len(), 3, "of ten names in 1,000 dials");
    assert_eq!(LOOKUPS.running.lock().len(), 3);
    assert!(!hosts.contains(&String::from("slow-9")));
    // Whoever waits still is answered when it is let go.
    let mut waiting = join_all((0..20).map(|_| LOOKUPS.addresses(&hosts[0])));
    let mut other = pin!(LOOKUPS.addresses("slow-9"));
    // They wait before anything is let go: a look-up that began later would need another text.
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut waiting).poll(&mut cx).is_pending());
    assert!(other.as_mut().poll(&mut cx).is_pending());
    (0..4).for_each(|_| go.send(()).unwrap());
    let (waited, other) = tokio::join!(waiting, other);
    assert!(
        waited
            .iter()
            .all(|found| matches!(found, Ok(it) if it.len() == 1))
    );
    assert_eq!(other.unwrap(), [IpAddr::V4(Ipv4Addr::LOCALHOST)]);
    assert_eq!(SERVER.asked.lock().len(), 4);
    assert!(SERVER.running.lock().1 <= 3);
}

#[tokio::test]
async fn a_look_up_that_fails_or_panics_leaves_nothing_behind() {
    static SERVER: NameServer = NameServer::new();
    static LOOKUPS: Lookups = Lookups::new(1, |host| SERVER.answer(host));
    for _ in 0..3 {
        let error = LOOKUPS.addresses("nobody").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert_eq!(error.to_string(), "no such name");
        assert!(LOOKUPS.addresses("broken").await.is_err());
        assert!(LOOKUPS.addresses("somebody").await.is_ok());
    }
    assert!(LOOKUPS.running.lock().is_empty());
    assert_eq!(LOOKUPS.permits.available_permits(), 1);
}
