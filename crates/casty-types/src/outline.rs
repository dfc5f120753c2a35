//! A generated text, read back as far as its differences are told in words. Whatever else stands there is
//! passed over.

use crate::names::is_part;

/// The items of a text.
#[derive(Debug, Default)]
pub(crate) struct Outline {
    pub(crate) items: Vec<Item>,
}

/// A struct, enum or alias.
#[derive(Debug, Default)]
pub(crate) struct Item {
    /// The class's name in Python, or the type's in Rust.
    pub(crate) name: String,
    pub(crate) kind: &'static str,
    /// All that stands before its parts.
    pub(crate) head: String,
    pub(crate) doc: String,
    pub(crate) parts: Vec<Part>,
}

/// A field or variant.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// The name in Python.
    pub(crate) name: String,
    /// The type of a field, or the variant as it is written.
    pub(crate) shape: String,
    /// The default, as it is written.
    pub(crate) default: Option<String>,
    pub(crate) attributes: String,
    pub(crate) doc: String,
    /// The function that makes the default.
    maker: Option<String>,
}

impl Outline {
    /// Reads a text.
    pub(crate) fn of(text: &str) -> Self {
        let mut reader = Reader::default();
        for line in joined(text) {
            reader.line(&line);
        }
        Self {
            items: reader.items,
        }
    }

    /// Returns the item of that name.
    pub(crate) fn item(&self, name: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.name == name)
    }
}

impl Item {
    /// Returns the part of that name.
    pub(crate) fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }

    /// Returns what its parts are called.
    pub(crate) fn part_name(&self) -> &'static str {
        match self.kind {
            "enum" => "member",
            "union" => "class",
            _ => "field",
        }
    }
}

/// Returns the lines of a text, attributes and fields that go over several of them as one.
fn joined(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut open = false;
    for line in text.lines() {
        let trimmed = line.trim();
        match out.last_mut() {
            Some(last) if open => {
                if !last.ends_with('(') && !trimmed.starts_with(')') {
                    last.push(' ');
                }
                last.push_str(trimmed);
                open = !(trimmed.ends_with(")]") || trimmed.ends_with(','))
                    || (last.starts_with("#[") && !trimmed.ends_with(")]"));
            }
            _ => {
                out.push(trimmed.to_owned());
                let is_field = trimmed.starts_with("pub ") && trimmed.ends_with(':');
                open = trimmed == "#[serde(" || is_field;
            }
        }
    }
    out
}

/// The place in a text.
#[derive(Debug, Default)]
struct Reader {
    items: Vec<Item>,
    doc: String,
    attributes: String,
    place: Place,
}

#[derive(Debug, Default)]
enum Place {
    #[default]
    Outside,
    /// Between the braces of the last item.
    Inside,
    /// In the functions for the defaults of the last item.
    Makers,
    /// In the one of that name.
    Maker(String, String),
}

impl Reader {
    fn line(&mut self, line: &str) {
        if let Some(doc) = line.strip_prefix("///") {
            self.doc.push_str(doc);
            self.doc.push('\n');
        } else if line.starts_with("#[") {
            if !self.attributes.is_empty() {
                self.attributes.push(' ');
            }
            self.attributes.push_str(line);
        } else {
            match std::mem::take(&mut self.place) {
                Place::Outside => self.outside(line),
                Place::Inside => self.inside(line),
                Place::Makers => self.makers(line),
                Place::Maker(name, value) => self.maker(name, value, line),
            }
        }
    }

    fn outside(&mut self, line: &str) {
        if line.starts_with("impl") && line.ends_with('{') {
            self.place = Place::Makers;
            return;
        }
        let kinds = [
            ("pub struct ", "class"),
            ("pub enum ", "enum"),
            ("pub type ", "type"),
        ];
        let found = kinds
            .iter()
            .find_map(|(start, kind)| Some((line.strip_prefix(start)?, *kind)));
        let (doc, attributes) = self.taken();
        let Some((rest, kind)) = found else {
            return;
        };
        let own: String = rest.chars().take_while(|letter| is_part(*letter)).collect();
        let name = argument(&attributes, "rename");
        let kind = match (kind, &name) {
            ("enum", None) => "union",
            ("class", None) => "type",
            (kind, _) => kind,
        };
        self.items.push(Item {
            name: name.unwrap_or(own),
            kind,
            head: format!("{attributes} {line}").trim().to_owned(),
            doc,
            parts: Vec::new(),
        });
        if line.ends_with('{') {
            self.place = Place::Inside;
        }
    }

    fn inside(&mut self, line: &str) {
        if line == "}" {
            return;
        }
        self.place = Place::Inside;
        let (doc, attributes) = self.taken();
        let line = line.trim_end_matches(',');
        let (own, shape) = match line
            .strip_prefix("pub ")
            .and_then(|field| field.split_once(": "))
        {
            Some((name, of)) => (name.trim_start_matches("r#"), of),
            None => (line.split('(').next().unwrap_or_default(), line),
        };
        let maker = argument(&attributes, "default");
        let is_default = attributes.contains("(default)")
            || attributes.contains("(default,")
            || attributes.contains(" default,")
            || attributes.contains(" default)");
        if let Some(item) = self.items.last_mut() {
            item.parts.push(Part {
                name: argument(&attributes, "rename").unwrap_or_else(|| own.to_owned()),
                shape: shape.to_owned(),
                default: maker
                    .clone()
                    .or_else(|| is_default.then(|| "Default::default".to_owned())),
                attributes,
                doc,
                maker,
            });
        }
    }

    fn makers(&mut self, line: &str) {
        if line == "}" {
            return;
        }
        self.place = Place::Makers;
        self.taken();
        if let Some((name, _)) = line
            .strip_prefix("fn ")
            .and_then(|rest| rest.split_once('('))
        {
            self.place = Place::Maker(name.to_owned(), String::new());
        }
    }

    fn maker(&mut self, name: String, mut value: String, line: &str) {
        if line != "}" || value.matches('{').count() > value.matches('}').count() {
            if !value.is_empty() {
                value.push(' ');
            }
            value.push_str(line);
            self.place = Place::Maker(name, value);
            return;
        }
        self.place = Place::Makers;
        let parts = self.items.last_mut().map(|item| item.parts.iter_mut());
        for part in parts.into_iter().flatten() {
            // Others that an attribute may name are Rust's own, such as `Option::default`.
            let is_its = name.starts_with("default_")
                && part
                    .maker
                    .as_ref()
                    .is_some_and(|maker| maker.rsplit("::").next() == Some(name.as_str()));
            if is_its {
                part.default = Some(value.clone());
            }
        }
    }

    fn taken(&mut self) -> (String, String) {
        (
            std::mem::take(&mut self.doc),
            std::mem::take(&mut self.attributes),
        )
    }
}

/// Returns the text of an argument of serde's attribute, as it is written.
fn argument(attributes: &str, name: &str) -> Option<String> {
    let (_, behind) = attributes.split_once(&format!("{name} = \""))?;
    let mut out = String::new();
    let mut is_escaped = false;
    for letter in behind.chars() {
        match letter {
            '"' if !is_escaped => return Some(out),
            '\\' if !is_escaped => is_escaped = true,
            letter => {
                out.push(letter);
                is_escaped = false;
            }
        }
    }
    None
}
