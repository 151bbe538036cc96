//! The large dependencies below the tensor engine are compiled once, whatever is built: the binary, one room's tests, or
//! everything.
//!
//! Cargo gives a crate the features that all chosen packages ask for together. If a choice switches another feature on in
//! a crate below Burn, Burn is compiled again for it, which takes longer than everything else. So nexus-tensor asks for
//! all of them itself (see "One build of Burn" in the root `Cargo.toml`), and this test finds what is missing there.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use nexus_tests::binary::root;

/// What people and scripts build: the binary as the README does, single rooms as developers do, and everything.
const CHOICES: &[&[&str]] = &[
    &["--package", "nexus", "--edges", "normal,no-proc-macro"],
    &["--package", "nexus", "--edges", "normal,dev,no-proc-macro"],
    &["--package", "nexus-actors", "--edges", "normal,dev,no-proc-macro"],
    &["--package", "nexus-mcode", "--edges", "normal,dev,no-proc-macro"],
    &["--package", "nexus-tensor", "--edges", "normal,dev,no-proc-macro"],
    &["--workspace", "--edges", "normal,dev,no-proc-macro"],
];

/// Features by package, such as `slab v0.4.12` → `default,std`, of everything that a choice builds.
fn features(choice: &[&str]) -> BTreeMap<String, BTreeSet<String>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(root()).args(["tree", "--offline", "--locked", "--prefix", "none"]);
    let output = command.args(["--format", "{p}|{f}"]).args(choice).output().expect("cargo can be started");
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let mut features: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Some((package, found)) = line.split_once('|')
            && !package.starts_with("nexus")
        {
            features.entry(package.to_owned()).or_default().insert(found.trim_end_matches(" (*)").to_owned());
        }
    }
    features
}

#[test]
fn no_choice_of_packages_builds_the_tensor_library_again() {
    let below_tensor = features(&["--package", "nexus-tensor", "--edges", "normal,no-proc-macro"]);
    assert!(below_tensor.keys().any(|package| package.starts_with("burn-")), "Burn is not below nexus-tensor");
    let mut wrong = Vec::new();
    for choice in CHOICES {
        let chosen = features(choice);
        for (package, wanted) in &below_tensor {
            match chosen.get(package) {
                Some(found) if found != wanted => {
                    wrong.push(format!("{package} has {found:?} in {choice:?}, but {wanted:?} for nexus-tensor alone"));
                }
                _ => {}
            }
        }
    }
    assert!(wrong.is_empty(), "ask for these features in \"One build of Burn\":\n{}\n", wrong.join("\n"));
}
