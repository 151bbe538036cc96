//! `nexus node start`, with a node that only says how it would be started.

use super::{FakeWorld, typed};
use crate::cli::error::Exit;

#[test]
fn a_node_says_who_it_is_and_how_to_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let line = format!("nexus --data {} node start --name studio --slots 3", folder.path().display());
    let (_, out, err) = typed(&FakeWorld::default(), &line);
    insta::assert_snapshot!(out, @r#"
    nexus 0.1.0 · node studio (node-1) · new cluster "studio"
    devices   cpu 12 threads · 3 slots
    listening quic 127.0.0.1:4747
    data      /data
    Add a machine:  nexus token create --role worker
    Stop with Ctrl-C; install as a service with `nexus service install`.
    "#);
    assert_eq!(err, "stopped\n");
}

#[test]
fn a_cluster_is_joined_where_it_is_said_or_found() {
    let folder = tempfile::tempdir().unwrap();
    let start = |rest: &str| {
        typed(&FakeWorld::default(), &format!("nexus --data {} node start {rest}", folder.path().display()))
    };
    let joined = |rest: &str| {
        let (exit, out, err) = start(rest);
        assert_eq!(exit, Exit::Done, "{err}");
        out.lines().find_map(|line| line.strip_prefix("listening quic ").map(str::to_owned)).unwrap()
    };
    assert_eq!(joined("--join 10.0.0.1:4747 --token T"), "10.0.0.1:4747 with T");
    assert_eq!(joined("--join --token NXJ1.token"), "studio.local:4747 with NXJ1.token", "the one that it is for");
    let (exit, out, err) = start("--join");
    assert_eq!(exit, Exit::Usage);
    assert!(out.contains("box") && out.contains("studio-cluster"), "{out}");
    assert!(err.contains("looking for nodes"), "{err}");
    assert_eq!(start("--join 10.0.0.1:4747").0, Exit::Usage, "no token");
    let (exit, out, err) = start("--join --token NXJ1.other");
    assert_eq!(exit, Exit::Unreachable);
    assert!(out.is_empty() && err.contains("of another cluster"), "{err}");
}

#[test]
fn a_token_in_the_environment_is_for_who_joins_and_harms_nobody_else() {
    let folder = tempfile::tempdir().unwrap();
    let world = FakeWorld { join_token: Some("NXJ1.token".to_owned()), ..FakeWorld::default() };
    let start = |rest: &str| typed(&world, &format!("nexus --data {} node start {rest}", folder.path().display()));
    let (exit, out, err) = start("");
    assert_eq!((exit, out.as_str()), (Exit::Usage, ""), "no new cluster is begun");
    assert!(err.contains("NEXUS_JOIN_TOKEN is set without --join") && err.contains("add --join ADDRESS"), "{err}");
    assert!(start("--join 10.0.0.1:4747").1.contains("10.0.0.1:4747 with NXJ1.token"));
    assert!(start("--join 10.0.0.1:4747 --token T").1.contains("10.0.0.1:4747 with T"), "what is typed comes first");
    std::fs::create_dir(folder.path().join("identity")).unwrap();
    let (exit, out, err) = start("");
    assert_eq!(exit, Exit::Done, "{err}");
    assert!(out.contains("listening quic 127.0.0.1:4747\n"), "{out}");
}
