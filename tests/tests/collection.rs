//! Blobs that no job needs leave the disk of a node; those that a job refers to stay.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nexus_tests::node::Node;

/// Far above the two looks, a second apart each, that it takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn objects(home: &Path) -> Vec<PathBuf> {
    let files = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    files(&home.join("blobs").join("objects")).flat_map(|shelf| files(&shelf).collect::<Vec<_>>()).collect()
}

#[test]
fn an_upload_without_a_job_goes_and_a_result_stays() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("nexus.toml"), "[node]\nkeep_unused = \"1s\"\n").unwrap();
    let node = Node::start(&home, &[]);
    let program = folder.path().join("large.mcode");
    fs::write(&program, "tensor.zeros([200, 200])").unwrap();
    let job = node.json(&["submit", "--wait", program.to_str().unwrap()])["job"].to_string();
    assert_eq!(objects(&home).len(), 1, "the result is too large for the log");
    // An upload whose submission was refused: nothing waits for a job that there never was.
    let data = folder.path().join("input.csv");
    fs::write(&data, (0..30_000).map(|row| format!("{row},{row}\n")).collect::<String>()).unwrap();
    let input = format!("x={}", data.display());
    let refused = node.nexus(&["submit", program.to_str().unwrap(), "--input", &input, "--take", "y=999"]);
    assert!(!refused.status.success(), "there is no job 999: {refused:?}");
    assert_eq!(objects(&home).len(), 2, "the upload was made: {refused:?}");
    let begun = Instant::now();
    while objects(&home).len() > 1 {
        assert!(begun.elapsed() < PATIENCE, "it is still there: {}", node.said());
        assert_eq!(node.json(&["status"])["jobs_active"], 0);
    }
    node.says("no job needs any more");
    let result = node.nexus(&["job", "result", &job, "--json"]);
    assert!(
        result.status.success() && result.stdout.len() > 40_000,
        "the result of the job stays: {:?}",
        result.status
    );
}
