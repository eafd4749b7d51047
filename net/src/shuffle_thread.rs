//! The shuffle's thread: owns what joins its machine to its port and to the worker's disk.

use crate::disk::{Disk, Performed};
use crate::driver::{Driver, EventLoop, Performer};
use crate::mailbox::{Gone, Mail, Mailbox};
use crate::stream::TcpDialler;
use crate::thread;
use mio::net::TcpListener;
use std::io;
use std::ops::ControlFlow;
use std::thread::JoinHandle;
use windrow_core::failure::Failure;
use windrow_core::machine::{Event, Node};
use windrow_core::time::Time;
use windrow_core::worker::WorkerInput;
use windrow_core::worker::disk::DiskUser;
use windrow_core::worker::shuffle::{ShuffleCommand, ShuffleInput, ShuffleRequest};

/// The thread; dropping it ends the shuffle, whatever it is at, and waits for it.
#[derive(Debug)]
pub struct ShuffleThread {
    mailbox: Mailbox<ShuffleInput>,
    thread: Option<JoinHandle<Result<(), Failure>>>,
}

impl ShuffleThread {
    /// Starts it. Without a listener nobody can fetch from here.
    pub fn start<N>(
        node: N,
        listener: Option<TcpListener>,
        worker: Mailbox<WorkerInput>,
    ) -> io::Result<ShuffleThread>
    where
        N: Node<Local = ShuffleInput, Request = ShuffleRequest> + DiskUser + Send + 'static,
    {
        let events = EventLoop::open()?;
        let mailbox = events.mailbox().clone();
        let performer = ShufflePerformer { disk: Disk::default(), worker };
        let mut driver = Driver::new(events, node, performer, Box::new(TcpDialler))?;
        if let Some(listener) = listener {
            driver.listen(listener)?;
        }
        let thread = thread::spawn("shuffle", || driver.run())?;
        Ok(ShuffleThread { mailbox, thread: Some(thread) })
    }

    /// Tells the shuffle.
    pub fn command(&self, command: ShuffleCommand) {
        self.mailbox.send(ShuffleInput::Command(command));
    }
}

impl Drop for ShuffleThread {
    fn drop(&mut self) {
        let _: Result<(), Gone> = self.mailbox.deliver(Mail::End(Ok(())));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Performs what a shuffle asks for, on its own thread.
struct ShufflePerformer {
    disk: Disk,
    worker: Mailbox<WorkerInput>,
}

impl<N: Node<Local = ShuffleInput, Request = ShuffleRequest> + DiskUser> Performer<N> for ShufflePerformer {
    fn perform(&mut self, node: &N, request: ShuffleRequest) -> ControlFlow<Result<(), Failure>> {
        match request {
            ShuffleRequest::Disk(request) => self.disk.perform(request, node),
            ShuffleRequest::Report(report) => self.worker.send(WorkerInput::Shuffle(report)),
        }
        ControlFlow::Continue(())
    }

    fn answer(&mut self, node: &mut N, now: Time) -> bool {
        match self.disk.take_outcome() {
            Some(Performed::Answered(answer)) => {
                node.handle_input(Event::Local(ShuffleInput::Disk(answer)), now);
            }
            Some(Performed::Read(bytes)) => node.push_read(bytes, now),
            None => return false,
        }
        true
    }
}
