//! Classes, enums, unions, aliases and newtypes, each as one item of Rust.

use std::fmt::Write as _;

use super::impls::{self, Maker, Whole, constructors, generic};
use super::labels::{field_names, variants};
use super::writer::{WIDTH, Writer};
use super::{attributes, docs, lints};
use crate::model::{Body, DefaultValue, Field, Member, Type};
use crate::names::{self, serde_name};
use crate::plan::Item;

const INDENT: &str = "    ";
const INNER: &str = "        ";

/// The way in which a field takes its default.
#[derive(Default)]
struct Defaulted {
    argument: Option<String>,
    note: Option<String>,
    maker: Option<Maker>,
}

impl Writer<'_> {
    /// Writes the item at that place.
    pub(super) fn item(&mut self, at: usize) -> String {
        let plan = self.plan;
        let Some(item) = plan.items.get(at) else {
            return String::new();
        };
        match &item.definition.body {
            Body::Dataclass { fields, notes } => self.dataclass(at, item, fields, notes),
            Body::Enum { members, flag } => self.enumeration(at, item, members, *flag),
            Body::Union { members } => self.union(at, item, members),
            Body::Alias { of } => {
                let name = generic(item);
                let written = self.type_in(of, at);
                let doc = about(item, &format!("The type `{}`.", item.python()), of);
                format!("{doc}pub type {name} = {written};\n")
            }
            Body::Newtype { of } => {
                let written = self.type_in(of, at);
                let doc = about(item, &format!("The `NewType` `{}`.", item.python()), of);
                let derives = attributes::derive(&self.derives(at, false, false));
                format!("{doc}{derives}pub struct {}(pub {written});\n", item.rust)
            }
        }
    }

    /// Returns the traits that an item derives, with `Default` if it can.
    fn derives(&self, at: usize, is_copy: bool, has_default: bool) -> Vec<&'static str> {
        let traits = self.traits.item(at);
        let is_ordered = self.ordered.get(at) == Some(&true) && traits.ord;
        let mut derives = vec!["Debug", "Clone"];
        let more = [
            (is_copy, "Copy"),
            (has_default, "Default"),
            (true, "PartialEq"),
            (traits.eq, "Eq"),
            (is_ordered, "PartialOrd"),
            (is_ordered, "Ord"),
            (traits.hash && traits.eq, "Hash"),
            (true, "Serialize"),
            (true, "Deserialize"),
        ];
        derives.extend(
            more.into_iter()
                .filter_map(|(has, name)| has.then_some(name)),
        );
        derives
    }

    fn dataclass(&mut self, at: usize, item: &Item, fields: &[Field], notes: &[String]) -> String {
        let definition = &item.definition;
        let mut about = notes.to_vec();
        if definition.doc.is_none() {
            about.insert(0, format!("The dataclass `{}`.", item.python()));
        }
        let names = field_names(fields);
        let (mut body, mut makers) = (String::new(), Vec::new());
        for (field, name) in fields.iter().zip(&names) {
            body.push_str(&self.field(at, field, name, &mut makers));
        }
        let whole = self.whole(at, fields, &makers);
        let mut out = docs::comment(definition.doc.as_deref(), &about, "");
        let has_default = matches!(whole, Whole::Derived);
        out.push_str(&attributes::derive(&self.derives(at, false, has_default)));
        let python = serde_name(&definition.module, &definition.name);
        out.push_str(&attributes::serde(
            &[attributes::text("rename", &python)],
            "",
        ));
        let types: Vec<&Type> = fields.iter().map(|field| &field.of).collect();
        out.push_str(&attributes::allow(&lints::of_struct(&types, &names), ""));
        if fields.is_empty() {
            let _ = writeln!(out, "pub struct {} {{}}", generic(item));
            return out;
        }
        let _ = writeln!(out, "pub struct {} {{\n{body}}}", generic(item));
        out.push_str(&constructors(item, &makers));
        if let Whole::Written(values) = whole {
            out.push_str(&impls::default(item, values));
        }
        out
    }

    fn field(&mut self, at: usize, field: &Field, name: &str, makers: &mut Vec<Maker>) -> String {
        let mut notes = notes_on(&field.of);
        let mut arguments = Vec::new();
        let ident = names::field(name);
        if ident.trim_start_matches("r#") != field.name {
            arguments.push(attributes::text("rename", &field.name));
        }
        let mut written = self.type_in(&field.of, at);
        let is_optional = matches!(self.resolved(&field.of), Type::Optional { .. });
        let has_variables = mentions_variables(&field.of);
        if field.init {
            match &field.default {
                Some(default) => {
                    let defaulted = self.defaulted(at, field, name, default);
                    arguments.extend(defaulted.argument);
                    notes.extend(defaulted.note);
                    makers.extend(defaulted.maker);
                }
                // Else serde takes what is missing for None.
                None if is_optional && !has_variables => {
                    arguments.push(attributes::text("deserialize_with", "Option::deserialize"));
                }
                None => {}
            }
        } else {
            if !is_optional {
                written = format!("Option<{written}>");
            }
            arguments.push(default_path("Option::default", has_variables));
            arguments.push("skip_serializing".to_owned());
            notes.push(
                "Computed in Python, whose constructor takes no such argument: read, and never written."
                    .to_owned(),
            );
        }
        let mut out = docs::comment(field.doc.as_deref(), &notes, INDENT);
        out.push_str(&attributes::serde(&arguments, INDENT));
        let line = format!("{INDENT}pub {ident}: {written},\n");
        if line.len() <= WIDTH + 1 {
            out.push_str(&line);
        } else {
            let _ = writeln!(out, "{INDENT}pub {ident}:\n{INNER}{written},");
        }
        out
    }

    fn defaulted(
        &mut self,
        at: usize,
        field: &Field,
        name: &str,
        default: &DefaultValue,
    ) -> Defaulted {
        let has_variables = mentions_variables(&field.of);
        let resolved = self.resolved(&field.of);
        if let Some(function) = self.own_default(&resolved, default) {
            let argument = Some(default_path(&function, has_variables));
            return Defaulted {
                argument,
                ..Defaulted::default()
            };
        }
        let Some(value) = self.expression(&field.of, default, at) else {
            let why = match default {
                DefaultValue::Unknown { why } => why.as_str(),
                _ => "it is none of that type",
            };
            let note = format!(
                "Python's default is not this type's ({why}): a message without it is refused."
            );
            return Defaulted {
                note: Some(note),
                ..Defaulted::default()
            };
        };
        let function = format!("default_{name}");
        let owner = self.plan.items.get(at).map(|item| {
            let params = item.params.join(", ");
            if params.is_empty() {
                item.rust.clone()
            } else {
                format!("{}::<{params}>", item.rust)
            }
        });
        let path = format!("{}::{function}", owner.unwrap_or_default());
        let maker = Maker {
            name: function,
            of: self.type_in(&field.of, at),
            is_complex: lints::is_complex(&field.of),
            value,
        };
        Defaulted {
            argument: Some(attributes::text("default", &path)),
            maker: Some(maker),
            ..Defaulted::default()
        }
    }

    fn enumeration(&mut self, at: usize, item: &Item, members: &[Member], flag: bool) -> String {
        let definition = &item.definition;
        let mut notes = Vec::new();
        if definition.doc.is_none() {
            notes.push(format!("The enum `{}`.", item.python()));
        }
        if flag {
            notes.push(
                "A combination of flags that has no name of its own is none of these, and refused when \
                 it is read."
                    .to_owned(),
            );
        }
        let names = variants(members);
        let mut out = docs::comment(definition.doc.as_deref(), &notes, "");
        out.push_str(&attributes::derive(&self.derives(at, true, false)));
        let python = serde_name(&definition.module, &definition.name);
        out.push_str(&attributes::serde(
            &[attributes::text("rename", &python)],
            "",
        ));
        out.push_str(&attributes::allow(&lints::of_enum(&item.rust, &names), ""));
        let _ = writeln!(out, "pub enum {} {{", item.rust);
        for (member, name) in members.iter().zip(&names) {
            out.push_str(&docs::comment(member.doc.as_deref(), &[], INDENT));
            let mut arguments = Vec::new();
            if *name != member.name {
                arguments.push(attributes::text("rename", &member.name));
            }
            let mut others: Vec<&String> = member.value.iter().chain(&member.aliases).collect();
            others.retain(|other| **other != member.name);
            others.dedup();
            arguments.extend(
                others
                    .into_iter()
                    .map(|other| attributes::text("alias", other)),
            );
            out.push_str(&attributes::serde(&arguments, INDENT));
            let _ = writeln!(out, "{INDENT}{name},");
        }
        out.push_str("}\n");
        out
    }

    fn union(&mut self, at: usize, item: &Item, members: &[Type]) -> String {
        let plan = self.plan;
        // The plan has seen to it that each member is a class.
        let classes: Vec<(&Type, &Item)> = members
            .iter()
            .filter_map(|of| Some((of, plan.named(of)?)))
            .collect();
        let names: Vec<String> = classes.iter().map(|(_, item)| item.rust.clone()).collect();
        let summary = if item.definition.is_made_up {
            "Any one of these classes.".to_owned()
        } else {
            format!("The union `{}`.", item.python())
        };
        let mut out = docs::comment(None, &[summary], "");
        out.push_str(&attributes::derive(&self.derives(at, false, false)));
        let mut allowed = lints::of_enum(&item.rust, &names);
        allowed.extend(self.lints_of_sizes(members));
        out.push_str(&attributes::allow(&allowed, ""));
        let _ = writeln!(out, "pub enum {} {{", generic(item));
        for (member, class) in &classes {
            let definition = &class.definition;
            let python = serde_name(&definition.module, &definition.name);
            out.push_str(&attributes::serde(
                &[attributes::text("rename", &python)],
                INDENT,
            ));
            let of = self.type_in(member, at);
            let _ = writeln!(out, "{INDENT}{}({of}),", class.rust);
        }
        out.push_str("}\n");
        out.push_str(&self.conversions(at, item, &classes));
        out
    }
}

/// Returns what a reader of a type should know: the reasons for dynamic values, the values of
/// literals, the serializers that do not carry it.
fn notes_on(of: &Type) -> Vec<String> {
    let mut notes = Vec::new();
    for part in of.all() {
        let note = match part {
            Type::Unknown { why } => format!("A `Value`: {why}."),
            Type::Literal { values, .. } => {
                let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
                format!("One of {}.", values.join(", "))
            }
            Type::Bytes => "Json does not carry `bytes`.".to_owned(),
            Type::Bytearray => only_pickle("bytearray"),
            Type::Set { .. } => only_pickle("set"),
            Type::Complex => only_pickle("complex"),
            Type::Datetime => only_pickle("datetime"),
            Type::Date => only_pickle("date"),
            Type::Time => only_pickle("time"),
            Type::Timedelta => only_pickle("timedelta"),
            Type::Uuid => only_pickle("UUID"),
            Type::Decimal => only_pickle("Decimal"),
            _ => continue,
        };
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
    notes
}

/// Returns the doc comment of an item that stands for a type.
fn about(item: &Item, summary: &str, of: &Type) -> String {
    let mut notes = Vec::new();
    if item.definition.doc.is_none() {
        notes.push(summary.to_owned());
    }
    notes.extend(notes_on(of));
    docs::comment(item.definition.doc.as_deref(), &notes, "")
}

fn only_pickle(what: &str) -> String {
    format!("Json and msgpack do not carry a `{what}`.")
}

fn mentions_variables(of: &Type) -> bool {
    of.all()
        .iter()
        .any(|part| matches!(part, Type::Param { .. }))
}

/// Returns the argument for the default of a type; serde would want type variables to have one, too, if no
/// function were named.
fn default_path(function: &str, has_variables: bool) -> String {
    if has_variables {
        attributes::text("default", function)
    } else {
        "default".to_owned()
    }
}
