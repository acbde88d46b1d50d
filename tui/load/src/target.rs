//! Where load goes: one address, checked before anything is sent.
//!
//! The host is resolved once and every connection goes to that address, so that a name cannot change its meaning
//! between the check and the connection. Redirects are never followed.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr, ToSocketAddrs as _},
};

use crate::error::LoadError;

/// Which addresses may be loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Only this machine.
    #[default]
    Loopback,
    /// Also this one host, which the user named twice and confirmed.
    Remote(String),
}

/// A scoring route of one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    host: String,
    addr: SocketAddr,
    path: String,
}

impl Target {
    /// Resolves `url` (`http://HOST[:PORT]`) and checks that load may go to `path` there.
    ///
    /// # Errors
    ///
    /// When the URL is not plain HTTP, the path does not score, the host has no address or is not within `reach`.
    pub fn resolve(url: &str, path: &str, reach: &Reach) -> Result<Self, LoadError> {
        if !is_scoring_path(path) {
            return Err(LoadError::Path { path: path.to_owned() });
        }
        let (host, addr) = resolve_host(url, reach)?;
        Ok(Self { host, addr, path: path.to_owned() })
    }

    /// The same path on an address that was resolved elsewhere; for servers inside this process.
    pub(crate) fn at(addr: SocketAddr, path: &str) -> Self {
        Self { host: addr.to_string(), addr, path: path.to_owned() }
    }

    /// The address that every connection goes to.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// `host:port` as it stands in requests.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.host
    }

    /// The scoring route.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether server and generator share this machine's cores.
    #[must_use]
    pub fn is_local(&self) -> bool {
        is_loopback(self.addr.ip())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.host, self.path)
    }
}

/// The `host:port` and address of `http://HOST[:PORT][/]`, if `reach` allows the address.
pub(crate) fn resolve_host(url: &str, reach: &Reach) -> Result<(String, SocketAddr), LoadError> {
    let bad = |reason: &str| LoadError::Url { url: url.to_owned(), reason: reason.to_owned() };
    let rest = url.strip_prefix("http://").ok_or_else(|| bad("only http:// is spoken"))?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.is_empty() || rest.contains(['/', '?', '#', '@', ' ']) {
        return Err(bad("it must be a host and a port, nothing more"));
    }
    let has_port = rest.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let authority = if has_port { rest.to_owned() } else { format!("{rest}:80") };
    let host = authority.rsplit_once(':').map_or(authority.as_str(), |(host, _)| host).to_owned();
    let failed = |source| LoadError::Resolve { host: host.clone(), source };
    let addresses: Vec<SocketAddr> = authority.to_socket_addrs().map_err(failed)?.collect();
    let first = *addresses.first().ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
    let addr = match reach {
        Reach::Remote(allowed) if *allowed == host => first,
        Reach::Loopback | Reach::Remote(_) => addresses
            .iter()
            .copied()
            .find(|addr| is_loopback(addr.ip()))
            .ok_or(LoadError::NotLoopback { host, addr: first })?,
    };
    Ok((authority, addr))
}

/// Loopback, also when IPv4 is written as IPv6 (`::ffff:127.0.0.1`).
fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// Load goes only to routes that score or read features: never to one that changes state or profiles.
fn is_scoring_path(path: &str) -> bool {
    let path = path.split('?').next().unwrap_or(path);
    path.starts_with('/')
        && path.bytes().all(|byte| byte.is_ascii_graphic())
        && (path.ends_with("/invocations")
            || path == "/get-online-features"
            || path.starts_with("/score/")
            || (path.starts_with("/v2/models/") && path.ends_with("/infer"))
            || (path.starts_with("/v1/models/") && path.ends_with(":predict")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_in_every_spelling_is_allowed() {
        for url in
            ["http://127.0.0.1:8080", "http://localhost:8080/", "http://[::1]:8080", "http://[::ffff:127.0.0.1]:1"]
        {
            let target =
                Target::resolve(url, "/invocations", &Reach::Loopback).unwrap_or_else(|e| panic!("{url}: {e}"));
            assert!(target.is_local(), "{url}");
        }
    }

    #[test]
    fn other_machines_need_their_own_name_in_the_permission() {
        let url = "http://192.0.2.7:8080";
        let refused = |reach: &Reach| Target::resolve(url, "/invocations", reach).expect_err("must be refused");
        assert!(matches!(refused(&Reach::Loopback), LoadError::NotLoopback { .. }));
        assert!(matches!(refused(&Reach::Remote("192.0.2.8".into())), LoadError::NotLoopback { .. }));
        assert!(Target::resolve(url, "/invocations", &Reach::Remote("192.0.2.7".into())).is_ok());
    }

    #[test]
    fn routes_that_do_not_score_are_refused() {
        for path in
            ["/rescan", "/models/wine/reload", "/debug/pprof/profile", "invocations", "/", "/invocations\r\nx: y"]
        {
            assert!(
                matches!(Target::resolve("http://127.0.0.1:1", path, &Reach::Loopback), Err(LoadError::Path { .. })),
                "{path:?}"
            );
        }
        for path in ["/invocations", "/models/a/versions/3/invocations", "/v2/models/a/infer", "/v1/models/a:predict"] {
            assert!(Target::resolve("http://127.0.0.1:1", path, &Reach::Loopback).is_ok(), "{path:?}");
        }
    }

    #[test]
    fn urls_that_hide_something_are_refused() {
        for url in ["https://localhost", "localhost:8080", "http://user@localhost", "http://localhost/path", "http://"]
        {
            assert!(Target::resolve(url, "/invocations", &Reach::Loopback).is_err(), "{url:?}");
        }
    }
}
