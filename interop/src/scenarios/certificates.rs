//! Certificates of either `casty cert`, shown by either side.

use crate::certificates::Makers;
use crate::scenario::{Context, Failure, Figures, LeftOut, Scenario};
use crate::scenarios::exchange;
use crate::serializer::Serializer;
use crate::transport::{Link, Transport};
use crate::version::Feature;

pub(super) const SCENARIOS: &[Scenario] = &[Scenario::new(
    "certificates_of_python_and_rust_are_taken_under_each_others_authorities",
    120,
    |context| Box::pin(interchanged(context)),
)
.needs(&[Feature::Certificates])];

/// Runs with pickle only, for the time that nodes take to start.
async fn interchanged(context: Context) -> Result<Figures, Failure> {
    if context.serializer() != Serializer::Pickle {
        return LeftOut::because("left to pickle");
    }
    let mut taken = 0;
    for makers in Makers::all() {
        let made = Link::make(context.python(), Transport::Tls, makers, "interchanged");
        let link = made.await?;
        let cluster = context.reserve(1).await?.over(&link).await?;
        exchange(cluster)
            .await
            .map_err(|error| format!("made by {makers}: {error}"))?;
        taken += 1;
    }
    Ok(format!("{taken} combinations of CA/node/client"))
}
