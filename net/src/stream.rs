//! Stream sockets: owns what a driver needs of one, and how one is dialled.
//!
//! A driver knows streams only as [`Stream`], so that its tests can give it partial reads, interruptions, spurious
//! readiness and resets. Every stream here is non-blocking.

use mio::event::Source;
use mio::net::{TcpStream, UnixStream};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};

/// What stands for an address where there is none: both ends of a socket pair.
pub const NO_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A non-blocking stream socket.
pub trait Stream: Read + Write + Source + Send {
    /// What became of dialling, asked when the socket says that it is writable: this end's address once the
    /// connection stands, `None` while it does not.
    fn dialled(&self) -> io::Result<Option<SocketAddr>>;

    /// Tells the peer that nothing more comes.
    fn shutdown_write(&self) -> io::Result<()>;
}

/// Opens connections for a driver.
pub trait Dialler: Send {
    /// Begins to open one; [`Stream::dialled`] tells when it stands.
    fn dial(&mut self, to: SocketAddr) -> io::Result<Box<dyn Stream>>;
}

/// Dials over TCP.
#[derive(Debug)]
pub struct TcpDialler;

impl Dialler for TcpDialler {
    fn dial(&mut self, to: SocketAddr) -> io::Result<Box<dyn Stream>> {
        Ok(Box::new(TcpStream::connect(to)?))
    }
}

impl Stream for TcpStream {
    fn dialled(&self) -> io::Result<Option<SocketAddr>> {
        if let Some(error) = self.take_error()? {
            return Err(error);
        }
        match self.peer_addr() {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(None),
            Err(error) => return Err(error),
        }
        // Frames are written whole: waiting for more would only delay them.
        self.set_nodelay(true)?;
        self.local_addr().map(Some)
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl Stream for UnixStream {
    fn dialled(&self) -> io::Result<Option<SocketAddr>> {
        Ok(Some(NO_ADDRESS))
    }

    fn shutdown_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}
