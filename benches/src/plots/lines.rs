//! Lines: throughput over asks in flight, and the percentiles of asks' times.

use std::ops::Range;

use casty_bench_harness::figures::{PERMILLES, Spread};
use casty_bench_harness::load::Load;
use plotters::backend::SVGBackend;
use plotters::chart::ChartBuilder;
use plotters::coord::Shift;
use plotters::coord::combinators::IntoLogRange;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Text};
use plotters::series::LineSeries;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, Color, IntoFont, RGBColor, TextStyle, WHITE};

use super::looks::{cell, filled, rounded, sender};
use crate::Failure;
use crate::results::Results;

/// The senders that have lines.
const DRAWN: [&str; 8] = [
    "floor", "client", "client2", "tonic", "tarpc", "redis", "nats", "ractor",
];
const AT_ONCE: [u16; 4] = [1, 8, 64, 512];
const SIZE: (u32, u32) = (900, 560);
const LATENCY_SIZE: (u32, u32) = (1180, 560);
/// Space for the names at the ends of the lines.
const NAMES: u32 = 150;
/// The least distance of two names, in pixels.
const APART: i32 = 16;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// One line, with its points from left to right.
struct Line {
    name: &'static str,
    points: Vec<(f64, f64)>,
}

/// A panel of lines, with logarithmic heights.
struct Panel<'a> {
    title: String,
    across: &'a str,
    up: &'a str,
    /// Writes what stands beside a height.
    height: &'a dyn Fn(f64) -> String,
    /// The left and the right end.
    span: Range<f64>,
    lines: Vec<Line>,
    /// Writes what stands below a place.
    label: &'a dyn Fn(f64) -> String,
    labels: usize,
}

/// Returns operations a second over asks in flight; `None` without any.
pub(super) fn throughput(results: &Results) -> Result<Option<String>, Failure> {
    let rate = |sender, at_once: u16| {
        let spread = results.spread(cell(Load::Ask(at_once), sender), |it| Some(it.rate()))?;
        Some((f64::from(at_once).log2(), spread.median))
    };
    let lines = lines(|name| AT_ONCE.iter().filter_map(|at| rate(name, *at)).collect());
    if lines.is_empty() {
        return Ok(None);
    }
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let panel = Panel {
            title: "Asks answered a second".to_owned(),
            across: "asks in flight",
            up: "asks a second",
            height: &rounded,
            span: 0.0..9.0,
            lines,
            label: &|place| format!("{:.0}", place.exp2()),
            labels: 10,
        };
        panel.draw(&area)?;
        area.present()?;
    }
    Ok(Some(svg))
}

/// Returns the percentiles of asks' times, one ask in flight and 64; `None` without any.
pub(super) fn latency(results: &Results) -> Result<Option<String>, Failure> {
    let of = |at_once: u16| {
        let load = Load::Ask(at_once);
        let time = |name, at: usize| {
            let cell = cell(load, name);
            results.spread(cell, |it| it.latency_microseconds.get(at).copied())
        };
        lines(|name| {
            let times = (0..PERMILLES.len()).map(|at| time(name, at));
            let place = |(at, time): (u8, Option<Spread>)| Some((f64::from(at), time?.median));
            (0u8..).zip(times).filter_map(place).collect()
        })
    };
    let panels = [(1, of(1)), (64, of(64))];
    if panels.iter().all(|(_, lines)| lines.is_empty()) {
        return Ok(None);
    }
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, LATENCY_SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let halves = area.split_evenly((1, 2));
        for (half, (at_once, lines)) in halves.iter().zip(panels) {
            if !lines.is_empty() {
                percentiles(at_once, lines).draw(half)?;
            }
        }
        area.present()?;
    }
    Ok(Some(svg))
}

fn percentiles(at_once: u16, lines: Vec<Line>) -> Panel<'static> {
    Panel {
        title: format!("Time of an ask, {at_once} in flight"),
        across: "percentile",
        up: "microseconds",
        height: &|micros| format!("{micros:.0}"),
        span: 0.0..9.0,
        lines,
        label: &percent,
        labels: PERMILLES.len(),
    }
}

/// Returns the percentile at a place.
fn percent(place: f64) -> String {
    let near = |(at, _): &(u8, u16)| (f64::from(*at) - place).abs() < 0.1;
    let found = (0u8..).zip(PERMILLES).find(near);
    found.map_or_else(String::new, |(_, permille)| {
        format!("{}", f64::from(permille) / 10.0)
    })
}

/// Returns the lines of the senders that have points.
fn lines(points: impl Fn(&'static str) -> Vec<(f64, f64)>) -> Vec<Line> {
    let lines = DRAWN.into_iter().map(|name| Line {
        name,
        points: points(name),
    });
    lines.filter(|line| !line.points.is_empty()).collect()
}

impl Panel<'_> {
    fn draw(&self, area: &Area<'_>) -> Result<(), Failure> {
        let heights = self.lines.iter().flat_map(|line| &line.points);
        let heights = heights.map(|(_, height)| *height);
        let low = heights.clone().fold(f64::INFINITY, f64::min);
        // Lines across are counted from a power of ten.
        let low = 10f64.powf(low.log10().floor());
        let high = heights.fold(0.0, f64::max) * 1.3;
        let (width, _) = area.dim_in_pixel();
        let (left, right) = area.split_horizontally(width - NAMES);
        let mut chart = ChartBuilder::on(&left)
            .caption(&self.title, ("sans-serif", 20))
            .margin(12)
            .x_label_area_size(46)
            .y_label_area_size(66)
            .build_cartesian_2d(self.span.clone(), (low..high).log_scale())?;
        chart
            .configure_mesh()
            .x_desc(self.across)
            .y_desc(self.up)
            .x_labels(self.labels)
            .x_max_light_lines(1)
            .y_labels(30)
            .y_max_light_lines(1)
            .x_label_formatter(&|place| (self.label)(*place))
            .y_label_formatter(&|height| sparse(*height, self.height))
            .label_style(("sans-serif", 14))
            .axis_desc_style(("sans-serif", 15))
            .light_line_style(RGBColor(240, 240, 240))
            .bold_line_style(RGBColor(215, 215, 215))
            .draw()?;
        for line in self.lines.iter().rev() {
            let (_, colour) = sender(line.name);
            let stroke = colour.stroke_width(if line.name == "client" { 4 } else { 2 });
            chart.draw_series(LineSeries::new(line.points.iter().copied(), stroke))?;
            let dots = line.points.iter();
            chart.draw_series(dots.map(|point| Circle::new(*point, 3, filled(colour))))?;
        }
        let place = |point: &(f64, f64)| chart.backend_coord(point);
        let ends = self.lines.iter().filter_map(|line| {
            let (_, height) = place(line.points.last()?);
            Some((line.name, height))
        });
        names(&right, ends.collect())
    }
}

/// Returns the label of a height that is 1, 2 or 5 times a power of ten; nothing beside others.
fn sparse(height: f64, label: &dyn Fn(f64) -> String) -> String {
    let leading = height / 10f64.powf((height.log10() + 1e-9).floor());
    let is_round = [1.0, 2.0, 5.0].iter().any(|it| (leading - it).abs() < 0.01);
    if is_round {
        label(height)
    } else {
        String::new()
    }
}

/// Writes the name of each line beside its end, as near as names have room.
fn names(area: &Area<'_>, mut ends: Vec<(&'static str, i32)>) -> Result<(), Failure> {
    ends.sort_by_key(|(_, height)| *height);
    let heights: Vec<i32> = ends.iter().map(|(_, height)| *height).collect();
    let (_, bottom) = area.dim_in_pixel();
    let places = spaced(&heights, i32::try_from(bottom)? - 50);
    for ((name, height), place) in ends.into_iter().zip(places) {
        let (label, colour) = sender(name);
        let line = vec![(-10, height), (2, place), (6, place)];
        area.draw(&PathElement::new(line, colour.stroke_width(1)))?;
        let font = ("sans-serif", 15).into_font();
        let style = TextStyle::from(font).color(if name == "client" { &colour } else { &BLACK });
        let style = style.pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(label, (10, place), style))?;
    }
    Ok(())
}

/// Returns sorted heights moved apart, none of them below `bottom`.
fn spaced(heights: &[i32], bottom: i32) -> Vec<i32> {
    let mut places: Vec<i32> = Vec::new();
    for height in heights {
        let least = places.last().map_or(*height, |last| last + APART);
        places.push(least.max(*height));
    }
    let mut most = bottom;
    for place in places.iter_mut().rev() {
        *place = most.min(*place);
        most = *place - APART;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_apart_and_within_the_picture() {
        assert_eq!(spaced(&[10, 100], 500), [10, 100]);
        assert_eq!(spaced(&[10, 12, 13], 500), [10, 26, 42]);
        assert_eq!(spaced(&[480, 490], 490), [474, 490]);
        assert_eq!(spaced(&[], 5), [0; 0]);
    }

    #[test]
    fn only_some_heights_are_labelled() {
        let label = |height: f64| format!("{height:.0}");
        for (height, expected) in [(20.0, "20"), (30.0, ""), (1000.0, "1000"), (90.0, "")] {
            assert_eq!(sparse(height, &label), expected);
        }
    }

    #[test]
    fn places_are_labelled_with_their_percentiles() {
        assert_eq!(percent(0.0), "5");
        assert_eq!(percent(3.0), "50");
        assert_eq!(percent(9.0), "99.9");
        assert_eq!(percent(0.5), "");
    }
}
