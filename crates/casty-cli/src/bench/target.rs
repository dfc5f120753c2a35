//! The file that results are drawn into.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::error::CommandError;

/// A file that is as it was until the results are drawn: they are written beside it, and take its place.
pub(super) struct Target<'a> {
    path: &'a Path,
    draft: Draft,
}

enum Draft {
    /// The file that takes the place of another one, or of none.
    Beside(NamedTempFile),
    /// A device or a pipe, which nothing takes the place of.
    Itself(File),
}

impl<'a> Target<'a> {
    /// Prepares to write a file. Whoever mistypes the name is told now.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn new(path: &'a Path) -> Result<Self, CommandError> {
        let draft = draft(path).map_err(|error| failed(path, error))?;
        Ok(Self { path, draft })
    }

    /// Writes the file.
    ///
    /// # Errors
    /// It cannot be written. If it was there, it is as it was.
    pub(super) fn write(self, text: &str) -> Result<(), CommandError> {
        let path = self.path;
        let written = match self.draft {
            Draft::Itself(mut file) => file.write_all(text.as_bytes()),
            Draft::Beside(file) => replace(file, path, text),
        };
        written.map_err(|error| failed(path, error))
    }
}

fn replace(mut draft: NamedTempFile, path: &Path, text: &str) -> io::Result<()> {
    draft.write_all(text.as_bytes())?;
    draft.persist(place(path)?)?;
    Ok(())
}

fn draft(path: &Path) -> io::Result<Draft> {
    let before = fs::metadata(path).ok();
    if before.as_ref().is_some_and(|it| !it.is_file()) {
        let file = OpenOptions::new().write(true).open(path)?;
        return Ok(Draft::Itself(file));
    }
    let place = place(path)?;
    let folder = place.parent().filter(|it| !it.as_os_str().is_empty());
    let draft = builder().tempfile_in(folder.unwrap_or(Path::new(".")))?;
    if let Some(before) = before {
        draft.as_file().set_permissions(before.permissions())?;
    }
    Ok(Draft::Beside(draft))
}

/// Returns the path of the file itself, to which links may lead.
fn place(path: &Path) -> io::Result<PathBuf> {
    match fs::canonicalize(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.to_owned()),
        found => found,
    }
}

/// Makes files that others may read as far as the umask lets them.
#[cfg(unix)]
fn builder() -> Builder<'static, 'static> {
    use std::os::unix::fs::PermissionsExt;
    let mut builder = Builder::new();
    builder.permissions(fs::Permissions::from_mode(0o666));
    builder
}

#[cfg(not(unix))]
fn builder() -> Builder<'static, 'static> {
    Builder::new()
}

fn failed(path: &Path, error: io::Error) -> CommandError {
    CommandError::of(format!("cannot write {}", path.display()), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|it| it.unwrap());
        let mut names: Vec<_> = names
            .map(|it| it.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_as_it_was_until_it_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.svg");
        drop(Target::new(&path).unwrap());
        assert_eq!(names(folder.path()), [""; 0]);
        Target::new(&path).unwrap().write("one").unwrap();
        let target = Target::new(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        target.write("two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(names(folder.path()), ["a.svg"]);
        assert!(Target::new(&folder.path().join("none/a.svg")).is_err());
        assert!(Target::new(folder.path()).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_and_devices_stay_what_they_are() {
        use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("a.svg"), folder.path().join("b.svg"));
        fs::write(&path, "one").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
        symlink(&path, &link).unwrap();
        Target::new(&link).unwrap().write("two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert!(link.is_symlink());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o604);
        let null = Path::new("/dev/null");
        Target::new(null).unwrap().write("three").unwrap();
        let kind = fs::metadata(null).unwrap().file_type();
        assert!(kind.is_char_device());
    }
}
