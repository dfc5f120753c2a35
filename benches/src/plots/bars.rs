//! Bars: all senders beside each other, a panel for each load.

use casty_bench_harness::figures::Spread;
use casty_bench_harness::load::Load;
use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{PathElement, Rectangle, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, Color, IntoFont, RGBColor, TextStyle, WHITE};

use super::looks::{cell, filled, rounded, sender};
use crate::Failure;
use crate::results::Results;

const WIDTH: u32 = 1180;
/// Space above the bars of a panel, and below them.
const TITLE: i32 = 52;
const BELOW: i32 = 24;
/// The place where bars begin, and the space for the numbers behind them.
const LEFT: i32 = 215;
const RIGHT: i32 = 70;
/// The distance of two bars, and the height of one.
const STEP: i32 = 27;
const BAR: i32 = 18;

/// The senders of one ask after the other.
const ASKING: [&str; 9] = [
    "floor", "floor2", "client", "client2", "tonic", "tarpc", "redis", "nats", "ractor",
];

/// The bars of tells, and what is said of each behind its name.
const TELLING: [(Load, &str, &str); 14] = [
    (Load::Tell, "floor", ""),
    (Load::Tell, "floor2", ""),
    (Load::Tell, "client", ": tell"),
    (Load::Tell, "client2", ": tell"),
    (Load::TellAll, "client", ": tell_all"),
    (Load::TellAll, "client2", ": tell_all"),
    (Load::Tell, "nats", ": publish"),
    (Load::Tell, "nats2", ": publish"),
    (Load::TellAll, "tonic", ": client stream"),
    (Load::TellChannel, "tonic", ": stream by channel"),
    (Load::Tell, "redis", ": SET"),
    (Load::Tell, "ractor", ": cast"),
    (Load::Tell, "client-tls", ""),
    (Load::Tell, "client-quic", ""),
];

/// One bar.
struct Bar {
    label: String,
    colour: RGBColor,
    rate: Spread,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Returns the rates of all senders; `None` without any.
pub(super) fn peers(results: &Results) -> Result<Option<String>, Failure> {
    let panels = [
        ("1 ask in flight", asks(results, 1)),
        ("64 asks in flight", asks(results, 64)),
        ("512 asks in flight", asks(results, 512)),
        ("tells", tells(results)),
    ];
    if panels.iter().all(|(_, bars)| bars.is_empty()) {
        return Ok(None);
    }
    let rows = panels.iter().map(|(_, bars)| bars.len()).max();
    let rows = i32::try_from(rows.unwrap_or_default())?;
    let height = u32::try_from(2 * (TITLE + rows * STEP + BELOW))?;
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        area.fill(&WHITE)?;
        let quarters = area.split_evenly((2, 2));
        for (quarter, (title, mut bars)) in quarters.iter().zip(panels) {
            bars.sort_by(|one, other| other.rate.median.total_cmp(&one.rate.median));
            panel(quarter, title, &bars)?;
        }
        area.present()?;
    }
    Ok(Some(svg))
}

fn asks(results: &Results, at_once: u16) -> Vec<Bar> {
    let each = ASKING
        .into_iter()
        .map(|name| (Load::Ask(at_once), name, ""));
    let many = [
        ("client", ": ask_many"),
        ("client2", ": ask_many"),
        ("redis", ": pipeline"),
    ];
    let many = many.map(|(name, what)| (Load::AskMany(at_once), name, what));
    bars(results, each.chain(many))
}

fn tells(results: &Results) -> Vec<Bar> {
    bars(results, TELLING)
}

fn bars(
    results: &Results,
    cells: impl IntoIterator<Item = (Load, &'static str, &'static str)>,
) -> Vec<Bar> {
    let bar = |(load, name, what)| {
        let rate = results.spread(cell(load, name), |it| Some(it.rate()))?;
        let (label, colour) = sender(name);
        Some(Bar {
            label: format!("{label}{what}"),
            colour,
            rate,
        })
    };
    cells.into_iter().filter_map(bar).collect()
}

/// Draws bars from zero, each with its median behind it and a line from quartile to quartile.
fn panel(area: &Area<'_>, title: &str, bars: &[Bar]) -> Result<(), Failure> {
    let (width, _) = area.dim_in_pixel();
    let length = f64::from(i32::try_from(width)? - LEFT - RIGHT);
    let most = bars.iter().map(|bar| bar.rate.high).fold(1.0, f64::max);
    let heading = format!("Operations a second, {title}");
    area.draw(&Text::new(
        heading,
        (16, 18),
        ("sans-serif", 19).into_font(),
    ))?;
    for (row, bar) in (0..).zip(bars) {
        let top = TITLE + row * STEP;
        let middle = top + BAR / 2;
        let end = |rate: f64| LEFT + pixels(rate / most * length);
        let shape = [(LEFT, top), (end(bar.rate.median), top + BAR)];
        area.draw(&Rectangle::new(shape, filled(bar.colour)))?;
        let around = vec![(end(bar.rate.low), middle), (end(bar.rate.high), middle)];
        area.draw(&PathElement::new(around, BLACK.stroke_width(2)))?;
        let text = |horizontal| {
            let font = ("sans-serif", 14).into_font();
            TextStyle::from(font).pos(Pos::new(horizontal, VPos::Center))
        };
        let label = bar.label.clone();
        area.draw(&Text::new(label, (LEFT - 8, middle), text(HPos::Right)))?;
        let behind = end(bar.rate.high.max(bar.rate.median)) + 8;
        let number = rounded(bar.rate.median);
        area.draw(&Text::new(number, (behind, middle), text(HPos::Left)))?;
    }
    Ok(())
}

#[expect(clippy::cast_possible_truncation, reason = "a place in a picture")]
fn pixels(length: f64) -> i32 {
    length.round() as i32
}
