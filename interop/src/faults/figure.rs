//! Figures that faults measure.

/// Something that was measured.
pub(super) struct Figure {
    pub(super) what: &'static str,
    pub(super) value: String,
    /// Whether it is as it must be.
    pub(super) met: bool,
}

impl Figure {
    /// One that is only reported.
    pub(super) fn new(what: &'static str, value: impl Into<String>) -> Self {
        Self::limited(what, value, true)
    }

    /// One of which `what` names the limit, and whether it is `met`.
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
