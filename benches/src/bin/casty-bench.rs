//! The benchmark: starts nodes and workers, measures in interleaved rounds, and writes the report.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use casty_benches::Failure;
use casty_benches::machine;
use casty_benches::options::{Options, USAGE};
use casty_benches::plan::{self, Group, MEMBERS, REAL};
use casty_benches::plots;
use casty_benches::process::beside;
use casty_benches::ratios::is_listed;
use casty_benches::report::Report;
use casty_benches::served::Served;
use casty_benches::workers::Workers;
use fastrand::Rng;
use serde::de::DeserializeOwned;

/// Pending asks whose memory is measured.
const PENDING: &str = "1000000";
/// The time for which each cell is carried before anything is measured.
const WARMING: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    if std::env::args().skip(1).any(|arg| arg == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("casty-bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Failure> {
    println!("seed {}", options.seed);
    fs::create_dir_all(&options.out)?;
    let mut report = Report {
        facts: facts(options),
        ..Report::default()
    };
    for file in &options.also {
        let ratios: BTreeMap<String, f64> = serde_json::from_slice(&fs::read(file)?)?;
        let listed = ratios.into_iter().filter(|(name, _)| is_listed(name));
        report.also.extend(listed);
    }
    if options.is_whole() {
        report.memory = Some(said(
            Command::new(beside("casty-bench-memory")?).arg(PENDING),
        )?);
    }
    let mut rng = Rng::with_seed(options.seed);
    near(options, &mut rng, &mut report)?;
    match &options.interop {
        Some(interop) => real(options, interop, &mut rng, &mut report)?,
        None if plan::real_groups(options).is_empty() => {}
        None => {
            let reason = "only with --real".to_owned();
            let absent = REAL.map(|sender| (sender.to_owned(), reason.clone()));
            report.absent.extend(absent);
        }
    }
    members(options, &mut rng, &mut report)?;
    if options.is_whole() {
        let mut dials = Command::new(beside("casty-bench-dials")?);
        dials.arg("--json");
        if options.is_quick {
            dials.arg("--quick");
        }
        println!("dials");
        report.dials = said(&mut dials)?;
    }
    report.plots = plots::draw(&report.results, &options.out)?;
    let json = format!("{:#}\n", report.json());
    fs::write(options.out.join("report.json"), json)?;
    fs::write(options.out.join("report.md"), report.markdown())?;
    print!("{}", report.ratio_table());
    for (name, reason) in &report.absent {
        println!("not measured: {name}: {reason}");
    }
    println!("\nwritten to {}", options.out.join("report.md").display());
    Ok(())
}

fn facts(options: &Options) -> serde_json::Value {
    let command: Vec<_> = std::env::args().skip(1).collect();
    let mut facts = machine::facts();
    facts["arguments"] = command.join(" ").into();
    facts["seed"] = options.seed.into();
    facts["codec"] = options.codec.clone().into();
    facts["rounds"] = options.rounds.into();
    facts["span_seconds"] = options.span.as_secs_f64().into();
    facts
}

/// Runs a program and reads the JSON that it prints.
fn said<T: DeserializeOwned>(command: &mut Command) -> Result<T, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{program}: {}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Measures everything that runs on this machine alone.
fn near(options: &Options, rng: &mut Rng, report: &mut Report) -> Result<(), Failure> {
    let groups = plan::groups(options);
    let cells = groups.concat();
    let mut workers = Workers::default();
    workers.start_ours(&cells, options)?;
    workers.start_peers(&cells, options.peers.as_ref());
    rounds(options, &groups, rng, &mut workers, report);
    report.absent.extend(workers.absent);
    Ok(())
}

/// Measures in rounds, each in an order of its own.
fn rounds(
    options: &Options,
    groups: &[Group],
    rng: &mut Rng,
    workers: &mut Workers,
    report: &mut Report,
) {
    for cell in plan::order(groups, rng) {
        workers.carry(cell, WARMING.min(options.span));
    }
    for round in 0..options.rounds {
        let begun = Instant::now();
        for cell in plan::order(groups, rng) {
            if let Some(figures) = workers.carry(cell, options.span) {
                report.results.add(cell, round, figures);
            }
        }
        let took = begun.elapsed().as_secs_f64();
        println!("round {} of {}: {took:.1} s", round + 1, options.rounds);
    }
}

/// Measures this client and Python's against the same real nodes.
fn real(
    options: &Options,
    interop: &Path,
    rng: &mut Rng,
    report: &mut Report,
) -> Result<(), Failure> {
    println!("real nodes");
    let groups = plan::real_groups(options);
    let mut workers = Workers::default();
    match Served::start(interop, None) {
        Err(reason) => workers.miss(&REAL, &reason.to_string()),
        Ok(nodes) => {
            let mut ours = Command::new(beside("casty-bench-worker")?);
            workers.start("client-real", ours.arg("client-real").args(&nodes.flags));
            let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/client.py");
            let mut python = Command::new(&nodes.python);
            python.env("PYTHONPATH", &nodes.sources).arg("-B");
            workers.start("python-real", python.arg(client).args(&nodes.flags));
            rounds(&slower(options), &groups, rng, &mut workers, report);
        }
    }
    report.absent.extend(workers.absent);
    Ok(())
}

/// Measures this client against the entities of two members of one cluster: one in Rust, one in Python.
fn members(options: &Options, rng: &mut Rng, report: &mut Report) -> Result<(), Failure> {
    let groups = plan::member_groups(options);
    if groups.is_empty() {
        return Ok(());
    }
    let (Some(interop), Some(program)) = (&options.interop, &options.rust_node) else {
        let mut workers = Workers::default();
        workers.miss(&MEMBERS, "only with --real");
        report.absent.extend(workers.absent);
        return Ok(());
    };
    println!("members");
    let mut workers = Workers::default();
    match Served::start(interop, Some(program)) {
        Err(reason) => workers.miss(&MEMBERS, &reason.to_string()),
        Ok(nodes) => {
            for (sender, node) in MEMBERS.into_iter().zip([Served::RUST, Served::PYTHON]) {
                let mut worker = Command::new(beside("casty-bench-worker")?);
                worker.arg("client-real").args(&nodes.flags);
                workers.start(sender, worker.args(["--on", node]));
            }
            rounds(&slower(options), &groups, rng, &mut workers, report);
            report.members = nodes.memory();
        }
    }
    report.absent.extend(workers.absent);
    Ok(())
}

/// Returns how real nodes are measured, which are far slower than ours.
fn slower(options: &Options) -> Options {
    Options {
        span: options.span.max(Duration::from_millis(500)),
        rounds: if options.is_quick {
            3
        } else {
            options.rounds.min(7)
        },
        ..options.clone()
    }
}
