//! The serializers that nodes are run with.

use std::fmt;
use std::str::FromStr;

use casty_proto::Codec;

/// A serializer, by the name that Python knows it under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serializer {
    /// The default of nodes.
    Pickle,
    /// Casty's JSON.
    Json,
    /// The same tree as MessagePack.
    MsgPack,
    /// The schema of this project, by a serializer that the suite gives to nodes.
    Protobuf,
    /// Code by value: nodes write with cloudpickle, to a client that knows pickle.
    CloudPickle,
}

impl Serializer {
    /// The serializers that the suite runs with unless it is told, in that order.
    pub const SUITE: [Self; 4] = [Self::Pickle, Self::Json, Self::MsgPack, Self::Protobuf];

    /// All of them, as the matrix shows them.
    pub const ALL: [Self; 5] = [
        Self::Pickle,
        Self::Json,
        Self::MsgPack,
        Self::Protobuf,
        Self::CloudPickle,
    ];

    /// Returns the name that nodes are told.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pickle => "pickle",
            Self::Json => "json",
            Self::MsgPack => "msgpack",
            Self::Protobuf => "protobuf",
            Self::CloudPickle => "cloudpickle",
        }
    }

    /// Returns the codec that a client of such nodes uses.
    pub fn codec(self) -> Codec {
        match self {
            // Nodes send values of their classes, and get them back.
            Self::Pickle | Self::CloudPickle => {
                let codec = Codec::pickle();
                codec.allowing(["*"]).unwrap_or(codec)
            }
            Self::Json => Codec::json(),
            Self::MsgPack => Codec::msgpack(),
            Self::Protobuf => Codec::protobuf(),
        }
    }
}

impl fmt::Display for Serializer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Serializer {
    type Err = UnknownSerializer;

    fn from_str(text: &str) -> Result<Self, UnknownSerializer> {
        Self::ALL
            .into_iter()
            .find(|serializer| serializer.name() == text)
            .ok_or_else(|| UnknownSerializer(text.to_owned()))
    }
}

/// A name that is no serializer's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no serializer is called {0:?}; there are pickle, json, msgpack, protobuf and cloudpickle")]
pub struct UnknownSerializer(pub String);
