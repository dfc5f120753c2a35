//! The number of shards of a region: given, configured, and contradicted.

use std::fs;

use casty_client::Codec;
use casty_testkit::Cluster;
use serde_json::Value;

use crate::process::{ADD, AMPLE, Ended, GET, casty, casty_to, end, nodes};

/// Runs `casty ask` with a number of shards.
async fn ask(cluster: &Cluster, shards: &str, entity: &str, more: &[&str]) -> Ended {
    let args = ["ask", "--timeout", AMPLE, "--shards", shards];
    let mut command = casty_to(cluster, &args);
    command.args(["counter", entity, GET]).args(more);
    end(command).await
}

/// Has so many entities asked for, which allocates most of the 100 shards.
async fn allocated(entities: u32) -> Cluster {
    let cluster = nodes(Codec::pickle()).await;
    let lines: Vec<_> = (0..entities)
        .map(|entity| format!("user-{entity}\t{ADD}"))
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lines.tsv");
    fs::write(&file, lines.join("\n")).unwrap();
    let mut command = casty_to(&cluster, &["tell", "--timeout", AMPLE, "counter", "--file"]);
    command.arg(&file);
    end(command).await.with(0);
    cluster
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_the_cluster_contradicts_is_refused_unless_it_is_forced() {
    let cluster = allocated(40).await;
    let refused = ask(&cluster, "2", "user-1", &[]).await.with(1);
    assert!(
        refused
            .err
            .starts_with("casty: the cluster allocates shards ")
            && refused
                .err
                .contains("which a region of 2 shards does not have")
            && refused.err.contains("--force"),
        "{refused:?}"
    );
    assert_eq!((refused.err.lines().count(), &*refused.out), (2, ""));
    let forced = ask(&cluster, "2", "user-1", &["--force"]).await.with(0);
    assert!(
        forced
            .err
            .starts_with("casty: forced: the cluster allocates"),
        "{forced:?}"
    );
    let args = [
        "tell",
        "--timeout",
        AMPLE,
        "--shards",
        "2",
        "counter",
        "user-1",
        ADD,
    ];
    end(casty_to(&cluster, &args)).await.with(1);
    let mut command = casty_to(&cluster, &args);
    command
        .args(["--force"])
        .env("CASTY_SHARD_COUNTS", "strict");
    end(command).await.with(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_at_which_the_region_would_be_mostly_empty_is_refused_too() {
    let cluster = allocated(700).await;
    let refused = ask(&cluster, "1000", "user-1", &[]).await.with(1);
    assert!(
        refused
            .err
            .contains("the region looks like one of 100 shards, not 1000"),
        "{refused:?}"
    );
    assert_eq!(ask(&cluster, "100", "user-1", &[]).await.with(0).out, "5\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_wrong_number_stops_no_right_one_and_is_shown() {
    let cluster = allocated(700).await;
    for number in 0..6 {
        let entity = format!("user-{number}");
        ask(&cluster, "1000", &entity, &["--force"]).await.with(0);
    }
    for number in 0..6 {
        let entity = format!("user-{number}");
        // Those of a right number by configuration, and by flag.
        let args = [
            "ask",
            "--timeout",
            AMPLE,
            "counter",
            &entity,
            GET,
            "--force",
        ];
        let configured = end(casty_to(&cluster, &args)).await.with(0);
        assert_eq!(configured.out, "5\n", "{entity}");
    }
    let doctor = ["doctor", "--json", "--timeout", AMPLE];
    for (regions, expected) in [
        (
            "counter=100",
            ["critical", "by the count used here it has 100"],
        ),
        ("", ["warning", "looks like a region of 100 shards"]),
    ] {
        let mut command = casty_to(&cluster, &doctor);
        command.env("CASTY_REGIONS", regions);
        let found = end(command).await.with(1);
        let found: Value = serde_json::from_str(&found.out).unwrap();
        let finding = &found["findings"][0];
        let [severity, what] = expected;
        assert_eq!(finding["problem"], "shard-counts-differ", "{found:#}");
        assert_eq!(
            (&finding["severity"], &finding["name"]),
            (&severity.into(), &"counter".into())
        );
        assert!(
            finding["what"].as_str().unwrap().contains(what),
            "{finding:#}"
        );
        assert!(
            finding["helps"].as_str().unwrap().contains("restart"),
            "{finding:#}"
        );
    }
    let shown = end(casty_to(&cluster, &["topology", "--timeout", AMPLE]))
        .await
        .with(0);
    let warning = "warning  counter  the cluster allocates shard";
    assert!(
        shown.out.lines().any(|line| line.starts_with(warning)),
        "{shown:#?}"
    );
    let args = ["topology", "--json", "--timeout", AMPLE];
    let shown = end(casty_to(&cluster, &args)).await.with(0);
    let shown: Value = serde_json::from_str(&shown.out).unwrap();
    let ids = shown["regions"]["counter"]["ids"].as_array().unwrap();
    assert!(ids.iter().any(|id| id.as_u64() >= Some(100)), "{shown:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_is_read_from_the_regions_of_a_file_and_a_flag_overrides_it() {
    let cluster = nodes(Codec::pickle()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client.toml");
    fs::write(&file, "[regions]\ncounter = 7\n").unwrap();
    let shards_of = async |more: &[&str]| {
        let mut command = casty_to(&cluster, &["tell", "--timeout", AMPLE, "--config"]);
        command
            .arg(&file)
            .args(["counter", "user-42", ADD])
            .args(more);
        command.env_remove("CASTY_REGIONS");
        end(command).await.with(0);
        let args = ["topology", "--json", "--timeout", AMPLE];
        let shown = end(casty_to(&cluster, &args)).await.with(0);
        let shown: Value = serde_json::from_str(&shown.out).unwrap();
        shown["regions"]["counter"]["ids"].to_string()
    };
    assert_eq!(shards_of(&[]).await, "[2]");
    assert_eq!(shards_of(&["--shards", "100"]).await, "[2,87]");
}

#[tokio::test]
async fn a_number_that_is_not_given_is_a_usage_error_that_says_how_to_give_it() {
    let at = ["--contact", "127.0.0.1:1", "--system", "s"];
    let expected = "casty: no number of shards of region \"counter\", which nodes call num_shards, is \
                    given: use --shards, CASTY_REGIONS=counter=N or [regions] in --config\n";
    for args in [
        ["ask", "counter", "user-1", GET],
        ["tell", "counter", "user-1", ADD],
    ] {
        let mut command = casty(&args);
        command.args(at).env("CASTY_REGIONS", "account=24");
        let ended = end(command).await.with(2);
        assert!(ended.err.starts_with(expected), "{ended:?}");
    }
    let mut command = casty(&["ask", "counter", "user-1", GET, "--shards", "0"]);
    command.args(at);
    let ended = end(command).await.with(2);
    assert!(ended.err.contains("is not in 1..=65536"), "{ended:?}");
}
