//! The text by which an enum's member is known whose value alone is in the pickle.

use std::fmt::Write as _;

use super::arena::{Arena, Id, Node};
use super::int;
use crate::codec::float;

/// The deepest nesting of tuples in an enum's value.
const MAX_DEPTH: usize = 4;

/// Returns Python's `str()` of a scalar or a tuple of scalars: `2`, `green`, `(0, 0, 255)`. `None` for
/// any other value.
pub(super) fn python_text(arena: &Arena<'_>, id: Id) -> Option<String> {
    if let Node::Str(span) = arena.node(id) {
        return arena.text(span).ok().map(str::to_owned);
    }
    let mut out = String::new();
    write_repr(arena, id, MAX_DEPTH, &mut out)?;
    Some(out)
}

fn write_repr(arena: &Arena<'_>, id: Id, depth: usize, out: &mut String) -> Option<()> {
    match arena.node(id) {
        Node::None => out.push_str("None"),
        Node::Bool(true) => out.push_str("True"),
        Node::Bool(false) => out.push_str("False"),
        Node::Int(int) => write!(out, "{int}").ok()?,
        Node::Long(span) => {
            let bytes = arena.bytes(span);
            match (int::unsigned(bytes), int::signed(bytes)) {
                (Some(int), _) => write!(out, "{int}").ok()?,
                (None, Some(int)) => write!(out, "{int}").ok()?,
                (None, None) => return None,
            }
        }
        Node::Float(float) => write_float(float, out),
        Node::Str(span) => write_quoted(arena.text(span).ok()?, out),
        Node::Tuple(children) => {
            let depth = depth.checked_sub(1)?;
            let children = arena.children(children);
            out.push('(');
            for (at, &child) in children.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                write_repr(arena, child, depth, out)?;
            }
            out.push_str(if children.len() == 1 { ",)" } else { ")" });
        }
        _ => return None,
    }
    Some(())
}

fn write_quoted(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            c if c == quote => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out.push(quote);
}

fn write_float(float: f64, out: &mut String) {
    if float.is_nan() {
        out.push_str("nan");
    } else if float.is_infinite() {
        out.push_str(if float < 0.0 { "-inf" } else { "inf" });
    } else {
        let mut digits = Vec::new();
        float::push_finite(&mut digits, float);
        out.push_str(&String::from_utf8_lossy(&digits));
    }
}

#[cfg(test)]
mod tests {
    use super::write_float;

    #[test]
    fn floats_are_written_as_pythons_str_writes_them() {
        for (float, text) in [
            (0.5, "0.5"),
            (1e16, "1e+16"),
            (f64::NAN, "nan"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            let mut out = String::new();
            write_float(float, &mut out);
            assert_eq!(out, text);
        }
    }
}
