//! Floats as Python prints them.

/// Appends a finite float as Python's `repr` writes it: the shortest digits that read back the same.
pub(crate) fn push_finite(out: &mut Vec<u8>, value: f64) {
    if value == 0.0 || (1e-4..1e16).contains(&value.abs()) {
        let mut digits = ryu::Buffer::new();
        out.extend_from_slice(digits.format_finite(value).as_bytes());
        return;
    }
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ("e-", exponent),
        None => ("e+", exponent),
    };
    let zero = if exponent.len() < 2 { "0" } else { "" };
    for part in [mantissa, sign, zero, exponent] {
        out.extend_from_slice(part.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_python_prints_them() {
        for (float, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (1.5e-5, "1.5e-05"),
            (123_456_789.0, "123456789.0"),
            (9_007_199_254_740_992.0, "9007199254740992.0"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.25e100, "1.25e+100"),
            (1.5e300, "1.5e+300"),
            (5e-324, "5e-324"),
        ] {
            let mut out = Vec::new();
            push_finite(&mut out, float);
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }
}
