//! A certificate and its key as two files, of which the key is its owner's alone.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::Builder;

use crate::error::Failure;

use super::issue::Issued;

/// Where a certificate and its key are, or will be.
#[derive(Debug)]
pub(super) struct Files {
    pub(super) certificate: PathBuf,
    pub(super) key: PathBuf,
}

impl Files {
    /// `<name>.crt` and `<name>.key` in a folder.
    pub(super) fn new(folder: &Path, name: &str) -> Self {
        Self {
            certificate: folder.join(name).with_extension("crt"),
            key: folder.join(name).with_extension("key"),
        }
    }

    /// The contents of both.
    ///
    /// # Errors
    /// One cannot be read.
    pub(super) fn read(&self) -> Result<(String, String), Failure> {
        let text = |path: &Path| {
            let what = format!("cannot read {}", path.display());
            fs::read_to_string(path).map_err(|error| Failure::of(what, error))
        };
        Ok((text(&self.certificate)?, text(&self.key)?))
    }

    /// Writes both, and the folder if it is not there. What was there before is replaced, file by
    /// file, only with `force`; else nothing is touched if one of them exists.
    ///
    /// # Errors
    /// A file exists, or cannot be written.
    pub(super) fn write(&self, issued: &Issued, force: bool) -> Result<(), Failure> {
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
                _ => Failure::of(format!("cannot write {}", path.display()), error),
            })?;
        }
        Ok(())
    }
}

/// Writes beside the file and moves it there, so that nobody reads half of it.
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

fn exists(path: &Path) -> Failure {
    Failure::because(format!(
        "{} exists already; --force replaces it",
        path.display()
    ))
}
