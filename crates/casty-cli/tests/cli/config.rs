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
        "casty: {}: there is no key \"sistem_name\"; is system_name meant?\n",
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
