//! Addresses as people write them: owns the way from `HOST:PORT` to a socket address, taken once, at the start.

use net::os_error::os_error;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use windrow_core::failure::{Cause, Failure, OsError, OsErrorKind, PeerKind};

/// The port on which a Manager listens unless it is told otherwise.
pub const MANAGER_PORT: u16 = 7077;
/// Where a Manager listens and is looked for unless it is told otherwise.
pub const MANAGER_ADDRESS: &str = "127.0.0.1:7077";

/// The Manager's address, to be dialled.
pub fn of_manager(text: &str) -> Result<SocketAddr, Failure> {
    let unreachable =
        |error| Failure::new(Cause::Unreachable { address: text.into(), whom: PeerKind::Manager, error });
    let address = resolve(text, MANAGER_PORT).map_err(unreachable)?;
    if address.port() == 0 {
        let text = "port 0 stands for any free port when listening; to dial, it must be known";
        return Err(unreachable(OsError { kind: OsErrorKind::Other, text: text.into() }));
    }
    Ok(address)
}

/// An address to listen on, or to tell to others. `default_port` is the port if only a host was given.
pub fn of_listener(text: &str, default_port: u16) -> Result<SocketAddr, Failure> {
    resolve(text, default_port)
        .map_err(|error| Failure::new(Cause::NoAddress { address: text.into(), error }))
}

/// Takes `HOST:PORT` or `HOST`. Of a name with several addresses, the first of version 4 counts if there is one: a
/// server that listens on `localhost` and a client that dials `127.0.0.1` must meet.
fn resolve(text: &str, default_port: u16) -> Result<SocketAddr, OsError> {
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Ok(address);
    }
    if let Ok(ip) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, default_port));
    }
    let (host, port) = match text.rsplit_once(':') {
        None => (text, default_port),
        Some((host, port)) => (host, port.parse().map_err(|_| not_an_address())?),
    };
    // The system would take a number for an address: 7000 for 0.0.27.88.
    let is_number = host.bytes().all(|byte| byte.is_ascii_digit());
    if is_number || host.contains(char::is_whitespace) {
        return Err(not_an_address());
    }
    let found: Vec<SocketAddr> =
        (host, port).to_socket_addrs().map_err(|error| unresolved(host, &error))?.collect();
    let first = found.iter().find(|address| address.is_ipv4()).or(found.first());
    first.copied().ok_or_else(|| unresolved(host, &io::Error::from(io::ErrorKind::NotFound)))
}

fn not_an_address() -> OsError {
    OsError { kind: OsErrorKind::InvalidData, text: "this is no HOST:PORT".into() }
}

fn unresolved(host: &str, error: &io::Error) -> OsError {
    OsError { text: format!("no address is known for the name `{host}` ({error})"), ..os_error(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_taken_as_they_stand() {
        for (text, address) in [
            ("127.0.0.1:7077", "127.0.0.1:7077"),
            ("127.0.0.1", "127.0.0.1:7077"),
            ("[::1]:80", "[::1]:80"),
            ("::1", "[::1]:7077"),
            ("[::1]", "[::1]:7077"),
            ("0.0.0.0:0", "0.0.0.0:0"),
        ] {
            assert_eq!(of_listener(text, MANAGER_PORT).unwrap(), address.parse().unwrap(), "{text}");
        }
        assert_eq!(MANAGER_ADDRESS.parse(), Ok(SocketAddr::from(([127, 0, 0, 1], MANAGER_PORT))));
    }

    #[test]
    fn names_are_resolved_to_version_4_where_there_is_one() {
        assert_eq!(of_manager("localhost:81").unwrap(), "127.0.0.1:81".parse().unwrap());
        assert_eq!(of_manager("localhost").unwrap().port(), MANAGER_PORT);
    }

    #[test]
    fn what_is_no_address_is_said_to_be_none() {
        for text in ["", ":7077", "localhost:", "localhost:http", "localhost:70000", "a b:1", "7000", "7:8"] {
            let failure = of_manager(text).unwrap_err();
            assert!(failure.to_string().contains("no HOST:PORT"), "{text}: {failure}");
            let failure = of_listener(text, MANAGER_PORT).unwrap_err();
            assert!(failure.to_string().starts_with(&format!("`{text}` is no HOST:PORT")), "{failure}");
        }
        assert!(of_manager("127.0.0.1:0").unwrap_err().to_string().contains("port 0"));
    }
}
