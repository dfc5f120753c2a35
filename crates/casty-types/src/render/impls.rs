//! The `impl` blocks behind an item: the functions that make defaults, `Default`, and `From`.

use std::fmt::Write as _;

use super::attributes;
use super::expression::Expression;
use super::labels::field_names;
use super::writer::{WIDTH, Writer};
use crate::model::{Field, Type};
use crate::names;
use crate::plan::Item;

const INDENT: &str = "    ";
const INNER: &str = "        ";

/// A function that makes a field's default.
pub(super) struct Maker {
    pub(super) name: String,
    pub(super) of: String,
    pub(super) is_complex: bool,
    pub(super) value: Expression,
}

/// The way in which a struct is made of nothing but defaults.
pub(super) enum Whole {
    /// A field has none, or one that only Python makes.
    Missing,
    /// All are those of Rust.
    Derived,
    /// The value of each field.
    Written(Vec<(String, Expression)>),
}

impl Writer<'_> {
    /// Returns how the struct at that place is made of the defaults of its fields; `makers` are the
    /// functions of those that Rust does not have.
    pub(super) fn whole(&mut self, at: usize, fields: &[Field], makers: &[Maker]) -> Whole {
        let mut values = Vec::new();
        // A derive would want each type variable to have a default, too.
        let mut is_derived = self
            .plan
            .items
            .get(at)
            .is_some_and(|item| item.params.is_empty());
        for (field, name) in fields.iter().zip(field_names(fields)) {
            let maker = format!("default_{name}");
            let is_made = makers.iter().any(|known| known.name == maker);
            let value = if !field.init {
                Some(Expression::code("None"))
            } else if is_made {
                is_derived = false;
                Some(Expression::code(format!("Self::{maker}()")))
            } else {
                self.own_value(at, field)
            };
            let Some(value) = value else {
                return Whole::Missing;
            };
            values.push((names::field(&name), value));
        }
        if is_derived {
            Whole::Derived
        } else {
            Whole::Written(values)
        }
    }

    /// Returns the default of a field if it is Rust's own for the type.
    fn own_value(&mut self, at: usize, field: &Field) -> Option<Expression> {
        let default = field.default.as_ref()?;
        let resolved = self.resolved(&field.of);
        let function = self.own_default(&resolved, default)?;
        match function.as_str() {
            // These name no type, and what they make is short.
            "Default::default" | "Option::default" => self.expression(&field.of, default, at),
            _ => Some(Expression::code(format!("{function}()"))),
        }
    }

    /// Returns the conversions into a union from each of its classes.
    pub(super) fn conversions(
        &mut self,
        at: usize,
        item: &Item,
        classes: &[(&Type, &Item)],
    ) -> String {
        let mut out = String::new();
        for (member, class) in classes {
            let of = self.type_in(member, at);
            let header = format!(
                "impl{} From<{of}> for {} {{",
                variables(item),
                generic(item)
            );
            let function = format!("{INDENT}fn from(value: {of}) -> Self {{");
            out.push('\n');
            out.push_str(skipped([&header, &function]));
            let _ = writeln!(out, "{header}\n{function}");
            let _ = writeln!(out, "{INNER}Self::{}(value)\n{INDENT}}}\n}}", class.rust);
        }
        out
    }
}

/// Returns `Default` of a struct with these values.
pub(super) fn default(item: &Item, values: Vec<(String, Expression)>) -> String {
    let value = Expression::Struct {
        name: "Self".to_owned(),
        fields: values,
    };
    let (value, is_odd) = value.laid_out(INNER);
    let header = format!("impl{} Default for {} {{", variables(item), generic(item));
    let skip = if is_odd {
        "#[rustfmt::skip]\n"
    } else {
        skipped([&header])
    };
    let function = format!("{INDENT}fn default() -> Self {{\n{INNER}{value}\n{INDENT}}}");
    format!("\n{skip}{header}\n{function}\n}}\n")
}

/// Returns what keeps rustfmt from breaking lines that are long.
fn skipped<const N: usize>(lines: [&String; N]) -> &'static str {
    if lines.into_iter().any(|line| line.len() > WIDTH) {
        "#[rustfmt::skip]\n"
    } else {
        ""
    }
}

/// Returns an item's name with its type variables.
pub(super) fn generic(item: &Item) -> String {
    format!("{}{}", item.rust, variables(item))
}

/// Returns an item's type variables, as they stand behind its name.
fn variables(item: &Item) -> String {
    if item.params.is_empty() {
        String::new()
    } else {
        format!("<{}>", item.params.join(", "))
    }
}

/// Returns the functions that make defaults.
pub(super) fn constructors(item: &Item, makers: &[Maker]) -> String {
    if makers.is_empty() {
        return String::new();
    }
    let mut out = format!("\nimpl{} {} {{\n", variables(item), generic(item));
    for (at, maker) in makers.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        let (value, is_odd) = maker.value.laid_out(INNER);
        let mut allowed = Vec::new();
        if maker.is_complex {
            allowed.push("clippy::type_complexity");
        }
        if value.starts_with("Some(") {
            allowed.push("clippy::unnecessary_wraps");
        }
        if has_long_float(&value) {
            allowed.extend(["clippy::approx_constant", "clippy::unreadable_literal"]);
        }
        out.push_str(&attributes::allow(&allowed, INDENT));
        if is_odd {
            out.push_str("    #[rustfmt::skip]\n");
        }
        let (name, of) = (&maker.name, &maker.of);
        let _ = writeln!(out, "    fn {name}() -> {of} {{\n{INNER}{value}\n    }}");
    }
    out.push_str("}\n");
    out
}

/// Returns whether there is a float among the code of so many digits that clippy looks at it.
fn has_long_float(code: &str) -> bool {
    let words = code.split(|c: char| !(c.is_ascii_digit() || c == '.'));
    words
        .into_iter()
        .any(|word| word.contains('.') && word.len() > 4)
}
