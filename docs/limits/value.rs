//! The values of constants: what their expressions come to, and how people write that.

use std::collections::BTreeMap;

use syn::{BinOp, Expr, ExprCall, ExprMethodCall, Lit};

/// The value of a constant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Value {
    Number(u128),
    /// In nanoseconds.
    Time(u128),
}

/// The constants of one file, by name.
pub(crate) type Constants<'a> = BTreeMap<String, &'a Expr>;

/// Returns what an expression comes to; `None` if it has parts that are not known here.
pub(crate) fn of(expr: &Expr, constants: &Constants<'_>) -> Option<Value> {
    match expr {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) => number.base10_parse().ok().map(Value::Number),
            _ => None,
        },
        Expr::Paren(inner) => of(&inner.expr, constants),
        Expr::Path(path) => of(
            constants.get(&path.path.get_ident()?.to_string())?,
            constants,
        ),
        Expr::Binary(binary) => {
            let (left, right) = (
                number(&binary.left, constants)?,
                number(&binary.right, constants)?,
            );
            let result = match binary.op {
                BinOp::Mul(_) => left.checked_mul(right),
                BinOp::Add(_) => left.checked_add(right),
                BinOp::Sub(_) => left.checked_sub(right),
                BinOp::Shl(_) => left.checked_shl(u32::try_from(right).ok()?),
                _ => None,
            };
            result.map(Value::Number)
        }
        Expr::Call(call) => called(call, constants),
        Expr::MethodCall(call) => times(call, constants),
        _ => None,
    }
}

fn number(expr: &Expr, constants: &Constants<'_>) -> Option<u128> {
    match of(expr, constants)? {
        Value::Number(number) => Some(number),
        Value::Time(_) => None,
    }
}

/// Returns the value of `Duration::from_secs(5)` and the like, or of `Some(..)`.
fn called(call: &ExprCall, constants: &Constants<'_>) -> Option<Value> {
    let Expr::Path(path) = &*call.func else {
        return None;
    };
    let name = path.path.segments.last()?.ident.to_string();
    let argument = call.args.first()?;
    let unit: u128 = match &*name {
        "Some" => return of(argument, constants),
        "from_micros" => 1_000,
        "from_millis" => 1_000_000,
        "from_secs" => 1_000_000_000,
        "from_mins" => 60_000_000_000,
        "from_hours" => 3_600_000_000_000,
        _ => return None,
    };
    Some(Value::Time(number(argument, constants)?.checked_mul(unit)?))
}

/// Returns the value of `TIME.saturating_mul(5)`.
fn times(call: &ExprMethodCall, constants: &Constants<'_>) -> Option<Value> {
    let Value::Time(time) = of(&call.receiver, constants)? else {
        return None;
    };
    let is_product = call.method == "saturating_mul";
    let factor = number(call.args.first()?, constants)?;
    is_product.then(|| Value::Time(time.saturating_mul(factor)))
}

/// Returns a value as people write it; one of bytes in binary units.
pub(crate) fn shown(value: Value, is_bytes: bool) -> String {
    match value {
        Value::Number(number) if is_bytes => size(number),
        Value::Number(number) => grouped(number),
        Value::Time(time) => {
            let units = [
                (60_000_000_000, "min"),
                (1_000_000_000, "s"),
                (1_000_000, "ms"),
                (1_000, "µs"),
            ];
            let fits = units.iter().find(|(unit, _)| time.is_multiple_of(*unit));
            let (unit, name) = fits.unwrap_or(&(1, "ns"));
            format!("{} {name}", grouped(time / unit))
        }
    }
}

/// Returns a number of bytes in the greatest binary unit that it is a multiple of.
pub(crate) fn size(bytes: u128) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let fits = units
        .iter()
        .find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit));
    let (unit, name) = fits.unwrap_or(&(1, "bytes"));
    format!("{} {name}", grouped(bytes / unit))
}

/// Returns a number with commas between thousands.
pub(crate) fn grouped(number: u128) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn expressions_of_constants_come_to_what_the_compiler_makes_of_them() {
    let two = syn::parse_str("Duration::from_secs(2)").unwrap();
    let constants = BTreeMap::from([("A".to_owned(), &two)]);
    for (text, is_bytes, expected) in [
        ("1_024", false, "1,024"),
        ("1_024", true, "1 KiB"),
        ("512", true, "512 bytes"),
        ("64 * 1024 * 1024", true, "64 MiB"),
        ("1 << 30", true, "1 GiB"),
        ("(1 << 22) - 1", false, "4,194,303"),
        ("Duration::from_millis(1500)", false, "1,500 ms"),
        ("Some(Duration::from_mins(1))", false, "1 min"),
        ("A.saturating_mul(5)", false, "10 s"),
        ("A", false, "2 s"),
    ] {
        let value = of(&syn::parse_str(text).unwrap(), &constants).expect(text);
        assert_eq!(shown(value, is_bytes), expected, "{text}");
    }
    let unknown =
        ["B", "A * 2", "f(1)", "\"a\"", "A.min(1)"].map(|text| syn::parse_str(text).unwrap());
    assert!(unknown.iter().all(|expr| of(expr, &constants).is_none()));
}
