//! Every program in `examples/` runs through the binary and gives its golden result.

use std::collections::BTreeSet;
use std::fs;

use nexus_tests::binary::{root, run};
use nexus_tests::golden::{Expected, Golden};
use serde_json::Value;

/// The result of `nexus run examples/<program>.mcode --json`.
fn result_of(program: &str) -> Value {
    let home = tempfile::tempdir().expect("a temporary folder can be made");
    let output = run(home.path(), ["run", &format!("examples/{program}"), "--device", "cpu", "--json"]);
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} ended with {}:\n{stdout}\n{stderr}", output.status);
    let document: Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error} in:\n{stdout}"));
    document["result"].clone()
}

fn gives_its_golden_result(name: &str) {
    let path = root().join(format!("examples/golden/{name}.json"));
    let golden = Golden::parse(&fs::read_to_string(path).expect("the golden file is there")).expect("it is in order");
    let found = result_of(&golden.program);
    let differences = golden.differences(&found);
    assert!(differences.is_empty(), "{name} differs in {} places:\n{}", differences.len(), differences.join("\n"));
    if let Expected::Estimate { .. } = golden.expected {
        assert_eq!(result_of(&golden.program), found, "the same seed must give the same numbers");
    }
}

macro_rules! examples {
    ($($name:ident)+) => {
        $(
            #[test]
            fn $name() {
                gives_its_golden_result(stringify!($name));
            }
        )+

        const EXAMPLES: &[&str] = &[$(stringify!($name)),+];
    };
}

examples! {
    attention black_scholes fib game_of_life heat hello kalman kmeans linear_regression mandelbrot mlp nbody pagerank pca
    seed sweep
}

#[test]
fn every_example_is_tested() {
    let stems = |folder: &str, extension: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(root().join(folder)).expect("the folder can be read");
        let paths = entries.map(|entry| entry.expect("its entries can be read").path());
        let wanted = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
        wanted.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
    };
    let tested: BTreeSet<String> = EXAMPLES.iter().map(ToString::to_string).collect();
    assert_eq!(stems("examples", "mcode"), tested);
    assert_eq!(stems("examples/golden", "json"), tested);
}
