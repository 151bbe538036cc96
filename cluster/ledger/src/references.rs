//! Which blobs the ledger refers to: what goes into jobs and schedules, and what came out of tasks. Every other blob of a
//! node may go.

use std::collections::BTreeSet;

use nexus_model::{BlobHash, JobId, JobSpec, Outcome, Payload};

use crate::end::End;
use crate::job::Job;
use crate::ledger::Ledger;
use crate::table::Slot;

impl Ledger {
    /// Every blob that a job or a schedule refers to. Looks at every recorded end once: about a second for some millions.
    pub fn blobs(&self) -> BTreeSet<BlobHash> {
        let mut blobs = BTreeSet::new();
        let specs = self.jobs.values().map(|job| &job.spec);
        for spec in specs.chain(self.schedules.all.values().map(|schedule| &schedule.spec)) {
            of_spec(spec, &mut blobs);
        }
        for work in self.jobs.values().filter_map(|job| job.work.as_deref()) {
            (0..work.ends.len()).filter_map(|number| work.ends.get(number)).for_each(|end| of_end(&end, &mut blobs));
        }
        blobs
    }
}

/// A result that its job wants on several machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The job.
    pub job: JobId,
    /// What is to lie there.
    pub blob: BlobHash,
    /// Its length.
    pub bytes: u64,
    /// On so many machines.
    pub copies: u32,
}

impl Ledger {
    /// The results and outputs that are to lie on several machines, those of the newest jobs first: at most so many, behind
    /// so many results of a job, from its first where none is named.
    pub fn copied(&self, behind: Option<(JobId, usize)>, most: usize) -> Vec<Copied> {
        let newest = behind.map_or(JobId(u64::MAX), |(job, _)| job);
        let jobs = self.jobs.range(..=newest).rev().filter(|(_, job)| job.spec.selection.copies > 1);
        let results = jobs.flat_map(|(id, job)| {
            let copies = job.spec.selection.copies;
            let skipped = behind.filter(|(behind, _)| behind == id).map_or(0, |(_, skipped)| skipped);
            results(job).skip(skipped).map(move |(blob, bytes)| Copied { job: *id, blob, bytes, copies })
        });
        results.take(most).collect()
    }

    /// The results and outputs of a job that are blobs, with their lengths: at most so many, behind as many others. `None`
    /// for an unknown job.
    pub fn results(&self, job: JobId, behind: usize, most: usize) -> Option<Vec<(BlobHash, u64)>> {
        Some(results(self.jobs.get(&job)?).skip(behind).take(most).collect())
    }
}

/// What came out of the tasks of a job that succeeded, and is a blob. What was made again since counts no more.
fn results(job: &Job) -> impl Iterator<Item = (BlobHash, u64)> + '_ {
    let ends = job.work.as_deref().map(|work| &work.ends);
    let number = |(_, slot)| match slot {
        Slot::Ended { end, .. } => Some(end),
        Slot::Ready { .. } | Slot::Assigned { .. } => None,
    };
    let numbers: BTreeSet<u32> = job.table.runs(job.table.range()).filter_map(number).collect();
    let all = numbers.into_iter().filter_map(move |number| ends?.get(number));
    all.flat_map(|end| {
        let Outcome::Succeeded(output) = end.outcome else { return Vec::new() };
        let payloads = std::iter::once(output.result).chain(output.outputs.into_iter().map(|(_, payload)| payload));
        let blobs = payloads.filter_map(|payload| match payload {
            Payload::Inline(_) => None,
            Payload::Blob { hash, bytes } => Some((hash, bytes)),
        });
        blobs.collect()
    })
}

fn of_spec(spec: &JobSpec, blobs: &mut BTreeSet<BlobHash>) {
    blobs.extend(spec.inputs.iter().filter_map(|input| hash(&input.payload)));
}

fn of_end(end: &End, blobs: &mut BTreeSet<BlobHash>) {
    blobs.extend(end.cost.stdout.iter().chain(&end.cost.stderr).filter_map(hash));
    if let Outcome::Succeeded(output) = &end.outcome {
        blobs.extend(hash(&output.result));
        blobs.extend(output.outputs.iter().filter_map(|(_, payload)| hash(payload)));
    }
}

fn hash(payload: &Payload) -> Option<BlobHash> {
    match payload {
        Payload::Inline(_) => None,
        Payload::Blob { hash, .. } => Some(*hash),
    }
}
