//! `casty doctor`: what is wrong with a cluster.

use casty_client::ClusterClient;
use casty_client::diagnosis::{Diagnosis, Finding};
use serde_json::{Value, json};

use crate::args::Doctor;
use crate::error::Failure;
use crate::output::print;
use crate::session::Errand;

/// Prints what is wrong; fails if anything is.
pub(crate) async fn run(args: &Doctor) -> Result<(), Failure> {
    let errand = Errand {
        cluster: &args.cluster,
        config: args.cluster.config()?,
        within: Some(args.cluster.timeout()),
        missing: "the nodes were not all heard in time".to_owned(),
        region: None,
    };
    let ended = errand.run(async |client| examine(client, args).await);
    let diagnosis = ended.await?.outcome?;
    if args.json {
        print(shown(&diagnosis))?;
    } else {
        diagnosis.findings().iter().try_for_each(tell)?;
    }
    if diagnosis.is_healthy() {
        return if args.json { Ok(()) } else { print("healthy") };
    }
    Err(Failure::Findings)
}

async fn examine(client: &ClusterClient, args: &Doctor) -> Result<Diagnosis, Failure> {
    // That may take as long as the command may; the rest has shares of it.
    client.topology().wait_for(|_| true).await?;
    let admin = client.admin().within(args.cluster.share());
    let diagnosis = admin.diagnose().await;
    diagnosis.map_err(|error| Failure::Failed(error.into()))
}

fn tell(finding: &Finding) -> Result<(), Failure> {
    let Finding {
        severity, problem, ..
    } = finding;
    print(format_args!("{severity:<8}  {problem}"))?;
    print(format_args!("{:8}  means: {}", "", problem.meaning()))?;
    print(format_args!("{:8}  helps: {}", "", problem.remedy()))
}

fn shown(diagnosis: &Diagnosis) -> Value {
    let findings = diagnosis.findings().iter().map(|finding| {
        let problem = &finding.problem;
        json!({
            "severity": finding.severity.to_string(),
            "problem": problem.code(),
            "node": problem.node().map(ToString::to_string),
            "name": problem.name(),
            "what": problem.to_string(),
            "means": problem.meaning(),
            "helps": problem.remedy(),
        })
    });
    let findings: Vec<_> = findings.collect();
    json!({ "healthy": diagnosis.is_healthy(), "findings": findings })
}
