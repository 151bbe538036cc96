//! `nexus node start --join` without an address, on networks of namespaces: real nodes, real multicast, and neighbours that
//! say anything.
#![cfg(target_os = "linux")]

mod shouting;

use std::path::Path;
use std::process::Command;

use nexus_tests::binary;
use nexus_tests::network::Network;
use nexus_tests::node::Node;
use serde_json::Value;
use tempfile::TempDir;

/// Machines, each with a folder for its node.
struct Place {
    network: Network,
    folder: TempDir,
}

impl Place {
    /// None where no network can be made: then there is nothing to test.
    fn of(machines: usize) -> Option<Place> {
        let network = Network::of(machines)?;
        Some(Place { network, folder: tempfile::tempdir().expect("a temporary folder") })
    }

    fn home(&self, machine: usize) -> std::path::PathBuf {
        self.folder.path().join(format!("m{machine}"))
    }

    fn try_start(&self, machine: usize, listen: &str, extra: &[&str]) -> Result<Node, String> {
        let name = format!("m{machine}");
        let arguments = [&["--name", &name, "--listen", listen, "--http", "off", "--slots", "1"], extra].concat();
        Node::try_start_on(&self.network.on(machine), &self.home(machine), &arguments)
    }

    fn start(&self, machine: usize, listen: &str) -> Node {
        self.try_start(machine, listen, &[]).unwrap_or_else(|said| panic!("m{machine} did not start:\n{said}"))
    }

    /// What `node start --join` on a machine without a token says: exit code, stdout as JSON.
    fn look(&self, machine: usize) -> (Option<i32>, Value) {
        let home = self.folder.path().join("nobody");
        let output = binary::run_on(&self.network.on(machine), &home, ["--json", "node", "start", "--join"]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.code(), serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
    }

    /// Looks until a node of this name is seen.
    fn sees(&self, machine: usize, name: &str) -> Value {
        for _ in 0..10 {
            let (_, seen) = self.look(machine);
            if let Some(node) = named(&seen, name) {
                return node.clone();
            }
        }
        panic!("{name} is not seen: {}", self.look(machine).1);
    }

    /// Says things from a machine until it is dropped.
    fn shout(&self, machine: usize, what: &str) -> Shouter {
        let on = self.network.on(machine);
        let child = Command::new(&on[0])
            .args(&on[1..])
            .arg(std::env::current_exe().expect("a running program has a path"))
            .args(["--exact", "shouting::shout", "--nocapture"])
            .env(shouting::WORDS, what)
            .env(shouting::FROM, format!("10.78.0.{machine}"))
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("the test can start itself");
        Shouter(child)
    }
}

struct Shouter(std::process::Child);

impl Drop for Shouter {
    fn drop(&mut self) {
        // It may have said everything.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn named<'a>(seen: &'a Value, name: &str) -> Option<&'a Value> {
    seen["found"].as_array()?.iter().find(|node| node["node"] == name)
}

fn token(node: &Node) -> String {
    node.json(&["token", "create", "--role", "worker"])["token"].as_str().expect("text").to_owned()
}

fn nodes_of(node: &Node) -> Vec<String> {
    let listed = node.json(&["node", "list"]);
    listed["nodes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|node| node["node"].as_str().expect("text").to_owned())
        .collect()
}

fn settings(home: &Path, text: &str) {
    std::fs::create_dir_all(home).expect("a folder can be made");
    std::fs::write(home.join("nexus.toml"), text).expect("a file can be written");
}

#[test]
fn the_token_picks_its_cluster_among_those_that_are_there() {
    let Some(place) = Place::of(4) else { return };
    let first = place.start(1, "10.78.0.1:4747");
    let second = place.start(2, "0.0.0.0:4747");
    let (one, two) = (place.sees(3, "m1"), place.sees(3, "m2"));
    assert_eq!((&one["cluster"], &one["addresses"][0]), (&"m1".into(), &"10.78.0.1:4747".into()));
    assert_eq!((&two["cluster"], &two["addresses"][0]), (&"m2".into(), &"10.78.0.2:4747".into()));
    assert_ne!(one["authority"], two["authority"]);
    let (code, seen) = place.look(3);
    assert_eq!((code, &seen["error"]["code"]), (Some(2), &"NX0521".into()), "{seen}");
    let third = place.try_start(3, "10.78.0.3:4747", &["--join", "--token", &token(&first)]).unwrap();
    let fourth = place.try_start(4, "0.0.0.0:4747", &["--join", "--token", &token(&second)]).unwrap();
    assert!(third.said().contains("joined cluster \"m1\"") && third.said().contains("of another cluster"));
    assert!(fourth.said().contains("joined cluster \"m2\"") && fourth.said().contains("quic 10.78.0.4:4747"));
    assert_eq!((nodes_of(&first), nodes_of(&second)), (vec!["m1".into(), "m3".into()], vec!["m2".into(), "m4".into()]));
    let done = fourth.json(&["submit", "--array", "0..20", "--wait", "--", "/bin/true"]);
    assert_eq!(done["state"], "succeeded", "{done}");
}

#[test]
fn who_does_not_announce_itself_is_not_found() {
    let Some(place) = Place::of(3) else { return };
    let _hidden = place.start(1, "127.0.0.1:4747");
    settings(&place.home(2), "[node]\ndiscovery = false\n");
    let silent = place.start(2, "10.78.0.2:4747");
    let (code, seen) = place.look(3);
    assert_eq!((code, &seen["found"], &seen["error"]["code"]), (Some(3), &Value::Array(vec![]), &"NX0521".into()));
    let token = token(&silent);
    let Err(said) = place.try_start(3, "10.78.0.3:4747", &["--join", "--token", &token]) else { panic!("it joined") };
    assert!(said.contains("no node was found") && said.contains("--join ADDRESS"), "{said}");
    // At its address it is joined all the same, with the token that was not used.
    let third = place.try_start(3, "10.78.0.3:4747", &["--join", "10.78.0.2:4747", "--token", &token]).unwrap();
    let Err(said) = place.try_start(3, "10.78.0.3:4747", &["--join", "--token", &token]) else { panic!("twice") };
    assert!(said.contains("already a node"), "{said}");
    drop(third);
}

#[test]
fn anything_may_be_said_on_the_network() {
    let Some(place) = Place::of(5) else { return };
    let first = place.start(1, "10.78.0.1:4747");
    place.sees(3, "m1");
    let _garbage = place.shout(2, "garbage");
    let (_, seen) = place.look(3);
    assert!(seen["left_out"].as_u64() > Some(0), "the garbage was heard: {seen}");
    for node in seen["found"].as_array().unwrap() {
        for text in [&node["node"], &node["cluster"], &node["authority"]] {
            assert!(text.as_str().unwrap().chars().all(|c| c.is_ascii_graphic()), "{node}");
        }
    }
    let third = place.try_start(3, "10.78.0.3:4747", &["--join", "--token", &token(&first)]).unwrap();
    let _crowd = place.shout(5, "crowd");
    let (_, seen) = place.look(4);
    let count = seen["found"].as_array().map_or(0, Vec::len);
    assert!((100..=256).contains(&count), "the crowd was heard, and not all of it is kept: {count}");
    // What a crowd shouts down is lost, as on any network; who looks again finds it.
    let token = token(&first);
    let mut tries = (0..10).map(|_| place.try_start(4, "10.78.0.4:4747", &["--join", "--token", &token]));
    let fourth = tries.find_map(Result::ok).expect("the cluster is found among the crowd");
    assert_eq!(nodes_of(&fourth), ["m1", "m3", "m4"]);
    assert_eq!(first.json(&["submit", "--wait", "--", "/bin/true"])["state"], "succeeded");
    assert!(!format!("{}{}", first.said(), third.said()).contains("panicked"), "{}", first.said());
}

#[test]
fn who_lies_about_its_cluster_is_not_joined_and_learns_no_token() {
    let Some(place) = Place::of(4) else { return };
    let mut first = place.start(1, "10.78.0.1:4747");
    let liar = place.start(2, "10.78.0.2:4747");
    let authority = place.sees(3, "m1")["authority"].as_str().unwrap().to_owned();
    let token = token(&first);
    first.kill();
    // The liar is a real node, which says that it is of the other's cluster.
    let _lie = place.shout(4, &format!("lie {authority}"));
    let join = ["--join", "--token", &token];
    let Err(said) = place.try_start(3, "10.78.0.3:4747", &join) else { panic!("it joined the liar") };
    assert!(said.contains("NX0204") || said.contains("NX0203"), "{said}");
    assert_eq!(nodes_of(&liar), ["m2"]);
    // The true one comes back beside the liar, and the token was not used.
    let first = place.start(1, "10.78.0.1:4747");
    place.sees(3, "m1");
    let third = place.try_start(3, "10.78.0.3:4747", &join).unwrap();
    assert!(third.said().contains("joined cluster \"m1\""), "{}", third.said());
    assert_eq!(nodes_of(&first), ["m1", "m3"]);
}

#[test]
fn a_node_is_found_again_after_its_interface_was_away_and_not_after_it_stopped() {
    let Some(place) = Place::of(2) else { return };
    let first = place.start(1, "10.78.0.1:4747");
    place.sees(2, "m1");
    place.network.set_interface(1, false);
    assert_eq!(named(&place.look(2).1, "m1"), None);
    place.network.set_interface(1, true);
    place.sees(2, "m1");
    first.json(&["node", "stop"]);
    let (code, said) = first.wait();
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(named(&place.look(2).1, "m1"), None);
}
