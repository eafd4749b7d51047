//! What other threads tell a driver: owns the queue and the wake-up.
//!
//! Never blocks a sender. The queue needs no bound of its own: those who send are bounded by what the machine asked for.

use crate::stream::Stream;
use crossbeam_channel::{Receiver, Sender, TryRecvError};
use mio::Waker;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use windrow_core::failure::Failure;

/// One thing that a driver is told.
pub(crate) enum Mail<L> {
    /// A local event of its machine.
    Local(L),
    /// A stream that somebody in this process dialled.
    Stream(Box<dyn Stream>, SocketAddr),
    /// End here, whatever the machine has in mind.
    End(Result<(), Failure>),
}

/// The driver does not run any more.
#[derive(Debug)]
pub(crate) struct Gone;

/// Where other threads leave what a driver is to be told.
pub struct Mailbox<L> {
    sender: Sender<Mail<L>>,
    bell: Arc<Bell>,
}

/// Wakes the driver, once for any number of letters.
struct Bell {
    waker: Waker,
    rung: AtomicBool,
}

impl<L> Mailbox<L> {
    /// Tells a local event; lost if the driver does not run any more.
    pub fn send(&self, local: L) {
        let _: Result<(), Gone> = self.deliver(Mail::Local(local));
    }

    pub(crate) fn deliver(&self, mail: Mail<L>) -> Result<(), Gone> {
        self.sender.send(mail).map_err(|_| Gone)?;
        if !self.bell.rung.swap(true, Ordering::SeqCst)
            && let Err(error) = self.bell.waker.wake()
        {
            panic!("a driver cannot be woken: {error}");
        }
        Ok(())
    }
}

impl<L> Clone for Mailbox<L> {
    fn clone(&self) -> Self {
        Mailbox { sender: self.sender.clone(), bell: self.bell.clone() }
    }
}

impl<L> fmt::Debug for Mailbox<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mailbox")
    }
}

/// The driver's end of its [`Mailbox`].
pub(crate) struct Inbox<L> {
    receiver: Receiver<Mail<L>>,
    bell: Arc<Bell>,
    may_hold_mail: bool,
}

impl<L> Inbox<L> {
    pub(crate) fn new(waker: Waker) -> (Mailbox<L>, Inbox<L>) {
        let (sender, receiver) = crossbeam_channel::unbounded();
        let bell = Arc::new(Bell { waker, rung: AtomicBool::new(false) });
        (Mailbox { sender, bell: bell.clone() }, Inbox { receiver, bell, may_hold_mail: false })
    }

    /// The waker woke. Must come before the queue is looked at, so that what is sent from now on rings again.
    pub(crate) fn woken(&mut self) {
        self.bell.rung.store(false, Ordering::SeqCst);
        self.may_hold_mail = true;
    }

    pub(crate) fn may_hold_mail(&self) -> bool {
        self.may_hold_mail
    }

    pub(crate) fn take(&mut self) -> Option<Mail<L>> {
        if !self.may_hold_mail {
            return None;
        }
        match self.receiver.try_recv() {
            Ok(mail) => Some(mail),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {
                self.may_hold_mail = false;
                None
            }
        }
    }
}
