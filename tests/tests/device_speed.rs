//! How fast the devices of a machine are is measured once on it, when it is needed, and kept.

use std::path::Path;

use nexus_tests::binary::run;
use serde_json::Value;

const SUM: &str = "@device(\"gpu\")\nfunction main()\n    return tensor.sum(tensor.ones(64, 64) + 1.0)\nend\n";

fn devices(home: &Path) -> Vec<Value> {
    let output = run(home, ["engine", "status", "--json"]);
    let status: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    status["devices"].as_array().expect("a list").clone()
}

fn program(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file can be written");
    path.to_str().expect("it is UTF-8").to_owned()
}

#[test]
fn the_processor_is_measured_once_and_not_for_a_program_that_does_not_ask() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    let file = home.join("cache").join("tuning").join("speeds.json");
    let one = program(folder.path(), "one.mcode", "function main()\n    return 1\nend\n");
    assert!(run(&home, ["run", &one]).status.success());
    assert!(!file.exists());
    assert!(run(&home, ["run", &one, "--optimize"]).status.success());
    let kept = std::fs::read_to_string(&file).expect("it was measured for the optimiser");

    let speed = &devices(&home)[0]["speed"];
    for what in ["flops", "memory_bytes_per_s", "launch_s"] {
        assert!(speed[what].as_f64() > Some(0.0), "{what}: {speed}");
    }
    assert_eq!(speed["transfer_bytes_per_s"], Value::Null);
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), kept);

    // What another process kept is what this one shows; what cannot be is measured again.
    let known: Value = serde_json::from_str(&kept).expect("it is JSON");
    let key = known["speeds"].as_object().expect("an object").keys().next().expect("one device").clone();
    let mut other = known.clone();
    other["speeds"][&key]["flops"] = 12_345_678_912.0.into();
    std::fs::write(&file, other.to_string()).expect("a file can be written");
    assert_eq!(devices(&home)[0]["speed"]["flops"], 12_345_678_912.0);
    let text = String::from_utf8(run(&home, ["engine", "status"]).stdout).expect("it is UTF-8");
    assert!(text.contains("12.3 Gflop/s"), "{text}");
    for damaged in ["nothing that anybody wrote on purpose", "{\"engine\": \"none\", \"speeds\": {}}", ""] {
        std::fs::write(&file, damaged).expect("a file can be written");
        let flops = &devices(&home)[0]["speed"]["flops"];
        assert!(flops.as_f64() > Some(0.0) && *flops != 12_345_678_912.0, "{damaged}: {flops}");
        assert!(std::fs::read_to_string(&file).expect("it is written anew").contains(&key));
    }
}

#[test]
fn a_graphics_processor_is_measured_when_it_is_first_used_and_not_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    let Some(gpu) = devices(&home).iter().position(|device| device["device"] == "gpu") else { return };
    assert_eq!(devices(&home)[gpu].get("speed"), None);
    let sum = program(folder.path(), "sum.mcode", SUM);
    let ran = run(&home, ["run", &sum]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let speed = &devices(&home)[gpu]["speed"];
    for what in ["memory_bytes_per_s", "launch_s", "transfer_bytes_per_s"] {
        assert!(speed[what].as_f64() > Some(0.0), "{what}: {speed}");
    }
    assert_eq!(speed["flops"], Value::Null, "its first product would look for a kernel for seconds");
}
