//! The screen, drawn of clusters of fake nodes.

use std::collections::BTreeMap;
use std::time::Duration;

use casty_client::{ActorRef, ClusterClient, NodeAddress, ReadyError, Stats, View};
use casty_proto::FrozenSet;
use casty_proto::message::{Member, MemberStatus, TopologySnapshot};
use casty_testkit::{Cluster, Context, stateful};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use ratatui::style::Color;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::draw::{Palette, draw};
use super::keys::Key;
use super::screen::Screen;

const LONGEST: Duration = Duration::from_secs(30);

#[derive(Serialize, Deserialize)]
#[serde(rename = "watched.Get")]
struct Get {
    reply_to: ActorRef<i64>,
}

async fn cluster(nodes: usize) -> (Cluster, ClusterClient) {
    let counters = stateful(
        || 7_i64,
        |count: &mut i64, Get { reply_to }, context: &mut Context<'_>| {
            context.reply(&reply_to, count);
        },
    );
    let answer = |Get { reply_to }, context: &mut Context<'_>| context.reply(&reply_to, &1_i64);
    let cluster = Cluster::builder("watched")
        .nodes(nodes)
        .detection(Duration::from_millis(100))
        .region("counter", 12, counters)
        .service_on(0, "greeter", answer)
        .start();
    let cluster = cluster.await.unwrap();
    let builder = ClusterClient::builder("watched").contact_points(cluster.contact_points());
    let client = builder.connect().await.unwrap();
    client.ready(LONGEST).await.unwrap();
    (cluster, client)
}

/// Returns a screen that has seen the first view of this kind.
async fn seen(client: &ClusterClient, wanted: impl FnMut(&View) -> bool) -> Screen {
    let mut topology = client.topology();
    let view = tokio::time::timeout(LONGEST, topology.wait_for(wanted)).await;
    let mut screen = Screen::new("watched", BTreeMap::new());
    screen.see(&view.unwrap().unwrap());
    screen.count(&client.stats(), Instant::now());
    screen
}

fn buffer(screen: &mut Screen, palette: Palette) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    terminal.draw(|frame| draw(frame, screen, palette)).unwrap();
    terminal.backend().buffer().clone()
}

fn rows(screen: &mut Screen) -> Vec<String> {
    let buffer = buffer(screen, Palette::PLAIN);
    let rows = buffer.content().chunks(80);
    rows.map(|row| {
        let text: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        text.trim_end().to_owned()
    })
    .collect()
}

#[track_caller]
fn has(rows: &[String], part: &str) {
    assert!(
        rows.iter().any(|row| row.contains(part)),
        "{part}: {rows:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_fit_a_terminal_of_80_by_24() {
    let (cluster, client) = cluster(3).await;
    let region = client.region("counter", 12).unwrap();
    // So many that each shard has one of them.
    for entity in 0..200 {
        let entity = region.entity(format!("user-{entity}"));
        let count: i64 = entity.ask(|reply_to| Get { reply_to }).await.unwrap();
        assert_eq!(count, 7);
    }
    let whole = |view: &View| {
        view.allocations("counter")
            .is_some_and(|all| all.len() == 12)
    };
    let mut screen = seen(&client, whole).await;
    has(&rows(&mut screen), "  looking for them");
    screen.examined(client.admin().diagnose().await, Instant::now());
    let rows = rows(&mut screen);
    assert!(
        rows[0].starts_with("watched   leader 127.0.0.1:"),
        "{rows:#?}"
    );
    assert!(rows[0].contains("   epoch "), "{rows:#?}");
    assert!(
        rows[1].starts_with("3 members, 3 up   3 connected   "),
        "{rows:#?}"
    );
    has(&rows, "  none, ");
    for node in cluster.contact_points() {
        let listed = |row: &String| row.contains(&node) && row.contains("  up ");
        assert!(rows[2..].iter().any(listed), "{node}: {rows:#?}");
    }
    assert_eq!(rows.iter().filter(|row| row.starts_with("* ")).count(), 1);
    has(&rows, "  counter  12 shards on 3 nodes");
    has(&rows, "  greeter  1 instance");
    let count = |row: &String| -> Option<usize> {
        let (before, _) = row
            .split_once(" shards")
            .filter(|_| row.contains("  up "))?;
        before.rsplit(' ').next()?.parse().ok()
    };
    assert_eq!(
        rows.iter().filter_map(count).sum::<usize>(),
        12,
        "{rows:#?}"
    );
    assert!(
        rows[23].starts_with("q quit   ? help   arrows"),
        "{rows:#?}"
    );
    assert!(rows[23].ends_with(" of 10"), "{rows:#?}");
}

/// Returns the rows of members with these names, of which the second is unreachable.
async fn listed(name: fn(usize) -> (String, String), roles: &str) -> Vec<String> {
    let (_cluster, client) = cluster(3).await;
    let mut screen = seen(&client, |view| view.live_members().count() == 3).await;
    for (at, member) in screen.view.members.iter_mut().enumerate() {
        (member.node, member.id) = name(at);
        (member.roles, member.shards) = (roles.to_owned(), 100_000 + at);
    }
    (screen.view.members[1].status, screen.view.members[1].is_up) = ("unreachable", false);
    let rows = rows(&mut screen);
    let at = rows.iter().position(|row| row == "MEMBERS").unwrap();
    rows[at + 1..at + 4].to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn long_names_leave_room_for_the_status_and_the_shards() {
    let pods = |at| {
        let host = format!("bank-node-{at}.bank-nodes");
        (format!("{host}:25520"), host)
    };
    let domains = |at| {
        let host = format!("bank-node-{at}.bank-nodes.default.svc.cluster.local");
        (format!("{host}:25520"), host)
    };
    for (at, row) in listed(pods, "accounts").await.iter().enumerate() {
        let status = if at == 1 { "unreachable" } else { "up" };
        let node = format!("bank-node-{at}.bank-nodes:25520  bank-node~  ");
        let expected = format!("{node}{status:<11}  {} shards  accounts", 100_000 + at);
        assert_eq!(row[2..], expected);
    }
    for (at, row) in listed(domains, "accounts,gateways")
        .await
        .iter()
        .enumerate()
    {
        let status = if at == 1 { "unreachable" } else { "up" };
        let node = format!("bank-node-{at}.bank-nodes.default.~  bank-no~  ");
        let expected = format!("{node}{status:<11}  {} shards  accou~", 100_000 + at);
        assert_eq!(row[2..], expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_node_is_told_from_the_others() {
    let (cluster, client) = cluster(3).await;
    let lost = cluster.addresses()[2].clone();
    cluster.kill(2).await;
    let mut screen = seen(&client, |view| view.avoids(&lost)).await;
    let rows = rows(&mut screen);
    let counted = ["3 members, 2 up", "2 members, 2 up"];
    assert!(
        counted.iter().any(|it| rows[1].starts_with(it)),
        "{rows:#?}"
    );
    let alive = |row: &&String| row.contains(&lost.to_string()) && row.contains("  up ");
    assert_eq!(rows[2..].iter().find(alive), None, "{rows:#?}");
    has(&rows, "  greeter  1 instance");
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_members_are_scrolled() {
    let (_cluster, client) = cluster(40).await;
    let mut screen = seen(&client, |view| view.live_members().count() == 40).await;
    let top = rows(&mut screen);
    assert!(
        top[2].starts_with("PROBLEMS") && top[23].ends_with("lines 1-21 of 46"),
        "{top:#?}"
    );
    screen.press(Key::Down);
    assert!(rows(&mut screen)[2].starts_with("  looking for them"));
    screen.press(Key::PageDown);
    assert!(rows(&mut screen)[23].ends_with("lines 23-43 of 46"));
    screen.press(Key::Bottom);
    let bottom = rows(&mut screen);
    assert!(bottom[22].starts_with("  greeter"), "{bottom:#?}");
    assert!(bottom[23].ends_with("lines 26-46 of 46"), "{bottom:#?}");
    screen.press(Key::PageDown);
    assert_eq!(rows(&mut screen), bottom);
    screen.press(Key::Top);
    assert_eq!(rows(&mut screen)[2..], top[2..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_loss_of_all_nodes_is_told_and_so_is_their_return() {
    let (_cluster, client) = cluster(1).await;
    let mut screen = seen(&client, |_| true).await;
    let start = Instant::now();
    let mut stats = client.stats();
    screen.count(&stats, start);
    screen.count(&stats, start + Duration::from_secs(4));
    assert!(rows(&mut screen)[1].starts_with("1 member, 1 up"));
    screen.count(&stats, start + Duration::from_secs(6));
    assert_eq!(rows(&mut screen)[1], "no view has come for 6 s");
    stats.connections = 0;
    screen.count(&stats, start + Duration::from_secs(12));
    let gone = "no node is connected; what is shown is 12 s old";
    assert_eq!(rows(&mut screen)[1], gone);
    (stats.connections, stats.views) = (1, stats.views + 8);
    screen.count(&stats, start + Duration::from_secs(14));
    let back = "1 member, 1 up   1 connected   4.0 views/s   0 changes/s";
    assert_eq!(rows(&mut screen)[1], back);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_has_a_colour_where_none_are_wanted() {
    let (_cluster, client) = cluster(1).await;
    let mut screen = seen(&client, |_| true).await;
    let colours = |screen: &mut Screen, palette| {
        let buffer = buffer(screen, palette);
        let cells = buffer.content().iter();
        cells
            .filter(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
            .count()
    };
    assert_eq!(colours(&mut screen, Palette::PLAIN), 0);
    assert!(colours(&mut screen, Palette::COLOURS) > 0);
    screen.press(Key::Help);
    let help = rows(&mut screen);
    has(&help, "marks the leader");
    assert!(help[23].contains("lines 1-"), "{help:#?}");
    has(&help, "the first and the last line");
    screen.press(Key::Help);
    has(&rows(&mut screen), "MEMBERS");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_stands_at_the_foot_and_leaves_most_of_the_screen() {
    let (_cluster, client) = cluster(1).await;
    let mut screen = seen(&client, |_| true).await;
    let before = rows(&mut screen);
    screen.log = (0..100)
        .map(|it| format!("12:00:00  INFO line {it}"))
        .collect();
    let with_log = rows(&mut screen);
    assert_eq!(with_log[..10], before[..10]);
    assert_eq!(with_log[15], "LOG", "{with_log:#?}");
    assert_eq!(with_log[16], "12:00:00  INFO line 93", "{with_log:#?}");
    assert_eq!(with_log[22], "12:00:00  INFO line 99", "{with_log:#?}");
    assert!(with_log[23].starts_with("q quit"), "{with_log:#?}");
}

/// The one node is another each second, a thousand times.
#[test]
fn what_is_kept_does_not_grow_with_what_came() {
    let (begun, mut screen) = (Instant::now(), Screen::new("watched", BTreeMap::new()));
    let mut kept = Vec::new();
    for number in 10_000..11_000_u16 {
        let node = NodeAddress::new("10.0.0.1", number);
        let member = Member {
            address: node.clone(),
            status: MemberStatus::Up,
            roles: FrozenSet::default(),
            id: number.to_string().into(),
        };
        let view = View::from_snapshot(TopologySnapshot {
            leader: Some(node.clone()),
            members: [member].into_iter().collect(),
            allocation_epoch: number.into(),
            ..TopologySnapshot::default()
        });
        screen.see(&view);
        let now = begun + Duration::from_secs(number.into());
        screen.count(&Stats::default(), now);
        let (found, expected) = ("one".into(), "another".into());
        let unread = ReadyError::OtherSystem {
            node,
            found,
            expected,
        };
        screen.examined(Err(unread), now);
        rows(&mut screen);
        kept.push(format!("{screen:?}").len());
    }
    let (first, last) = (kept[100], kept[999]);
    assert!(last <= first + 50, "{first} bytes of text became {last}");
}
