//! `casty doctor` and `casty lookup`, as users run them, against a cluster that has nothing wrong with it.

use std::process::Output;

use tokio::process::Command;

use crate::cluster::PythonCluster;
use crate::command::casty;
use crate::scenario::{Context, Failure, Figures, Scenario};

pub(super) const SCENARIOS: &[Scenario] = &[Scenario::new(
    "the_doctor_calls_a_healthy_cluster_healthy",
    60,
    |context| Box::pin(healthy(context)),
)
.core()];

async fn healthy(context: Context) -> Result<Figures, Failure> {
    let cluster = context.cluster().await?;
    let doctor = run(cluster, "doctor", &[]).await?;
    let said = String::from_utf8_lossy(&doctor.stdout).into_owned();
    // Behind notes, of which there may be some after what other scenarios have done.
    if !doctor.status.success() || !said.trim().ends_with("healthy") {
        return Err(format!("casty doctor: {doctor:?}").into());
    }
    let lookup = run(cluster, "lookup", &["greeter"]).await?;
    let listed = String::from_utf8_lossy(&lookup.stdout).lines().count();
    if !lookup.status.success() || listed < cluster.addresses().len() {
        return Err(format!("casty lookup: {lookup:?}").into());
    }
    Ok("`doctor` says healthy, `lookup` lists all instances".to_owned())
}

/// Runs a command of `casty`, with the flags that lead to the cluster.
async fn run(
    cluster: &PythonCluster,
    command: &str,
    arguments: &[&str],
) -> Result<Output, Failure> {
    let flags = cluster.flags_without_shards();
    let mut casty = Command::new(casty()?);
    casty.arg(command).args(flags.split(' ')).args(arguments);
    Ok(casty.kill_on_drop(true).output().await?)
}
