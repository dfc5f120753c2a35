//! The command line.

use std::path::PathBuf;
use std::sync::Arc;

use casty_proto::{Codec, Compression, NodeAddress};
use casty_transport::{AddressMap, Advertised, TlsConfig, TransportConfig};
use clap::Parser;

/// The reason why there is no member.
pub(crate) type Failure = Box<dyn std::error::Error>;

/// A member of a cluster of Casty's nodes that hosts counters.
#[derive(Debug, Parser)]
#[command(name = "rust-node", version)]
pub(crate) struct Options {
    /// The name of the actor system, the same on all nodes
    #[arg(long, value_name = "NAME")]
    pub(crate) system: String,
    /// A node that is asked to take this one in, which may be repeated; with none, this one waits for others
    #[arg(long = "seed", value_name = "HOST:PORT")]
    pub(crate) seeds: Vec<NodeAddress>,
    /// The address to listen at; port 0 is a free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    listen: NodeAddress,
    /// The address by which others dial this node, and its name among the members, of which the lowest leads
    /// [default: that of --listen]
    #[arg(long, value_name = "HOST:PORT")]
    advertise: Option<NodeAddress>,
    /// The name for people
    #[arg(long, default_value = "rust")]
    pub(crate) id: String,
    /// The number of shards of the region, the same on all nodes and clients
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    pub(crate) shards: u32,
    /// The serializer of the nodes: pickle, json, msgpack or protobuf
    #[arg(long, value_name = "NAME", default_value = "pickle")]
    codec: String,
    /// The compression of the nodes, if they have any: zlib, gzip, bz2, lzma or lz4
    #[arg(long, value_name = "NAME")]
    compression: Option<Compression>,
    /// The authority that the certificates of all nodes are from, as PEM; there is no TLS without
    #[arg(long, value_name = "FILE", requires_all = ["tls_cert", "tls_key"])]
    tls_ca: Option<PathBuf>,
    /// The certificate of this node, for the host that it advertises
    #[arg(long, value_name = "FILE", requires = "tls_ca")]
    tls_cert: Option<PathBuf>,
    /// The key of that certificate
    #[arg(long, value_name = "FILE", requires = "tls_ca")]
    tls_key: Option<PathBuf>,
    /// Leave when standard input ends, as with a program that this one must not outlive
    #[arg(long)]
    pub(crate) attached: bool,
}

impl Options {
    /// Returns the address that the others know.
    pub(crate) fn advertised(&self) -> &NodeAddress {
        self.advertise.as_ref().unwrap_or(&self.listen)
    }

    /// Returns the serializer.
    ///
    /// # Errors
    /// There is none of that name.
    pub(crate) fn codec(&self) -> Result<Codec, Failure> {
        let codec = match self.codec.as_str() {
            "pickle" => Codec::pickle(),
            "json" => Codec::json(),
            "msgpack" => Codec::msgpack(),
            "protobuf" => Codec::protobuf(),
            other => return Err(format!("no serializer is called {other:?}").into()),
        };
        Ok(match self.compression {
            Some(compression) => codec.compressed(compression),
            None => codec,
        })
    }

    /// Returns the transport by which others are dialled, and dial this node.
    ///
    /// # Errors
    /// A certificate cannot be read.
    pub(crate) fn transport(&self) -> Result<TransportConfig, Failure> {
        let transport = match (&self.tls_ca, &self.tls_cert, &self.tls_key) {
            (Some(authority), Some(certificate), Some(key)) => {
                let config = TlsConfig::builder().ca_file(authority);
                let config = config.certificate_file(certificate).key_file(key);
                TransportConfig::tls(config.build()?)
            }
            _ => TransportConfig::tcp(),
        };
        if self.advertise.is_none() {
            return Ok(transport);
        }
        let listen = self.listen.clone();
        let listens = AddressMap::function(move |_| listen.clone());
        let advertised = Advertised::new(transport.build(), listens, AddressMap::identity());
        Ok(TransportConfig::custom(Arc::new(advertised)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Options {
        let words = ["rust-node", "--system", "x"].into_iter();
        Options::parse_from(words.chain(line.split_whitespace()))
    }

    #[test]
    fn the_address_that_is_listened_at_is_advertised_unless_another_one_is() {
        let options = parse("--listen 10.0.0.9:25520");
        assert_eq!(options.advertised().to_string(), "10.0.0.9:25520");
        let options = parse("--listen 0.0.0.0:25520 --advertise rust-1:7000");
        assert_eq!(options.advertised().to_string(), "rust-1:7000");
    }

    #[test]
    fn only_serializers_that_nodes_have_are_taken() {
        for name in ["pickle", "json", "msgpack", "protobuf"] {
            let line = format!("--codec {name} --compression lz4");
            assert!(parse(&line).codec().is_ok(), "{name}");
        }
        assert!(parse("--codec yaml").codec().is_err());
    }
}
