//! Jobs that wait for others, take their results, wait for a time, are tried again and explained: from the command line.

use nexus_tests::node::Node;
use serde_json::{Value, json};

fn result(node: &Node, job: &Value) -> Value {
    node.json(&["job", "wait", &job.to_string()])
}

#[test]
fn a_graph_passes_results_by_name_and_a_repetition_makes_no_second_one() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("home"), &[]);
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("make.mcode", "function main(n)\n    output(\"twice\", 2 * n)\n    return n\nend\n");
    write("sum.mcode", "function main()\n    return input(\"all\")[0] + input(\"all\")[2] + input(\"twice\")\nend\n");
    write(
        "pipeline.toml",
        "[task.sum]\nprogram = \"sum.mcode\"\ninputs.all = { task = \"many\" }\n\
         inputs.twice = { task = \"one\", output = \"twice\" }\n\
         [task.one]\nprogram = \"make.mcode\"\nargs = { n = 10 }\n\
         [task.many]\nprogram = \"make.mcode\"\narray = \"0..3\"\nargs = { n = \"lin:1..3\" }\n\
         after = [\"one\"]\n",
    );
    let file = folder.path().join("pipeline.toml").display().to_string();
    let submitted = node.json(&["submit", &file, "--key", "k"]);
    assert_eq!(submitted["jobs"], json!({"one": 1, "many": 2, "sum": 3}), "{submitted}");
    assert_eq!(result(&node, &submitted["jobs"]["sum"])["result"], json!(24.0));
    let again = node.json(&["submit", &file, "--key", "k"]);
    assert_eq!(again, submitted);
    let sum = folder.path().join("make.mcode").display().to_string();
    let first = node.json(&["submit", &sum, "--arg", "n=1", "--key", "one"]);
    assert_eq!(node.json(&["submit", &sum, "--arg", "n=1", "--key", "one", "--delay", "1h"])["job"], first["job"]);
    for (more, said) in [
        (&["--arg", "n=2"][..], "its arguments differ"),
        (&["--arg", "n=1", "--array", "0..2"], "it has other tasks"),
        (&["--arg", "n=1", "--seed", "3"], "its seed differs"),
    ] {
        let other = node.nexus(&[&["submit", &sum, "--key", "one"], more].concat());
        let text = String::from_utf8_lossy(&other.stderr).into_owned();
        assert!(other.status.code() != Some(0) && text.contains("NX0115") && text.contains(said), "{other:?}");
        assert!(text.contains("the key `one` stands for job-4, which is another submission"), "{text}");
    }
    let other = node.nexus(&["submit", "--key", "one", "--", "true"]);
    assert!(String::from_utf8_lossy(&other.stderr).contains("its program differs"), "{other:?}");
    write("circle.toml", "[task.a]\ncommand = [\"true\"]\nafter = [\"a\"]\n");
    let circle = node.nexus(&["submit", &folder.path().join("circle.toml").display().to_string()]);
    assert_eq!(circle.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&circle.stderr).contains("these tasks wait for each other: a"), "{circle:?}");
}

#[test]
fn what_waits_says_for_what_and_goes_on_or_fails_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("home"), &[]);
    let gate = folder.path().join("gate");
    let script = format!("while [ ! -e {0} ]; do sleep 0.01; done; exit $(cat {0})", gate.display());
    let first = node.json(&["submit", "--", "/bin/sh", "-c", &script])["job"].to_string();
    let second = node.json(&["submit", "--after", &first, "--", "/bin/true"])["job"].to_string();
    let explained = node.json(&["job", "explain", &second])["explanation"].to_string();
    assert!(explained.contains("it waits for job-1"), "{explained}");
    std::fs::write(&gate, "3").unwrap();
    assert_eq!(node.nexus(&["job", "wait", &second]).status.code(), Some(1), "it fails with the one that it waits for");
    let early = node.nexus(&["job", "retry", &second]);
    assert!(String::from_utf8_lossy(&early.stderr).contains("run that one again first"), "{early:?}");
    std::fs::write(&gate, "0").unwrap();
    for job in [&first, &second] {
        node.json(&["job", "retry", job]);
        assert_eq!(node.json(&["job", "wait", job])["state"], "succeeded");
    }
    assert_eq!(node.nexus(&["submit", "--after", "99", "--", "/bin/true"]).status.code(), Some(2));
}

#[test]
fn a_delay_a_deadline_and_retries_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start(&folder.path().join("home"), &[]);
    let started = std::time::Instant::now();
    let delayed = node.json(&["submit", "--delay", "300ms", "--", "/bin/true"])["job"].clone();
    assert_eq!(result(&node, &delayed)["state"], "succeeded");
    assert!(started.elapsed() >= std::time::Duration::from_millis(300));
    let late = node.json(&["submit", "--deadline", "300ms", "--", "/bin/sleep", "1000"])["job"].to_string();
    assert_eq!(node.nexus(&["job", "wait", &late]).status.code(), Some(4), "out of time");
    // What ran of it ended with it: all slots are free again.
    let all = node.json(&["node", "list"])["nodes"][0]["slots"].to_string();
    let wide = node.json(&["submit", "--cpus", &all, "--", "/bin/true"])["job"].clone();
    assert_eq!(result(&node, &wide)["state"], "succeeded");
    let count = folder.path().join("count");
    let script = format!("echo x >> {0}; [ $(wc -l < {0}) -ge 3 ]", count.display());
    let flaky = node.json(&["submit", "--retries", "4", "--backoff", "1ms", "--", "/bin/sh", "-c", &script]);
    assert_eq!(result(&node, &flaky["job"])["state"], "succeeded");
    assert_eq!(std::fs::read_to_string(&count).unwrap().lines().count(), 3, "tried until it succeeded");
}
