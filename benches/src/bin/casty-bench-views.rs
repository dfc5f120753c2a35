//! Measures what views of a million shards cost, and prints the tables.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use casty_bench_harness::figures::{median, p50_and_p99};
use casty_benches::Failure;
use casty_benches::views::stall::{Stall, Views};
use casty_benches::views::{CHANGES, Form, Scale, Times, length, measure};
use casty_client::Codec;
use serde_json::json;

/// The cluster that is measured: 1,000,000 shards.
const SCALE: Scale = Scale {
    members: 10_000,
    regions: 100,
    shards: 10_000,
};
/// The file that the ratios are written to.
const REPORT: &str = "target/bench/views.json";

fn main() -> ExitCode {
    let quick = std::env::args().skip(1).any(|arg| arg == "--quick");
    match run(quick) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("casty-bench-views: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(quick: bool) -> Result<(), Failure> {
    let apply = applying(quick)?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build()?;
    let stall = runtime.block_on(stalling(quick))?;
    let ratios = json!({
        "snapshot_1m_shards_apply_over_decode": apply,
        "tell_p99_while_applying_over_without": stall,
    });
    fs::create_dir_all(Path::new(REPORT).parent().unwrap_or(Path::new(".")))?;
    fs::write(REPORT, format!("{ratios:#}\n"))?;
    println!(
        "\nsnapshot_1m_shards_apply_over_decode {apply:.3} (the greatest; wanted: 0.5 at most)"
    );
    println!("tell_p99_while_applying_over_without {stall:.3} (wanted: 1.2 at most)");
    runtime.shutdown_background();
    Ok(())
}

/// Measures what it takes to read views and to take them in, and returns the greatest ratio of the
/// two for the nodes' own serializer.
fn applying(quick: bool) -> Result<f64, Failure> {
    // What is no ratio is measured once.
    let rounds = if quick { 3 } else { 5 };
    let forms = [
        ("pickle of a node", Form::Python, rounds),
        ("pickle", Form::Ours(Codec::pickle()), 1),
        ("msgpack", Form::Ours(Codec::msgpack()), 1),
        ("json", Form::Ours(Codec::json()), 1),
    ];
    let forms = if quick { &forms[..1] } else { &forms[..] };
    println!(
        "| {} members, {} shards | view, MiB | decode, ms | compare | engines | router | drop | apply | apply / decode |",
        SCALE.members,
        SCALE.regions * SCALE.shards
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let mut greatest = 0.0_f64;
    for (name, form, rounds) in forms {
        let mib = length(SCALE, *form)? / (1 << 20);
        for change in CHANGES {
            let times = measure(SCALE, *form, change, *rounds)?;
            let of = |part: fn(&Times) -> Duration| {
                median(times.iter().map(|times| part(times).as_secs_f64() * 1e3))
            };
            let ratio = median(
                times
                    .iter()
                    .map(|times| times.apply().as_secs_f64() / times.decode.as_secs_f64()),
            );
            println!(
                "| {name}, {} | {mib} | {:.1} | {:.1} | {:.1} | {:.2} | {:.1} | {:.1} | {ratio:.3} |",
                change.text(),
                of(|times| times.decode),
                of(|times| times.prepare),
                of(|times| times.engines),
                of(|times| times.route),
                of(|times| times.retire),
                of(Times::apply),
            );
            if *form == Form::Python {
                greatest = greatest.max(ratio);
            }
        }
    }
    Ok(greatest)
}

/// Measures tells while views are taken in and while none is, and returns the ratio of the 99th
/// percentiles.
async fn stalling(quick: bool) -> Result<f64, Failure> {
    let rounds = if quick { 2 } else { 5 };
    // Without views shorter than the silence after which a client asks for one.
    let (short, long) = (Duration::from_millis(2_500), Duration::from_secs(8));
    let stall = Stall::begin(SCALE, Form::Python).await?;
    println!(
        "\n| views | taken in | tells/s | p50, ns | p99, ns | p99.9, ns | longest, ms | CPU/s |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let mut ratios = Vec::new();
    for _ in 0..rounds {
        let mut p99 = [0.0; 3];
        for (place, views) in [Views::None, Views::Moving, Views::Same]
            .into_iter()
            .enumerate()
        {
            stall.settle().await;
            let span = if views == Views::Moving { long } else { short };
            let mut phase = stall.phase(views, span).await?;
            let (p50, at_99) = p50_and_p99(&mut phase.tells).ok_or("nothing was told")?;
            p99[place] = micros(at_99);
            let at = |part: usize| phase.tells.get(part).copied().unwrap_or_default();
            let told = phase.tells.len();
            println!(
                "| {views:?} | {} | {:.0} | {p50} | {at_99} | {} | {:.2} | {:.2} |",
                phase.views,
                figure(told) / span.as_secs_f64(),
                at(told / 1_000 * 999),
                micros(at(told - 1)) / 1e3,
                phase.processor.as_secs_f64() / span.as_secs_f64(),
            );
        }
        ratios.push(p99[1] / p99[0]);
    }
    Ok(median(ratios))
}

fn micros(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64() * 1e6
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn figure(count: usize) -> f64 {
    count as f64
}
