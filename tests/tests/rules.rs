//! A machine's rules about itself: what is in use is seen, one that is short of memory or runs on its battery gets nothing
//! new and says why, and takes tasks again when it has come back.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nexus_tests::node::Node;
use serde_json::Value;

/// How long something that is looked at twice a second may take to be seen by the whole cluster.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that stands for the system files of a machine, and the home of its node.
struct Machine {
    root: PathBuf,
    home: PathBuf,
}

impl Machine {
    /// One with these rules, a quarter of whose memory is in use.
    fn of(folder: &Path, name: &str, rules: &str) -> Machine {
        let machine = Machine { root: folder.join(format!("{name}-files")), home: folder.join(name) };
        machine.uses_memory(25);
        let settings = format!("[worker]\nsensors = \"{}\"\n{rules}", machine.root.display());
        std::fs::create_dir_all(&machine.home).expect("a temporary folder can be written");
        std::fs::write(machine.home.join("nexus.toml"), settings).expect("a temporary folder can be written");
        machine
    }

    fn write(&self, file: &str, text: &str) {
        let path = self.root.join(file);
        std::fs::create_dir_all(path.parent().expect("a temporary folder can be written"))
            .expect("a temporary folder can be written");
        // At once: the node reads while this is written.
        let draft = path.with_extension("draft");
        std::fs::write(&draft, text).expect("a temporary folder can be written");
        std::fs::rename(&draft, path).expect("a temporary folder can be written");
    }

    fn uses_memory(&self, percent: u64) {
        let available = 16_000_000 / 100 * (100 - percent);
        self.write("proc/meminfo", &format!("MemTotal: 16000000 kB\nMemAvailable: {available} kB\n"));
    }
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what} did not come about");
    }
}

fn named(status: &Value, name: &str) -> Value {
    let mut nodes = status["nodes"].as_array().expect("the nodes").iter();
    nodes.find(|node| node["node"] == name).cloned().unwrap_or_default()
}

fn said(node: &Node, arguments: &[&str]) -> String {
    let output = node.nexus(arguments);
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_machine_that_is_short_of_memory_gets_nothing_new_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let (studio, air) = (Machine::of(folder.path(), "studio", ""), Machine::of(folder.path(), "air", ""));
    let first = Node::start(&studio.home, &["--name", "studio", "--slots", "2"]);
    let token = first.json(&["token", "create"])["token"].as_str().unwrap().to_owned();
    let join = ["--name", "air", "--slots", "2", "--join", &first.address(), "--token", &token];
    let second = Node::start(&air.home, &join);
    let of = |name: &str| named(&first.json(&["status"]), name);
    until("air says how it is", || of("air")["mem_used"] == 4_000_000_u64 * 1024);
    assert_eq!(of("air")["mem_total"], 16_000_000_u64 * 1024);
    assert!(said(&second, &["status"]).contains("3.8/15 GiB"), "{}", said(&second, &["status"]));

    air.uses_memory(97);
    until("air is held", || of("air")["held_by"][0] == "memory > 95% (now 97%)");
    for command in [&["status"][..], &["node", "list"], &["top"]] {
        let text = said(&first, command);
        assert!(text.contains("paused") && text.contains("air takes no new tasks: memory > 95% (now 97%)"), "{text}");
    }
    let array = first.json(&["submit", "--array", "0..8", "--wait", "--", "/bin/true"]);
    assert!(array["tasks"].as_array().unwrap().iter().all(|task| task["node"] == "studio"), "{array}");
    assert!(second.said().contains("taking no new tasks"), "its own log says so");

    // Where nobody takes any, a job waits and says for whom.
    studio.uses_memory(96);
    until("studio is held", || of("studio")["held_by"] != Value::Array(vec![]));
    let job = first.json(&["submit", "--", "/bin/true"])["job"].to_string();
    let why = said(&second, &["job", "explain", &job]);
    assert!(why.contains("every machine that could run it is held by a rule of its own"), "{why}");
    assert!(why.contains("studio takes no new tasks: memory > 95% (now 96%)"), "{why}");
    air.uses_memory(92);
    until("air is looked at again", || of("air")["held_by"].to_string().contains("until 90% (now 92%)"));
    assert_eq!(first.json(&["job", "show", &job])["state"], "queued", "within the margin it is still held");
    air.uses_memory(60);
    let done = first.json(&["job", "wait", &job]);
    assert_eq!((&done["state"], &done["node"]), (&"succeeded".into(), &"air".into()), "{done}");
}

#[test]
fn rules_of_a_laptop_hold_it_and_warn_and_wrong_ones_are_refused_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let rules = "[[rule]]\nwhen = \"on-battery\"\nthen = \"stop-admitting\"\n\
                 [[rule]]\nwhen = \"battery < 50%\"\nthen = \"warn\"\n\
                 [[rule]]\nwhen = \"temperature > 80C\"\nthen = \"warn\"\n";
    let air = Machine::of(folder.path(), "air", rules);
    let battery = "sys/class/power_supply/BAT0/";
    for (file, text) in [("type", "Battery\n"), ("capacity", "40\n"), ("status", "Discharging\n")] {
        air.write(&format!("{battery}{file}"), text);
    }
    let node = Node::start(&air.home, &["--name", "air", "--slots", "1"]);
    assert!(node.said().contains("temperature > 80C"), "what it does not measure it says once: {}", node.said());
    until("it says how it is", || said(&node, &["status"]).contains("air takes no new tasks: on-battery\n"));
    assert!(said(&node, &["status"]).contains("air warns: battery < 50% (now 40%)"), "{}", said(&node, &["status"]));
    let job = node.json(&["submit", "--", "/bin/true"])["job"].to_string();
    assert_eq!(node.json(&["job", "show", &job])["state"], "queued");
    air.write(&format!("{battery}status"), "Charging\n");
    assert_eq!(node.json(&["job", "wait", &job])["state"], "succeeded");
    drop(node);

    std::fs::write(air.home.join("nexus.toml"), "[log]\nlevel = \"warn\"\n[[rule]]\nwhen = \"memory > 90\"\n").unwrap();
    let Err(said) = Node::try_start(&air.home, &[]) else { panic!("a rule without an end is none") };
    assert!(said.contains("nexus.toml:3:1") && said.contains("it has no `then`"), "{said}");
}
