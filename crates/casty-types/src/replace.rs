//! Files that are replaced as a whole.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::Builder;

/// Gives a file a content. Until all of it is written, the file is as it was, whatever ends the attempt. A
/// link stays one, and the file keeps its permissions; a pipe, or anything else that is no file, is written
/// to.
pub(crate) fn replace(file: &Path, content: &[u8]) -> io::Result<()> {
    let permissions = match fs::metadata(file) {
        Ok(there) if !there.is_file() => return fs::write(file, content),
        // Renaming asks nobody, but whoever has set that meant it.
        Ok(there) if there.permissions().readonly() => {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(there) => Some(there.permissions()),
        Err(_) => None,
    };
    let file = led_to(file);
    let folder = file.parent().filter(|name| !name.as_os_str().is_empty());
    let mut builder = Builder::new();
    builder.prefix(".casty-types-").suffix(".tmp");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As for any new file, of which the process's mask takes what it does not want.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut new = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
    new.write_all(content)?;
    if let Some(permissions) = permissions {
        new.as_file().set_permissions(permissions)?;
    }
    new.as_file().sync_all()?;
    new.persist(&file).map_err(|error| error.error)?;
    Ok(())
}

/// Returns the file that a path leads to by way of links, be it there or not.
fn led_to(file: &Path) -> PathBuf {
    if let Ok(there) = fs::canonicalize(file) {
        return there;
    }
    match fs::read_link(file) {
        Ok(link) => file.parent().unwrap_or(Path::new("")).join(link),
        Err(_) => file.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_the_old_file_keeps_it_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("a.rs"), folder.path().join("b.rs"));
        fs::write(&file, "old").unwrap();
        fs::hard_link(&file, &other).unwrap();
        replace(&file, b"new").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::read(&other).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn permissions_and_links_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};

        let folder = tempfile::tempdir().unwrap();
        let mode = |file: &Path| fs::metadata(file).unwrap().permissions().mode();
        let (file, link) = (folder.path().join("a.rs"), folder.path().join("b.rs"));
        fs::write(folder.path().join("any"), "").unwrap();
        symlink("a.rs", &link).unwrap();
        replace(&link, b"first").unwrap();
        assert_eq!(mode(&file), mode(&folder.path().join("any")));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        replace(&link, b"second").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"second");
        assert_eq!(mode(&file) & 0o777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o440)).unwrap();
        let refused = replace(&file, b"third").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(fs::read(&file).unwrap(), b"second");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_written_to() {
        use std::os::unix::fs::FileTypeExt;

        let null = Path::new("/dev/null");
        replace(null, b"new").unwrap();
        assert!(fs::metadata(null).unwrap().file_type().is_char_device());
    }
}
