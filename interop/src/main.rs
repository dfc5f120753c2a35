//! `casty-interop`: runs the real-cluster suite.

use std::env;
use std::fmt::Display;
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

use casty_interop::certificates::Makers;
use casty_interop::cluster::{Position, PythonCluster};
use casty_interop::error::Failure;
use casty_interop::python::{Installation, SetupError};
use casty_interop::scenarios;
use casty_interop::serializer::Serializer;
use casty_interop::suite::{self, Selection};
use casty_interop::transport::{Link, Transport};
use casty_interop::{faults, guard, matrix};

const HELP: &str = "\
Runs the scenarios of the real-cluster suite against casty 0.21.0 nodes, one after another.

usage: cargo xtask interop [--serializer SERIALIZER]... [--transport tcp|tls|quic]...
                           [--certificates MAKERS] [--list] [NAME]...
       cargo xtask interop --matrix
       cargo xtask interop --faults [NAME]...
       cargo xtask interop --guard [--trials N]

  --serializer NAME  only with this serializer: pickle, json, msgpack, protobuf or cloudpickle; may be
                     repeated (default: all but cloudpickle, which is pickle to a client)
  --transport NAME   only over this transport; may be repeated (default: tcp). tls: nodes with
                     mutual TLS. quic: a `casty proxy` in front of each node, dialled by QUIC
  --certificates MAKERS
                     whose `casty cert` makes the certificates for tls and quic: python, rust, or
                     three of these as CA/NODES/CLIENTS (default: rust/python/rust)
  --list             print the names of the scenarios and run none
  --matrix           a few messages of each kind with every serializer, cloudpickle among them, and
                     every compression, on one node each; prints a table of seconds
  --faults           real faults, each with this client and with Python's ClusterClient; prints a
                     table of both and fails if this client is not as it must be. With NAME, only
                     faults whose name contains it
  --guard            nodes killed beside a `casty guard` and without one, 10 of each kind; prints a
                     table and fails if a guard did not help. With --trials, so many of each
  --serve            start three nodes with the first serializer and transport, print how the
                     `casty` command reaches them, the Python that they run with and the folder of
                     its sources, and keep them until standard input closes
  --nodes N          with --serve: so many nodes
  --rust-node PROGRAM
                     with --serve: the last of them is this program, `rust-node`; prints one line more, of
                     the numbers of the processes
  --interpreter      print the Python that nodes run with, made if it is not there, and run none
  NAME               only scenarios whose name contains NAME

A Python >= 3.12 with venv and pip is looked for on PATH and under pyenv. If there is none, the
suite is skipped with a notice; with CASTY_INTEROP=require that is a failure.";

fn main() -> ExitCode {
    let request = match parse(env::args().skip(1)) {
        Ok(Request::Print(text)) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Ok(request) => request,
        Err(mistake) => {
            eprintln!("casty-interop: {mistake}; --help tells more");
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(reason) => {
            eprintln!("interop: no runtime: {reason}");
            return ExitCode::FAILURE;
        }
    };
    if let Request::Client = request {
        return match runtime.block_on(faults::obey()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(reason) => {
                eprintln!("casty-interop --client: {reason}");
                ExitCode::FAILURE
            }
        };
    }
    let python = match Installation::prepare() {
        Ok(python) => python,
        Err(reason @ SetupError::NoPython { .. }) if !required() => {
            eprintln!("interop: SKIPPED, nothing was tested against real nodes: {reason}");
            return ExitCode::SUCCESS;
        }
        Err(reason) => {
            eprintln!("interop: {reason}");
            return ExitCode::FAILURE;
        }
    };
    let passed = runtime.block_on(async {
        match request {
            Request::Print(_) | Request::Client => true,
            Request::Interpreter => {
                println!("{}", python.interpreter().display());
                true
            }
            Request::Run(selection) => suite::run(&python, &scenarios::all(), &selection).await,
            Request::Matrix => matrix::run(&python).await,
            Request::Faults(names) => faults::run(&python, &names).await,
            Request::Guard(trials) => guard::run(&python, trials).await,
            Request::Serve(selection, served) => serve(&python, &selection, served).await,
        }
    });
    // A scenario past its deadline may hold a thread; it is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The nodes that are kept.
struct Served {
    nodes: usize,
    /// The program of the last of them; a node in Python if there is none.
    rust_node: Option<PathBuf>,
}

/// Keeps nodes until standard input closes.
async fn serve(python: &Installation, selection: &Selection, served: Served) -> bool {
    let Served { nodes, rust_node } = served;
    let serializer = selection.serializers.first().copied();
    let serializer = serializer.unwrap_or(Serializer::Pickle);
    let transport = selection.transports.first().copied().unwrap_or_default();
    let served = async {
        let link = Link::make(python, transport, selection.makers, "serve").await?;
        let cluster = PythonCluster::reserve(python, serializer, nodes, "serve")?;
        let mut cluster = cluster.over(&link).await?;
        let is_mixed = rust_node.is_some();
        if let Some(program) = rust_node {
            let last = nodes.saturating_sub(1);
            cluster = cluster
                .with_rust_node(last, program)
                .ordered(last, Position::Last);
        }
        cluster.launch().await?;
        println!("{}", cluster.flags());
        println!("{}", python.interpreter().display());
        println!("{}", python.sources().display());
        if is_mixed {
            let processes = cluster.processes().into_iter();
            let processes = processes.map(|(index, process)| format!("n{index}={process}"));
            println!("{}", processes.collect::<Vec<_>>().join(" "));
        }
        let _ = tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await;
        Ok::<_, Failure>(cluster.stop().await?)
    };
    match served.await {
        Ok(()) => true,
        Err(reason) => {
            eprintln!("interop: {reason}");
            false
        }
    }
}

fn required() -> bool {
    env::var_os("CASTY_INTEROP").is_some_and(|value| value == "require")
}

enum Request {
    Run(Selection),
    Matrix,
    Faults(Vec<String>),
    /// So many trials of each kind.
    Guard(usize),
    /// To be a client under test, with orders from standard input.
    Client,
    Serve(Selection, Served),
    Interpreter,
    Print(String),
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Request, String> {
    let mut selection = Selection {
        serializers: Vec::new(),
        transports: Vec::new(),
        makers: Makers::default(),
        names: Vec::new(),
    };
    let (mut serve, mut faults, mut guard) = (false, false, false);
    let mut trials = 10;
    let mut served = Served {
        nodes: 3,
        rust_node: None,
    };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--help" | "-h" => return Ok(Request::Print(HELP.to_owned())),
            "--list" => return Ok(Request::Print(names(|_| true).join("\n"))),
            "--matrix" => return Ok(Request::Matrix),
            "--faults" => faults = true,
            "--guard" => guard = true,
            "--trials" => trials = value(&arg, args.next())?,
            "--client" => return Ok(Request::Client),
            "--interpreter" => return Ok(Request::Interpreter),
            "--serve" => serve = true,
            "--nodes" => served.nodes = value(&arg, args.next())?,
            "--rust-node" => served.rust_node = Some(value(&arg, args.next())?),
            "--serializer" => selection.serializers.push(value(&arg, args.next())?),
            "--transport" => selection.transports.push(value(&arg, args.next())?),
            "--certificates" => selection.makers = value(&arg, args.next())?,
            option if option.starts_with('-') => return Err(format!("unknown option {option}")),
            _ => selection.names.push(arg),
        }
    }
    if faults {
        return Ok(Request::Faults(selection.names));
    }
    if guard {
        return Ok(Request::Guard(trials));
    }
    if selection.serializers.is_empty() {
        selection.serializers = Serializer::SUITE.to_vec();
    }
    if selection.transports.is_empty() {
        selection.transports = vec![Transport::Tcp];
    }
    if serve {
        return Ok(Request::Serve(selection, served));
    }
    if names(|scenario| selection.takes(scenario)).is_empty() {
        return Err(format!(
            "no scenario is called {}",
            selection.names.join(" or ")
        ));
    }
    Ok(Request::Run(selection))
}

/// Returns the value that follows an option.
fn value<T: FromStr<Err: Display>>(option: &str, text: Option<String>) -> Result<T, String> {
    let text = text.ok_or_else(|| format!("{option} wants a value"))?;
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn names(taken: impl Fn(&casty_interop::scenario::Scenario) -> bool) -> Vec<&'static str> {
    let all = scenarios::all();
    all.iter()
        .filter(|scenario| taken(scenario))
        .map(|scenario| scenario.name)
        .collect()
}
