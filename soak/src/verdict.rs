//! The verdict: the comparison of the beginning with the end.

use std::time::Duration;

use crate::sample::{CONNECTIONS, COUNT, FIGURES, Figure, Growth, PENDING, Sample};

/// All samples, with their times.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// Under load and faults, by the time since the beginning.
    pub(crate) under_load: Vec<(Duration, Sample)>,
    /// Samples of moments at which nothing moved.
    pub(crate) at_rest: Vec<(Duration, Sample)>,
}

/// Returns the span that is averaged at the beginning and at the end: a minute, or a quarter of a
/// run that is shorter than four.
pub(crate) fn span(length: Duration) -> Duration {
    (length / 4).min(Duration::from_mins(1))
}

/// A figure at the beginning and at the end.
struct Row {
    figure: &'static Figure,
    first: f64,
    last: f64,
    allowed: f64,
}

impl Row {
    fn change(&self) -> f64 {
        self.last - self.first
    }
}

/// Prints both tables, and returns what grew too much or is missing.
pub(crate) fn judge(record: &Record, length: Duration) -> Vec<String> {
    let span = span(length);
    let columns = match span.as_secs() {
        60 => ["first minute", "last minute"],
        _ => ["first quarter", "last quarter"],
    };
    let Some([first, last]) = ends(&record.under_load, span) else {
        return vec!["there are no samples under load".to_owned()];
    };
    let loaded = rows(&average(first), &average(last), |figure| figure.under_load);
    let mut problems = report("under load, average", columns, &loaded);
    let Some([first, last]) = ends(&record.at_rest, span) else {
        problems.push("there are no samples at rest".to_owned());
        return problems;
    };
    let mut rested = rows(&least(first), &least(last), |figure| figure.at_rest);
    allow_connections(&mut rested);
    problems.extend(report("at rest, least", columns, &rested));
    for (at, sample) in &record.at_rest {
        let seconds = at.as_secs();
        problems.extend(pending(sample).map(|what| format!("at rest after {seconds} s: {what}")));
    }
    problems
}

/// Returns the samples of the first and of the last `span`; of each at least one.
fn ends(samples: &[(Duration, Sample)], span: Duration) -> Option<[&[(Duration, Sample)]; 2]> {
    let ((begin, _), (end, _)) = (samples.first()?, samples.last()?);
    let first = samples.partition_point(|(at, _)| *at <= span.max(*begin));
    let last = samples.partition_point(|(at, _)| *at + span < *end);
    Some([samples.get(..first)?, samples.get(last..)?])
}

/// Returns the figure that is not zero in a sample of a moment at which nothing moves.
pub(crate) fn pending(sample: &Sample) -> Option<String> {
    let figures = FIGURES.iter().zip(sample);
    let mut left = figures
        .skip(PENDING.start)
        .take(PENDING.len())
        .filter(|(_, value)| **value > 0.0);
    left.next()
        .map(|(figure, value)| format!("{value} {} are left", figure.name))
}

fn average(samples: &[(Duration, Sample)]) -> Sample {
    let mut sums = [0.0; COUNT];
    let mut count = 0.0;
    for (_, sample) in samples {
        count += 1.0;
        for (sum, value) in sums.iter_mut().zip(sample) {
            *sum += value;
        }
    }
    sums.map(|sum| sum / count)
}

/// Returns the smallest value of each figure: all samples contain what is lost for good.
fn least(samples: &[(Duration, Sample)]) -> Sample {
    let mut least = [f64::INFINITY; COUNT];
    for (_, sample) in samples {
        for (least, value) in least.iter_mut().zip(sample) {
            *least = least.min(*value);
        }
    }
    least
}

fn rows(first: &Sample, last: &Sample, growth: impl Fn(&Figure) -> Growth) -> Vec<Row> {
    let values = first.iter().zip(last);
    let rows = FIGURES.iter().zip(values).map(|(figure, (first, last))| {
        let Growth { percent, plus } = growth(figure);
        Row {
            figure,
            first: *first,
            last: *last,
            allowed: first * f64::from(percent) / 100.0 + f64::from(plus),
        }
    });
    rows.collect()
}

/// Allows the growth that further connections of lasting clients explain.
fn allow_connections(rows: &mut [Row]) {
    let changes = CONNECTIONS.iter().filter_map(|at| rows.get(*at));
    let further = changes.map(Row::change).sum::<f64>().max(0.0);
    for row in rows {
        row.allowed += further * f64::from(row.figure.a_connection);
    }
}

fn report(title: &str, columns: [&str; 2], rows: &[Row]) -> Vec<String> {
    let [first, last] = columns;
    println!(
        "\n{title:24} {first:>14} {last:>14} {:>12} {:>12}",
        "change", "allowed"
    );
    let mut problems = Vec::new();
    for row in rows {
        let Row {
            figure,
            first,
            last,
            allowed,
        } = row;
        let (name, change) = (figure.name, row.change());
        let grew = change > *allowed;
        let mark = if grew { "  GREW" } else { "" };
        println!("{name:24} {first:14.1} {last:14.1} {change:+12.1} {allowed:12.1}{mark}");
        if grew {
            problems.push(format!(
                "{title}, {name} grew by {change:.1}, over {allowed:.1}"
            ));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTES: Duration = Duration::from_mins(4);

    /// Records a run in which a figure grows evenly, from 100 to 100 and `growth`, and others are
    /// still.
    fn growing(figure: &str, growth: f64, at_rest: bool) -> Record {
        let grown = FIGURES.iter().position(|known| known.name == figure);
        let grown = grown.unwrap();
        let still = [0.0; COUNT];
        let mut record = Record::default();
        for second in (0_u32..=240).step_by(10) {
            let mut sample = still;
            sample[grown] = 100.0 + growth * f64::from(second) / 240.0;
            let at = Duration::from_secs(second.into());
            let (loaded, rested) = if at_rest {
                (still, sample)
            } else {
                (sample, still)
            };
            record.under_load.push((at, loaded));
            record.at_rest.push((at, rested));
        }
        record
    }

    #[test]
    fn what_grows_beyond_its_tolerance_is_a_problem() {
        for (figure, growth, at_rest, fine) in [
            ("descriptors", 5.0, true, true),
            ("descriptors", 6.0, true, false),
            ("tasks", 6.0, true, false),
            ("live heap, KiB", 2000.0, true, true),
            ("live heap, KiB", 3000.0, true, false),
            ("descriptors", 60.0, false, true),
            ("descriptors", 90.0, false, false),
            ("resident memory, KiB", 30_000.0, false, false),
            ("descriptors", -90.0, true, true),
        ] {
            let problems = judge(&growing(figure, growth, at_rest), MINUTES);
            assert_eq!(problems.is_empty(), fine, "{figure} {growth}: {problems:?}");
            assert!(problems.iter().all(|problem| problem.contains(figure)));
        }
    }

    #[test]
    fn what_is_pending_at_rest_is_a_problem_though_it_does_not_grow() {
        let problems = judge(&growing("pending asks", 0.0, true), MINUTES);
        assert_eq!(problems.len(), 25);
        assert_eq!(problems[0], "at rest after 0 s: 100 pending asks are left");
        assert!(judge(&growing("pending asks", 0.0, false), MINUTES).is_empty());
    }

    #[test]
    fn further_connections_explain_their_descriptors_and_no_more() {
        let descriptors = FIGURES.iter().position(|known| known.name == "descriptors");
        for (grown, fine) in [(10.0, true), (11.0, false)] {
            // Of four more secondary connections, three are there in the last minute's least.
            let mut record = growing("secondary connections", 4.0, true);
            for (at, sample) in &mut record.at_rest {
                let late = *at > Duration::from_secs(170);
                sample[descriptors.unwrap()] = if late { grown } else { 0.0 };
            }
            let problems = judge(&record, MINUTES);
            assert_eq!(problems.is_empty(), fine, "{problems:?}");
        }
    }

    /// Buffers are larger at one rest than at another; what is lost stays lost.
    #[test]
    fn what_comes_and_goes_is_no_growth() {
        let mut record = growing("tasks", 0.0, true);
        let tasks = FIGURES.iter().position(|known| known.name == "tasks");
        let last = record.at_rest.last_mut();
        last.unwrap().1[tasks.unwrap()] = 1_000.0;
        assert!(judge(&record, MINUTES).is_empty());
    }

    #[test]
    fn a_run_without_samples_proves_nothing() {
        assert_eq!(judge(&Record::default(), MINUTES).len(), 1);
        let loaded = growing("tasks", 0.0, false);
        let record = Record {
            at_rest: Vec::new(),
            ..loaded
        };
        assert_eq!(judge(&record, MINUTES), ["there are no samples at rest"]);
    }

    #[test]
    fn short_runs_compare_quarters() {
        assert_eq!(span(Duration::from_mins(1)), Duration::from_secs(15));
        assert_eq!(span(Duration::from_mins(20)), Duration::from_mins(1));
    }
}
