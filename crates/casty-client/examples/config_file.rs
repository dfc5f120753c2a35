//! Settings from a TOML file, the environment and the program, each above the one before.
//!
//! ```sh
//! cargo run -p casty-client --features config --example config_file
//! ```
//!
//! Runs against a cluster of fake nodes in this process, and ends by itself. For a real cluster,
//! start from `casty.example.toml` beside this crate's manifest: it has every key, with its default.

use std::error::Error;
use std::fs;
use std::time::Duration;

use casty_client::{ActorRef, AskError, ClientConfig};
use casty_testkit::{Cluster, Context, stateful};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(rename = "shop.GetStock")]
struct GetStock {
    reply_to: ActorRef<u32>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // In a real cluster this is Python. An item that is called "slow" never answers.
    let stock = |(): &mut (), GetStock { reply_to }: GetStock, context: &mut Context<'_>| {
        if context.entity_id() != "slow" {
            context.reply(&reply_to, &3);
        }
    };
    let cluster = Cluster::builder("shop")
        .codec(casty_client::Codec::msgpack())
        .region("item", 10, stateful(|| (), stock))
        .start()
        .await?;

    // A file as a deployment has it, but for the ports, which are this run's.
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("casty.toml");
    let contacts = cluster.contact_points();
    fs::write(
        &file,
        format!(
            "system_name = \"shop\"\n\
             contact_points = {contacts:?}\n\
             codec = \"msgpack\"        # as the nodes have it\n\
             ask_timeout = \"30s\"\n\
             [regions]\n\
             item = 10                  # as the nodes have it\n"
        ),
    )?;

    // Later layers win, key by key. A program would call `.environment()`, which takes the
    // variables of this process that begin with `CASTY_`; `.set("ask_timeout", "1s", "--timeout")`
    // is for command line flags.
    let config = ClientConfig::layers()
        .file(&file)?
        .variables([("CASTY_ASK_TIMEOUT", "200ms")])?
        .load()?;
    assert_eq!(config.system_name(), Some("shop"));

    // What the program sets on the builder has the last word.
    let builder = config.builder().connect_timeout(Duration::from_secs(1));
    let client = builder.connect().await?;

    // The number of shards is that of the file.
    let items = client.configured_region("item")?;
    let hats: u32 = items
        .entity("hat")
        .ask(|reply_to| GetStock { reply_to })
        .await?;
    println!("{hats} hats");
    assert_eq!(hats, 3);

    // The ask timeout is that of the environment, not the file's 30 s.
    let slow = items.entity("slow");
    let slow: Result<u32, AskError> = slow.ask(|reply_to| GetStock { reply_to }).await;
    println!("of the slow item: {slow:?}");
    let wanted = Duration::from_millis(200);
    assert!(matches!(slow, Err(AskError::Timeout { after, .. }) if after == wanted));

    // Mistakes are found before any socket opens, and say where they stand.
    let misspelt = ClientConfig::from_toml_str("contact_point = [\"10.0.1.10:25520\"]");
    let error = misspelt
        .err()
        .ok_or("a key that does not exist was taken")?;
    println!("{error}");
    assert!(error.to_string().contains("contact_points"));

    client.close(Duration::from_secs(5)).await;
    cluster.stop().await;
    Ok(())
}
