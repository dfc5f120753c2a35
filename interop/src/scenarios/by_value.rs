//! Replies that hold code: a cloudpickle node sends it, and the caller is told what it is.

use std::time::{Duration, Instant};

use casty_client::{AskError, ClusterClient, Value};
use casty_proto::DecodeError;
use tokio::time::timeout;

use crate::app::{Echo, GetByValue};
use crate::clients::{close, connect};
use crate::cluster::{PythonCluster, SHARDS};
use crate::scenario::{Context, Failure, Figures, LeftOut, Scenario};
use crate::serializer::Serializer;
use crate::version::Feature;

pub(super) const SCENARIOS: &[Scenario] = &[Scenario::new(
    "a_class_or_lambda_in_a_reply_of_a_cloudpickle_node_is_named",
    60,
    |context| Box::pin(named(context)),
)
.needs(&[Feature::Serializers])];

/// A reply comes long before an ask gives up.
const PROMPT: Duration = Duration::from_secs(2);

/// The kinds of values that are asked for, and the names of their code.
const KINDS: [(&str, &str); 2] = [
    ("instance", "interop_app.entities.Thing"),
    ("lambda", "interop_app.entities._by_value.<locals>.<lambda>"),
];

/// Runs once, on a node of its own, whatever the serializer of the run.
async fn named(context: Context) -> Result<Figures, Failure> {
    if !matches!(
        context.serializer(),
        Serializer::Pickle | Serializer::CloudPickle
    ) {
        return LeftOut::because("left to pickle");
    }
    let reserved =
        PythonCluster::reserve(context.python(), Serializer::CloudPickle, 1, "by_value")?;
    let mut cluster = reserved.hosting(&["echo"]);
    cluster.launch().await?;
    let client = connect(&cluster).await?;
    let slowest = ask_for_each(&client).await?;
    close(&client).await?;
    cluster.stop().await?;
    Ok(format!(
        "{} named within {} ms, the connection survives",
        KINDS.len(),
        slowest.as_millis()
    ))
}

async fn ask_for_each(client: &ClusterClient) -> Result<Duration, Failure> {
    let echo = client.entity_ref("echo", SHARDS)?.entity("by-value");
    let mut slowest = Duration::ZERO;
    for (kind, name) in KINDS {
        let begun = Instant::now();
        let code = echo.ask::<_, Value>(|reply_to| GetByValue { kind, reply_to });
        // In flight on the same connection, and answered behind the code: it must survive that.
        let text = echo.ask(|reply_to| Echo {
            value: kind.to_owned(),
            reply_to,
        });
        let (code, text) = timeout(PROMPT, async { tokio::join!(code, text) }).await?;
        match code {
            Err(AskError::Decode(DecodeError::NeedsPython { what })) if *what == *name => {}
            other => return Err(format!("{kind}: {other:?}").into()),
        }
        let text: String = text?;
        if text != kind {
            return Err(format!("{text} came back for {kind}").into());
        }
        slowest = slowest.max(begun.elapsed());
    }
    Ok(slowest)
}
