//! Gathering a reduce attempt's runs: owns which runs each attempt has, and where.
//!
//! Runs of this worker's own maps are taken where they lie; all others are fetched into one file for each attempt. A run
//! counts only when all of it was checked and written. Invariant: an attempt is reported gathered once, with one run of
//! every map.

use super::fetch::Want;
use super::machine::{DiskJob, Shuffle};
use super::{MapLocation, ShuffleReport};
use crate::data::run::Segment;
use crate::failure::{Cause, OsError};
use crate::ids::{AttemptId, FileId, JobId, Partition};
use crate::job::PathBytes;
use crate::probe::probe;
use crate::worker::attempt::RunLocation;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

/// All gatherings under way, and those that are complete until their attempts end.
#[derive(Debug, Default)]
pub(super) struct Gatherings {
    all: BTreeMap<AttemptId, Gathering>,
}

#[derive(Debug)]
struct Gathering {
    partition: Partition,
    maps: u32,
    directory: PathBytes,
    path: PathBytes,
    file: Option<GatheringFile>,
    end: u64,
    runs: BTreeMap<u32, RunLocation>,
    /// The maps whose runs are wanted of a peer, and the attempt of each that is to give it.
    fetching: BTreeMap<u32, AttemptId>,
    fetched_bytes: u64,
    is_complete: bool,
}

/// The file that an attempt's runs are fetched into.
#[derive(Copy, Clone, Debug)]
struct GatheringFile {
    file: FileId,
    state: FileState,
}

/// How far a gathering's file is. Exactly one close is asked for, and only of a file that was made.
#[derive(Copy, Clone, Debug)]
enum FileState {
    /// It is being made.
    Creating,
    /// It takes what comes.
    Open,
    /// All is in it.
    Closing,
}

impl Gatherings {
    pub fn of_job(&self, job: JobId) -> Vec<AttemptId> {
        self.all.keys().filter(|attempt| attempt.job == job).copied().collect()
    }

    pub fn path_of(&self, attempt: AttemptId) -> PathBytes {
        self.all.get(&attempt).map(|gathering| gathering.path.clone()).unwrap_or_default()
    }

    /// Whether a fetch is still wanted.
    pub fn want(&self, want: &Want) -> bool {
        let gathering = self.all.get(&want.attempt);
        gathering.is_some_and(|gathering| gathering.fetching.get(&want.map.task.index()) == Some(&want.map))
    }

    pub fn contains(&self, attempt: AttemptId) -> bool {
        self.all.contains_key(&attempt)
    }

    /// Whether anything is still to be fetched.
    pub fn is_idle(&self) -> bool {
        self.all.values().all(|gathering| gathering.is_complete)
    }

    pub fn check_invariants(&self) {
        for (attempt, gathering) in &self.all {
            assert!(gathering.runs.len() <= gathering.maps as usize, "{attempt} has one run of each map");
            for map in gathering.runs.keys() {
                assert!(!gathering.fetching.contains_key(map), "{attempt} does not fetch what it has");
            }
        }
    }
}

impl Shuffle {
    pub(super) fn gather(
        &mut self,
        attempt: AttemptId,
        partition: Partition,
        maps: u32,
        directory: PathBytes,
    ) {
        if self.gatherings.contains(attempt) {
            return;
        }
        let path = directory.join("fetched.runs");
        let gathering = Gathering {
            partition,
            maps,
            directory: directory.clone(),
            path,
            file: None,
            end: 0,
            runs: BTreeMap::new(),
            fetching: BTreeMap::new(),
            fetched_bytes: 0,
            is_complete: false,
        };
        self.gatherings.all.insert(attempt, gathering);
        self.ask(DiskJob::CreateDirectory { attempt, path: directory });
        let known: Vec<_> =
            self.locations.get(&attempt.job).into_iter().flatten().map(|(_, at)| at.clone()).collect();
        for location in known {
            self.take_from(attempt, location);
        }
        self.complete_if_all_here(attempt);
    }

    pub(super) fn locate(&mut self, job: JobId, map_index: u32, location: Option<MapLocation>) {
        let locations = self.locations.entry(job).or_default();
        let Some(location) = location else {
            locations.remove(&map_index);
            for attempt in self.gatherings.of_job(job) {
                self.give_up(attempt, map_index);
            }
            return;
        };
        locations.insert(map_index, location.clone());
        for attempt in self.gatherings.of_job(job) {
            self.take_from(attempt, location.clone());
            self.complete_if_all_here(attempt);
        }
    }

    /// Stops fetching a run; it is wanted again once it is located anew.
    fn give_up(&mut self, attempt: AttemptId, map_index: u32) {
        let gathering = self.gatherings.all.get_mut(&attempt);
        if gathering.is_some_and(|gathering| gathering.fetching.remove(&map_index).is_some()) {
            probe!("a run is revoked while it is fetched");
        }
    }

    /// Takes a run where it lies here, or has it fetched. Where it was being fetched from another attempt of the same
    /// map, which is lost then, that is given up.
    fn take_from(&mut self, attempt: AttemptId, location: MapLocation) {
        let MapLocation { map, holder, address } = location;
        let map_index = map.task.index();
        let Some(gathering) = self.gatherings.all.get_mut(&attempt) else { return };
        if gathering.runs.contains_key(&map_index) || gathering.fetching.insert(map_index, map) == Some(map) {
            return;
        }
        if holder == self.config.incarnation {
            let Some(output) = self.offers.get(&map) else {
                probe!("a run that should lie here does not");
                return self.unfetchable(attempt, map, "its worker does not have it any more".into());
            };
            let (path, segment) = (output.path.clone(), output.segment(gathering.partition));
            return self.run_is_here(attempt, RunLocation { map, path, segment });
        }
        let partition = gathering.partition;
        match address {
            Some(address) => self.want(address, Want { attempt, map, partition, tries: 0, place: None }),
            None => self.unfetchable(attempt, map, "its worker has no shuffle port".into()),
        }
    }

    /// Gives a run that is about to come its place in the attempt's file.
    pub(super) fn make_place(&mut self, attempt: AttemptId, length_bytes: u64) -> Option<(FileId, Segment)> {
        let is_new = self.gatherings.all.get(&attempt)?.file.is_none();
        let new_file = self.new_file();
        let gathering = self.gatherings.all.get_mut(&attempt)?;
        let GatheringFile { file, .. } =
            *gathering.file.get_or_insert(GatheringFile { file: new_file, state: FileState::Creating });
        let segment = Segment { offset: gathering.end, length_bytes };
        gathering.end += length_bytes;
        let path = gathering.path.clone();
        if is_new {
            self.ask(DiskJob::CreateGathering { attempt, file, path });
        }
        Some((file, segment))
    }

    /// Takes note that the file was made; it is closed at once if nobody wants it any more.
    pub(super) fn gathering_opened(&mut self, attempt: AttemptId, opened: FileId) {
        match self.gatherings.all.get_mut(&attempt) {
            Some(Gathering { file: Some(GatheringFile { file, state }), is_complete, .. })
                if *file == opened =>
            {
                if *is_complete {
                    *state = FileState::Closing;
                    self.ask(DiskJob::CloseGathering { attempt, file: opened });
                } else {
                    *state = FileState::Open;
                }
            }
            Some(_) | None => {
                probe!("a file is made for a gathering that is over");
                self.ask(DiskJob::Close { file: opened });
            }
        }
    }

    /// Takes note of a run that came whole, to be used once its last piece is written.
    pub(super) fn run_came(&mut self, attempt: AttemptId, map: AttemptId, segment: Segment) {
        let Some(gathering) = self.gatherings.all.get_mut(&attempt) else { return };
        gathering.fetched_bytes += segment.length_bytes;
        let path = gathering.path.clone();
        if segment.length_bytes == 0 {
            self.run_is_here(attempt, RunLocation { map, path, segment });
            self.complete_if_all_here(attempt);
        }
    }

    pub(super) fn written(&mut self, attempt: AttemptId, completes: Option<(AttemptId, Segment)>) {
        let Some((map, segment)) = completes else { return };
        let path = self.gatherings.path_of(attempt);
        self.run_is_here(attempt, RunLocation { map, path, segment });
        self.complete_if_all_here(attempt);
    }

    fn run_is_here(&mut self, attempt: AttemptId, run: RunLocation) {
        let Some(gathering) = self.gatherings.all.get_mut(&attempt) else { return };
        let map_index = run.map.task.index();
        gathering.fetching.remove(&map_index);
        gathering.runs.entry(map_index).or_insert(run);
        let runs = gathering.runs.len() as u32;
        self.report(ShuffleReport::Progress { attempt, runs });
    }

    fn complete_if_all_here(&mut self, attempt: AttemptId) {
        let Some(gathering) = self.gatherings.all.get_mut(&attempt) else { return };
        if gathering.is_complete || (gathering.runs.len() as u32) < gathering.maps {
            return;
        }
        gathering.is_complete = true;
        match &mut gathering.file {
            None => self.gathered(attempt),
            // It is closed once it was made.
            Some(GatheringFile { state: FileState::Creating, .. }) => {}
            Some(GatheringFile { file, state: state @ FileState::Open }) => {
                *state = FileState::Closing;
                let file = *file;
                self.ask(DiskJob::CloseGathering { attempt, file });
            }
            Some(GatheringFile { state: FileState::Closing, .. }) => {
                unreachable!("a gathering is completed once")
            }
        }
        self.close_idle_peers();
    }

    pub(super) fn gathered(&mut self, attempt: AttemptId) {
        let Some(gathering) = self.gatherings.all.get(&attempt) else { return };
        let (runs, fetched_bytes) = (gathering.runs.values().cloned().collect(), gathering.fetched_bytes);
        self.report(ShuffleReport::Gathered { attempt, runs, fetched_bytes });
    }

    /// Says that a run cannot be had; it is wanted again once it is located anew.
    pub(super) fn unfetchable(&mut self, attempt: AttemptId, map: AttemptId, reason: alloc::string::String) {
        self.cannot_have(attempt, map, Cause::RunUnfetchable { map, reason });
    }

    pub(super) fn cannot_have(&mut self, attempt: AttemptId, map: AttemptId, cause: Cause) {
        let map_index = map.task.index();
        let Some(gathering) = self.gatherings.all.get_mut(&attempt) else { return };
        if gathering.fetching.get(&map_index) == Some(&map) {
            gathering.fetching.remove(&map_index);
            self.report(ShuffleReport::Unfetchable { attempt, map, cause });
        }
    }

    pub(super) fn gathering_failed(&mut self, attempt: AttemptId, path: PathBytes, error: OsError) {
        if self.gatherings.contains(attempt) {
            self.report(ShuffleReport::Failed { attempt, cause: Cause::Scratch { path, error } });
            self.abandon(attempt);
        }
    }

    pub(super) fn abandon(&mut self, attempt: AttemptId) {
        let Some(gathering) = self.gatherings.all.remove(&attempt) else { return };
        if let Some(GatheringFile { file, state: FileState::Open }) = gathering.file {
            self.ask(DiskJob::Close { file });
        }
        self.ask(DiskJob::RemoveTree { path: gathering.directory, job: None });
        self.forget_wants(attempt);
        self.close_idle_peers();
    }
}
