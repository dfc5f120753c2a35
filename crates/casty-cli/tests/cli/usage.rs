use crate::process::{ADD, GET, casty, end};

const AT: [&str; 4] = ["--contact", "127.0.0.1:1", "--system", "s"];

#[tokio::test]
async fn what_makes_no_sense_is_a_usage_error_before_anything_is_dialled() {
    let unmarked = r#"{"_type": "a.B"}"#;
    let cases: &[(&[&str], &str)] = &[
        (&["frobnicate"], "unrecognized subcommand"),
        (&["ask", "counter", "user-1"], "required"),
        (&["ask", "counter", "user-1", unmarked], "asks for no reply"),
        (
            &["ask", "counter", "user-1", "{"],
            "not in Casty's JSON notation",
        ),
        (
            &["ask", "counter", "user-1", GET, "--codec", "xml"],
            "invalid value",
        ),
        (
            &["ask", "counter", "user-1", GET, "--timeout", "0"],
            "a time such as 5s",
        ),
        (
            &["ask", "counter", "user-1", GET, "--contact", "nowhere"],
            "invalid value",
        ),
        (
            &["ask", "counter", "user-1", GET, "--client-host", "a/b"],
            "--client-host: client_host must be a host",
        ),
        (&["ask", "", "user-1", GET, "--shards", "1"], "region name"),
        (
            &["lookup", "greeter", "--ask", unmarked],
            "asks for no reply",
        ),
        (
            &["lookup", "greeter", "--output", "text", "--json"],
            "cannot be used with",
        ),
        (&["down"], "required"),
        (&["down", "nowhere"], "invalid value"),
        (&["tell", "counter", "user-1", GET], "gets no reply"),
        (&["tell", "counter"], "required"),
        (
            &["tell", "counter", "user-1", ADD, "--file", "-"],
            "cannot be used with",
        ),
        (
            &["tell", "counter", "user-1", ADD, "--strict"],
            "cannot be used with",
        ),
    ];
    for (args, expected) in cases {
        let mut command = casty(args);
        if args[0] != "frobnicate" {
            command.args(AT);
        }
        let ended = end(command).await.with(2);
        assert!(ended.err.contains(expected), "{args:?}: {ended:?}");
        assert_eq!(ended.out, "", "{args:?}");
    }
}

#[tokio::test]
async fn what_the_user_typed_is_shown_in_usage_errors_without_control_characters() {
    const TYPED: &str = "--x\u{1b}[31m\r\u{202e}\u{9b}2J";
    const SHOWN: &str = r"--x\u{1b}[31m\r\u{202e}\u{9b}2J";
    let typed = TYPED.trim_start_matches('-');
    let cases: &[&[&str]] = &[
        &[typed],
        &["topology", typed],
        &["topology", TYPED],
        &["topology", "--watch", TYPED],
        &["topology", "--codec", typed],
        &["topology", "--timeout", typed],
        &["topology", "--contact", typed],
        &["down", typed],
    ];
    for args in cases {
        let ended = end(casty(args)).await.with(2);
        let obeyed = |it: char| it.is_control() && it != '\n' || it == '\u{202e}';
        assert!(!ended.err.contains(obeyed), "{args:?}: {:?}", ended.err);
        let shown = SHOWN.trim_start_matches('-');
        assert!(ended.err.contains(shown), "{args:?}: {:?}", ended.err);
    }
    let ended = end(casty(&["topolgy"])).await.with(2);
    let tip = "tip: a similar subcommand exists: 'topology'";
    assert!(ended.err.contains(tip), "{ended:?}");
}

#[tokio::test]
async fn cluster_must_be_named_one_way_or_the_other() {
    let ended = end(casty(&["topology", "--system", "s"])).await.with(2);
    assert!(ended.err.contains("--contact"), "{ended:?}");
    let ended = end(casty(&["topology", "--contact", "127.0.0.1:1"]))
        .await
        .with(2);
    assert!(ended.err.contains("--system"), "{ended:?}");
    let mut command = casty(&["topology", "--system", "a@b"]);
    command.env("CASTY_CONTACT_POINTS", "127.0.0.1:1,127.0.0.1:2");
    let ended = end(command).await.with(2);
    assert_eq!(ended.err.lines().count(), 2);
    assert!(
        ended
            .err
            .starts_with("casty: --system: system_name must be a name"),
        "{ended:?}"
    );
}

#[tokio::test]
async fn what_is_missing_is_named_with_the_prefix_of_variables_that_was_chosen() {
    let cases: &[(&[&str], &str)] = &[
        (
            &["topology", "--system", "s"],
            "--contact, ACME_CONTACT_POINTS or --config",
        ),
        (
            &["topology", "--contact", "127.0.0.1:1"],
            "--system, ACME_SYSTEM or --config",
        ),
        (
            &["ask", "account", "a", GET, AT[0], AT[1], AT[2], AT[3]],
            "--shards, ACME_REGIONS=account=N or [regions] in --config",
        ),
    ];
    for (args, expected) in cases {
        let mut command = casty(args);
        command.args(["--env-prefix", "ACME"]);
        let ended = end(command).await.with(2);
        assert!(ended.err.contains(expected), "{args:?}: {ended:?}");
    }
}

#[tokio::test]
async fn every_command_shows_examples() {
    for command in [
        "",
        "ask",
        "tell",
        "bench",
        "lookup",
        "topology",
        "watch",
        "doctor",
        "down",
        "counter",
        "map",
        "set",
        "queue",
        "lock",
        "semaphore",
        "barrier",
        "guard",
        "cert",
        "types",
        "config",
        "completions",
        "man",
        "demo",
    ] {
        let mut args = vec![command, "--help"];
        args.retain(|arg| !arg.is_empty());
        let ended = end(casty(&args)).await.with(0);
        assert!(ended.out.contains("Examples:"), "{command}: {ended:?}");
        assert!(ended.out.contains(&format!("casty {command}")), "{command}");
    }
    let ended = end(casty(&["--version"])).await.with(0);
    assert_eq!(ended.out, format!("casty {}\n", env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn each_time_may_be_written_with_its_unit_or_in_seconds() {
    for time in ["500ms", "0.5s", "0.5", ".5"] {
        let mut command = casty(&["topology", "--timeout", time]);
        command.args(AT);
        let ended = end(command).await.with(3);
        let expected = "casty: timed out after 500ms: ";
        assert!(ended.err.starts_with(expected), "{time}: {ended:?}");
    }
    for (option, command) in [
        ("--timeout", &["types", "a"][..]),
        ("--wait", &["lock", "a", "--", "true"]),
        (
            "--idle-timeout",
            &["proxy", "--listen", "tcp://a:1", "--to", "tcp://a:1"],
        ),
        (
            "--grace",
            &["proxy", "--listen", "tcp://a:1", "--to", "tcp://a:1"],
        ),
        (
            "--tcp-keep-alive",
            &["proxy", "--listen", "tcp://a:1", "--to", "tcp://a:1"],
        ),
    ] {
        let (name, rest) = command.split_first().unwrap();
        let mut words = vec![*name, option, "5 parsecs"];
        words.extend(rest);
        let ended = end(casty(&words)).await.with(2);
        assert!(
            ended.err.contains("a time such as 5s"),
            "{words:?}: {ended:?}"
        );
    }
}
