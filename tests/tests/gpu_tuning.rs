//! What a process found out about a graphics processor, the next ones know.

use std::path::{Path, PathBuf};

use nexus_tests::binary::{nexus, root, run};
use serde_json::Value;

const SUM: &str = "@device(\"gpu\")\nfunction main(n: int)\n    return tensor.sum(tensor.ones(n, n))\nend\n";
/// What Burn's log says of a kernel that it tries.
const TRIED: &str = " - Tuning: ";

/// Whether kernels were tried in a run with this home, which must give the sum.
fn tries_kernels(home: &Path, program: &Path) -> bool {
    let log = home.with_extension("log");
    let mut command = std::process::Command::new(nexus());
    command.current_dir(root()).env("NEXUS_HOME", home).env("CUBECL_DEBUG_LOG", &log);
    let output = command.arg("run").arg(program).args(["--arg", "n=128"]).output().expect("it can be started");
    let said = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.0.contains("16384"), "{said:?}");
    let told = std::fs::read_to_string(&log).unwrap_or_default();
    std::fs::remove_file(&log).expect("Burn writes its log where it is told to");
    told.contains(TRIED)
}

fn status(home: &Path) -> Value {
    let output = run(home, ["engine", "status", "--json"]);
    serde_json::from_slice(&output.stdout).expect("it is JSON")
}

#[test]
fn the_fastest_kernels_are_looked_for_once_and_not_in_each_process() {
    let folder = tempfile::tempdir().expect("a folder");
    let (home, program) = (folder.path().join("home"), folder.path().join("sum.mcode"));
    std::fs::create_dir(&home).expect("a folder can be made");
    std::fs::write(&program, SUM).expect("a file can be written");
    let none = status(&home);
    assert_eq!(none.get("kept_tuning"), None);
    if !none["devices"].as_array().expect("a list").iter().any(|device| device["device"] == "gpu") {
        return;
    }

    assert!(tries_kernels(&home, &program));
    let kept = &status(&home)["kept_tuning"];
    assert!(kept["choices"].as_u64() > Some(0) && kept["bytes"].as_u64() > Some(0), "{kept}");
    let text = String::from_utf8(run(&home, ["engine", "status"]).stdout).expect("it is UTF-8");
    assert!(text.contains("\ngpu kernels: ") && text.contains(" of the fastest kept in "), "{text}");
    assert!(!tries_kernels(&home, &program));

    // What is damaged, whatever of it, is set aside and looked for again; once.
    let tuning = home.join("cache").join("tuning");
    let files: Vec<PathBuf> =
        std::fs::read_dir(&tuning).expect("it is there").map(|file| file.expect("it can be read").path()).collect();
    assert!(!files.is_empty());
    let each = files.chunks(1).chain([files.as_slice()]);
    for damaged in each {
        for file in damaged {
            std::fs::write(file, "nothing that anybody wrote on purpose").expect("a file can be written");
        }
        tries_kernels(&home, &program);
        assert!(!tries_kernels(&home, &program), "{damaged:?}");
    }
    assert!(tuning.join("kernels.damaged").exists());
}

#[test]
fn a_folder_that_cannot_be_made_costs_time_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let (home, program) = (folder.path().join("home"), folder.path().join("sum.mcode"));
    std::fs::create_dir_all(home.join("cache")).expect("a folder can be made");
    std::fs::write(home.join("cache").join("tuning"), "no folder").expect("a file can be written");
    std::fs::write(&program, SUM).expect("a file can be written");
    let output = run(&home, [Path::new("run"), &program, Path::new("--arg"), Path::new("n=128")]);
    let (out, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("16384"), "{out}{said}");
    assert_eq!(status(&home).get("kept_tuning"), None);
}
