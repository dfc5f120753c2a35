//! The text form of UUIDs.

/// Returns the hyphenated form, in lower case.
pub(crate) fn print(bytes: &[u8; 16]) -> String {
    let hex = format!("{:032x}", u128::from_be_bytes(*bytes));
    let mut text = String::with_capacity(36);
    for (index, digit) in hex.chars().enumerate() {
        if matches!(index, 8 | 12 | 16 | 20) {
            text.push('-');
        }
        text.push(digit);
    }
    text
}

/// Reads the hyphenated form, or 32 digits without hyphens; `None` if `text` is neither.
pub(crate) fn parse(text: &str) -> Option<[u8; 16]> {
    let hyphens = [8, 13, 18, 23];
    let digits: String = match text.len() {
        32 => text.into(),
        36 if hyphens
            .iter()
            .all(|at| text.as_bytes().get(*at) == Some(&b'-')) =>
        {
            text.split('-').collect()
        }
        _ => return None,
    };
    if digits.len() != 32 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(&digits, 16)
        .ok()
        .map(u128::to_be_bytes)
}
