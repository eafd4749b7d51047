//! Connections inside this process: owns the dialler that makes a socket pair and hands its other end to the Manager's
//! driver, so that `windrow run` needs no port.

use crate::mailbox::{Gone, Mail, Mailbox};
use crate::stream::{Dialler, NO_ADDRESS, Stream};
use mio::net::UnixStream;
use rustix::io::Errno;
use std::io;
use std::net::SocketAddr;

/// Dials one driver of this process, whatever address is asked for.
pub(crate) struct InProcessDialler<L> {
    mailbox: Mailbox<L>,
}

impl<L> InProcessDialler<L> {
    /// A dialler that reaches the driver of this mailbox.
    pub(crate) fn new(mailbox: Mailbox<L>) -> InProcessDialler<L> {
        InProcessDialler { mailbox }
    }
}

impl<L: Send> Dialler for InProcessDialler<L> {
    fn dial(&mut self, _to: SocketAddr) -> io::Result<Box<dyn Stream>> {
        let (near, far) = UnixStream::pair()?;
        match self.mailbox.deliver(Mail::Stream(Box::new(far), NO_ADDRESS)) {
            Ok(()) => Ok(Box::new(near)),
            Err(Gone) => Err(Errno::CONNREFUSED.into()),
        }
    }
}
