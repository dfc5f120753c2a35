//! The plots of a run, as SVG: throughput over asks in flight, percentiles of asks' times, and all
//! senders beside each other.

use std::fs;
use std::path::Path;

use crate::Failure;
use crate::results::Results;

mod bars;
mod lines;
mod looks;

/// Draws everything that the results have figures for, into files of that folder. Returns their
/// names.
///
/// # Errors
/// A file cannot be written.
pub fn draw(results: &Results, folder: &Path) -> Result<Vec<String>, Failure> {
    let mut drawn = Vec::new();
    for (name, plot) in [
        ("throughput.svg", lines::throughput(results)?),
        ("latency.svg", lines::latency(results)?),
        ("peers.svg", bars::peers(results)?),
    ] {
        if let Some(svg) = plot {
            fs::write(folder.join(name), svg)?;
            drawn.push(name.to_owned());
        }
    }
    Ok(drawn)
}

#[cfg(test)]
mod tests {
    use casty_bench_harness::load::Load;

    use super::*;
    use crate::plots::looks::cell;
    use crate::results::tests::figures;

    #[test]
    fn what_was_measured_is_drawn_by_name() {
        let mut results = Results::default();
        for (at_once, operations) in [(1, 40_000), (64, 1_500_000), (512, 4_000_000)] {
            for (sender, part) in [("floor", 1), ("client", 2), ("redis", 4)] {
                let measured = figures(operations / part, 20.0);
                results.add(cell(Load::Ask(at_once), sender), 0, measured);
            }
        }
        for svg in [
            lines::throughput(&results).unwrap().unwrap(),
            lines::latency(&results).unwrap().unwrap(),
            bars::peers(&results).unwrap().unwrap(),
        ] {
            for name in ["casty", "redis-rs"] {
                assert!(svg.contains(name), "{name}: {svg}");
            }
            assert!(!svg.contains("tonic"));
        }
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        let results = Results::default();
        assert!(lines::throughput(&results).unwrap().is_none());
        assert!(lines::latency(&results).unwrap().is_none());
        assert!(bars::peers(&results).unwrap().is_none());
    }
}
