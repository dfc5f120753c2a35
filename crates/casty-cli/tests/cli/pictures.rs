//! The pictures of the documents, of the command at work. With `CASTY_PICTURES` set to a folder, they are
//! written there: `cargo xtask pictures` does that.

use std::fmt::Write;
use std::fs;
use std::path::PathBuf;

use anstyle_svg::Term;
use casty_client::Codec;
use casty_testkit::Cluster;
use vt100::{Cell, Color, Screen};

use crate::process::{ADD, AMPLE, GET, casty_to, ended, nodes};
use crate::terminal::{Terminal, rows};
use crate::watch::{busy_nodes, is_whole};

/// Writes a picture, if that is wanted.
fn keep(name: &str, svg: &str) {
    if let Some(folder) = std::env::var_os("CASTY_PICTURES") {
        fs::write(PathBuf::from(folder).join(name), svg).unwrap();
    }
}

/// Returns a screen as a picture.
fn picture(screen: &Screen) -> String {
    let (rows, columns) = screen.size();
    let mut text = String::new();
    for row in 0..rows {
        let mut style = String::new();
        for column in 0..columns {
            let cell = screen.cell(row, column).unwrap();
            let wanted = codes(cell);
            if wanted != style {
                write!(text, "\u{1b}[0{wanted}m").unwrap();
                style = wanted;
            }
            text.push_str(if cell.has_contents() {
                cell.contents()
            } else {
                " "
            });
        }
        text.push_str("\u{1b}[0m\n");
    }
    // As wide as eighty of its letters.
    let svg = Term::new().min_width_px(680).render_svg(&text);
    // The colours of the first screens are hard to read on black.
    let svg = svg.replace("#AA0000", "#FF7B72");
    svg.replace("#00AA00", "#56D364")
        .replace("#AA5500", "#E3B341")
}

/// Returns the codes of a cell's style, each behind a semicolon.
fn codes(cell: &Cell) -> String {
    let mut codes = String::new();
    for (is_set, code) in [(cell.bold(), ";1"), (cell.inverse(), ";7")] {
        codes.push_str(if is_set { code } else { "" });
    }
    if let Color::Idx(colour @ 0..8) = cell.fgcolor() {
        write!(codes, ";{}", 30 + colour).unwrap();
    }
    codes
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_of_a_cluster_on_a_terminal_are_readable_with_and_without_colours() {
    let cluster = busy_nodes().await;
    for (name, variables) in [
        ("watch.svg", &[][..]),
        ("watch-plain.svg", &[("NO_COLOR", "1")]),
    ] {
        let args = ["watch", "--timeout", AMPLE];
        let terminal = Terminal::start(&cluster, &args, variables);
        let screen = terminal.shows("a whole screen", is_whole).await;
        let svg = picture(&screen);
        for part in [
            "my-cluster",
            "PROBLEMS",
            "MEMBERS",
            "100 shards on 3 nodes",
            "q quit",
        ] {
            assert!(svg.contains(part), "{part}: {svg}");
        }
        assert_eq!(svg.contains("fg-green"), variables.is_empty(), "{svg}");
        keep(name, &svg);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_a_cluster_in_trouble_tells_what_helps() {
    let cluster = busy_nodes().await;
    cluster.hang(1);
    let args = ["watch", "--every", "1s", "--timeout", AMPLE];
    let terminal = Terminal::start(&cluster, &args, &[]);
    let hung = cluster.contact_points()[1].clone();
    let told = |screen: &Screen| {
        let rows = rows(screen);
        rows.iter()
            .any(|row| row.contains("critical: ") && row.contains(&hung))
    };
    let screen = terminal.shows("the problem", told).await;
    let svg = picture(&screen);
    assert!(svg.contains("fg-red") && svg.contains("helps: "), "{svg}");
    keep("watch-trouble.svg", &svg);
}

/// Waits until the nodes have handled some more messages.
async fn handled(cluster: &Cluster, more: u64) {
    let count = |all: &casty_testkit::Status| all.nodes.iter().map(|it| it.messages).sum::<u64>();
    let so_far = count(&cluster.status());
    cluster
        .wait_until(|status| count(status) >= so_far + more)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_of_a_load_shows_what_a_node_that_pauses_costs() {
    let cluster = nodes(Codec::pickle()).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bench.svg");
    let words = [
        "bench",
        "counter",
        "--json",
        "--rate",
        "600",
        "--duration",
        "5s",
        "--warm-up",
        "1s",
        "--mix",
        "tell=50,ask=50",
        "--message",
        ADD,
        "--message",
        GET,
        "--timeout",
        AMPLE,
        "--plot",
        path.to_str().unwrap(),
    ];
    let load = casty_to(&cluster, &words).spawn().unwrap();
    handled(&cluster, 1500).await;
    cluster.hang(1);
    // The others go on meanwhile, at two thirds of the rate: for a second.
    handled(&cluster, 400).await;
    cluster.resume(1);
    let ended = ended(load).await.with(0);
    let told: serde_json::Value = serde_json::from_str(&ended.out).unwrap();
    let slowest = told["latency_us"]["max"].as_u64().unwrap();
    let half = told["latency_us"]["p50"].as_u64().unwrap();
    assert!(slowest > 200_000, "{told:#}");
    assert!(half < slowest / 4, "{told:#}");
    let svg = fs::read_to_string(&path).unwrap();
    assert!(
        svg.contains("Latency of asks, by when they were due"),
        "{svg}"
    );
    keep("bench.svg", &svg);
}
