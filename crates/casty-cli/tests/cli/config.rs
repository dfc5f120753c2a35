use std::fs;

use casty_client::Codec;

use crate::process::{AMPLE, casty, end, nodes};

#[tokio::test(flavor = "multi_thread")]
async fn flags_override_the_environment_and_that_the_file() {
    let cluster = nodes(Codec::json()).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client.toml");
    let text = "system_name = 'wrong'\ncodec = 'json'\ncontact_points = ['127.0.0.1:1']\n";
    fs::write(&file, text).unwrap();
    let args = ["lookup", "greeter", "--timeout", AMPLE, "--config"];
    let mut command = casty(&args);
    command
        .arg(&file)
        .env("CASTY_SYSTEM", "wrong-too")
        .env("CASTY_CONTACT_POINTS", cluster.contact_points().join(","))
        .args(["--system", "my-cluster"]);
    let ended = end(command).await.with(0);
    assert_eq!(ended.out.lines().count(), 2, "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_are_dialled_where_the_address_map_says() {
    let cluster = nodes(Codec::pickle()).await;
    let args = [
        "lookup",
        "greeter",
        "--timeout",
        AMPLE,
        "--system",
        "my-cluster",
    ];
    let mut command = casty(&args);
    let map = format!("10.255.0.1:25520={}", cluster.addresses()[0]);
    command.args(["--contact", "10.255.0.1:25520", "--address-map", &map]);
    command.args(["--address-map", "10.255.0.2:25520=127.0.0.1:1"]);
    let ended = end(command).await.with(0);
    assert_eq!(ended.out.lines().count(), 2, "{ended:?}");
}

#[tokio::test]
async fn settings_that_make_no_sense_are_named_with_their_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("client.toml");
    fs::write(&file, "sistem_name = 'x'\n").unwrap();
    let of = async |more: &[&str]| {
        let mut command = casty(&["topology", "--contact", "127.0.0.1:1", "--system", "s"]);
        command.args(more);
        end(command).await.with(2).err
    };
    let said = of(&["--config", file.to_str().unwrap()]).await;
    let expected = format!(
        "casty: line 1 of {}: there is no key \"sistem_name\"; is system_name meant?\n",
        file.display()
    );
    assert!(said.starts_with(&expected), "{said}");
    let said = of(&["--tls-ca", "ca.pem"]).await;
    assert!(
        said.starts_with("casty: --tls-ca: tls.ca makes no sense"),
        "{said}"
    );
    let said = of(&["--address-map", "a=b"]).await;
    assert!(
        said.starts_with("casty: --address-map: address_map must"),
        "{said}"
    );
    let said = of(&["--config", "nowhere.toml"]).await;
    assert!(
        said.starts_with("casty: cannot read nowhere.toml: "),
        "{said}"
    );
}

const GATEWAY: &str = "\
[gateway]
port = 8080

[casty]
system_name = 'my-cluster'
contact_points = ['10.0.1.10:25520']
codec = 'json'

[casty.socks5]
proxy = 'bastion:1080'
user = 'gateway'
password = 'open sesame'
";

/// Checks such a file, with a variable of the service's own beside.
fn check(folder: &tempfile::TempDir, text: &str, more: &[&str]) -> tokio::process::Command {
    let file = folder.path().join("gateway.toml");
    fs::write(&file, text).unwrap();
    let mut command = casty(&["config", "check"]);
    command.arg(file).args(["--config-table", "casty"]);
    command.args(["--env-prefix", "CASTY_CLIENT_OF_GATEWAY"]);
    command.env("CASTY_GATEWAY_PORT", "8080");
    command.env("CASTY_CLIENT_OF_GATEWAY_ASK_TIMEOUT", "2s");
    command.args(more);
    command
}

#[tokio::test]
async fn each_setting_is_told_with_its_origin_and_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let ended = end(check(&folder, GATEWAY, &["--codec", "msgpack"]))
        .await
        .with(0);
    let file = folder.path().join("gateway.toml").display().to_string();
    for (key, value, origin) in [
        ("system_name", "my-cluster", format!("{file}, line 5")),
        (
            "contact_points",
            "10.0.1.10:25520",
            format!("{file}, line 6"),
        ),
        ("codec", "msgpack", "--codec".to_owned()),
        (
            "ask_timeout",
            "2s",
            "CASTY_CLIENT_OF_GATEWAY_ASK_TIMEOUT".to_owned(),
        ),
        ("connect_timeout", "2s", "default".to_owned()),
        ("client_host", "-", "default".to_owned()),
        ("socks5.password", "(hidden)", format!("{file}, line 12")),
    ] {
        let line = format!("{key:<18}  {value}  {origin}");
        assert!(ended.out.lines().any(|it| it == line), "{line}: {ended:#?}");
    }
    assert!(!ended.out.contains("sesame"), "{ended:#?}");
    assert_eq!(ended.err, "");
    let json = end(check(&folder, GATEWAY, &["--json"])).await.with(0);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let codec = json["settings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["key"] == "codec");
    let expected =
        serde_json::json!({ "key": "codec", "value": "json", "origin": file, "line": 7 });
    assert_eq!(codec, Some(&expected));
}

#[tokio::test]
async fn what_is_wrong_with_settings_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    for (from, to, expected) in [
        ("codec = 'json'", "codec = 'xml'", "line 7 of "),
        ("codec = 'json'", "codecs = 'json'", "line 7 of "),
        ("proxy =", "proxi =", "line 10 of "),
        ("[casty]", "[client]", "there is no table [casty]"),
        ("codec = 'json'", "codec = ", "line 7"),
    ] {
        let text = GATEWAY.replace(from, to).replace(
            "[casty.socks5]",
            match to {
                "[client]" => "[client.socks5]",
                _ => "[casty.socks5]",
            },
        );
        let ended = end(check(&folder, &text, &[])).await.with(2);
        assert!(ended.said().contains(expected), "{to}: {ended:#?}");
    }
    let ended = end(check(&folder, GATEWAY, &["--transport", "tls"]))
        .await
        .with(2);
    assert!(ended.said().contains("--transport"), "{ended:#?}");
    let mut typo = check(&folder, GATEWAY, &[]);
    typo.env("CASTY_CLIENT_OF_GATEWAY_CODECS", "json");
    let ended = end(typo).await.with(2);
    let meant = "is CASTY_CLIENT_OF_GATEWAY_CODEC meant?";
    assert!(ended.said().contains(meant), "{ended:#?}");
}
