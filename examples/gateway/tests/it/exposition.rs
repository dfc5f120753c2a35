//! The text that Prometheus is given, read back.

use std::collections::{BTreeMap, BTreeSet};

/// The samples of an exposition, by the name of their metric.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    /// The kind of each metric.
    pub(crate) kinds: BTreeMap<String, String>,
    /// The labels and the value of each sample, by its name.
    pub(crate) samples: BTreeMap<String, Vec<(Labels, f64)>>,
}

/// The labels of a sample.
pub(crate) type Labels = BTreeMap<String, String>;

impl Exposition {
    /// Reads it.
    pub(crate) fn parse(text: &str) -> Self {
        let mut read = Self::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(line) = line.strip_prefix("# TYPE ") {
                let (name, kind) = line.split_once(' ').expect(line);
                let earlier = read.kinds.insert(name.to_owned(), kind.to_owned());
                assert_eq!(earlier, None, "{name} is told once");
            } else if !line.starts_with("# HELP ") {
                let (name, labels, value) = sample(line);
                let kind = read.kind(name);
                assert!(kind.is_some(), "{line} is of no kind");
                let samples = read.samples.entry(name.to_owned()).or_default();
                samples.push((labels, value));
            }
        }
        read
    }

    /// Returns the kind of the metric that a sample of this name is of.
    pub(crate) fn kind(&self, sample: &str) -> Option<&str> {
        let histogram = ["_bucket", "_sum", "_count"].into_iter();
        let mut stems = histogram.filter_map(|ending| sample.strip_suffix(ending));
        let is_histogram = |stem: &&str| self.kinds.get(*stem).is_some_and(|it| it == "histogram");
        let name = stems.find(is_histogram).unwrap_or(sample);
        self.kinds.get(name).map(String::as_str)
    }

    /// Returns the values of a name with these labels among others, added up; `None` if there is none.
    pub(crate) fn sum(&self, name: &str, wanted: &[(&str, &str)]) -> Option<f64> {
        let has = |labels: &Labels| {
            let mut wanted = wanted.iter();
            wanted.all(|(label, value)| labels.get(*label).is_some_and(|it| it == value))
        };
        let samples = self.samples.get(name)?.iter();
        let values: Vec<_> = samples.filter(|(labels, _)| has(labels)).collect();
        (!values.is_empty()).then(|| values.iter().map(|(_, value)| value).sum())
    }

    /// Returns the names of the labels that samples of a name have.
    pub(crate) fn labels(&self, name: &str) -> BTreeSet<&str> {
        let samples = self.samples.get(name).into_iter().flatten();
        samples
            .flat_map(|(labels, _)| labels.keys())
            .map(String::as_str)
            .collect()
    }
}

/// Reads a line: the name, the labels and the value.
fn sample(line: &str) -> (&str, Labels, f64) {
    let (series, value) = line.rsplit_once(' ').expect(line);
    let value = value.parse().unwrap_or_else(|_| panic!("{line}"));
    let Some((name, labels)) = series.split_once('{') else {
        return (series, Labels::new(), value);
    };
    let labels = labels.strip_suffix('}').expect(line);
    let labels = labels.split_terminator(',').map(|pair| {
        let (label, quoted) = pair.split_once('=').expect(line);
        let text = quoted.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
        (label.to_owned(), text.expect(line).to_owned())
    });
    (name, labels.collect(), value)
}
