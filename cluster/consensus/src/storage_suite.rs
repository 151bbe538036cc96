//! openraft's own suite of tests for storage, run on ours.

use std::sync::Arc;

use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use tempfile::TempDir;

use crate::event;
use crate::log_file::LogFile;
use crate::log_store::LogStore;
use crate::machine_store::{MachineStore, Shared, SnapshotPolicy};
use crate::raft_types::RaftTypes;
use crate::snapshot_file::SnapshotFiles;
use crate::test_machine::Register;

struct OurStores;

impl StoreBuilder<RaftTypes<Register>, LogStore, MachineStore<Register>, TempDir> for OurStores {
    async fn build(&self) -> Result<(TempDir, LogStore, MachineStore<Register>), StorageError<RaftTypes<Register>>> {
        let directory = tempfile::tempdir().unwrap();
        let (log, _) = LogStore::on(LogFile::create(&directory.path().join("log")).unwrap()).unwrap();
        let shared = Arc::new(Shared::new(SnapshotFiles::open(directory.path()).unwrap()));
        let (events, _) = event::channel();
        let machine = MachineStore { shared, events, policy: SnapshotPolicy::default() };
        Ok((directory, log, machine))
    }
}

#[tokio::test]
async fn the_storage_passes_the_suite_of_openraft() {
    Suite::test_all(OurStores).await.unwrap();
}
