//! Certificates as the `casty cert` command of the Python package makes them.

use std::fs;
use std::io;
use std::path::PathBuf;

use tokio::process::Command;

use crate::python::Installation;

/// An authority, a certificate for nodes on 127.0.0.1, and one for a client, in one folder.
#[derive(Debug, Clone)]
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes them, in place of those that were made under this label before. Takes about a second.
    ///
    /// # Errors
    /// The folder could not be written, or `casty cert` failed.
    pub async fn make(python: &Installation, label: &str) -> io::Result<Self> {
        let folder = python.log_folder().join(format!("{label}-certificates"));
        fs::create_dir_all(&folder)?;
        for args in [
            &["create-ca"][..],
            &["create-node", "127.0.0.1", "--ca-dir"][..],
            &["create-client", "interop", "--ca-dir"][..],
        ] {
            // The script of the environment names the folder in which that was built.
            let mut command = Command::new(python.interpreter());
            command.args(["-B", "-c", "from casty.cli import main; main()", "cert"]);
            command.args(args);
            if args.len() > 1 {
                command.arg(&folder);
            }
            let output = command.args(["--force", "--out"]).arg(&folder).output();
            let output = output.await?;
            if !output.status.success() {
                let text = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(io::Error::other(text));
            }
        }
        Ok(Self { folder })
    }

    /// The authority's certificate.
    pub fn authority(&self) -> PathBuf {
        self.file("ca.crt")
    }

    /// A node's certificate and key.
    pub fn node(&self) -> (PathBuf, PathBuf) {
        (self.file("node.crt"), self.file("node.key"))
    }

    /// A client's certificate and key.
    pub fn client(&self) -> (PathBuf, PathBuf) {
        (self.file("client.crt"), self.file("client.key"))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}
