//! `nexus engine status` says what the node of a machine holds and has copied.

use nexus_tests::binary::run;
use nexus_tests::node::Node;
use serde_json::json;

const SUM: &str =
    "@device(\"gpu\")\nfunction main()\n    a = tensor.ones(128, 128)\n    return tensor.sum(a @ a)\nend\n";

#[test]
fn the_node_says_what_its_pool_holds_and_what_it_copied() {
    let folder = tempfile::tempdir().expect("a folder");
    let program = folder.path().join("sum.mcode");
    std::fs::write(&program, SUM).expect("a file can be written");
    let program = program.to_str().expect("it is UTF-8");

    let data = folder.path().join("data");
    let mut node = Node::start(&data, &[]);
    let none = json!({"pool_bytes": 0, "uploads": 0, "uploaded_bytes": 0, "downloads": 0, "downloaded_bytes": 0});
    assert_eq!(node.json(&["engine", "status"])["node"], none);

    assert!(node.nexus(&["submit", program, "--wait"]).status.success());
    let shown = node.json(&["engine", "status"]);
    let has_gpu = shown["devices"].as_array().expect("a list").iter().any(|device| device["device"] == "gpu");
    let number = |name: &str| shown["node"][name].as_u64().expect("a number");
    // The sum is read back, which waits for the device; without one the processor did it, and nothing was copied.
    assert_eq!(number("downloads") > 0, has_gpu, "{shown}");
    assert_eq!(number("downloaded_bytes") > 0, has_gpu, "{shown}");
    let text = String::from_utf8(node.nexus(&["engine", "status"]).stdout).expect("it is UTF-8");
    assert!(text.contains("this machine's node: ") && text.contains(" read back"), "{text}");

    node.kill();
    let ended = node.nexus(&["engine", "status", "--json"]);
    assert!(ended.status.success() && !String::from_utf8_lossy(&ended.stdout).contains("\"node\""));
}

#[test]
fn whoever_asks_for_the_neural_engine_is_told_that_another_device_computes() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, source: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, source).expect("a file can be written");
        path.to_str().expect("it is UTF-8").to_owned()
    };
    let asked = file("asked.mcode", "@device(\"ane\")\nfunction main()\n    return 1\nend\n");
    let plain = file("plain.mcode", "function main()\n    return 1\nend\n");
    for arguments in [vec!["run", &asked], vec!["run", &plain, "--device", "ane"]] {
        let output = run(folder.path(), &arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {said}");
        assert_eq!(said.matches("warning: the Apple Neural Engine cannot be used here").count(), 1, "{said}");
    }
}
