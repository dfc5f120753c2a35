//! `casty cert`: certificates for nodes with TLS and for their clients.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use casty_proto::Count;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use time::OffsetDateTime;

use crate::args::time::days;
use crate::error::CommandError;
use crate::output::{note, print, print_as};

mod files;
mod issue;

use files::Files;
use issue::{Authority, IssueError, Issued, Validity};

const EXAMPLES: &str = "\
Makes what nodes with TLS require: one authority, which signs a certificate for each node and each
client. The files are those of the `casty cert` command of the Python package, and either command
takes the other's: its create-ca is ca here, and so on. Keys are readable by their owner only; keep
ca.key where no node is.

Examples:
  casty cert ca --out certs
  casty cert node 10.0.1.10 node-1.example --ca-dir certs --out node-1
  casty cert client gateway --ca-dir certs --out gateway
  casty topology --contact 10.0.1.10:25520 --system my-cluster --transport tls \\
      --tls-ca certs/ca.crt \\
      --tls-cert gateway/client.crt --tls-key gateway/client.key";

const CA_EXAMPLES: &str = "\
Writes ca.crt, which every node and client trusts, and ca.key, which signs their certificates.

Examples:
  casty cert ca --out certs
  casty cert ca --out certs --cn 'my-cluster CA' --validity 3650";

const NODE_EXAMPLES: &str = "\
Writes node.crt and node.key. Name every host and address by which the node is dialled, as clients
and other nodes write it, without port.

Examples:
  casty cert node 10.0.1.10 --ca-dir certs --out node-1
  casty cert node node-2.example 10.0.1.11 ::1 --ca-dir certs --out node-2 \\
      --validity 30
  casty cert node 10.0.1.10 --ca-dir certs --out node-1 --force";

const CLIENT_EXAMPLES: &str = "\
Writes client.crt and client.key.

Examples:
  casty cert client gateway --ca-dir certs --out gateway
  casty cert client nightly-import --ca-dir certs --out import --validity 1";

/// The arguments of `casty cert`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CertArgs {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Kind {
    /// Make an authority, which signs certificates.
    #[command(alias = "create-ca", after_help = CA_EXAMPLES)]
    Ca(Ca),
    /// Make a certificate for a node.
    #[command(alias = "create-node", after_help = NODE_EXAMPLES)]
    Node(Node),
    /// Make a certificate for a client.
    #[command(alias = "create-client", after_help = CLIENT_EXAMPLES)]
    Client(Client),
}

#[derive(Debug, Args)]
struct Ca {
    /// The name that the certificate shows.
    #[arg(long, value_name = "NAME", default_value = "casty-ca")]
    cn: String,
    /// The days that it is valid for, from now on.
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = of_validity)]
    validity: u32,
    #[command(flatten)]
    out: Out,
}

#[derive(Debug, Args)]
struct Node {
    /// The node's IP addresses and host names.
    #[arg(value_name = "HOST", required = true)]
    hosts: Vec<String>,
    /// The name that the certificate shows [default: the first host].
    #[arg(long, value_name = "NAME")]
    cn: Option<String>,
    #[command(flatten)]
    signing: Signing,
}

#[derive(Debug, Args)]
struct Client {
    /// The name that the certificate shows.
    name: String,
    #[command(flatten)]
    signing: Signing,
}

/// The authority that signs, and the validity.
#[derive(Debug, Args)]
struct Signing {
    /// The folder with the authority's ca.crt and ca.key.
    #[arg(long, value_name = "FOLDER")]
    ca_dir: PathBuf,
    /// The days that it is valid for, from now on; until the end of the authority's certificate at
    /// most.
    #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = of_validity)]
    validity: u32,
    #[command(flatten)]
    out: Out,
}

#[derive(Debug, Args)]
struct Out {
    /// The folder to write to; it is made if it is not there.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Replace files that exist.
    #[arg(long)]
    force: bool,
}

/// A day to a century.
const VALIDITY: std::ops::RangeInclusive<u32> = 1..=36_500;

fn of_validity(text: &str) -> Result<u32, String> {
    days(text, VALIDITY)
}

/// The name of the authority's files.
const AUTHORITY: &str = "ca";

/// Makes the certificate and prints where it is.
pub(crate) fn run(args: &CertArgs) -> Result<(), CommandError> {
    let made = match &args.kind {
        Kind::Ca(ca) => {
            let issued = issue::authority(&ca.cn, validity(ca.validity))?;
            let mut made = ca.out.write(AUTHORITY, &issued, "CA")?;
            made.tell("CN", "cn", &ca.cn);
            made.tell("Validity", "validity", Count(ca.validity, "day"));
            made
        }
        Kind::Node(node) => {
            let first = node.hosts.first().map_or("", String::as_str);
            let cn = node.cn.as_deref().unwrap_or(first);
            let mut made = node.signing.issue("node", "Node", |authority, validity| {
                authority.node(cn, &node.hosts, validity)
            })?;
            made.tell("SANs", "sans", node.hosts.join(", "));
            made.document["sans"] = json!(node.hosts);
            made
        }
        Kind::Client(Client { name, signing }) => {
            let mut made = signing.issue("client", "Client", |authority, validity| {
                authority.client(name, validity)
            })?;
            made.tell("CN", "cn", name);
            made
        }
    };
    made.print()
}

impl Signing {
    /// Has the authority issue a certificate, and writes it.
    fn issue(
        &self,
        name: &str,
        title: &'static str,
        make: impl FnOnce(&Authority, Validity) -> Result<Issued, IssueError>,
    ) -> Result<Made, CommandError> {
        let files = Files::new(&self.ca_dir, AUTHORITY);
        let (certificate, key) = files.read()?;
        let authority = Authority::from_pem(&certificate, &key)
            .map_err(|error| CommandError::of(folder(&self.ca_dir), error).helped_by(UNSIGNED))?;
        let issued = make(&authority, validity(self.validity))?;
        let mut made = self.out.write(name, &issued, title)?;
        made.tell("Signed by", "signed_by", files.certificate.display());
        let wanted = Count(self.validity, "day").to_string();
        let Some(end) = issued.cut else {
            made.tell("Validity", "validity", wanted);
            return Ok(made);
        };
        note(format_args!(
            "casty: {wanted} would be beyond the end of the authority's certificate"
        ));
        let (date, time) = (end.date(), clock(end));
        let cut = format!("until {date} {time} UTC, as the authority's");
        made.tell("Validity", "validity", cut);
        Ok(made)
    }
}

/// Returns the time of a day.
fn clock(at: OffsetDateTime) -> String {
    let (hour, minute, second) = at.time().as_hms();
    format!("{hour:02}:{minute:02}:{second:02}")
}

impl Out {
    fn write(
        &self,
        name: &str,
        issued: &Issued,
        title: &'static str,
    ) -> Result<Made, CommandError> {
        let files = Files::new(&self.out, name);
        files.write(issued, self.force)?;
        let (certificate, key) = (files.certificate.display(), files.key.display());
        let end = issued.not_after;
        Ok(Made {
            document: json!({
                "certificate": certificate.to_string(),
                "key": key.to_string(),
                "signed_by": null,
                "validity": null,
                "not_after": format!("{}T{}Z", end.date(), clock(end)),
                "cn": null,
                "sans": [],
            }),
            lines: vec![
                format!("{title} certificate: {certificate}"),
                format!("{title} private key: {key}"),
            ],
        })
    }
}

/// A certificate that was made, as it is told: as a document, and as lines.
struct Made {
    document: Value,
    lines: Vec<String>,
}

impl Made {
    /// Adds what is told of it, with its name in lines and in the document.
    fn tell(&mut self, name: &str, key: &str, value: impl Display) {
        self.lines.push(format!("{name}: {value}"));
        self.document[key] = json!(value.to_string());
    }

    fn print(self) -> Result<(), CommandError> {
        let Self { document, lines } = self;
        print_as(|| document, || lines.into_iter().try_for_each(print))
    }
}

/// Returns a validity that begins now.
fn validity(days: u32) -> Validity {
    Validity {
        from: SystemTime::now(),
        days,
    }
}

fn folder(path: &Path) -> String {
    format!("cannot sign with {}", path.display())
}

/// The remedy where the authority cannot sign.
const UNSIGNED: &str =
    "casty cert ca makes an authority that can sign; name its folder with --ca-dir";

/// The name, host or time cannot be in a certificate, or the authority cannot sign.
impl From<IssueError> for CommandError {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Name(_) | IssueError::Host(_) | IssueError::Time => {
                Self::Usage(error.into())
            }
            _ => Self::Failed(error.into()).helped_by(UNSIGNED),
        }
    }
}
