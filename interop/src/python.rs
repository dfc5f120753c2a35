//! Finds a Python that can run casty, and makes the virtual environment that nodes run in.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::version::Version;

/// The packages that are installed into the environment of [`Version::REFERENCE`].
const REQUIREMENTS: &str = include_str!("../python/requirements.txt");

/// The oldest Python that casty 0.16 to 0.21 run on.
const OLDEST: (u32, u32) = (3, 12);

/// Written last, so an environment without it is not finished.
const STAMP: &str = "finished";

/// A virtual environment with casty and the sources of the nodes.
#[derive(Debug, Clone)]
pub struct Installation {
    version: Version,
    interpreter: PathBuf,
    sources: PathBuf,
    workshop: PathBuf,
}

impl Installation {
    /// Finds a Python on `PATH` or under pyenv and makes the environment with this version of casty, or reuses the
    /// one that was made for the same requirements. Making one takes a minute at most and needs the package
    /// index that pip is configured with; reusing one takes neither.
    ///
    /// # Errors
    /// No Python of at least 3.12 with venv and pip was found, or it could not make the
    /// environment.
    pub fn prepare(version: Version) -> Result<Self, SetupError> {
        let requirements = version.requirements(REQUIREMENTS);
        let environment = environment(&requirements)?;
        Ok(Self {
            version,
            interpreter: interpreter(&environment),
            sources: package().join("python"),
            workshop: workshop(),
        })
    }

    /// Returns an environment that is not there, for tests that start no node.
    #[cfg(test)]
    pub(crate) fn absent() -> Self {
        Self {
            version: Version::REFERENCE,
            interpreter: PathBuf::from("absent"),
            sources: PathBuf::new(),
            workshop: env::temp_dir().join("casty-interop-absent"),
        }
    }

    /// Returns the version of casty that is installed.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns the environment's interpreter.
    pub fn interpreter(&self) -> &Path {
        &self.interpreter
    }

    /// Returns the path of a Python source beside this crate, by its file name.
    pub fn source(&self, name: &str) -> PathBuf {
        self.sources.join(name)
    }

    /// Returns the folder of the Python sources beside this crate.
    pub fn sources(&self) -> &Path {
        &self.sources
    }

    /// Returns the folder that nodes log to; made by the first that does. Versions other than the reference have
    /// one each.
    pub fn log_folder(&self) -> PathBuf {
        let logs = self.workshop.join("logs");
        if self.version == Version::REFERENCE {
            return logs;
        }
        logs.join(self.version.to_string())
    }
}

/// Returns the interpreter of an environment with a version of casty that speaks another protocol, made as that of an
/// [`Installation`] is.
///
/// # Errors
/// As those of [`Installation::prepare`].
pub(crate) fn stranger(version: &str) -> Result<PathBuf, SetupError> {
    Ok(interpreter(&environment(&format!("casty=={version}\n"))?))
}

/// Returns the environment that has these packages, made if it is not there.
fn environment(requirements: &str) -> Result<PathBuf, SetupError> {
    let name = format!("venv-{:016x}", fingerprint(requirements.as_bytes()));
    let environment = workshop().join(name);
    if !is_finished(&environment) {
        build(&find()?, &environment, requirements)?;
    }
    Ok(environment)
}

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the folder of all that the suite makes.
fn workshop() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR");
    target
        .map_or_else(|| package().with_file_name("target"), PathBuf::from)
        .join("interop")
}

/// The reason that there is no environment to run nodes in.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// No interpreter fits.
    #[error("no Python >= 3.12 with venv and pip; looked at {looked_at}")]
    NoPython {
        /// The interpreters that were found, and that did not fit.
        looked_at: String,
    },
    /// A command that makes the environment failed.
    #[error("`{command}` failed: {output}")]
    Command {
        /// The command line.
        command: String,
        /// The output of the command, or the reason that it could not be run.
        output: String,
    },
    /// The environment's folder could not be written.
    #[error("cannot make the virtual environment")]
    Folder(#[from] io::Error),
}

fn interpreter(environment: &Path) -> PathBuf {
    environment.join("bin").join("python")
}

/// Returns whether the environment was built to the end, and its Python is still installed.
fn is_finished(environment: &Path) -> bool {
    environment.join(STAMP).is_file() && fits(&interpreter(environment))
}

/// Returns the first interpreter that is new enough and has what an environment takes.
fn find() -> Result<PathBuf, SetupError> {
    let candidates = candidates();
    let found = candidates.iter().find(|python| fits(python));
    found.cloned().ok_or_else(|| {
        let names: Vec<_> = candidates
            .iter()
            .map(|path| path.to_string_lossy())
            .collect();
        let looked_at = if names.is_empty() {
            "PATH and pyenv, where there is none at all".to_owned()
        } else {
            names.join(", ")
        };
        SetupError::NoPython { looked_at }
    })
}

/// Interpreters on `PATH` by name, then those of pyenv, the newest first.
fn candidates() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut found = Vec::new();
    for name in ["python3.14", "python3.13", "python3.12", "python3"] {
        found.extend(env::split_paths(&path).map(|folder| folder.join(name)));
    }
    let pyenv = env::var_os("PYENV_ROOT")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".pyenv")));
    if let Some(pyenv) = pyenv {
        found.extend(pyenv_interpreters(&pyenv.join("versions")));
    }
    found.retain(|python| python.is_file());
    found
}

fn pyenv_interpreters(versions: &Path) -> Vec<PathBuf> {
    let mut found: Vec<_> = fs::read_dir(versions)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = version(&entry.file_name())?;
            (version >= OLDEST).then(|| (version, entry.path().join("bin").join("python3")))
        })
        .collect();
    found.sort_by(|a, b| b.cmp(a));
    found.into_iter().map(|(_, python)| python).collect()
}

/// Returns major and minor of a folder name like `3.12.1`.
fn version(name: &OsStr) -> Option<(u32, u32)> {
    let mut parts = name.to_str()?.split('.').map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

fn fits(python: &Path) -> bool {
    let (major, minor) = OLDEST;
    let check =
        format!("import sys, venv, ensurepip; sys.exit(sys.version_info < ({major}, {minor}))");
    Command::new(python)
        .args(["-c", &check])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Builds beside `environment` and moves it there when it is finished, so that a run that is
/// interrupted leaves nothing half made behind, and two runs at a time do not meet.
fn build(python: &Path, environment: &Path, requirements: &str) -> Result<(), SetupError> {
    let process = std::process::id();
    let draft = environment.with_extension(format!("draft-{process}"));
    eprintln!(
        "interop: making a virtual environment with {} by {}",
        requirements.lines().next().unwrap_or_default(),
        python.display()
    );
    let built = fill(python, &draft, requirements).and_then(|()| {
        if environment.exists() && !is_finished(environment) {
            fs::remove_dir_all(environment)?;
        }
        match fs::rename(&draft, environment) {
            Err(error) if !is_finished(environment) => Err(error.into()),
            _ => Ok(()),
        }
    });
    if draft.exists() {
        fs::remove_dir_all(&draft)?;
    }
    built
}

fn fill(python: &Path, draft: &Path, requirements: &str) -> Result<(), SetupError> {
    fs::create_dir_all(draft)?;
    run(Command::new(python).args(["-m", "venv"]).arg(draft))?;
    let file = draft.join("requirements.txt");
    fs::write(&file, requirements)?;
    let pip = [
        "-m",
        "pip",
        "install",
        "--no-input",
        "--disable-pip-version-check",
        "--quiet",
        "-r",
    ];
    run(Command::new(interpreter(draft)).args(pip).arg(&file))?;
    fs::write(draft.join(STAMP), "")?;
    Ok(())
}

fn run(command: &mut Command) -> Result<(), SetupError> {
    let text = format!("{command:?}");
    let output = match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => return Ok(()),
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    Err(SetupError::Command {
        command: text,
        output,
    })
}

/// Computes FNV-1a: the same number for the same requirements, on every machine.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_folder_names() {
        for (name, expected) in [
            ("3.12.1", Some((3, 12))),
            ("3.13", Some((3, 13))),
            ("pypy3.10-7.3", None),
            ("3.14-dev", None),
            ("3", None),
        ] {
            assert_eq!(version(OsStr::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn different_requirements_have_different_fingerprints() {
        assert_eq!(fingerprint(b""), 0xcbf2_9ce4_8422_2325);
        assert_ne!(fingerprint(b"casty==0.21.0"), fingerprint(b"casty==0.21.1"));
    }
}
