//! Whole runs in virtual time, and the report of them.

use std::time::Duration;

use serde_json::{Value, json};

use super::ends::End;
use super::mix::Mix;
use super::plot;
use super::record::Record;
use super::report::{Report, Settings};
use super::schedule::{Pacer, Schedule, Step};
use crate::session::Tally;

/// Runs a load in virtual time on a cluster that replies when `replies` says so.
fn run(schedule: Schedule, mix: Mix, replies: impl Fn(Duration) -> Duration) -> Record {
    let mut record = Record::new(schedule).unwrap();
    let mut pacer = Pacer::new(schedule, mix);
    let mut now = Duration::ZERO;
    loop {
        match pacer.step(now) {
            Step::Send(due) => {
                record.due(&due, now);
                record.sent(&due, now);
                record.end(&due, End::Done, replies(now));
            }
            Step::Wait(until) => now = until,
            Step::Done => break,
        }
    }
    record.close();
    record
}

fn report(schedule: Schedule, mix: Mix, record: Record) -> Report {
    let settings = Settings {
        region: "counter".to_owned(),
        entities: 100,
        schedule,
        mix,
        max_in_flight: 1000,
        was_interrupted: false,
    };
    let tally = Tally {
        written: 20,
        not_sent: 0,
        unknown: 0,
    };
    Report::of(settings, record, tally)
}

fn seconds(rate: u32, warm_up: u64, duration: u64) -> Schedule {
    Schedule {
        rate,
        warm_up: Duration::from_secs(warm_up),
        duration: Duration::from_secs(duration),
    }
}

/// Returns a short report of a cluster that takes two milliseconds for a reply.
fn short() -> Report {
    let (schedule, mix) = (seconds(10, 1, 1), Mix { tell: 1, ask: 1 });
    let record = run(schedule, mix, |now| now + Duration::from_millis(2));
    report(schedule, mix, record)
}

#[test]
fn a_stall_of_a_second_shows_in_all_that_was_due_in_it() {
    let (schedule, mix) = (seconds(1000, 0, 10), Mix { tell: 0, ask: 1 });
    let (stalls, goes_on) = (Duration::from_secs(4), Duration::from_secs(5));
    let replies = |now: Duration| {
        let quick = now + Duration::from_millis(1);
        if (stalls..goes_on).contains(&now) {
            goes_on.max(quick)
        } else {
            quick
        }
    };
    let record = run(schedule, mix, replies);
    let latency = &record.latency;
    assert_eq!(latency.len(), 10_000);
    // A tenth of the asks was due in the stall; half of these waited for half of it or longer. Whoever waits
    // for each reply before it sends the next would have seen one that is slow.
    assert_eq!(latency.value_at_quantile(0.89), 1000);
    assert!((490_000..=510_000).contains(&latency.value_at_quantile(0.95)));
    assert!(latency.max() >= 999_000);
}

#[test]
fn the_document_has_this_shape() {
    let mut told = serde_json::to_value(short()).unwrap();
    let timeline = told.as_object_mut().unwrap().remove("timeline").unwrap();
    let ends = |due: u64| json!({ "due": due, "done": due, "not_sent": {}, "failed": {} });
    let times = |count: u64, at: u32| {
        json!({
            "count": count, "min": at, "mean": f64::from(at), "max": at, "p50": at, "p75": at, "p90": at,
            "p99": at, "p99_9": at, "p99_99": at,
        })
    };
    let expected = json!({
        "region": "counter",
        "rate": 10,
        "mix": { "tell": 1, "ask": 1 },
        "entities": 100,
        "max_in_flight": 1000,
        "warm_up_s": 1.0,
        "duration_s": 1.0,
        "interrupted": false,
        "tells": ends(5),
        "asks": ends(5),
        "warm_up": { "tells": ends(5), "asks": ends(5) },
        "latency_us": times(5, 2000),
        "lateness_us": times(10, 0),
        "throughput": { "sent_per_second": 10, "replies_per_second": 5 },
        "fates": { "written": 20, "not_sent": 0, "unknown": 0 },
    });
    assert_eq!(told, expected, "{told:#}");
    let points = timeline.as_array().unwrap();
    assert_eq!(points.len(), 11);
    let mut tell = points[0].clone();
    assert_eq!(tell["for_s"].take(), json!(0.1));
    let none = Value::Null;
    assert_eq!(
        tell,
        json!({
            "at_s": 0.0, "for_s": none, "due": 1, "sent": 1, "replies": 0, "p50_us": none,
            "p99_us": none, "max_us": none,
        })
    );
    assert_eq!(
        (&points[1]["due"], &points[1]["replies"]),
        (&json!(1), &json!(1))
    );
    assert!(points[1]["p99_us"].as_u64().unwrap().abs_diff(2000) < 20);
    assert_eq!(
        (&points[10]["at_s"], &points[10]["for_s"]),
        (&json!(1.0), &none)
    );
}

#[test]
fn people_are_told_the_same() {
    let lines = short().lines();
    let starts = [
        "counter: 10 messages a second for 1 s, tells to asks as 1 to 1",
        "tells              5 due           5 accepted",
        "asks               5 due           5 replies",
        "warm-up           10 due          10 done, not measured",
        "latency of asks, in ms, each from when it was due",
        "       50 %     75 %     90 %     99 %   99.9 %  99.99 %      max",
        "      2.000    2.000    2.000    2.000    2.000    2.000    2.000",
        "lateness of this command, in ms, within the above",
        "       50 %",
        "      0.000",
        "throughput     10 sent/s, 5 replies/s",
        "fates of all   20 written, 0 not sent, 0 unknown",
    ];
    assert_eq!(lines.len(), starts.len(), "{lines:#?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line:?} is not {start:?}");
        assert!(line.chars().count() <= 80, "{line:?}");
    }
}

#[test]
fn a_plot_has_titles_axes_units_and_both_themes() {
    let svg = plot::draw(&short()).unwrap();
    for part in [
        "<svg ",
        "prefers-color-scheme: dark",
        "casty bench",
        "counter: 10 messages a second for 1 s",
        "Latency of asks, by percentile",
        "share of the asks",
        "99 %",
        "milliseconds",
        "Latency of asks, by when they were due",
        "seconds since the warm-up",
        "Throughput",
        "messages a second",
        "replies",
    ] {
        assert!(svg.contains(part), "{part}: {svg}");
    }
    assert!(svg.trim_end().ends_with("</svg>"));
    let lines = svg.matches("<polyline ").count();
    assert!(lines >= 7, "{lines} lines: {svg}");
    // Of one ask in an interval all percentiles are the same: the wider line is seen on both sides.
    let (_, drawn) = svg.split_once("</style>").unwrap();
    let wide = drawn.find("stroke-width=\"4\"").unwrap();
    let slowest = drawn.find("stroke=\"#8250DF\"").unwrap();
    assert!(wide < slowest, "{svg}");
}

#[test]
fn a_load_that_cannot_keep_up_tells_the_rate_that_it_achieved() {
    let (schedule, mix) = (seconds(100, 0, 2), Mix { tell: 1, ask: 1 });
    let mut record = Record::new(schedule).unwrap();
    let mut pacer = Pacer::new(schedule, mix);
    while let Step::Send(due) = pacer.step(Duration::from_secs(9)) {
        // It takes twice as long as it should.
        let late = 2 * due.at;
        record.due(&due, late);
        record.sent(&due, late);
        record.end(&due, End::Done, late);
    }
    let lines = report(schedule, mix, record).lines();
    let achieved = lines.iter().find(|it| it.starts_with("throughput"));
    assert_eq!(achieved.unwrap(), "throughput     50 sent/s, 25 replies/s");
}

#[test]
fn a_load_of_tells_alone_is_drawn_without_latencies() {
    let (schedule, mix) = (seconds(10, 0, 2), Mix { tell: 1, ask: 0 });
    let record = run(schedule, mix, |now| now);
    let report = report(schedule, mix, record);
    let svg = plot::draw(&report).unwrap();
    assert_eq!(svg.matches("no ask was replied to").count(), 2);
    assert!(svg.contains("Throughput") && !svg.contains("replies"));
    assert!(report.has_success());
}

#[test]
fn a_run_without_any_reply_or_written_tell_is_no_success() {
    let (schedule, mix) = (seconds(10, 0, 1), Mix { tell: 1, ask: 1 });
    let mut record = Record::new(schedule).unwrap();
    let mut pacer = Pacer::new(schedule, mix);
    while let Step::Send(due) = pacer.step(Duration::from_secs(9)) {
        record.due(&due, due.at);
        record.end(&due, End::NotSent("busy"), due.at);
    }
    let report = report(schedule, mix, record);
    assert!(!report.has_success());
    let lines = report.lines();
    let busy = lines.iter().filter(|it| it.ends_with(" 5 not sent: busy"));
    assert_eq!(busy.count(), 2, "{lines:#?}");
}
