//! Certificates as `casty cert` makes them: that of the Python package, and that of this workspace.

use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use tokio::process::Command;

use crate::command::casty;
use crate::python::Installation;

/// The program whose `casty cert` makes a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// The Python package.
    Python,
    /// This workspace.
    Rust,
}

impl Maker {
    /// Returns the command, to which arguments can be added: both programs take the same.
    fn command(self, python: &Installation) -> io::Result<Command> {
        match self {
            Self::Python => {
                // The script of the environment names the folder in which that was built.
                let mut command = Command::new(python.interpreter());
                command.args(["-B", "-c", "from casty.cli import main; main()"]);
                Ok(command)
            }
            Self::Rust => Ok(Command::new(casty()?)),
        }
    }
}

impl fmt::Display for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Python => "python",
            Self::Rust => "rust",
        })
    }
}

impl FromStr for Maker {
    type Err = UnknownMaker;

    fn from_str(text: &str) -> Result<Self, UnknownMaker> {
        match text {
            "python" => Ok(Self::Python),
            "rust" => Ok(Self::Rust),
            _ => Err(UnknownMaker(text.to_owned())),
        }
    }
}

/// The makers of each kind of certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Makers {
    /// The maker of the authority's.
    pub authority: Maker,
    /// The maker of nodes' certificates.
    pub nodes: Maker,
    /// The maker of clients' certificates.
    pub clients: Maker,
}

impl Makers {
    /// Returns every combination.
    pub fn all() -> impl Iterator<Item = Self> {
        let both = [Maker::Python, Maker::Rust];
        both.into_iter().flat_map(move |authority| {
            both.into_iter().flat_map(move |nodes| {
                both.into_iter().map(move |clients| Self {
                    authority,
                    nodes,
                    clients,
                })
            })
        })
    }
}

/// Under an authority of ours, nodes show certificates made by Python, and clients made by Rust:
/// each side meets the other's.
impl Default for Makers {
    fn default() -> Self {
        Self {
            authority: Maker::Rust,
            nodes: Maker::Python,
            clients: Maker::Rust,
        }
    }
}

impl fmt::Display for Makers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            authority,
            nodes,
            clients,
        } = self;
        write!(f, "{authority}/{nodes}/{clients}")
    }
}

/// One maker of all, or three: of the authority, of nodes and of clients.
impl FromStr for Makers {
    type Err = UnknownMaker;

    fn from_str(text: &str) -> Result<Self, UnknownMaker> {
        let parts: Vec<_> = text.split('/').collect();
        let (authority, nodes, clients) = match parts[..] {
            [one] => (one, one, one),
            [authority, nodes, clients] => (authority, nodes, clients),
            _ => return Err(UnknownMaker(text.to_owned())),
        };
        Ok(Self {
            authority: authority.parse()?,
            nodes: nodes.parse()?,
            clients: clients.parse()?,
        })
    }
}

/// A text that names no makers.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is neither python nor rust, nor three of these for CA/NODES/CLIENTS")]
pub struct UnknownMaker(pub String);

/// An authority, a certificate for nodes on 127.0.0.1, and one for a client, in one folder.
#[derive(Debug, Clone)]
pub struct Certificates {
    folder: PathBuf,
}

impl Certificates {
    /// Makes them, in place of those that the same makers made under this label before. Takes
    /// about a second.
    ///
    /// # Errors
    /// The folder could not be written, or a `casty cert` failed.
    pub async fn make(python: &Installation, makers: Makers, label: &str) -> io::Result<Self> {
        let name = format!("{label}-{makers}-certificates").replace('/', "-");
        let folder = python.log_folder().join(name);
        fs::create_dir_all(&folder)?;
        for (maker, args) in [
            (makers.authority, &["create-ca"][..]),
            (
                makers.nodes,
                &["create-node", "127.0.0.1", "--ca-dir", "."][..],
            ),
            (
                makers.clients,
                &["create-client", "interop", "--ca-dir", "."][..],
            ),
        ] {
            let mut command = maker.command(python)?;
            command
                .arg("cert")
                .args(args)
                .args(["--out", ".", "--force"]);
            let output = command.current_dir(&folder).output().await?;
            if !output.status.success() {
                let text = String::from_utf8_lossy(&output.stderr);
                return Err(io::Error::other(format!("casty cert by {maker}: {text}")));
            }
        }
        Ok(Self { folder })
    }

    /// Returns the path of the authority's certificate.
    pub fn authority(&self) -> PathBuf {
        self.file("ca.crt")
    }

    /// Returns the paths of a node's certificate and key.
    pub fn node(&self) -> (PathBuf, PathBuf) {
        (self.file("node.crt"), self.file("node.key"))
    }

    /// Returns the paths of a client's certificate and key.
    pub fn client(&self) -> (PathBuf, PathBuf) {
        (self.file("client.crt"), self.file("client.key"))
    }

    /// Returns the arguments that tell a command or a node of these files.
    pub(crate) fn arguments(&self, (certificate, key): (PathBuf, PathBuf)) -> [PathBuf; 6] {
        [
            "--tls-ca".into(),
            self.authority(),
            "--tls-cert".into(),
            certificate,
            "--tls-key".into(),
            key,
        ]
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn makers_are_one_or_three() {
        let text = |text: &str| text.parse::<Makers>().map(|makers| makers.to_string());
        assert_eq!(text("rust").unwrap(), "rust/rust/rust");
        assert_eq!(text("python/rust/rust").unwrap(), "python/rust/rust");
        for bad in [
            "",
            "python/rust",
            "go",
            "rust/rust/rust/rust",
            "rust/go/rust",
        ] {
            text(bad).unwrap_err();
        }
        let mut all: Vec<_> = Makers::all().map(|makers| makers.to_string()).collect();
        all.dedup();
        assert_eq!(all.len(), 8);
    }
}
