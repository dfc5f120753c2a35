//! The project's own commands: cargo xtask ci | test | tidy | api | features | interop | sim | bench | tune |
//! flame | gates | fuzz | bombs | soak | mutants | pictures | limits | deny | minimal |
//! package | static | publish | protobuf.

use std::env;
use std::process::ExitCode;

mod api;
mod bench;
mod ci;
mod deny;
mod features;
mod flame;
mod fuzz;
mod gates;
mod getting_started;
mod limits;
mod metadata;
mod minimal;
mod mutants;
mod package;
mod pictures;
mod protobuf;
mod publish;
mod readme;
mod release;
mod sim;
mod soak;
mod static_binary;
mod steps;
mod test;
mod tidy;
mod tools;
mod tune;

use static_binary::Wishes;
use steps::{Failure, Steps};

const HELP: &str = "\
The project's own commands.

usage: cargo xtask COMMAND [ARGS]

  ci              everything a change must pass: format, tidy, clippy, docs, the public API, features,
                  gates, packages, the first program of the guide, and the commands that README.md
                  promises
  test            all tests of the workspace, worlds in virtual time, then the real-cluster suite
  tidy            budgets, names, dependencies, circles between files, and what sources must not
                  hold; --circles [PACKAGE] prints every circle with the arrows that make it,
                  --words [PACKAGE] the openings of docs and the words that are not ours
  api [--write]   the public API of the libraries, compared with the listings in api/; --write
                  writes those anew. Takes the promised release of Rust
  features        each crate with every pair of its features, by cargo-hack, which is installed
                  under target/ if it is not there; --full takes no features as one
  interop [ARGS]  the real-cluster suite alone; `cargo xtask interop --help` tells its arguments
  sim [ARGS]      worlds in virtual time, one for each of many seeds, and what the tests are worth;
                  `cargo xtask sim --help` tells its arguments
  bench [--quick] [--peers] [--real] [--metrics] [ARGS]
                  the benchmarks, then the run that writes target/bench/report.md: this client beside
                  the bare loop; --peers adds tonic, tarpc, redis and nats, and --real
                  Python's client on real nodes, and a member in Rust beside one in Python; --metrics adds,
                  to a quick run or to some cells, the client with the feature metrics and an exporter,
                  which the usual run has. ARGS go to the run; `--help` tells them.
                  --write-docs [FOLDER] measures nothing, and copies the figures of the last run into
                  docs/performance.md
  tune [--quick]  the worker of the benchmarks built and started in several ways, side by side: profiles,
                  allocators, limits; writes target/bench/tuning.md
  flame [NAME...] draws docs/flame/NAME.svg, or all, from samples of perf, which must be installed, by
                  inferno, which is installed under target/ if it is not there
  gates [--write] what a message costs in instructions and allocations, stage by stage, held against
                  the budgets in gates/; --write writes those anew. Needs valgrind, which is
                  installed if it is not there and this is root's Debian
  fuzz [--seconds N] [--minimise] [TARGET...]
                  fuzzes each target, or those named, for N seconds (60), with libFuzzer by way of
                  cargo-fuzz, which is installed under target/ if it is not there; --minimise puts
                  what is worth keeping into fuzz/corpus. Needs a C++ compiler
  bombs           the table of hostile inputs: what comes of each, its time and memory
  soak [ARGS]     load with faults for minutes, then memory, descriptors, tasks and what is pending
                  compared with the beginning; `cargo xtask soak --help` tells its arguments
  mutants [FILE]...
                  how many faults, put into the engines and decoders one by one, the tests notice,
                  by cargo-mutants, which is installed as cargo-hack is; takes hours for all files
  deny [--offline]
                  the licences, sources and duplicates of dependencies, and what is known against them, by
                  cargo-deny, which is installed as cargo-hack is; without the last with --offline
  minimal         checks what is published with the oldest releases of dependencies that its manifests
                  allow
  package         packs what would be published, and builds and runs a project that has only that
  static [--target TRIPLE] [--twice]
                  the casty command as one static program, for musl unless another target is named; its bytes
                  depend on the sources and the tools alone, and --twice builds it in another folder, too, and
                  compares
  publish VERSION [--execute]
                  checks that the workspace is that release, packs it as `package` does, and has cargo do all
                  but send it; with --execute sends and tags it
  pictures        draws docs/pictures anew: casty watch on a terminal of 80 by 24, and the plot of a
                  casty bench
  limits [--write]
                  docs/guide/src/limits.md, compared with the code, as `test` does it too; --write writes its
                  tables anew
  protobuf        writes the Rust types of the protobuf schema, which tidy holds against it

The real-cluster suite needs a Python >= 3.12 and is skipped with a notice where there is none;
with CASTY_INTEROP=require that is a failure. So it is with instructions, valgrind and XTASK_GATES.";

fn main() -> ExitCode {
    if let Some(done) = api::rustdoc() {
        return done;
    }
    let mut args = env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let mut steps = Steps::default();
    let done = match (command.as_str(), rest.as_slice()) {
        ("help" | "--help" | "-h", _) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        ("ci", []) => ci::run(&mut steps),
        ("test", []) => test::run(&mut steps),
        ("tidy", []) => tidy::run(&mut steps),
        ("tidy", [flag]) if flag == "--circles" => tidy::circles(&mut steps, None),
        ("tidy", [flag, name]) if flag == "--circles" => tidy::circles(&mut steps, Some(name)),
        ("tidy", [flag]) if flag == "--words" => tidy::words(&mut steps, None),
        ("tidy", [flag, name]) if flag == "--words" => tidy::words(&mut steps, Some(name)),
        ("api", []) => api::run(&mut steps, false),
        ("api", [flag]) if flag == "--write" => api::run(&mut steps, true),
        ("gates", []) => gates::run(&mut steps, false),
        ("gates", [flag]) if flag == "--write" => gates::run(&mut steps, true),
        ("features", []) => features::run(&mut steps, false),
        ("features", [flag]) if flag == "--full" => features::run(&mut steps, true),
        ("interop", args) => test::interop(&mut steps, args),
        ("deny" | "minimal" | "package" | "static" | "publish", args) => {
            match release_step(&mut steps, &command, args) {
                Some(done) => done,
                None => return usage(),
            }
        }
        ("pictures", []) => pictures::run(&mut steps),
        ("limits", []) => limits::run(&mut steps, false),
        ("limits", [flag]) if flag == "--write" => limits::run(&mut steps, true),
        ("protobuf", []) => protobuf::run(&mut steps),
        ("fuzz", args) => fuzz::run(&mut steps, args),
        ("bombs", []) => fuzz::bombs(&mut steps),
        ("soak", args) => soak::run(&mut steps, args),
        ("mutants", args) => mutants::run(&mut steps, args),
        ("sim", args) => sim::run(&mut steps, args),
        ("bench", args) => bench::run(&mut steps, args),
        ("tune", []) => tune::run(&mut steps, false),
        ("tune", [flag]) if flag == "--quick" => tune::run(&mut steps, true),
        ("flame", names) => flame::run(&mut steps, names),
        _ => return usage(),
    };
    report(&command, &steps, done)
}

/// Does one of the steps of a release; `None` if the arguments are none of its own.
fn release_step(steps: &mut Steps, command: &str, args: &[String]) -> Option<Result<(), Failure>> {
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    Some(match (command, args.as_slice()) {
        ("deny", []) => deny::run(steps, false),
        ("deny", ["--offline"]) => deny::run(steps, true),
        ("minimal", []) => minimal::run(steps),
        ("package", []) => package::run(steps),
        ("static", args) => static_binary::run(steps, Wishes::read(args)?),
        ("publish", [version]) => publish::run(steps, version, false),
        ("publish", [version, "--execute"]) => publish::run(steps, version, true),
        _ => return None,
    })
}

fn usage() -> ExitCode {
    eprintln!("{HELP}");
    ExitCode::from(2)
}

fn report(command: &str, steps: &Steps, done: Result<(), Failure>) -> ExitCode {
    match done {
        Ok(()) => {
            steps.print_durations();
            println!("xtask {command}: ok");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("xtask {command}: FAILED: {failure}");
            ExitCode::FAILURE
        }
    }
}
