//! A certificate and its key as two files, of which the key is its owner's alone.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

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

    /// Reads both, without the byte order mark that an editor may have put before them. What is around
    /// the PEM may be in any encoding.
    ///
    /// # Errors
    /// One cannot be read.
    pub(super) fn read(&self) -> Result<(Vec<u8>, Vec<u8>), CommandError> {
        const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
        let pem = |path: &Path| -> Result<Vec<u8>, CommandError> {
            let what = format!("cannot read {}", path.display());
            let pem = fs::read(path).map_err(|error| CommandError::of(what, error))?;
            let bare = pem.strip_prefix(BYTE_ORDER_MARK).map(<[u8]>::to_vec);
            Ok(bare.unwrap_or(pem))
        };
        Ok((pem(&self.certificate)?, pem(&self.key)?))
    }

    /// Writes both, and the folder if it is not there.
    ///
    /// Files that exist are replaced only with `force`, and both or none: a certificate is of no use
    /// with another's key.
    ///
    /// # Errors
    /// A file exists, or cannot be written. Both are as they were.
    pub(super) fn write(&self, issued: &Issued, force: bool) -> Result<(), CommandError> {
        let Self { certificate, key } = self;
        if !force && let Some(path) = [key, certificate].into_iter().find(|path| path.exists()) {
            return Err(exists(path));
        }
        // Readable by no one else from its first byte on.
        let new_key = draft(key, issued.key.as_bytes(), 0o600);
        let new_key = new_key.map_err(|error| failed(key, error))?;
        let new_certificate = draft(certificate, issued.certificate.as_bytes(), 0o644);
        let new_certificate = new_certificate.map_err(|error| failed(certificate, error))?;
        let old_key = kept(key).map_err(|error| failed(key, error))?;
        place(new_key, key, force).map_err(|error| failed(key, error))?;
        place(new_certificate, certificate, force).map_err(|error| {
            // What is there is of this call, or it would have failed before.
            let restored = match old_key {
                Some(old) => place(old, key, true),
                None => fs::remove_file(key),
            };
            if restored.is_ok() {
                return failed(certificate, error);
            }
            let (certificate, key) = (certificate.display(), key.display());
            let what =
                format!("cannot write {certificate}, and {key} is the key of what it was to be");
            CommandError::of(what, error)
        })
    }
}

/// Writes beside the file, to be moved there, so that no reader sees half of it.
fn draft(path: &Path, content: &[u8], mode: u32) -> io::Result<NamedTempFile> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut draft = with_mode(mode).tempfile_in(folder)?;
    draft.write_all(content)?;
    draft.as_file().sync_all()?;
    Ok(draft)
}

/// Moves a draft to its place, where a file may be only with `force`.
fn place(draft: NamedTempFile, path: &Path, force: bool) -> io::Result<()> {
    if force {
        draft.persist(path)?;
    } else {
        draft.persist_noclobber(path)?;
    }
    Ok(())
}

/// Returns a copy of a file that is about to be replaced, with the permissions that it has; `None`
/// if it is not there.
fn kept(path: &Path) -> io::Result<Option<NamedTempFile>> {
    let content = match fs::read(path) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let copy = draft(path, &content, 0o600)?;
    copy.as_file()
        .set_permissions(fs::metadata(path)?.permissions())?;
    Ok(Some(copy))
}

fn failed(path: &Path, error: io::Error) -> CommandError {
    match error.kind() {
        io::ErrorKind::AlreadyExists => exists(path),
        _ => CommandError::of(format!("cannot write {}", path.display()), error),
    }
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
    .helped_by("write to another folder with --out, or replace what is there with --force")
}
