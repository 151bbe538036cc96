//! Which blobs the ledger refers to: what goes into jobs and schedules, and what came out of tasks. Every other blob of a
//! node may go.

use std::collections::BTreeSet;

use nexus_model::{BlobHash, JobSpec, Outcome, Payload};

use crate::end::End;
use crate::ledger::Ledger;

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
