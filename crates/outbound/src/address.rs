//! Which addresses may be connected.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

use url::{Host, Url};

/// How far a connection may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reach {
    /// To this machine only.
    ThisMachine,
    /// To any machine, also of the own network: a company's mail server stands there.
    AnyMachine,
}

/// Why there is no way to a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Closed {
    /// The name has no address now; it may have one later.
    #[error("has no address")]
    Nowhere,
    /// It is another machine, where only this one is meant.
    #[error("is not this machine")]
    AnotherMachine,
    /// It stands for nobody, or for the services of the hosting that tell secrets (link-local).
    #[error("has an address that is never connected")]
    Forbidden,
}

/// Resolves a name once. One address that is not allowed closes the whole name.
pub fn resolve(host: &str, port: u16, reach: Reach) -> Result<Vec<SocketAddr>, Closed> {
    let host = host.trim_matches(['[', ']']);
    let found: Vec<SocketAddr> =
        (host, port).to_socket_addrs().map_err(|_| Closed::Nowhere)?.collect();
    if found.is_empty() {
        return Err(Closed::Nowhere);
    }
    if found.iter().any(|address| forbidden(address.ip())) {
        return Err(Closed::Forbidden);
    }
    if reach == Reach::ThisMachine && !found.iter().all(|address| address.ip().is_loopback()) {
        return Err(Closed::AnotherMachine);
    }
    Ok(found)
}

const fn forbidden(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            ip.is_unspecified() || ip.is_link_local() || ip.is_multicast() || ip.is_broadcast()
        }
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => forbidden(IpAddr::V4(ip)),
            None => ip.is_unspecified() || ip.is_unicast_link_local() || ip.is_multicast(),
        },
    }
}

/// True for a name that can only be this machine, without asking anybody.
pub fn this_machine(host: &str) -> bool {
    let ip = host.trim_matches(['[', ']']).parse();
    host == "localhost" || ip.is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// Reads the address of a site: https, or http on this machine, with nothing behind the path;
/// returned with a `/` at its end, so that paths can be joined.
pub fn base_url(text: &str) -> Option<Url> {
    let mut url: Url = text.parse().ok()?;
    let here = match url.host()? {
        Host::Domain(name) => this_machine(name),
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    };
    let plain = url.query().is_none() && url.fragment().is_none();
    let nobody = url.username().is_empty() && url.password().is_none();
    let scheme = url.scheme() == "https" || (url.scheme() == "http" && here);
    if !plain || !nobody || !scheme {
        return None;
    }
    let path = format!("{}/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_are_somebody_s_are_connected() {
        #[rustfmt::skip]
        let table = [
            ("127.0.0.1",              Reach::ThisMachine, Ok(1)),
            ("[::1]",                  Reach::ThisMachine, Ok(1)),
            ("10.1.2.3",               Reach::AnyMachine,  Ok(1)),
            ("10.1.2.3",               Reach::ThisMachine, Err(Closed::AnotherMachine)),
            ("169.254.169.254",        Reach::AnyMachine,  Err(Closed::Forbidden)),
            ("::ffff:169.254.169.254", Reach::AnyMachine,  Err(Closed::Forbidden)),
            ("fe80::1",                Reach::AnyMachine,  Err(Closed::Forbidden)),
            ("0.0.0.0",                Reach::ThisMachine, Err(Closed::Forbidden)),
            ("::",                     Reach::AnyMachine,  Err(Closed::Forbidden)),
            ("nobody.invalid",         Reach::AnyMachine,  Err(Closed::Nowhere)),
        ];
        for (host, reach, expected) in table {
            assert_eq!(resolve(host, 25, reach).map(|found| found.len()), expected, "{host}");
        }
    }

    #[test]
    fn a_site_is_https_or_here() {
        for good in ["https://a.example", "https://a.example:8443/x/", "http://localhost:7117"] {
            assert!(base_url(good).is_some_and(|url| url.path().ends_with('/')), "{good}");
        }
        for bad in [
            "",
            "a.example",
            "http://a.example",
            "http://127.0.0.1.a.example",
            "https://me@a.example",
            "https://a.example/?x",
            "https://a.example/#x",
            "javascript:alert(1)",
            "file:///etc/passwd",
        ] {
            assert_eq!(base_url(bad), None, "{bad}");
        }
    }
}
