//! One panel: lines over two axes, with marks, a grid, a legend and a heading.

use std::error::Error;
use std::ops::Range;

use plotters::backend::SVGBackend;
use plotters::chart::{ChartBuilder, SeriesLabelPosition};
use plotters::coord::Shift;
use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::DrawingArea;
use plotters::element::PathElement;
use plotters::series::LineSeries;
use plotters::style::{Color, RGBColor};

use super::theme::{GRID, GROUND, INK, style};

/// The area that a panel takes.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// The end of a drawing.
pub(super) type Drawn = Result<(), Box<dyn Error>>;

/// A line of a panel.
pub(super) struct Series {
    pub(super) name: &'static str,
    pub(super) colour: RGBColor,
    pub(super) width: u32,
    pub(super) points: Vec<(f64, f64)>,
}

/// An axis: its range and its marks, each with its text.
pub(super) struct Axis {
    pub(super) name: &'static str,
    pub(super) range: (f64, f64),
    pub(super) marks: Vec<(f64, String)>,
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        RangedCoordf64::from(self.range()).map(value, limit)
    }

    /// Returns the marks, however many there are.
    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.marks.iter().map(|(place, _)| *place).collect()
    }

    fn range(&self) -> Range<f64> {
        self.range.0..self.range.1
    }
}

impl ValueFormatter<f64> for Axis {
    /// Returns the text of the mark that is nearest.
    fn format_ext(&self, at: &f64) -> String {
        let distance = |(place, _): &&(f64, String)| (place - at).abs();
        let marks = self.marks.iter();
        let nearest = marks.min_by(|a, b| distance(a).total_cmp(&distance(b)));
        nearest.map(|(_, text)| text.clone()).unwrap_or_default()
    }
}

/// Draws lines over axes.
pub(super) fn panel(
    area: &Area<'_>,
    heading: &str,
    across: Axis,
    up: Axis,
    all: &[Series],
) -> Drawn {
    let names = (across.name, up.name);
    let mut chart = ChartBuilder::on(area)
        .margin_left(16)
        .margin_right(24)
        .margin_top(6)
        .margin_bottom(8)
        .caption(heading, style(20))
        .x_label_area_size(48)
        .y_label_area_size(84)
        .build_cartesian_2d(across, up)?;
    chart
        .configure_mesh()
        .light_line_style(GROUND)
        .bold_line_style(GRID)
        .axis_style(INK)
        .label_style(style(15))
        .axis_desc_style(style(16))
        .x_desc(names.0)
        .y_desc(names.1)
        .draw()?;
    for Series {
        name,
        colour,
        width,
        points,
    } in all
    {
        let line = colour.stroke_width(*width);
        chart
            .draw_series(LineSeries::new(points.iter().copied(), line))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], line));
    }
    if all.len() > 1 {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .background_style(GROUND)
            .border_style(GRID)
            .label_font(style(15))
            .draw()?;
    }
    Ok(())
}

/// Says that there is nothing to draw.
pub(super) fn empty(area: &Area<'_>, heading: &str) -> Drawn {
    area.draw_text(heading, &style(20), (20, 10))?;
    area.draw_text("no ask was replied to", &style(16), (20, 44))?;
    Ok(())
}
