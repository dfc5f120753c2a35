//! The names of Rust that generated code uses and does not define: no type of it may have one of them.

/// The types that are imported from casty-proto, and those of its module `value`.
pub(crate) const PROTO: [&str; 5] = ["ActorRef", "FrozenSet", "Set", "Tuple", "Value"];
pub(crate) const VALUES: [&str; 10] = [
    "BigInt",
    "ByteArray",
    "Bytes",
    "Complex",
    "Date",
    "DateTime",
    "Decimal",
    "Time",
    "TimeDelta",
    "Uuid",
];
/// The types of the standard library that are imported.
pub(crate) const COLLECTIONS: [&str; 2] = ["BTreeMap", "HashMap"];
/// The traits and derives of serde that are imported.
pub(crate) const SERDE: [&str; 2] = ["Deserialize", "Serialize"];

/// The names that every module has without an import: those that are written, and those that code beside
/// the types is likely to use.
const PRELUDE: [&str; 14] = [
    "Box",
    "Default",
    "Err",
    "From",
    "FromIterator",
    "Into",
    "IntoIterator",
    "None",
    "Ok",
    "Option",
    "Result",
    "Some",
    "String",
    "Vec",
];

/// Returns the names that stand for something else.
pub(crate) fn taken() -> impl Iterator<Item = &'static str> {
    let of_casty = PROTO.into_iter().chain(VALUES);
    of_casty.chain(COLLECTIONS).chain(SERDE).chain(PRELUDE)
}

/// Returns whether a name stands for something else.
pub(crate) fn is_taken(name: &str) -> bool {
    taken().any(|other| other == name)
}
