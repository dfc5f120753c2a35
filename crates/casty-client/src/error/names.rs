//! The error of names that lead to no actor.

/// The reason for which a name cannot be that of a singleton or of a broadcast. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The name is empty or has a line break.
    #[error("name {0:?} is empty or has a line break")]
    Unusable(String),
    /// The name is a path, for it has a slash or begins with an underscore, as nothing does that nodes are
    /// told to spawn. Nobody would ever get the messages.
    #[error("{name:?} is a path, not the name by which nodes spawn it; use {call}({argument:?})")]
    Path {
        /// The name.
        name: String,
        /// The method of [`ClusterClient`](crate::ClusterClient) to call in place of this, or once more.
        call: &'static str,
        /// The argument to call it with.
        argument: String,
    },
}
