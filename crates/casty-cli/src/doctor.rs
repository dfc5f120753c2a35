//! `casty doctor`: a diagnosis of the cluster.

use casty_client::diagnosis::{Diagnosis, Finding};
use casty_client::{ClusterClient, NodeAddress};
use casty_proto::Escaped;
use serde_json::{Value, json};

use crate::args::Doctor;
use crate::error::CommandError;
use crate::output::{is_json, print, print_json};
use crate::session::Session;

/// Prints the findings; fails if there are any.
pub(crate) async fn run(args: &Doctor) -> Result<(), CommandError> {
    let session = Session::new(&args.cluster, "not all nodes have answered in time")?
        .helped_by("give it more time with --timeout");
    let ended = session.run(async |client| examine(client, args).await);
    let diagnosis = ended.await?.outcome?;
    if is_json() {
        print_json(document(&diagnosis))?;
    } else {
        diagnosis.findings().iter().try_for_each(print_finding)?;
    }
    if diagnosis.is_healthy() {
        return if is_json() { Ok(()) } else { print("healthy") };
    }
    Err(CommandError::Findings)
}

/// Asks all nodes.
async fn examine(client: &ClusterClient, args: &Doctor) -> Result<Diagnosis, CommandError> {
    // That may take as long as the command may; the rest has shares of it.
    client.topology().wait_for(|_| true).await?;
    let admin = client.admin().within(args.cluster.share());
    let diagnosis = admin.diagnose().await;
    diagnosis.map_err(|error| CommandError::Failed(error.into()))
}

/// Prints a finding in three lines.
fn print_finding(finding: &Finding) -> Result<(), CommandError> {
    let Finding {
        severity, problem, ..
    } = finding;
    // Names that nodes have chosen are part of the sentences.
    let (what, helps) = (Escaped::whole(problem), Escaped::whole(problem.remedy()));
    let (what, helps) = (what.column(), helps.column());
    print(format_args!("{severity:<8}  {what}"))?;
    print(format_args!("{:8}  means: {}", "", problem.meaning()))?;
    print(format_args!("{:8}  helps: {helps}", ""))
}

/// Returns a diagnosis as one JSON document.
fn document(diagnosis: &Diagnosis) -> Value {
    let findings = diagnosis.findings().iter().map(|finding| {
        let problem = &finding.problem;
        json!({
            "severity": finding.severity.to_string(),
            "problem": problem.code(),
            "node": problem.node().map(NodeAddress::to_raw),
            "name": problem.name(),
            "what": problem.to_string(),
            "means": problem.meaning(),
            "helps": problem.remedy(),
        })
    });
    let findings: Vec<_> = findings.collect();
    json!({ "healthy": diagnosis.is_healthy(), "findings": findings })
}
