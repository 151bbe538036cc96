//! Which crate may depend on which of ours. This table is the map of ARCHITECTURE.md as code.

use super::{DependencyKind, Finding, Workspace};

/// What a crate's code may depend on among our own crates.
struct Layer {
    name: &'static str,
    may_use: &'static [&'static str],
}

const fn layer(name: &'static str, may_use: &'static [&'static str]) -> Layer {
    Layer { name, may_use }
}

/// Everything, for the crates at the top that only run or measure the others.
const ALL: &[&str] = &["*"];

/// Every crate. An arrow that is not here does not exist.
const LAYERS: &[Layer] = &[
    layer("nexus-model", &[]),
    // The engine: pure computing.
    layer("nexus-echo", &[]),
    layer("nexus-gpu", &[]),
    layer("nexus-tensor", &["nexus-gpu", "nexus-model"]),
    layer("nexus-numerics", &[]),
    layer("nexus-formats", &["nexus-model"]),
    layer("nexus-jit", &[]),
    layer("nexus-library", &["nexus-numerics", "nexus-tensor"]),
    layer(
        "nexus-mcode",
        &[
            "nexus-echo",
            "nexus-formats",
            "nexus-jit",
            "nexus-library",
            "nexus-model",
            "nexus-mprime",
            "nexus-qlogik",
            "nexus-tensor",
        ],
    ),
    layer("nexus-mprime", &["nexus-numerics"]),
    layer("nexus-qlogik", &["nexus-model"]),
    layer("nexus-bridge", &["nexus-echo", "nexus-qlogik"]),
    layer("nexus-scheduler", &["nexus-model"]),
    layer("nexus-optimizer", &[]),
    layer("nexus-wasm", &["nexus-model"]),
    // The cluster: knows nothing of computing, but the words and the scheduler's pure state.
    layer("base2histogram", &[]),
    layer("nexus-wire", &["nexus-model"]),
    layer("nexus-ledger", &["nexus-model", "nexus-scheduler", "nexus-wire"]),
    layer("nexus-link", &["nexus-model", "nexus-wire"]),
    layer("nexus-blobs", &["nexus-model", "nexus-wire"]),
    layer("nexus-consensus", &["nexus-model", "nexus-wire", "nexus-ledger"]),
    // The shells, and what starts them.
    layer("nexus-config", &["nexus-model", "nexus-optimizer"]),
    layer(
        "nexus-actors",
        &[
            "nexus-blobs",
            "nexus-consensus",
            "nexus-echo",
            "nexus-formats",
            "nexus-ledger",
            "nexus-link",
            "nexus-mcode",
            "nexus-model",
            "nexus-optimizer",
            "nexus-qlogik",
            "nexus-scheduler",
            "nexus-tensor",
            "nexus-wire",
        ],
    ),
    layer(
        "nexus",
        &[
            "nexus-actors",
            "nexus-blobs",
            "nexus-bridge",
            "nexus-config",
            "nexus-consensus",
            "nexus-echo",
            "nexus-formats",
            "nexus-ledger",
            "nexus-link",
            "nexus-mcode",
            "nexus-model",
            "nexus-mprime",
            "nexus-optimizer",
            "nexus-qlogik",
            "nexus-scheduler",
            "nexus-tensor",
            "nexus-wasm",
            "nexus-wire",
        ],
    ),
    layer("nexus-tests", ALL),
    layer("nexus-benches", ALL),
];

/// Every dependency on a crate of ours is an arrow of the table; every crate is in the table.
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in workspace.manifests().filter(|manifest| !manifest.is_root()) {
        let Some(layer) = LAYERS.iter().find(|layer| layer.name == manifest.name) else {
            let message = format!("`{}` is not on the map: add it to LAYERS and to ARCHITECTURE.md", manifest.name);
            findings.push(Finding::new(&manifest.path, 0, message));
            continue;
        };
        for dependency in manifest.dependencies.iter().filter(|dependency| is_ours(&dependency.name)) {
            // Tests may stand on the shared words whatever they test.
            let for_tests = dependency.kind == DependencyKind::Development && dependency.name == "nexus-model";
            let allowed = layer.may_use == ALL || layer.may_use.contains(&dependency.name.as_str());
            if !allowed && !for_tests {
                let message = format!(
                    "`{}` must not depend on `{}`: arrows point one way (it may use: {}); move the shared part down, or \
                     pass it in from above",
                    manifest.name,
                    dependency.name,
                    if layer.may_use.is_empty() { "nothing of ours".to_owned() } else { layer.may_use.join(", ") },
                );
                findings.push(Finding::new(&manifest.path, dependency.line, message));
            }
        }
    }
    findings
}

fn is_ours(name: &str) -> bool {
    name == "nexus" || name.starts_with("nexus-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arrow_that_points_up_is_found() {
        let text = "[package]\nname = \"nexus-scheduler\"\n[dependencies]\nnexus-model.workspace = true\nnexus-ledger.workspace = true\n";
        let found = check(&Workspace::from_texts(&[("engine/scheduler/Cargo.toml", text)]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 5);
        assert!(found[0].message.starts_with("`nexus-scheduler` must not depend on `nexus-ledger`"));
    }

    #[test]
    fn a_crate_that_is_not_on_the_map_is_found() {
        let text = "[package]\nname = \"nexus-extra\"\n";
        assert_eq!(check(&Workspace::from_texts(&[("extra/Cargo.toml", text)])).len(), 1);
    }

    #[test]
    fn the_map_has_no_circle() {
        // In an order in which each crate uses only those before it, there can be none.
        let mut placed: Vec<&str> = Vec::new();
        while placed.len() < LAYERS.len() {
            let ready = |layer: &&Layer| {
                !placed.contains(&layer.name)
                    && (layer.may_use == ALL || layer.may_use.iter().all(|name| placed.contains(name)))
            };
            let next = LAYERS.iter().find(ready).map(|layer| layer.name);
            placed.push(next.expect("the map has a circle, or names a crate that is not on it"));
        }
    }
}
