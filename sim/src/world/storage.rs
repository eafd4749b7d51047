//! The shared storage before the world begins: owns which files and directories are there.

use crate::disk::FileSystem;
use crate::scenario::{FaultKind, PlannedFault, Scenario};
use crate::workload::{HOME, InputText, JobSetting};
use windrow_core::job::PathBytes;
use windrow_core::time::Time;

/// The storage that all see, as it is before the world begins.
pub(super) fn shared_storage(scenario: &Scenario) -> FileSystem {
    let loses_power = |planned: &PlannedFault| planned.fault.kind() == FaultKind::Blackout;
    let shared = FileSystem::volatile(scenario.faults.iter().any(loses_power));
    let mut shared = shared.able_to_exchange(scenario.can_exchange);
    let mut directories = vec![PathBytes::from(HOME)];
    let jobs = &scenario.jobs;
    directories
        .extend(jobs.iter().filter_map(|job| job.inputs.first()?.split_name().map(|(parent, _)| parent)));
    directories
        .extend(jobs.iter().flat_map(|job| &job.files).filter_map(|file| Some(file.path.split_name()?.0)));
    directories.extend(jobs.iter().filter(|job| job.files.is_empty()).flat_map(|job| job.inputs.clone()));
    for directory in directories {
        shared.create_directories(&directory).expect("inputs are apart from each other");
    }
    let old: Vec<InputText> = jobs.iter().filter_map(JobSetting::old_output).flatten().collect();
    let places = jobs.iter().filter(|job| job.old_output().is_some()).map(|job| job.output.clone());
    for directory in places.chain(old.iter().filter_map(|file| Some(file.path.split_name()?.0))) {
        shared.create_directories(&directory).expect("outputs are apart from all else");
    }
    let in_the_way: Vec<InputText> = jobs.iter().flat_map(JobSetting::stands_there).collect();
    for (directory, _) in in_the_way.iter().filter_map(|file| file.path.split_name()) {
        shared.create_directories(&directory).expect("they are apart from all else");
    }
    for file in jobs.iter().flat_map(|job| &job.files) {
        shared.write_file(&file.path, &file.stored(), Time::ZERO).expect("its directory is there");
    }
    for file in in_the_way.iter().chain(&old) {
        shared.write_file(&file.path, &file.bytes, Time::ZERO).expect("its directory is there");
    }
    shared.settle();
    jobs.iter().filter_map(JobSetting::forbidden).for_each(|path| shared.forbid(path));
    shared
}
