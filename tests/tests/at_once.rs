//! A job that meets a free slot is accepted and given away in one entry of the log, and a job that does not waits its turn.

use nexus_tests::node::Node;

#[test]
fn a_job_that_meets_a_free_slot_takes_two_entries_of_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("home"), &["--slots", "1"]);
    let program = folder.path().join("one.mcode");
    std::fs::write(&program, "1 + 1").unwrap();
    let program = program.display().to_string();
    let applied = || node.json(&["status"])["applied"].as_u64().unwrap();
    let entries = |arguments: &[&str]| {
        let before = applied();
        let done = node.json(&[&["submit", "--wait"], arguments, &[&program]].concat());
        assert_eq!(done["state"], "succeeded", "{done}");
        applied() - before
    };
    // Now and then something else happens, such as a look at the clock; never less than this.
    let least = |arguments: &[&str]| (0..8).map(|_| entries(arguments)).min();
    assert_eq!(least(&[]), Some(2), "accepted and given away, ended");
    assert_eq!(least(&["--array", "0..1"]), Some(2), "an array of one is no other");
    // Where the slot is taken, a job is accepted first; why it is where it is can be asked of both.
    let long = node.json(&["submit", "--", "/bin/sleep", "60"])["job"].to_string();
    let waits = node.json(&["submit", &program])["job"].to_string();
    let explained = |job: &str| node.json(&["job", "explain", job]).to_string();
    assert!(explained(&long).contains("placed on"), "{}", explained(&long));
    assert!(explained(&waits).contains("1 task could run now"), "{}", explained(&waits));
    assert!(node.nexus(&["job", "cancel", &long]).status.success());
    assert_eq!(node.json(&["job", "wait", &waits])["state"], "succeeded");
}
