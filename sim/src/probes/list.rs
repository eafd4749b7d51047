//! The list of marks: owns their names, in the order of the files that make them, and why some cannot be come by.

/// A mark.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What happens where it stands.
    pub name: &'static str,
    /// Why no swarm comes by it; `None` if it must.
    pub out_of_reach: Option<&'static str>,
}

const fn within_reach(name: &'static str) -> Probe {
    Probe { name, out_of_reach: None }
}

const fn out_of_reach(name: &'static str, why: &'static str) -> Probe {
    Probe { name, out_of_reach: Some(why) }
}

/// Every mark in core.
pub const ALL: &[Probe] = &[
    // core/src/client/machine.rs
    out_of_reach("a connection fails after its client gave up", "nobody gives up a shutdown"),
    within_reach("a client gives up before it has submitted"),
    within_reach("a client tries again"),
    within_reach("a client cancels what it did not know to be accepted"),
    within_reach("a client is told what makes no sense"),
    within_reach("a client hears nothing for too long"),
    // core/src/manager/clients.rs
    within_reach("a job is cancelled"),
    within_reach("a cancellation comes too late"),
    within_reach("a key comes twice"),
    within_reach("who asks late hears the end"),
    within_reach("a key comes with another job"),
    // core/src/manager/backup.rs
    within_reach("a straggler is backed up"),
    // core/src/manager/drain.rs
    within_reach("a drain is undone"),
    within_reach("a worker is drained"),
    within_reach("what a drained worker gathers goes elsewhere"),
    within_reach("a drained worker leaves"),
    // core/src/manager/failures.rs
    within_reach("a failure matters to nobody"),
    within_reach("a worker does not see the staging directory"),
    within_reach("a reduce meets a corrupt run on its own worker"),
    within_reach("a task fails for good"),
    within_reach("only workers are left that do not see the staging directory"),
    within_reach("a map prints something else when it runs again"),
    within_reach("a map that printed something else is accepted"),
    within_reach("a worker is set aside"),
    within_reach("a worker is let in again, for nobody else is left"),
    // core/src/manager/fates.rs
    within_reach("a success of an attempt given up for lost counts"),
    within_reach("an attempt is overtaken by another of its task"),
    within_reach("a trial ends that nobody waits for"),
    within_reach("an attempt is lost"),
    within_reach("an attempt is killed while its worker is away"),
    within_reach("an output is revoked with its worker"),
    // core/src/manager/mod.rs
    within_reach("the journal begins anew"),
    // core/src/manager/recovery.rs
    within_reach("an attempt of a job that is over is dropped"),
    within_reach("an attempt of an earlier life is adopted"),
    within_reach("an attempt of an earlier life is killed"),
    within_reach("an output of an earlier life is found again"),
    // core/src/manager/journal/mod.rs
    within_reach("an effect waits for its record"),
    // core/src/manager/lifecycle.rs
    within_reach("preparing fails"),
    within_reach("committing fails"),
    within_reach("publishing fails"),
    within_reach("what is replaced cannot be exchanged"),
    within_reach("a job fails while its preparation is under way"),
    within_reach("a job waits for its attempts to end"),
    // core/src/manager/liveness.rs
    within_reach("the Manager is told what makes no sense"),
    within_reach("a heartbeat is of another epoch"),
    within_reach("a heartbeat is of a session that is over"),
    within_reach("a heartbeat comes late, or twice"),
    within_reach("a client that says nothing is hung up on"),
    within_reach("a worker that does not register is hung up on"),
    within_reach("a stranger is hung up on"),
    within_reach("a Manager leaves jobs to its next life"),
    within_reach("a worker says goodbye"),
    within_reach("a lease runs out"),
    within_reach("a worker is never heard"),
    within_reach("a grace runs out"),
    // core/src/manager/reports.rs
    within_reach("a job is asked for that nobody knows"),
    within_reach("a job is killed"),
    within_reach("a kill comes too late, or twice"),
    within_reach("a task is tried again where it failed"),
    // core/src/manager/sessions.rs
    within_reach("a worker registers over its old connection"),
    out_of_reach(
        "a worker speaks on a connection that it has replaced",
        "what it said before arrives before three messages on the way to a registration do: edges are queues",
    ),
    within_reach("an end is told again in an inventory"),
    within_reach("an output is kept through a registration"),
    within_reach("an output that nobody wants is dropped"),
    within_reach("an attempt that is not known is dropped"),
    within_reach("a kill reaches its worker by an inventory"),
    within_reach("a reduce has gathered while its worker was away"),
    within_reach("an order to run was lost"),
    out_of_reach("a worker is behind what the Manager knows", "a worker forgets nothing within its life"),
    within_reach("an order to launch was lost"),
    out_of_reach(
        "an output is missing from an inventory",
        "a worker forgets no output within its life that the Manager did not drop",
    ),
    within_reach("a run cannot be had"),
    out_of_reach(
        "the runs of a map cannot be had for good",
        "it takes sixteen failures of one map, and the core of the cluster is healed before",
    ),
    // core/src/manager/skipping.rs
    within_reach("a bad record is sought"),
    within_reach("no record is to blame"),
    within_reach("several records fail together and none alone"),
    within_reach("a bad record ends its job"),
    within_reach("a record is left out"),
    // core/src/worker/base.rs
    within_reach("the nonce cannot be read"),
    within_reach("scratch refuses"),
    within_reach("a run on the same worker cannot be read"),
    within_reach("the output refuses"),
    within_reach("an attempt fails while its program is being started"),
    within_reach("a program is silent for too long"),
    // core/src/worker/collect.rs
    within_reach("output is spilled"),
    within_reach("a spill is corrupt"),
    within_reach("spills are merged in more than one pass"),
    // core/src/worker/orders.rs
    within_reach("an attempt is killed before it runs"),
    within_reach("an attempt is killed while it runs"),
    within_reach("a kill comes after the end"),
    within_reach("an output is made that nobody wants"),
    within_reach("an output does not count"),
    within_reach("an attempt is dropped while it runs"),
    out_of_reach(
        "a page of outputs is missing",
        "a worker has one pull under way, and a connection loses nothing from its middle",
    ),
    out_of_reach(
        "a page of outputs comes twice",
        "a worker has one pull under way, and a connection repeats nothing",
    ),
    within_reach("a gathering fails"),
    // core/src/worker/session.rs
    within_reach("a worker waits in vain for a welcome"),
    within_reach("the Manager is in another life"),
    within_reach("the Manager is silent for a lease"),
    within_reach("a worker is told what makes no sense"),
    within_reach("an answer to a heartbeat is of another session"),
    // core/src/worker/shuffle/fetch.rs
    within_reach("a peer does not finish its handshake"),
    within_reach("a peer falls silent over a run"),
    within_reach("a fetch is interrupted"),
    within_reach("a peer is given up"),
    within_reach("a peer sends what makes no sense"),
    within_reach("more runs are wanted of a peer than may be under way"),
    within_reach("a run comes that nobody wants any more"),
    within_reach("a run comes corrupt"),
    within_reach("a run comes corrupt again"),
    within_reach("a peer refuses a run"),
    // core/src/worker/shuffle/gather.rs
    within_reach("a run is revoked while it is fetched"),
    within_reach("a run that should lie here does not"),
    within_reach("a file is made for a gathering that is over"),
    // core/src/worker/shuffle/serve.rs
    within_reach("a fetcher asks for nothing"),
    within_reach("a fetcher is silent for too long"),
    within_reach("a run is asked for that is not here"),
    within_reach("a run that is asked for cannot be read"),
    // core/src/worker/silence.rs
    within_reach("a program goes on after a silence"),
];
