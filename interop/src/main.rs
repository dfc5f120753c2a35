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
use casty_interop::scenario::Scenario;
use casty_interop::scenarios;
use casty_interop::serializer::Serializer;
use casty_interop::suite::{self, Selection};
use casty_interop::transport::{Link, Transport};
use casty_interop::version::Version;
use casty_interop::{faults, guard, matrix, versions};

const HELP: &str = "\
Runs the scenarios of the real-cluster suite against nodes of casty, one after another.

usage: cargo xtask interop [--casty VERSION] [--serializer SERIALIZER]... [--transport tcp|tls|quic]...
                           [--certificates MAKERS] [--list] [NAME]...
       cargo xtask interop --versions [--casty VERSION]... [--serializer SERIALIZER]... [NAME]...
       cargo xtask interop --matrix
       cargo xtask interop --faults [NAME]...
       cargo xtask interop --guard [--trials N]

  --casty VERSION    with this version of casty, from 0.16.0 to 0.21.0 (default: 0.21.0). Those before
                     0.21.0 have no `casty cert`, so --transport tls takes --certificates rust
  --versions         the core of the suite on casty 0.16.0, 0.17.0, 0.18.0, 0.19.0, 0.20.0, 0.20.1 and 0.21.0,
                     or on those of --casty; prints a table and what was left out, with the reason
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
    let python = match Installation::prepare(request.version()) {
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
    let passed = runtime.block_on(obey(request, &python));
    // A scenario past its deadline may hold a thread; it is not waited for.
    runtime.shutdown_timeout(Duration::from_secs(1));
    if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Does what is requested, with the Python that is needed first. Returns whether all passed.
async fn obey(request: Request, python: &Installation) -> bool {
    match request {
        Request::Print(_) | Request::Client => true,
        Request::Interpreter => {
            println!("{}", python.interpreter().display());
            true
        }
        Request::Run(_, selection) => suite::run(python, &scenarios::all(), &selection).await,
        Request::Versions(versions, selection) => {
            let run = versions::run(&versions, &scenarios::all(), &selection).await;
            run.unwrap_or_else(|reason| {
                eprintln!("interop: {reason}");
                false
            })
        }
        Request::Matrix => matrix::run(python).await,
        Request::Faults(names) => faults::run(python, &names).await,
        Request::Guard(trials) => guard::run(python, trials).await,
        Request::Serve(_, selection, served) => serve(python, &selection, served).await,
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
    Run(Version, Selection),
    /// The core of the suite, on each of these.
    Versions(Vec<Version>, Selection),
    Matrix,
    Faults(Vec<String>),
    /// So many trials of each kind.
    Guard(usize),
    /// To be a client under test, with orders from standard input.
    Client,
    Serve(Version, Selection, Served),
    Interpreter,
    Print(String),
}

impl Request {
    /// Returns the version of casty that is needed first.
    fn version(&self) -> Version {
        match self {
            Self::Run(version, _) | Self::Serve(version, ..) => *version,
            Self::Versions(versions, _) => versions.first().copied().unwrap_or(Version::REFERENCE),
            Self::Matrix
            | Self::Faults(_)
            | Self::Guard(_)
            | Self::Client
            | Self::Interpreter
            | Self::Print(_) => Version::REFERENCE,
        }
    }
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Request, String> {
    let mut selection = Selection {
        serializers: Vec::new(),
        transports: Vec::new(),
        makers: Makers::default(),
        names: Vec::new(),
    };
    let mut versions: Vec<Version> = Vec::new();
    let mut task = Task::Run;
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
            "--faults" => task = Task::Faults,
            "--guard" => task = Task::Guard(0),
            "--trials" => trials = value(&arg, args.next())?,
            "--client" => return Ok(Request::Client),
            "--interpreter" => return Ok(Request::Interpreter),
            "--serve" => task = Task::Serve,
            "--nodes" => served.nodes = value(&arg, args.next())?,
            "--rust-node" => served.rust_node = Some(value(&arg, args.next())?),
            "--versions" => task = Task::Versions,
            "--casty" => versions.push(value(&arg, args.next())?),
            "--serializer" => selection.serializers.push(value(&arg, args.next())?),
            "--transport" => selection.transports.push(value(&arg, args.next())?),
            "--certificates" => selection.makers = value(&arg, args.next())?,
            option if option.starts_with('-') => return Err(format!("unknown option {option}")),
            _ => selection.names.push(arg),
        }
    }
    if selection.serializers.is_empty() {
        selection.serializers = Serializer::SUITE.to_vec();
    }
    if selection.transports.is_empty() {
        selection.transports = vec![Transport::Tcp];
    }
    if let Task::Guard(wanted) = &mut task {
        *wanted = trials;
    }
    request(task, versions, selection, served)
}

/// The use of a selection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    Run,
    Versions,
    Faults,
    /// So many trials.
    Guard(usize),
    Serve,
}

fn request(
    task: Task,
    versions: Vec<Version>,
    selection: Selection,
    served: Served,
) -> Result<Request, String> {
    let version = match (task, &versions[..]) {
        (Task::Faults | Task::Guard(_), [_, ..]) => {
            return Err("--faults and --guard measure casty 0.21.0 alone".to_owned());
        }
        (Task::Run | Task::Serve, [_, _, ..]) => {
            return Err("several versions of --casty take --versions".to_owned());
        }
        (_, all) => all.first().copied().unwrap_or(Version::REFERENCE),
    };
    let taken = |scenario: &Scenario| {
        selection.takes(scenario) && (scenario.is_core || task != Task::Versions)
    };
    if matches!(task, Task::Run | Task::Versions) && names(taken).is_empty() {
        let names = selection.names.join(" or ");
        return Err(format!("no scenario is called {names}"));
    }
    Ok(match task {
        Task::Run => Request::Run(version, selection),
        Task::Versions if versions.is_empty() => {
            Request::Versions(Version::ALL.to_vec(), selection)
        }
        Task::Versions => Request::Versions(versions, selection),
        Task::Faults => Request::Faults(selection.names),
        Task::Guard(trials) => Request::Guard(trials),
        Task::Serve => Request::Serve(version, selection, served),
    })
}

/// Returns the value that follows an option.
fn value<T: FromStr<Err: Display>>(option: &str, text: Option<String>) -> Result<T, String> {
    let text = text.ok_or_else(|| format!("{option} wants a value"))?;
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn names(taken: impl Fn(&Scenario) -> bool) -> Vec<&'static str> {
    let all = scenarios::all();
    all.iter()
        .filter(|scenario| taken(scenario))
        .map(|scenario| scenario.name)
        .collect()
}
