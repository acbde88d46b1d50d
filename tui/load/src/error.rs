//! What can stop a load run before or while it runs. Failed requests are not errors of this kind: they are counted.

use std::{io, net::SocketAddr, path::PathBuf};

/// Why a run could not start, or ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The URL is not one that can be loaded.
    #[error("url {url:?}: {reason}; write it as http://HOST:PORT")]
    Url {
        /// As it was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The path is not a scoring route.
    #[error("path {path:?} is not a scoring route; load is sent only to paths that score, such as /invocations")]
    Path {
        /// As it was given.
        path: String,
    },
    /// The host has no address.
    #[error("host {host:?} cannot be resolved: {source}")]
    Resolve {
        /// Name that was looked up.
        host: String,
        /// What the resolver said.
        source: io::Error,
    },
    /// The address is another machine's.
    #[error("{host} is {addr}, which is not this machine; load on other machines needs --allow-remote {host}")]
    NotLoopback {
        /// Name that was given.
        host: String,
        /// What it stands for.
        addr: SocketAddr,
    },
    /// A number of the specification is out of its bounds.
    #[error("{what} is {given}, but must be {bounds}")]
    Bounds {
        /// Which number.
        what: &'static str,
        /// What was asked for.
        given: String,
        /// What is possible.
        bounds: String,
    },
    /// No connection could be opened.
    #[error("cannot connect to {addr}: {source}; is the server running?")]
    Connect {
        /// Where to.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The server did not score the first request.
    #[error("{target} did not score the first request: {reason}")]
    Refused {
        /// URL that was called.
        target: String,
        /// Status and the server's own message.
        reason: String,
    },
    /// The catalog has no such model, or it does not serve.
    #[error("model {model}: {reason}")]
    Model {
        /// Reference that was given.
        model: String,
        /// Why it cannot be loaded with requests.
        reason: String,
    },
    /// Request bodies could not be made.
    #[error("request bodies from {source_name}: {reason}")]
    Bodies {
        /// File or model that they were made from.
        source_name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Another run is under way on this machine.
    #[error("another load run holds {}; one run at a time, wait for it to end", path.display())]
    Busy {
        /// The lock.
        path: PathBuf,
    },
    /// A file could not be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A saved file is not what it should be.
    #[error("{}: {reason}", path.display())]
    Format {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The run was stopped before anything was measured.
    #[error("stopped before anything was measured")]
    Stopped,
    /// The system gave no thread.
    #[error("cannot start a thread of the load generator: {0}")]
    Thread(io::Error),
}
