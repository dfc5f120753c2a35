//! The colours of the plots, on a light ground and on a dark one.

use std::fmt::Write;

use plotters::style::{IntoFont, RGBColor, TextStyle};

pub(super) const GROUND: RGBColor = RGBColor(255, 255, 255);
pub(super) const INK: RGBColor = RGBColor(31, 35, 40);
pub(super) const GRID: RGBColor = RGBColor(216, 222, 228);
pub(super) const FIRST: RGBColor = RGBColor(9, 105, 218);
pub(super) const SECOND: RGBColor = RGBColor(188, 76, 0);
pub(super) const THIRD: RGBColor = RGBColor(130, 80, 223);

/// The colours, each with what stands for it on a dark ground.
const DARK: [(RGBColor, &str); 6] = [
    (GROUND, "#0D1117"),
    (INK, "#E6EDF3"),
    (GRID, "#30363D"),
    (FIRST, "#58A6FF"),
    (SECOND, "#F0883E"),
    (THIRD, "#BC8CFF"),
];

/// Returns the style of a text of this height.
pub(super) fn style(height: u32) -> TextStyle<'static> {
    ("sans-serif", height).into_font().color(&INK)
}

/// Adds the rules by which a viewer that prefers dark pages shows the file dark, its ground included.
pub(super) fn with_dark(svg: &str) -> String {
    let mut rules = String::from("<style>@media (prefers-color-scheme: dark) {");
    for (RGBColor(red, green, blue), dark) in DARK {
        let light = format!("#{red:02X}{green:02X}{blue:02X}");
        for attribute in ["fill", "stroke"] {
            // Nothing can go wrong: it is written to memory.
            write!(
                rules,
                " [{attribute}=\"{light}\"] {{ {attribute}: {dark} }}"
            )
            .ok();
        }
    }
    rules.push_str(" }</style>\n");
    match svg.split_once('\n') {
        Some((open, rest)) => format!("{open}\n{rules}{rest}"),
        None => svg.to_owned(),
    }
}
