//! The request for types, and the text that answers it.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use casty_proto::Escaped;

use crate::drift::{self, Drift};
use crate::error::TypesError;
use crate::model::Description;
use crate::plan;
use crate::python::Request;
use crate::render;
use crate::replace::replace;
use crate::values;

/// The modules whose types are wanted, and how they are found and written.
#[derive(Debug, Clone)]
#[must_use]
pub struct Types {
    modules: Vec<String>,
    python: Option<PathBuf>,
    paths: Vec<PathBuf>,
    opaque: Vec<String>,
    big: Vec<String>,
    proto: String,
    within: Duration,
}

impl Types {
    /// The time that Python has unless it is given.
    pub const WITHIN: Duration = Duration::from_mins(1);

    /// The path of casty-proto in the generated code unless it is given: that in casty-client.
    pub const PROTO: &str = "casty_client::casty_proto";

    /// Asks for the types of these modules, by the names that Python imports them by.
    pub fn of<M: Into<String>>(modules: impl IntoIterator<Item = M>) -> Self {
        Self {
            modules: modules.into_iter().map(Into::into).collect(),
            python: None,
            paths: Vec::new(),
            opaque: Vec::new(),
            big: Vec::new(),
            proto: Self::PROTO.to_owned(),
            within: Self::WITHIN,
        }
    }

    /// Uses this interpreter. Without it, the one that the environment variable `CASTY_PYTHON` names; else
    /// the first on the path that is new enough of `python3`, `python`, `python3.14`, `python3.13` and
    /// `python3.12`.
    pub fn python(mut self, python: impl Into<PathBuf>) -> Self {
        self.python = Some(python.into());
        self
    }

    /// Imports from this folder, too. The current folder and all that the interpreter knows count anyway.
    pub fn path(mut self, folder: impl Into<PathBuf>) -> Self {
        self.paths.push(folder.into());
        self
    }

    /// Leaves a class out, by its qualified name: fields of that type are `Value`s, and so are those of
    /// unions with it.
    pub fn opaque(mut self, class: impl Into<String>) -> Self {
        self.opaque.push(class.into());
        self
    }

    /// Takes the `int`s of a field, `module.Class.field`, for ones that may have more than 64 bits: they
    /// are `BigInt`s and no `i64`s.
    pub fn big(mut self, field: impl Into<String>) -> Self {
        self.big.push(field.into());
        self
    }

    /// Writes this path for casty-proto, for programs that do not reach it as [`PROTO`](Self::PROTO).
    pub fn proto(mut self, path: impl Into<String>) -> Self {
        self.proto = path.into();
        self
    }

    /// Gives Python this long, and any time is fine. The default is a minute; afterwards the process is
    /// ended.
    pub fn within(mut self, time: Duration) -> Self {
        self.within = time;
        self
    }

    /// Imports the modules, that is, runs their code, and generates the types.
    ///
    /// # Errors
    /// See [`TypesError`].
    pub fn generate(&self) -> Result<Generated, TypesError> {
        if self.modules.is_empty() {
            return Err(TypesError::NoModules);
        }
        let request = Request {
            python: self.python.as_deref(),
            modules: &self.modules,
            paths: &self.paths,
            opaque: &self.opaque,
            within: self.within,
        };
        Generated::of(request.describe()?, &self.proto, &self.big)
    }

    /// Generates the types into a file, which is left untouched if it has them already. Else it is replaced
    /// as a whole, by way of another one in its folder: who reads it has the old text or the new one. A link
    /// stays one, and the file keeps its permissions.
    ///
    /// # Errors
    /// See [`TypesError`]. The file is then as it was.
    pub fn write(&self, file: impl AsRef<Path>) -> Result<Generated, TypesError> {
        let generated = self.generate()?;
        generated.write(file.as_ref())?;
        Ok(generated)
    }

    /// Generates the types into a file of that name in `OUT_DIR`, from a build script, and tells cargo of
    /// which [sources](Generated::files) they are made and what there is to say about them.
    ///
    /// # Errors
    /// See [`TypesError`].
    pub fn build(&self, name: &str) -> Result<(), TypesError> {
        let folder = env::var_os("OUT_DIR").ok_or(TypesError::NoBuild)?;
        let generated = self.write(Path::new(&folder).join(name))?;
        for line in generated.for_cargo() {
            println!("{line}");
        }
        Ok(())
    }
}

/// Generated types.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    text: String,
    notes: Vec<String>,
    values: Vec<String>,
    files: Vec<String>,
}

impl Generated {
    /// Writes the types of a description.
    pub(crate) fn of(
        description: Description,
        proto: &str,
        big: &[String],
    ) -> Result<Self, TypesError> {
        if description.types.is_empty() {
            return Err(TypesError::Nothing {
                modules: description.modules.join(", "),
            });
        }
        let plan = plan::make(&description, big)?;
        Ok(Self {
            text: render::render(&plan, &description, proto),
            values: values::of(&plan),
            notes: description.notes,
            files: description.files,
        })
    }

    /// Returns the Rust code.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns what there is to say beside it, a sentence each: names that could not be imported.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Returns where the code has a `Value` because Rust or the serializers have no type that says the same, a
    /// sentence each: the class and its field, and the reason. The comments of the code say the same, so a
    /// build script does not warn of it.
    pub fn values(&self) -> &[String] {
        &self.values
    }

    /// Returns the files of Python that the types are made of: of the modules that were asked for, of all
    /// classes and their bases, and of every module that came with them out of the same folders, those of
    /// [`path`](Types::path) and the current one; of what is installed, only what the types name. Other files
    /// that a module reads are not known.
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// Returns what differs from a text that was generated before, in words; nothing if they are equal.
    pub fn drift_from(&self, before: &str) -> Vec<Drift> {
        drift::between(before, &self.text)
    }

    /// Returns the lines by which a build script tells cargo when to run it again, and what to warn of.
    pub(crate) fn for_cargo(&self) -> Vec<String> {
        let mut lines = vec!["cargo::rerun-if-env-changed=CASTY_PYTHON".to_owned()];
        let files = self.files.iter();
        lines.extend(files.map(|file| format!("cargo::rerun-if-changed={}", Escaped::whole(file))));
        let notes = self.notes.iter();
        lines.extend(notes.map(|note| format!("cargo::warning={}", Escaped::new(note))));
        lines
    }

    fn write(&self, file: &Path) -> Result<(), TypesError> {
        if fs::read(file).is_ok_and(|there| there == self.text.as_bytes()) {
            return Ok(());
        }
        replace(file, self.text.as_bytes()).map_err(|cause| TypesError::File {
            verb: "write",
            file: file.to_owned(),
            cause,
        })
    }
}
