//! `casty watch` on a terminal.

use casty_client::Codec;
use casty_testkit::Cluster;
use vt100::{Color, Screen};

use crate::process::{ADD, AMPLE, assert_counts, casty_to, end_with_input, nodes};
use crate::terminal::{Terminal, colours, rows};

const RED: Color = Color::Idx(1);
const GREEN: Color = Color::Idx(2);

/// Starts nodes whose shards all have owners.
pub(crate) async fn busy_nodes() -> Cluster {
    let cluster = nodes(Codec::pickle()).await;
    let lines = (0..1500).map(|it| format!("user-{it}\t{ADD}\n"));
    let lines = lines.collect::<Vec<_>>().concat();
    let args = ["tell", "--timeout", AMPLE, "counter", "--file", "-"];
    let told = end_with_input(casty_to(&cluster, &args), lines.as_bytes()).await;
    assert_counts(&told.with(0).err, "1500 written, 0 not sent, 0 unknown");
    cluster
}

fn watch(cluster: &Cluster, more: &[&str], variables: &[(&str, &str)]) -> Terminal {
    let mut args = vec!["watch", "--timeout", AMPLE];
    args.extend(more);
    Terminal::start(cluster, &args, variables)
}

/// Returns whether a screen shows three members, all shards, rates, and that nothing is wrong.
pub(crate) fn is_whole(screen: &Screen) -> bool {
    let rows = rows(screen);
    let has = |part: &str| rows.iter().any(|row| row.contains(part));
    let rates = rows[1].starts_with("3 members, 3 up   3 connected   ")
        && rows[1].contains(" views/s")
        && !rows[1].contains(" 0.0 views/s");
    rates && has("  counter  100 shards on 3 nodes") && has("  none, ")
}

#[tokio::test(flavor = "multi_thread")]
async fn members_leader_shards_services_rates_and_problems_are_shown_in_80_by_24() {
    let cluster = busy_nodes().await;
    let terminal = watch(&cluster, &[], &[]);
    let screen = terminal.shows("a whole screen", is_whole).await;
    let shown = rows(&screen);
    assert!(
        shown[0].starts_with("my-cluster   leader 127.0.0.1:"),
        "{shown:#?}"
    );
    let epoch = shown[0].rsplit(' ').next().unwrap();
    assert!(epoch.parse::<u64>().unwrap() >= 100, "{shown:#?}");
    let headings = ["PROBLEMS", "MEMBERS", "REGIONS", "SERVICES"];
    let at = headings.map(|it| shown.iter().position(|row| row == it).unwrap());
    assert!(at.is_sorted(), "{shown:#?}");
    let members = &shown[at[1] + 1..at[2]];
    assert_eq!(members.len(), 3, "{shown:#?}");
    let mut shards = 0;
    for (member, node) in members.iter().zip(cluster.contact_points()) {
        assert!(
            members.iter().any(|row| row[2..].starts_with(&node)),
            "{shown:#?}"
        );
        assert!(member.contains("  up  "), "{shown:#?}");
        let (before, _) = member.split_once(" shards").unwrap();
        shards += before.rsplit(' ').next().unwrap().parse::<u32>().unwrap();
    }
    assert_eq!(shards, 100, "{shown:#?}");
    let leads = |row: &&String| row.starts_with("* ");
    assert_eq!(members.iter().filter(leads).count(), 1, "{shown:#?}");
    assert!(
        shown[at[3]..]
            .iter()
            .any(|row| row == "  greeter  2 instances"),
        "{shown:#?}"
    );
    let foot = shown.last().unwrap();
    assert!(
        foot.starts_with("q quit   ? help") && foot.contains("lines 1-"),
        "{shown:#?}"
    );
    assert!(colours(&screen).contains(&GREEN));
    assert!(screen.alternate_screen() && screen.hide_cursor());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_without_colours_shows_the_same_text() {
    let cluster = busy_nodes().await;
    let plain = watch(&cluster, &[], &[("NO_COLOR", "1")]);
    let screen = plain.shows("a whole screen", is_whole).await;
    assert_eq!(colours(&screen), []);
    let coloured = watch(&cluster, &["--color", "always"], &[("NO_COLOR", "1")]);
    let shown = coloured.shows("a whole screen", is_whole).await;
    assert!(colours(&shown).contains(&GREEN));
    // But for the rates and ages, which are those of the moment.
    let lasting = |screen: &Screen| -> Vec<String> {
        let rows = rows(screen).into_iter().skip(2);
        rows.filter(|row| !row.starts_with("  none, ")).collect()
    };
    assert_eq!(lasting(&screen), lasting(&shown));
}

#[tokio::test(flavor = "multi_thread")]
async fn q_gives_the_terminal_back_as_it_was() {
    let cluster = nodes(Codec::pickle()).await;
    for key in ["q", "\u{3}"] {
        let mut terminal = watch(&cluster, &[], &[]);
        let shown = |screen: &Screen| screen.alternate_screen() && !rows(screen)[23].is_empty();
        terminal.shows("a screen", shown).await;
        let was = terminal.modes();
        assert!(!was.reads_lines, "each key is read by itself");
        terminal.press(key).await;
        assert_eq!(terminal.ended().await, Some(0));
        let gone = |screen: &Screen| !screen.alternate_screen() && !screen.hide_cursor();
        let left = terminal.shows("the terminal as it was", gone).await;
        assert_eq!(rows(&left).join(""), "");
        let modes = terminal.modes();
        assert!(modes.reads_lines && modes.echoes, "{modes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_screen_follows_the_size_of_the_terminal() {
    let cluster = busy_nodes().await;
    let mut terminal = watch(&cluster, &[], &[]);
    terminal.shows("a whole screen", is_whole).await;
    for (height, width) in [(40, 120), (10, 60), (24, 80)] {
        terminal.resize(height, width);
        let foot = |screen: &Screen| {
            let rows = rows(screen);
            let heads = rows[0].starts_with("my-cluster   leader ");
            let feet = rows.iter().filter(|row| row.starts_with("q quit")).count();
            heads && feet == 1 && rows[usize::from(height) - 1].starts_with("q quit")
        };
        let what = format!("{width} by {height}");
        terminal.shows(&what, foot).await;
    }
    terminal.press("?").await;
    let help = |screen: &Screen| {
        rows(screen)
            .iter()
            .any(|row| row.contains("marks the leader"))
    };
    terminal.shows("the help", help).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_dies_is_shown_as_it_happens() {
    let cluster = busy_nodes().await;
    let terminal = watch(&cluster, &["--every", "1s"], &[]);
    terminal.shows("a whole screen", is_whole).await;
    let lost = cluster.contact_points()[2].clone();
    cluster.kill(2).await;
    let shown = |screen: &Screen| {
        let rows = rows(screen);
        let alive = rows
            .iter()
            .any(|row| row.contains(&lost) && row.contains("  up  "));
        let fewer = rows.iter().any(|row| row == "  greeter  2 instances");
        !alive && rows[1].contains(", 2 up   2 connected") && fewer
    };
    terminal.shows("two nodes", shown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_shown_in_red_with_what_helps() {
    let cluster = busy_nodes().await;
    // It is alive to the others, and answers nobody.
    cluster.hang(1);
    let terminal = watch(&cluster, &["--every", "1s"], &[]);
    let hung = cluster.contact_points()[1].clone();
    let shown = |screen: &Screen| {
        let rows = rows(screen);
        let told = rows
            .iter()
            .any(|row| row.contains("critical: ") && row.contains(&hung));
        told && rows.iter().any(|row| row.starts_with("    helps: "))
    };
    let screen = terminal.shows("the problem", shown).await;
    assert!(colours(&screen).contains(&RED));
    let rows = rows(&screen);
    let is_marked = |row: &&String| row.contains("  up !  ");
    let marked: Vec<_> = rows.iter().filter(is_marked).collect();
    assert!(marked.len() == 1 && marked[0].contains(&hung), "{rows:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_shown_at_the_foot_and_nowhere_else() {
    let cluster = busy_nodes().await;
    let mut terminal = watch(&cluster, &["-vv"], &[]);
    let logged = |row: &String| row.contains(" INFO ") || row.contains("DEBUG ");
    let shown = |screen: &Screen| is_whole(screen) && rows(screen).iter().any(logged);
    let screen = terminal.shows("a screen with a log", shown).await;
    let all = rows(&screen);
    let begin = all.iter().position(|row| row == "LOG").unwrap();
    assert!(
        all[23].starts_with("q quit") && (17..22).contains(&begin),
        "{all:#?}"
    );
    assert_eq!(
        all[..begin].iter().find(|row| logged(row)),
        None,
        "{all:#?}"
    );
    assert!(all[begin + 1..23].iter().all(logged), "{all:#?}");
    // What was kept is read once the screen is gone.
    terminal.press("q").await;
    assert_eq!(terminal.ended().await, Some(0));
    let left = |screen: &Screen| !screen.alternate_screen() && rows(screen).iter().any(logged);
    terminal.shows("the log, left behind", left).await;
}
