//! The lints of clippy that a class brings with it, however it is written.

use super::writer::Writer;
use crate::model::Type;
use crate::plan::size;

/// The most fields of booleans that clippy takes, and the fewest names that it finds alike.
const BOOLS: usize = 3;
const ALIKE: usize = 3;
/// The score of a complex type; clippy takes 250, and boxes count there.
const COMPLEX: usize = 200;
/// The most that members of a union may differ by, in bytes; clippy takes 200, and sizes are rough here.
const DIFFERENCE: usize = 150;

/// Returns the lints of a struct with such fields.
pub(super) fn of_struct(types: &[&Type], names: &[String]) -> Vec<&'static str> {
    let mut lints = Vec::new();
    let bools = types.iter().filter(|of| matches!(of, Type::Bool)).count();
    if bools > BOOLS {
        lints.push("clippy::struct_excessive_bools");
    }
    if types.iter().any(|of| is_complex(of)) {
        lints.push("clippy::type_complexity");
    }
    let parts = names
        .iter()
        .map(|name| name.split('_').map(str::to_owned).collect());
    if names.len() >= ALIKE && are_alike(&parts.collect::<Vec<_>>()) {
        lints.push("clippy::struct_field_names");
    }
    lints
}

/// Returns whether clippy finds a type complex, roughly: deeper parts count for more.
pub(super) fn is_complex(of: &Type) -> bool {
    score(of, 1) > COMPLEX
}

fn score(of: &Type, depth: usize) -> usize {
    let parts = of.parts().into_iter();
    10 * depth + parts.map(|part| score(part, depth + 1)).sum::<usize>()
}

/// Returns the lints of an enum with such variants.
pub(super) fn of_enum(name: &str, variants: &[String]) -> Vec<&'static str> {
    let all: Vec<Vec<String>> = variants.iter().map(|variant| humps(variant)).collect();
    let repeats = |variant: &String| variant.starts_with(name) || variant.ends_with(name);
    let is_odd = variants.iter().any(repeats) || (variants.len() >= ALIKE && are_alike(&all));
    if is_odd {
        vec!["clippy::enum_variant_names"]
    } else {
        Vec::new()
    }
}

/// Returns whether names have their first or their last word in common.
fn are_alike(names: &[Vec<String>]) -> bool {
    let same = |word: fn(&Vec<String>) -> Option<&String>| {
        let first = names.first().and_then(word);
        names.iter().all(|name| word(name) == first)
    };
    same(|name| name.first()) || same(|name| name.last())
}

/// Returns the words of a name in camel case.
fn humps(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for letter in name.chars() {
        match words.last_mut() {
            Some(word) if !letter.is_uppercase() => word.push(letter),
            _ => words.push(letter.to_string()),
        }
    }
    words
}

impl Writer<'_> {
    /// Returns the lints of a union's variants as values.
    pub(super) fn lints_of_sizes(&self, members: &[Type]) -> Vec<&'static str> {
        /// As deep as types count in their owner's size.
        const DEEPEST: usize = 6;
        let sizes = members.iter().map(|of| size(self.plan, of, DEEPEST));
        let mut sizes: Vec<usize> = sizes.collect();
        sizes.sort_unstable_by(|one, other| other.cmp(one));
        match sizes.as_slice() {
            [largest, next, ..] if largest - next > DIFFERENCE => {
                vec!["clippy::large_enum_variant"]
            }
            _ => Vec::new(),
        }
    }
}
