use std::time::{Duration, SystemTime};

use casty_client::value::DateTime;
use casty_client::{Codec, TransportConfig};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;

use crate::process::{
    ADD, AMPLE, Ended, GET, IGNORED, casty, casty_to, end, end_with_input, nodes, nodes_over,
};
use crate::tls::Certificates;

/// Returns the documents of a text, one a line.
fn documents(text: &str) -> Vec<Value> {
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Returns the only document of standard error: the error.
fn error(ended: &Ended) -> Value {
    let mut all = documents(&ended.err);
    assert_eq!(all.len(), 1, "{ended:#?}");
    all.remove(0)
}

#[tokio::test]
async fn every_error_says_what_helps_as_lines_and_as_json() {
    let at = ["--contact", "127.0.0.1:1", "--system", "s"];
    let missing = "no/such/folder/file";
    let cases: &[(&[&str], i32)] = &[
        (&["topology"], 2),
        (&["frobnicate"], 2),
        (&["ask", "counter", "user-1", "{", "--system", "s"], 2),
        (
            &["topology", "--timeout", "0.1", at[0], at[1], at[2], at[3]],
            3,
        ),
        (&["topology", "--config", missing], 2),
        (&["types", "--check", missing, "a"], 1),
        (
            &["cert", "client", "a", "--ca-dir", missing, "--out", missing],
            1,
        ),
        (
            &[
                "proxy",
                "--listen",
                "tls://127.0.0.1:0",
                "--to",
                "tcp://127.0.0.1:1",
            ],
            2,
        ),
        (&["man", "/dev/null/a"], 1),
    ];
    for (args, code) in cases {
        let text = end(casty(args)).await.with(*code);
        // Of the shape of the arguments clap tells, with the usage.
        let said = text.err.contains("       helps: ") || text.err.contains("try '--help'");
        assert!(said, "{args:?}: {text:#?}");
        for way in [&["--json"][..], &["--output", "json"], &["--output=json"]] {
            let mut words = way.to_vec();
            words.extend(*args);
            let ended = end(casty(&words)).await.with(*code);
            let told = error(&ended);
            assert_eq!(told["exit_code"], json!(code), "{words:?}");
            let first = text.err.lines().next().unwrap();
            let what = told["error"].as_str().unwrap();
            let known = first
                .trim_start_matches("casty: ")
                .trim_start_matches("error: ");
            assert!(
                what.starts_with(known),
                "{words:?}: {what:?} is not {known:?}"
            );
            assert!(!told["helps"].as_str().unwrap().is_empty());
            assert_eq!(ended.out, "");
        }
    }
}

/// Starts a server that writes these bytes to whoever connects, and hangs up.
async fn server(says: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(says).await.ok();
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_that_is_not_reached_has_an_advice_for_each_reason() {
    const CONTACT: &str =
        "check --contact: does a node listen there, and is it reachable from here?";
    const TRANSPORT: &str = "--transport and the certificates must be the nodes'";
    let certificates = Certificates::new();
    let tls = TransportConfig::tls(certificates.config("node.pem"));
    let nodes_with_tls = nodes_over(tls, Codec::pickle()).await;
    let nodes_with_json = nodes(Codec::json()).await;
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let refused = closed.local_addr().unwrap().to_string();
    drop(closed);
    for (contact, helps) in [
        (refused, CONTACT),
        // No resolver is asked for a name that has an empty part.
        ("no..host:25520".to_owned(), CONTACT),
        (
            server(b"HTTP/1.1 400 Bad Request\r\n\r\n").await,
            "that is no Casty node: check --contact",
        ),
        (server(b"").await, TRANSPORT),
        (nodes_with_tls.contact_points().remove(0), TRANSPORT),
        (
            nodes_with_json.contact_points().remove(0),
            "--codec must be the serializer of the nodes, and the classes ones that they know",
        ),
    ] {
        for name in ["topology", "doctor"] {
            let mut command = casty(&[name, "--json", "--timeout", "2"]);
            command.args(["--contact", &contact, "--system", "my-cluster"]);
            let ended = end(command).await.with(3);
            assert_eq!(
                error(&ended)["helps"],
                json!(helps),
                "{contact}: {ended:#?}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_time_is_the_advice_where_the_cluster_was_reached() {
    let cluster = nodes(Codec::pickle()).await;
    let ask = [
        "ask",
        "--json",
        "--timeout",
        "2",
        "counter",
        "user-1",
        IGNORED,
    ];
    let ended = end(casty_to(&cluster, &ask)).await.with(3);
    let helps =
        "give it more time with --timeout; casty doctor tells what is wrong with the cluster";
    assert_eq!(error(&ended)["helps"], json!(helps), "{ended:#?}");
}

#[tokio::test]
async fn a_command_without_a_cluster_names_no_command_that_needs_one() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().display().to_string();
    let args = ["cert", "ca", "--json", "--out", &out];
    end(casty(&args)).await.with(0);
    let again = end(casty(&args)).await.with(1);
    let helps = "write to another folder with --out, or replace what is there with --force";
    assert_eq!(error(&again)["helps"], json!(helps), "{again:#?}");
    // Python ends without a word of the reason that this command could know.
    let mut types = casty(&["types", "--json", "--python", "false", "a"]);
    types.env_remove("CASTY_PYTHON");
    let failed = end(types).await.with(1);
    assert_eq!(
        error(&failed)["helps"],
        json!("-v logs what this command does")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_a_cluster_prints_json_where_it_is_asked_for() {
    let cluster = nodes(Codec::pickle()).await;
    let run = async |args: &[&str]| {
        let mut words = args.to_vec();
        words.extend(["--output", "json", "--timeout", AMPLE]);
        end(casty_to(&cluster, &words)).await
    };
    let told = run(&["tell", "counter", "user-1", ADD]).await.with(0);
    let counts = json!({ "written": 1, "not_sent": 0, "unknown": 0 });
    assert_eq!((documents(&told.out), &*told.err), (vec![counts], ""));
    let asked = run(&["ask", "counter", "user-1", GET]).await.with(0);
    assert_eq!(documents(&asked.out), [json!(5)]);
    for args in [&["topology"][..], &["doctor"], &["lookup", "greeter"]] {
        let ended = run(args).await.with(0);
        assert_eq!(documents(&ended.out).len(), 1, "{args:?}: {ended:#?}");
    }
    let unknown = run(&["down", "10.9.8.7:6"]).await.with(1);
    assert_eq!(
        error(&unknown)["error"],
        json!("no node knows a member 10.9.8.7:6")
    );
    let last = cluster.addresses().len() - 1;
    let victim = cluster.addresses()[last].to_string();
    cluster.kill(last).await;
    let down = run(&["down", "--force", &victim]).await.with(0);
    let events = documents(&down.out);
    let named = |name: &str| events.iter().filter(|it| it["event"] == name).count();
    assert_eq!(
        (named("told"), named("down"), named("vacated")),
        (2, 1, 1),
        "{down:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_that_cannot_be_sent_are_documents_too() {
    let cluster = nodes(Codec::pickle()).await;
    let args = [
        "tell",
        "--json",
        "--timeout",
        AMPLE,
        "counter",
        "--file",
        "-",
    ];
    let ended = end_with_input(casty_to(&cluster, &args), b"no tab\n")
        .await
        .with(1);
    let errors = documents(&ended.err);
    assert!(
        errors[0]["error"]
            .as_str()
            .unwrap()
            .starts_with("line 1: no tab")
    );
    assert_eq!(errors[1]["error"], json!("lines left out: 1"));
    let counts = &documents(&ended.out)[0];
    assert_eq!(counts["written"], json!(0));
    assert!(
        counts["seconds"].as_f64().is_some_and(|it| it < 60.0),
        "{counts}"
    );
}

/// Returns the end of a certificate's validity as a document tells it.
fn end_of(told: &Value) -> SystemTime {
    let end = DateTime::parse_rfc3339(told["not_after"].as_str().unwrap()).unwrap();
    (&end).try_into().unwrap()
}

/// Returns the same as it is in the certificate.
fn end_of_certificate(told: &Value) -> SystemTime {
    let pem = std::fs::read(told["certificate"].as_str().unwrap()).unwrap();
    let (_, pem) = x509_parser::pem::parse_x509_pem(&pem).unwrap();
    let end = pem.parse_x509().unwrap().validity().not_after.timestamp();
    SystemTime::UNIX_EPOCH + Duration::from_secs(end.try_into().unwrap())
}

#[tokio::test]
async fn certificates_are_told_as_one_document() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().display().to_string();
    let args = [
        "cert",
        "ca",
        "--out",
        &out,
        "--validity",
        "30d",
        "--output",
        "json",
    ];
    let made = end(casty(&args)).await.with(0);
    let told = &documents(&made.out)[0];
    assert_eq!(told["validity"], json!("30 days"));
    assert!(told["certificate"].as_str().unwrap().ends_with("ca.crt"));
    assert_eq!(end_of(told), end_of_certificate(told));
    // A client's ends with the authority's, and says so.
    let args = [
        "cert", "client", "me", "--json", "--ca-dir", &out, "--out", &out,
    ];
    let made = end(casty(&args)).await.with(0);
    let cut = &documents(&made.out)[0];
    assert_eq!(cut["not_after"], told["not_after"]);
    assert_eq!(end_of(cut), end_of_certificate(cut));
    assert_eq!(
        (&cut["cn"], &cut["sans"], &told["cn"]),
        (&json!("me"), &json!([]), &json!("casty-ca"))
    );
}
