//! Queries of Prometheus, as far as it takes to know which metrics and labels they name.

use std::collections::BTreeSet;

use crate::exposition::Exposition;

/// The words of the language that queries here use.
const WORDS: [&str; 8] = [
    "sum",
    "min",
    "max",
    "by",
    "rate",
    "increase",
    "histogram_quantile",
    "offset",
];

/// A metric that a query names, and the labels that it selects by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selected {
    pub(crate) name: String,
    /// Each label, its operator, and its value.
    pub(crate) matchers: Vec<(String, String, String)>,
}

/// The names in a query.
#[derive(Debug, Default)]
pub(crate) struct Query {
    pub(crate) metrics: Vec<Selected>,
    /// The labels that are grouped by.
    pub(crate) by: BTreeSet<String>,
}

impl Query {
    /// Reads a query.
    pub(crate) fn parse(text: &str) -> Self {
        let mut query = Self::default();
        let mut rest = text;
        let mut depth = 0;
        while let Some(next) = rest.chars().next() {
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if next.is_ascii_alphabetic() || next == '_' {
                let end = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
                let (word, behind) = rest.split_at(end);
                rest = behind;
                if word == "by" {
                    let (labels, behind) = enclosed(rest.trim_start(), '(', ')');
                    query.by.extend(listed(labels));
                    rest = behind;
                } else if !WORDS.contains(&word) {
                    let (matchers, behind) = matchers(rest);
                    let name = word.to_owned();
                    query.metrics.push(Selected { name, matchers });
                    rest = behind;
                }
                continue;
            }
            if next == '[' {
                (_, rest) = enclosed(rest, '[', ']');
                continue;
            }
            // A number may have a point, and no letters.
            assert!(
                "()<>=., +-*/".contains(next) || next.is_ascii_digit(),
                "{next} in {text}"
            );
            depth += i32::from(next == '(') - i32::from(next == ')');
            assert!(depth >= 0, "{text}");
            rest = &rest[next.len_utf8()..];
        }
        assert_eq!(depth, 0, "{text}");
        assert!(!query.metrics.is_empty(), "{text} names no metric");
        query
    }

    /// Returns what of it is not in an exposition.
    pub(crate) fn missing(&self, read: &Exposition) -> Vec<String> {
        let mut missing = Vec::new();
        let mut known = BTreeSet::new();
        for Selected { name, matchers } in &self.metrics {
            let mut labels = read.labels(name);
            // Prometheus adds it.
            labels.insert("instance");
            if !read.samples.contains_key(name) {
                missing.push(name.clone());
            }
            for (label, operator, value) in matchers {
                let wanted = (label.as_str(), value.as_str());
                if !labels.contains(label.as_str()) {
                    missing.push(format!("{name}{{{label}}}"));
                } else if operator == "=" && read.sum(name, &[wanted]).is_none() {
                    missing.push(format!("{name}{{{label}={value}}}"));
                }
            }
            known.extend(labels);
        }
        let by = self
            .by
            .iter()
            .filter(|label| !known.contains(label.as_str()));
        missing.extend(by.map(|label| format!("by {label}")));
        missing
    }
}

/// Reads the labels behind a metric's name, if there are any.
fn matchers(text: &str) -> (Vec<(String, String, String)>, &str) {
    if !text.starts_with('{') {
        return (Vec::new(), text);
    }
    let (inside, rest) = enclosed(text, '{', '}');
    let each = inside.split(',').map(|matcher| {
        let at = matcher.find(['=', '!']).expect(matcher);
        let (label, behind) = matcher.split_at(at);
        let (operator, quoted) = behind.split_once('"').expect(matcher);
        let value = quoted.strip_suffix('"').expect(matcher);
        [label, operator, value]
            .map(|it| it.trim().to_owned())
            .into()
    });
    (each.collect(), rest)
}

/// Returns what stands between two marks, of which the text begins with the first, and what follows.
fn enclosed(text: &str, open: char, close: char) -> (&str, &str) {
    let inside = text.strip_prefix(open).expect(text);
    inside.split_once(close).expect(text)
}

/// Returns the parts of a list.
pub(crate) fn listed(text: &str) -> impl Iterator<Item = String> {
    text.split(',').map(|part| part.trim().to_owned())
}

#[test]
fn a_query_is_taken_apart_and_what_is_wrong_with_it_is_named() {
    let read = Exposition::parse(
        "# TYPE a counter\na{x=\"1\",y=\"2\"} 3\n# TYPE b histogram\nb_bucket{le=\"1\"} 1\nb_sum 1\nb_count 1\n",
    );
    for (query, missing) in [
        ("sum by (x) (rate(a{y=\"2\"}[1m])) > 0.5", vec![]),
        (
            "histogram_quantile(0.99, sum by (le) (rate(b_bucket[5m])))",
            vec![],
        ),
        ("sum(a{x=~\"$x\"}) / sum(b_count)", vec![]),
        ("sum(c)", vec!["c"]),
        ("sum(b)", vec!["b"]),
        ("a{x=\"2\"}", vec!["a{x=2}"]),
        ("a{z=\"2\"}", vec!["a{z}"]),
        ("sum by (z, instance) (a)", vec!["by z"]),
        ("sum(a{x=~\"$x\", instance=~\"$instance\"})", vec![]),
    ] {
        assert_eq!(Query::parse(query).missing(&read), missing, "{query}");
    }
}
