//! A cluster is brought to a new version of the protocol node by node: its work goes on, what is newer waits until all
//! nodes speak it, and whoever stays behind is told so.

use nexus_tests::cluster::Cluster;
use nexus_tests::node::Node;
use nexus_wire::ProtocolVersion;

/// What the machines of a test are brought from: the version before this build's own.
fn older() -> String {
    let version = ProtocolVersion::spoken().next().unwrap_or_default();
    assert!(version < ProtocolVersion::CURRENT, "there is nothing to come from");
    format!("[node]\nprotocol = \"{version}\"\n")
}

/// What the newest version of the protocol brought.
const NEWEST: [&str; 5] = ["submit", "--copies", "2", "--", "/bin/true"];

fn refusal(node: &Node) -> String {
    let output = node.nexus(&NEWEST);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn voters_are_upgraded_one_by_one_and_nothing_stops() {
    let mut cluster = Cluster::with_settings(3, &older());
    cluster.vote(0, &[0, 1, 2]);
    let ran = cluster.folder().join("ran");
    let task = format!("sleep 0.01; echo x >> {}", ran.display());
    let array = ["submit", "--array", "0..600", "--", "/bin/sh", "-c", &task];
    let job = cluster.node(0).json(&array)["job"].to_string();
    for number in 0..3 {
        let at = (number + 1) % 3;
        let said = refusal(cluster.node(at));
        assert!(said.contains("NX0114") && said.contains(&format!("n{number}")), "{said}");
        cluster.stop(number);
        cluster.set(number, "");
        cluster.restart(number);
        assert_eq!(cluster.node(at).json(&["submit", "--wait", "--", "/bin/true"])["state"], "succeeded");
    }
    let accepted = |node: &Node| node.nexus(&NEWEST).status.success();
    let begun = std::time::Instant::now();
    while !accepted(cluster.node(0)) {
        assert!(begun.elapsed().as_secs() < 60, "all nodes speak it: {}", refusal(cluster.node(0)));
    }
    let ended = cluster.node(1).json(&["job", "wait", &job]);
    let tasks = ended["tasks"].as_array().unwrap();
    assert_eq!((&ended["state"], tasks.len()), (&"succeeded".into(), 600));
    assert!(tasks.iter().all(|task| task["state"] == "succeeded"));
    // What a node had in hand when it stopped began again elsewhere.
    let begun = std::fs::read_to_string(&ran).unwrap().lines().count();
    assert!((600..620).contains(&begun), "{begun} attempts");
    // Whoever was held back afterwards cannot be in it any more, and loses nothing.
    cluster.stop(2);
    cluster.set(2, &older());
    let Err(said) = Node::try_start(&cluster.home(2), &["--name", "n2"]) else { panic!("it cannot read the log") };
    assert!(said.contains("NX0413") && said.contains("the cluster has gone over to protocol"), "{said}");
    cluster.set(2, "");
    cluster.restart(2);
    assert_eq!(cluster.node(2).json(&["submit", "--wait", "--", "/bin/true"])["state"], "succeeded");
}

#[test]
fn a_machine_that_is_behind_does_not_join_and_its_token_stays_good() {
    let folder = tempfile::tempdir().unwrap();
    let first = Node::start(&folder.path().join("first"), &[]);
    let home = folder.path().join("second");
    std::fs::create_dir(&home).unwrap();
    std::fs::write(home.join("nexus.toml"), older()).unwrap();
    let token = first.json(&["token", "create"])["token"].as_str().unwrap().to_owned();
    let join = ["--join", &first.address(), "--token", &token];
    let Err(said) = Node::try_start(&home, &join) else { panic!("it cannot read the log") };
    assert!(said.contains("NX0413") && said.contains("leave out `protocol`"), "{said}");
    std::fs::remove_file(home.join("nexus.toml")).unwrap();
    let _second = Node::start(&home, &join);
    std::fs::write(folder.path().join("nexus.toml"), "[node]\nprotocol = \"0.9\"\n").unwrap();
    let Err(said) = Node::try_start(folder.path(), &[]) else { panic!("nobody speaks that") };
    assert!(said.contains("speaks protocol 1."), "{said}");
}
