//! The certificates of the client: what becomes of files that are replaced, and when they end.

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::future::pending;
use std::path::Path;
use std::time::Duration;

use casty_client::{Chain, ClusterClient, TlsStatus};
use tokio::time::interval;
use x509_parser::pem::Pem;

/// The time between two looks at the file, which the client itself reads at handshakes only.
const LOOK: Duration = Duration::from_mins(1);

/// Prints a line when files were taken into use or refused, when the certificate is another one, and each
/// day from `warn_before` its end on. Waits for ever where none is shown.
pub(crate) async fn follow(client: &ClusterClient, file: Option<&Path>, warn_before: Duration) {
    let Some((used, file)) = client.certificates().zip(file) else {
        return pending().await;
    };
    let mut changes = used.changes();
    let mut look = interval(LOOK);
    let mut told = String::new();
    loop {
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            _ = look.tick() => {}
        }
        let status = changes.borrow_and_update().clone();
        let now = line(&status, &Certificate::read(file), warn_before);
        if now != told {
            println!("{now}");
            told = now;
        }
    }
}

/// A certificate, as far as it is told.
struct Certificate {
    serial: String,
    /// The last moment at which it is valid.
    end: String,
    /// The time until then; `None` once it is over.
    left: Option<Duration>,
}

impl Certificate {
    /// Reads the first certificate of a file, which is the client's own.
    fn read(file: &Path) -> Result<Self, Box<dyn Error>> {
        let pem = fs::read(file)?;
        let first = Pem::iter_from_buffer(&pem).next();
        let first = first.ok_or("it has no certificate")??;
        let certificate = first.parse_x509()?;
        let validity = certificate.validity();
        Ok(Self {
            serial: certificate.raw_serial_as_string(),
            end: validity.not_after.to_string(),
            left: validity
                .time_to_expiration()
                .and_then(|left| left.try_into().ok()),
        })
    }
}

/// Returns the certificates as a line.
fn line(
    status: &TlsStatus,
    found: &Result<Certificate, Box<dyn Error>>,
    warn_before: Duration,
) -> String {
    let (renewed, refused) = (status.renewed, status.refused);
    let mut line = format!("certificates: {renewed} renewed, {refused} refused");
    // A `String` takes whatever is written.
    match found {
        Ok(it) => write!(line, "; {} until {}", it.serial, it.end).ok(),
        Err(error) => write!(line, "; the file cannot be read: {}", Chain(&**error)).ok(),
    };
    if let Some(error) = &status.error {
        write!(line, "; the old ones stay in use: {}", Chain(error)).ok();
    }
    match found.as_ref().map(|it| it.left) {
        Ok(None) => line.push_str("; WARNING: it has ended"),
        Ok(Some(left)) if left < warn_before => {
            let days = left.as_secs() / (24 * 60 * 60);
            write!(line, "; WARNING: it ends in {days} days").ok();
        }
        _ => {}
    }
    line
}
