//! Expressions of Rust, laid out as rustfmt lays them out.

use std::fmt::Write as _;

/// The longest arguments and fields that rustfmt leaves on one line.
const CALL: usize = 60;
/// The longest code without parts: there is nowhere to break it, but a line of a function holds it.
const CODE: usize = 80;
const FIELDS: usize = 18;

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Expression {
    /// Code without parts.
    Code(String),
    /// Parts between an opening and a closing text.
    Call {
        open: String,
        parts: Vec<Expression>,
        close: &'static str,
    },
    /// A struct by its fields.
    Struct {
        name: String,
        fields: Vec<(String, Expression)>,
    },
}

impl Expression {
    pub(super) fn code(code: impl Into<String>) -> Self {
        Self::Code(code.into())
    }

    /// Returns the call of a function, or a constructor, with one argument.
    pub(super) fn call(name: &str, part: Self) -> Self {
        Self::Call {
            open: format!("{name}("),
            parts: vec![part],
            close: ")",
        }
    }

    /// Returns the expression on one line.
    fn flat(&self) -> String {
        match self {
            Self::Code(code) => code.clone(),
            Self::Call { open, parts, close } => {
                let parts: Vec<_> = parts.iter().map(Self::flat).collect();
                format!("{open}{}{close}", parts.join(", "))
            }
            Self::Struct { name, fields } if fields.is_empty() => format!("{name} {{}}"),
            Self::Struct { name, fields } => format!("{name} {{ {} }}", flat_fields(fields)),
        }
    }

    /// Returns the expression as the last one of a function whose code is indented so far, and whether it
    /// is laid out in another way than rustfmt would.
    pub(super) fn laid_out(&self, indent: &str) -> (String, bool) {
        if self.fits() {
            return (self.flat(), false);
        }
        match self {
            Self::Struct { name, fields } => {
                let inner = format!("{indent}    ");
                let mut odd = false;
                let mut out = format!("{name} {{\n");
                for (field, value) in fields {
                    let (value, is_odd) = value.laid_out(&inner);
                    odd |= is_odd;
                    let _ = writeln!(out, "{inner}{field}: {value},");
                }
                out.push_str(indent);
                out.push('}');
                (out, odd)
            }
            _ => (self.flat(), true),
        }
    }

    /// Returns whether rustfmt leaves it on one line.
    fn fits(&self) -> bool {
        match self {
            Self::Code(code) => code.len() <= CODE,
            Self::Call { parts, .. } => {
                let length: usize = parts.iter().map(|part| part.flat().len() + 2).sum();
                length <= CALL && parts.iter().all(Self::fits)
            }
            Self::Struct { fields, .. } => {
                flat_fields(fields).len() <= FIELDS && fields.iter().all(|(_, value)| value.fits())
            }
        }
    }
}

fn flat_fields(fields: &[(String, Expression)]) -> String {
    let fields = fields.iter();
    let fields = fields.map(|(name, value)| format!("{name}: {}", value.flat()));
    fields.collect::<Vec<_>>().join(", ")
}
