//! The looks that all plots share: names and colours of senders, and numbers.

use casty_bench_harness::load::Load;
use plotters::style::{RGBColor, ShapeStyle};

use crate::plan::Cell;

/// The senders that are drawn, with their names and colours.
const SENDERS: [(&str, &str, RGBColor); 12] = [
    ("floor", "floor (bare loop)", RGBColor(120, 120, 120)),
    ("client", "casty", RGBColor(0, 84, 166)),
    ("client2", "casty, 2 workers", RGBColor(86, 166, 226)),
    ("tonic", "tonic", RGBColor(200, 60, 50)),
    ("tarpc", "tarpc", RGBColor(230, 140, 0)),
    ("redis", "redis-rs", RGBColor(150, 30, 100)),
    ("nats", "async-nats", RGBColor(30, 140, 80)),
    ("nats2", "async-nats, 2 workers", RGBColor(120, 190, 120)),
    ("ractor", "ractor_cluster", RGBColor(120, 90, 60)),
    ("client-tls", "casty, TLS", RGBColor(60, 60, 150)),
    ("client-quic", "casty, QUIC", RGBColor(110, 110, 190)),
    ("floor2", "floor, 2 workers", RGBColor(175, 175, 175)),
];

/// Returns the name and the colour of a sender.
pub(super) fn sender(name: &str) -> (&'static str, RGBColor) {
    let known = SENDERS.iter().find(|(known, ..)| *known == name);
    known.map_or(("?", RGBColor(0, 0, 0)), |(_, label, colour)| {
        (label, *colour)
    })
}

pub(super) fn filled(colour: RGBColor) -> ShapeStyle {
    ShapeStyle {
        color: colour.into(),
        filled: true,
        stroke_width: 1,
    }
}

pub(super) fn cell(load: Load, sender: &'static str) -> Cell {
    Cell { load, sender }
}

/// Returns a number in thousands or millions.
pub(super) fn rounded(value: f64) -> String {
    let (value, unit) = match value {
        large if large >= 1e6 => (large / 1e6, "M"),
        large if large >= 1e3 => (large / 1e3, "k"),
        small => (small, ""),
    };
    match value {
        large if large >= 9.95 || unit.is_empty() => format!("{large:.0}{unit}"),
        small => format!("{small:.1}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_on_plots_have_two_digits_or_three() {
        for (value, expected) in [
            (4_000_000.0, "4.0M"),
            (12_345_678.0, "12M"),
            (123_456.0, "123k"),
            (9_440.0, "9.4k"),
            (37.4, "37"),
        ] {
            assert_eq!(rounded(value), expected);
        }
    }
}
