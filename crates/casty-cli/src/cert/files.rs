//! A certificate and its key as two files, of which the key is its owner's alone.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::Builder;

use crate::error::CommandError;

use super::issue::Issued;

/// The paths of a certificate and its key.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Files {
    /// Names `<name>.crt` and `<name>.key` in a folder.
    pub(super) fn new(folder: &Path, name: &str) -> Self {
        Self {
            certificate: folder.join(name).with_extension("crt"),
            key: folder.join(name).with_extension("key"),
        }
    }

    /// Reads both.
    ///
    /// # Errors
    /// One cannot be read.
    pub(super) fn read(&self) -> Result<(String, String), CommandError> {
        let text = |path: &Path| {
            let what = format!("cannot read {}", path.display());
            fs::read_to_string(path).map_err(|error| CommandError::of(what, error))
        };
        Ok((text(&self.certificate)?, text(&self.key)?))
    }

    /// Writes both, and the folder if it is not there.
    ///
    /// Files that exist are replaced, one by one, only with `force`; else nothing is touched if one
    /// of them exists.
    ///
    /// # Errors
    /// A file exists, or cannot be written.
    pub(super) fn write(&self, issued: &Issued, force: bool) -> Result<(), CommandError> {
        let both = [
            // Readable by no one else from its first byte on.
            (&self.key, &issued.key, 0o600),
            (&self.certificate, &issued.certificate, 0o644),
        ];
        if !force && let Some((path, ..)) = both.iter().find(|(path, ..)| path.exists()) {
            return Err(exists(path));
        }
        for (path, content, mode) in both {
            write(path, content, mode, force).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => exists(path),
                _ => CommandError::of(format!("cannot write {}", path.display()), error),
            })?;
        }
        Ok(())
    }
}

/// Writes beside the file and moves it there, so that no reader sees half of it.
fn write(path: &Path, content: &str, mode: u32, force: bool) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut draft = with_mode(mode).tempfile_in(folder)?;
    draft.write_all(content.as_bytes())?;
    draft.as_file().sync_all()?;
    if force {
        draft.persist(path)?;
    } else {
        draft.persist_noclobber(path)?;
    }
    Ok(())
}

/// Makes files that have this mode from the beginning, less what the umask takes away.
#[cfg(unix)]
fn with_mode(mode: u32) -> Builder<'static, 'static> {
    use std::os::unix::fs::PermissionsExt;
    let mut builder = Builder::new();
    builder.permissions(fs::Permissions::from_mode(mode));
    builder
}

#[cfg(not(unix))]
fn with_mode(_: u32) -> Builder<'static, 'static> {
    Builder::new()
}

fn exists(path: &Path) -> CommandError {
    CommandError::because(format!(
        "{} exists already; --force replaces it",
        path.display()
    ))
}
