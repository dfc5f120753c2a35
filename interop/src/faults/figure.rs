//! Figures that faults measure.

/// Something that was measured.
pub(super) struct Figure {
    pub(super) what: &'static str,
    pub(super) value: String,
    /// The value is as it must be.
    pub(super) met: bool,
}

impl Figure {
    /// Creates a figure that is only reported.
    pub(super) fn new(what: &'static str, value: impl Into<String>) -> Self {
        Self::limited(what, value, true)
    }

    /// Creates a figure of which `what` names the limit; `met` tells whether it is kept.
    pub(super) fn limited(what: &'static str, value: impl Into<String>, met: bool) -> Self {
        let value = value.into();
        Self { what, value, met }
    }
}

/// Seconds as text.
pub(super) fn seconds(time: f64) -> String {
    if time < 1.0 {
        return format!("{:.0} ms", time * 1e3);
    }
    format!("{time:.2} s")
}

/// Seconds as text, or that it never was.
pub(super) fn seconds_or(time: Option<f64>, never: &str) -> String {
    time.map_or_else(|| never.to_owned(), seconds)
}
