//! What jobs ask of machines: labels, parts of graphics processors, and what no machine has.

use nexus_tests::node::Node;

fn said(output: &std::process::Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn tasks_go_where_their_labels_are_and_wait_for_labels_that_nobody_has() {
    let folder = tempfile::tempdir().unwrap();
    let first = Node::start(&folder.path().join("first"), &["--name", "studio", "--slots", "2"]);
    let token = first.json(&["token", "create"])["token"].as_str().unwrap().to_owned();
    let join = ["--name", "air", "--slots", "2", "--join", &first.address(), "--token", &token];
    let _second = Node::start(&folder.path().join("second"), &join);
    assert_eq!(first.json(&["node", "label", "air", "zone=attic", "rack=3"])["labels"]["zone"], "attic");
    let ran_on = |extra: &[&str]| {
        let arguments = [&["submit", "--array", "0..6", "--wait"], extra, &["--", "/bin/true"]].concat();
        first.json(&arguments)["tasks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|task| task["node"].to_string())
            .collect::<Vec<_>>()
    };
    assert!(ran_on(&["--require", "zone=attic"]).iter().all(|node| node == "\"air\""));
    assert!(ran_on(&["--require", "node!=air"]).iter().all(|node| node == "\"studio\""));
    let waiting = first.nexus(&["submit", "--require", "zone=cellar", "--", "/bin/true"]);
    assert!(
        said(&waiting).contains("it is to run where zone=cellar, and no machine of this cluster is so"),
        "{waiting:?}"
    );
    let job = "3";
    let explained = first.json(&["job", "explain", job])["explanation"].to_string();
    assert!(explained.contains("zone=cellar"), "{explained}");
    first.json(&["node", "label", "studio", "zone=cellar"]);
    let done = first.json(&["job", "wait", job]);
    assert_eq!((&done["state"], &done["node"]), (&"succeeded".into(), &"studio".into()), "{done}");
    let taken = first.json(&["node", "label", "air", "rack-"]);
    assert!(taken["labels"].get("rack").is_none() && taken["labels"]["zone"] == "attic", "{taken}");
    for wrong in ["zone", "node=x", "a b=c", "zone="] {
        assert_eq!(first.nexus(&["node", "label", "air", wrong]).status.code(), Some(2), "{wrong}");
    }
}

#[test]
fn what_no_machine_has_is_said_at_once_and_explained() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("home"), &["--slots", "2"]);
    for (flags, why) in [
        (&["--cpus", "100"], "a task needs 100 slots; the largest machine of this cluster has 2"),
        (&["--memory", "900TiB"], "of memory; the largest machine of this cluster has"),
        (&["--gpu", "64"], "a task needs 64 of a gpu"),
    ] {
        let submitted = node.nexus(&[&["submit"], &flags[..], &["--", "/bin/true"]].concat());
        let text = said(&submitted);
        assert!(text.contains(why) && text.contains("waits until a machine joins"), "{flags:?}: {text}");
        assert_eq!(submitted.status.code(), Some(0));
    }
    let explained = node.json(&["job", "explain", "1"])["explanation"].to_string();
    assert!(explained.contains("a task needs 100 slots"), "{explained}");
    // They hold up nobody.
    assert_eq!(node.json(&["submit", "--wait", "--", "/bin/true"])["state"], "succeeded");
    for wrong in [["--gpu", "1.5"], ["--gpu", "0"], ["--gpu", "much"], ["--require", "home"]] {
        let refused = node.nexus(&[&["submit"], &wrong[..], &["--", "/bin/true"]].concat());
        assert_eq!(refused.status.code(), Some(2), "{wrong:?}");
    }
}
