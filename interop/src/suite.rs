//! Runs scenarios one after another, each within its deadline, and prints what came of them.

use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::certificates::Makers;
use crate::python::Installation;
use crate::scenario::{Context, Failure, Figures, LeftOut, Scenario};
use crate::serializer::Serializer;
use crate::transport::{Link, Transport};

/// The scenarios, serializers and transports to run.
#[derive(Debug, Clone)]
pub struct Selection {
    /// The serializers, in order.
    pub serializers: Vec<Serializer>,
    /// The transports, in order, each with all serializers.
    pub transports: Vec<Transport>,
    /// The makers of certificates, where the transport needs any.
    pub makers: Makers,
    /// Parts of scenario names; empty for all scenarios.
    pub names: Vec<String>,
}

impl Selection {
    /// Returns whether the scenario is to be run.
    pub fn takes(&self, scenario: &Scenario) -> bool {
        self.names.is_empty()
            || self
                .names
                .iter()
                .any(|name| scenario.name.contains(name.as_str()))
    }
}

/// The outcome of one scenario with one serializer over one transport.
#[derive(Debug)]
pub struct Result {
    scenario: &'static str,
    serializer: Serializer,
    transport: Transport,
    outcome: std::result::Result<Figures, Failure>,
    took: Duration,
}

impl Result {
    /// Returns that of all scenarios with a serializer that nodes cannot be run with.
    fn left_out_whole(context: &Context, reason: String) -> Self {
        Self {
            scenario: "everything",
            serializer: context.serializer(),
            transport: context.link().transport(),
            outcome: LeftOut::because(reason),
            took: Duration::ZERO,
        }
    }

    /// Returns the name of the scenario.
    pub fn scenario(&self) -> &'static str {
        self.scenario
    }

    /// Returns the serializer that it ran with.
    pub fn serializer(&self) -> Serializer {
        self.serializer
    }

    /// Returns whether it failed.
    pub fn is_failure(&self) -> bool {
        self.outcome.is_err() && self.left_out().is_none()
    }

    /// Returns the reason for which it was left out, if it was.
    pub fn left_out(&self) -> Option<&str> {
        let failure = self.outcome.as_ref().err()?;
        Some(failure.downcast_ref::<LeftOut>()?.0.as_str())
    }

    /// Returns the word for what came of it, and the rest.
    fn told(&self) -> (&'static str, String) {
        match (&self.outcome, self.left_out()) {
            (Ok(figures), _) => ("ok", figures.clone()),
            (_, Some(reason)) => ("left out", reason.to_owned()),
            (Err(failure), None) => ("FAILED", causes(failure)),
        }
    }
}

/// Runs what the selection takes of `scenarios`; prints a line for each as it ends, then the table.
/// Whether all passed.
pub async fn run(python: &Installation, scenarios: &[Scenario], selection: &Selection) -> bool {
    let begun = Instant::now();
    let Some(results) = results(python, scenarios, selection).await else {
        return false;
    };
    print_table(&results);
    let failed = results.iter().filter(|result| result.is_failure()).count();
    if failed > 0 {
        println!(
            "\nwhat the nodes logged is in {}",
            python.log_folder().display()
        );
    }
    let left_out = results.iter().filter_map(Result::left_out).count();
    let passed = results.len() - failed - left_out;
    let took = begun.elapsed().as_secs_f64();
    println!("{passed} passed, {failed} failed, {left_out} left out, {took:.0} s");
    failed == 0 && !results.is_empty()
}

/// Runs what the selection takes of `scenarios`; prints a line for each as it ends. `None` if there is a transport
/// that nodes cannot be reached over.
pub async fn results(
    python: &Installation,
    scenarios: &[Scenario],
    selection: &Selection,
) -> Option<Vec<Result>> {
    let mut results = Vec::new();
    for transport in &selection.transports {
        let link = match Link::make(python, *transport, selection.makers, transport.name()).await {
            Ok(link) => link,
            Err(failure) => {
                println!("interop: no {transport}: {}", causes(&failure));
                return None;
            }
        };
        for serializer in &selection.serializers {
            let context = Context::new(python.clone(), *serializer, link.clone());
            if let Some(reason) = python.version().refuses(*serializer) {
                let everything = Result::left_out_whole(&context, reason);
                println!("{}", line(&everything));
                results.push(everything);
                continue;
            }
            for scenario in scenarios.iter().filter(|one| selection.takes(one)) {
                let result = run_one(scenario, &context).await;
                println!("{}", line(&result));
                results.push(result);
            }
        }
    }
    Some(results)
}

async fn run_one(scenario: &Scenario, context: &Context) -> Result {
    let started = Instant::now();
    let version = context.version();
    let outcome = match version.lacks_any(scenario.needs) {
        Some(reason) => LeftOut::because(reason),
        None => finished((scenario.run)(context.of(scenario.name)), scenario.deadline).await,
    };
    Result {
        scenario: scenario.name,
        serializer: context.serializer(),
        transport: context.link().transport(),
        outcome,
        took: started.elapsed(),
    }
}

/// Returns the outcome of a run. It is a task of its own, so that a panic fails it and no other.
/// Ending the task at its deadline drops its clusters, which kills their nodes.
pub(crate) async fn finished<T: Send + 'static>(
    run: impl Future<Output = std::result::Result<T, Failure>> + Send + 'static,
    deadline: Duration,
) -> std::result::Result<T, Failure> {
    let mut task = tokio::spawn(run);
    match timeout(deadline, &mut task).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => Err(panic.into()),
        Err(_) => {
            task.abort();
            Err(format!("not done after {deadline:?}").into())
        }
    }
}

fn line(result: &Result) -> String {
    let (verdict, detail) = result.told();
    format!(
        "interop {} [{} over {}] ... {verdict} ({:.1} s): {detail}",
        result.scenario,
        result.serializer,
        result.transport,
        result.took.as_secs_f64()
    )
}

/// Returns an error and its causes, on one line.
pub(crate) fn causes(failure: &Failure) -> String {
    let mut text = failure.to_string();
    let mut source = failure.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn print_table(results: &[Result]) {
    let width = results
        .iter()
        .map(|result| result.scenario.len())
        .max()
        .unwrap_or(0);
    println!(
        "\n{:width$}  {:8}  {:4}  {:>7}  result",
        "scenario", "codec", "over", "seconds"
    );
    for result in results {
        let detail = match result.told() {
            ("ok", figures) => figures,
            ("left out", reason) => format!("left out: {reason}"),
            (failed, _) => failed.to_owned(),
        };
        println!(
            "{:width$}  {:8}  {:4}  {:>7.1}  {detail}",
            result.scenario,
            result.serializer.name(),
            result.transport.name(),
            result.took.as_secs_f64()
        );
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Notify;

    use super::*;

    fn scenario(name: &'static str) -> Scenario {
        Scenario::new(name, 1, |_| Box::pin(async { Ok(Figures::new()) }))
    }

    async fn outcome_of(scenario: Scenario) -> String {
        let context = Context::new(Installation::absent(), Serializer::Json, Link::tcp());
        line(&run_one(&scenario, &context).await)
    }

    #[tokio::test]
    async fn a_panic_fails_its_scenario_and_nothing_else() {
        let panics = Scenario::new("panics", 1, |_| Box::pin(async { panic!("as it must") }));
        let line = outcome_of(panics).await;
        assert!(line.contains("panics [json over tcp] ... FAILED"), "{line}");
        assert!(outcome_of(scenario("goes_on")).await.contains("... ok"));
    }

    #[tokio::test]
    async fn an_error_is_told_with_its_causes() {
        let fails = Scenario::new("fails", 1, |context| {
            Box::pin(async move {
                context.own_cluster(1).await?;
                Ok(Figures::new())
            })
        });
        let line = outcome_of(fails).await;
        assert!(
            line.contains("FAILED") && line.contains("process: "),
            "{line}"
        );
    }

    #[tokio::test]
    async fn what_is_left_out_is_told_with_its_reason_and_is_no_failure() {
        let leaves = Scenario::new("leaves", 1, |_| Box::pin(async { LeftOut::because("why") }));
        let context = Context::new(Installation::absent(), Serializer::Json, Link::tcp());
        let result = run_one(&leaves, &context).await;
        assert!(line(&result).contains("... left out (0.0 s): why"));
        assert_eq!(
            (result.left_out(), result.is_failure()),
            (Some("why"), false)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_scenario_past_its_deadline_is_ended_and_its_clusters_dropped() {
        static ENDED: Notify = Notify::const_new();
        struct Cluster;
        impl Drop for Cluster {
            fn drop(&mut self) {
                ENDED.notify_one();
            }
        }
        let hangs = Scenario::new("hangs", 60, |_| {
            Box::pin(async {
                let _cluster = Cluster;
                std::future::pending().await
            })
        });
        let line = outcome_of(hangs).await;
        assert!(line.contains("not done after 60s"), "{line}");
        ENDED.notified().await;
    }

    #[test]
    fn a_selection_takes_scenarios_by_a_part_of_their_name() {
        let all = Selection {
            serializers: Serializer::SUITE.to_vec(),
            transports: vec![Transport::Tcp],
            makers: Makers::default(),
            names: Vec::new(),
        };
        assert!(all.takes(&scenario("asks_are_answered")));
        let some = Selection {
            names: vec!["tells".to_owned(), "asks".to_owned()],
            ..all
        };
        assert!(some.takes(&scenario("asks_are_answered")));
        assert!(!some.takes(&scenario("nodes_come_up")));
    }
}
