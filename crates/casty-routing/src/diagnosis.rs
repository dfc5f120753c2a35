//! The diagnosis of a cluster, made from what its nodes say and from whether they can be reached.
//!
//! Pure: the caller asks the nodes and hands the answers over as a [`Survey`]; [`Diagnosis::of`]
//! reads the findings off it.
//!
//! ```
//! use casty_routing::diagnosis::{Diagnosis, Observed, Severity, Survey};
//!
//! let mut survey = Survey::default();
//! survey.add("10.0.0.1:25520".parse()?, Observed::Silent);
//! let diagnosis = Diagnosis::of(&survey);
//! let [finding] = diagnosis.findings() else { panic!("one thing is wrong") };
//! assert_eq!(finding.severity, Severity::Critical);
//! assert_eq!(finding.problem.to_string(), "no node answers");
//! # Ok::<(), casty_proto::AddressError>(())
//! ```

use std::collections::BTreeSet;

mod advice;
mod finding;
mod rules;
mod survey;

pub use finding::{Dependent, Difference, Finding, NodeFault, ObservedStatus, Problem, Severity};
pub use survey::{Observed, Survey, leader};

/// The things that are wrong with a cluster, the worst first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Diagnosis {
    findings: Vec<Finding>,
}

impl Diagnosis {
    /// Reads the findings off a survey. Costs time in proportion to nodes times members,
    /// allocations and services.
    pub fn of(survey: &Survey) -> Self {
        let mut findings = rules::findings(survey);
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        Self { findings }
    }

    /// Returns the findings, the worst first.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Returns whether there is nothing worse than a [`Severity::Note`].
    pub fn is_healthy(&self) -> bool {
        let notes = |finding: &Finding| finding.severity == Severity::Note;
        self.findings.iter().all(notes)
    }

    /// Returns whether there is anything that [may pass by itself](Problem::may_pass): views of
    /// healthy nodes differ for a second or two.
    pub fn may_pass(&self) -> bool {
        let mut findings = self.findings.iter();
        findings.any(|finding| finding.problem.may_pass())
    }

    /// Returns the findings of `later`, without those that may pass by themselves and were not
    /// there before.
    #[must_use]
    pub fn lasting(&self, later: Self) -> Self {
        let before: BTreeSet<_> = self
            .findings
            .iter()
            .map(|it| it.problem.subject())
            .collect();
        let mut findings = later.findings;
        findings.retain(|it| !it.problem.may_pass() || before.contains(&it.problem.subject()));
        Self { findings }
    }
}

#[cfg(test)]
mod tests;
