//! The plots of a run, as one SVG file that needs no fonts: the curve of percentiles, the latency over time,
//! and the throughput over time.

use std::error::Error;

use plotters::backend::SVGBackend;
use plotters::drawing::IntoDrawingArea;

use super::report::{Point, Report};

mod panel;
mod theme;

use panel::{Area, Axis, Drawn, Series, empty, panel};
use theme::{FIRST, GROUND, SECOND, THIRD, style};

/// The width and height of the whole.
const SIZE: (u32, u32) = (880, 1020);
/// The height of the title.
const TITLE: u32 = 60;
/// The width of a line, and of one that another may lie upon.
const LINE: u32 = 2;
const BELOW: u32 = 4;
/// The height of a panel.
const PANEL: u32 = 320;

/// The percentiles at the foot of the curve, with their marks.
const PERCENTS: [(f64, &str); 7] = [
    (0.0, "0 %"),
    (0.5, "50 %"),
    (0.9, "90 %"),
    (0.99, "99 %"),
    (0.999, "99.9 %"),
    (0.9999, "99.99 %"),
    (0.99999, "99.999 %"),
];

/// Draws the plots of a report, as the text of an SVG file.
///
/// # Errors
/// What draws them has failed.
pub(super) fn draw(report: &Report) -> Result<String, Box<dyn Error>> {
    let mut text = String::new();
    {
        let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
        root.fill(&GROUND)?;
        let (title, panels) = root.split_vertically(TITLE);
        title.draw_text("casty bench", &style(26), (20, 12))?;
        title.draw_text(&report.title(), &style(17), (20, 40))?;
        let mut left = panels;
        let parts: [fn(&Area<'_>, &Report) -> Drawn; 3] = [percentiles, latency, throughput];
        for part in parts {
            let (panel, rest) = left.split_vertically(PANEL);
            part(&panel, report)?;
            left = rest;
        }
        root.present()?;
    }
    Ok(theme::with_dark(&text))
}

/// Draws the latency below which each share of the asks stays.
fn percentiles(area: &Area<'_>, report: &Report) -> Drawn {
    let name = "Latency of asks, by percentile";
    let Some(latency) = &report.latency_us else {
        return empty(area, name);
    };
    // Of a thousand asks the slowest is at 99.9 %: what lies beyond is the same ask.
    let end = whole(latency.count).log10().clamp(1.0, 5.0);
    let points = report.curve.iter();
    let points = points.map(|(share, micros)| (place(*share).min(end), decade(*micros)));
    let points: Vec<_> = points.collect();
    let marks = PERCENTS.into_iter();
    let marks = marks.filter(|(share, _)| place(*share) <= end + 1e-6);
    let across = Axis {
        name: "share of the asks",
        range: (0.0, end),
        marks: marks
            .map(|(share, text)| (place(share), text.to_owned()))
            .collect(),
    };
    let series = Series {
        name: "latency",
        colour: FIRST,
        width: LINE,
        points,
    };
    panel(area, name, across, latency_axis(&[&series]), &[series])
}

/// Draws the latency of the asks that were due in each part of the time.
fn latency(area: &Area<'_>, report: &Report) -> Drawn {
    let name = "Latency of asks, by when they were due";
    let of = |name, (colour, width), value: fn(&Point) -> Option<u64>| {
        let points = within(report).filter_map(|it| Some((middle(it), decade(value(it)?))));
        Series {
            name,
            colour,
            width,
            points: points.collect(),
        }
    };
    let all = [
        // Of few asks 99 % are as slow as the slowest: both lines are seen then.
        of("99 %", (SECOND, BELOW), |it| it.p99_us),
        of("slowest", (THIRD, LINE), |it| it.max_us),
        of("50 %", (FIRST, LINE), |it| it.p50_us),
    ];
    if all[0].points.is_empty() {
        return empty(area, name);
    }
    let up = latency_axis(&[&all[1], &all[2]]);
    panel(area, name, time_axis(report), up, &all)
}

/// Draws how many messages were due and sent, and how many replies came, in a second.
fn throughput(area: &Area<'_>, report: &Report) -> Drawn {
    let of = |name, colour, value: fn(&Point) -> u64| {
        let rate = |it: &Point| Some(whole(value(it)) / it.for_s.filter(|it| *it > 0.0)?);
        let points = within(report).filter_map(|it| Some((middle(it), rate(it)?)));
        Series {
            name,
            colour,
            width: LINE,
            points: points.collect(),
        }
    };
    let mut all = vec![
        of("due", THIRD, |it| it.due),
        of("sent", FIRST, |it| it.sent),
    ];
    if report.measured.asks.due > 0 {
        all.push(of("replies", SECOND, |it| it.replies));
    }
    let rates = all.iter().flat_map(|it| &it.points).map(|(_, rate)| *rate);
    let most = rates.fold(1.0, f64::max) * 1.1;
    let up = Axis {
        name: "messages a second",
        range: (0.0, most),
        marks: even(most),
    };
    panel(area, "Throughput", time_axis(report), up, &all)
}

/// Returns the intervals within the measured time.
fn within(report: &Report) -> impl Iterator<Item = &Point> {
    report.timeline.iter().filter(|it| it.for_s.is_some())
}

/// Returns the middle of an interval.
fn middle(point: &Point) -> f64 {
    point.at_s + point.for_s.unwrap_or_default() / 2.0
}

/// Returns the axis of the measured time.
fn time_axis(report: &Report) -> Axis {
    let end = report.duration_s;
    Axis {
        name: "seconds since the warm-up",
        range: (0.0, end),
        marks: even(end),
    }
}

/// Returns an axis of times, on which each step is ten times the last.
fn latency_axis(all: &[&Series]) -> Axis {
    let values = || {
        all.iter()
            .flat_map(|it| &it.points)
            .map(|(_, value)| *value)
    };
    let least = values().fold(f64::INFINITY, f64::min).floor();
    let most = values().fold(least + 1.0, f64::max);
    let mut marks = Vec::new();
    let mut power: u64 = 1;
    // From a microsecond to the most that is told apart, an hour.
    while power <= 10_000_000_000 {
        for micros in [power, power * 2, power * 5] {
            if (least..=most + 0.05).contains(&decade(micros)) {
                marks.push((decade(micros), trimmed(whole(micros) / 1000.0)));
            }
        }
        power *= 10;
    }
    Axis {
        name: "milliseconds",
        range: (least, most + 0.05),
        marks,
    }
}

/// Returns marks in even steps from nothing to `most`: five to ten of them.
fn even(most: f64) -> Vec<(f64, String)> {
    let power = 10_f64.powf((most / 5.0).log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|it| it * power);
    let step = steps.into_iter().find(|it| most / it <= 8.0);
    let step = step.unwrap_or(most).max(f64::MIN_POSITIVE);
    let mut marks = Vec::new();
    let mut at = 0.0;
    while at <= most && marks.len() < 12 {
        marks.push((at, trimmed(at)));
        at += step;
    }
    marks
}

/// Shows a number of three decimals at most, without zeros at its end.
fn trimmed(number: f64) -> String {
    let text = format!("{number:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Returns where a share of the asks is on an axis on which each nine takes the same length.
fn place(share: f64) -> f64 {
    -(1.0 - share).max(1e-9).log10()
}

/// Returns where a time is on an axis on which each power of ten takes the same length.
fn decade(micros: u64) -> f64 {
    whole(micros.max(1)).log10()
}

/// Returns a count as a length to be drawn.
#[expect(
    clippy::cast_precision_loss,
    reason = "nobody sees the sixteenth digit"
)]
fn whole(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_numbers_and_few() {
        let texts = |most| even(most).into_iter().map(|it| it.1).collect::<Vec<_>>();
        assert_eq!(texts(1.0), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
        assert_eq!(texts(30.0), ["0", "5", "10", "15", "20", "25", "30"]);
        for most in [0.001, 0.3, 7.0, 5500.0, 86_400.0, 1_100_000.0] {
            let count = even(most).len();
            assert!((3..=12).contains(&count), "{most}: {:?}", even(most));
        }
    }

    #[test]
    fn each_nine_takes_the_same_length() {
        assert!(place(0.0).abs() < 1e-9);
        let lengths = [0.9, 0.99, 0.999].map(place);
        assert!((lengths[2] - 2.0 * lengths[1] + lengths[0]).abs() < 1e-9);
        assert!(place(1.0).is_finite());
    }
}
