//! Which crate owns which heavy dependency, so that work on one room never compiles another's.

use super::{Finding, Workspace};

/// Package names (a final `*` stands for any ending) and the crates that may name them.
///
/// Benches may name what they measure us against.
const OWNERS: &[(&str, &[&str])] = &[
    ("actix*", &["nexus-actors"]),
    ("axum*", &["nexus"]),
    ("bao-tree", &["nexus-blobs"]),
    ("burn*", &["nexus-gpu", "nexus-benches"]),
    ("clap*", &["nexus"]),
    ("cranelift*", &["nexus-jit"]),
    ("criterion", &["nexus-benches"]),
    ("cubecl*", &["nexus-gpu"]),
    ("egg", &["nexus-mprime"]),
    ("faer", &["nexus-tensor", "nexus-benches"]),
    ("indicatif", &["nexus"]),
    ("mdns-sd", &["nexus-link"]),
    ("miette", &["nexus"]),
    ("openraft*", &["nexus-consensus"]),
    ("opentelemetry*", &["nexus-actors"]),
    ("pulp", &["nexus-tensor", "nexus-echo"]),
    ("quinn*", &["nexus-link"]),
    ("ratatui", &["nexus"]),
    ("rayon", &["nexus-tensor"]),
    ("rcgen", &["nexus-link"]),
    ("redb", &["nexus-consensus"]),
    ("reedline", &["nexus"]),
    ("rustls*", &["nexus-link"]),
    ("socket2", &["nexus-link"]),
    ("syn", &["nexus-tests"]),
    ("wasmtime*", &["nexus-wasm"]),
    ("wgpu*", &["nexus-gpu"]),
    ("x509-parser", &["nexus-link"]),
];

/// A heavy crate is named only by its owner.
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in workspace.manifests().filter(|manifest| !manifest.is_root()) {
        for dependency in &manifest.dependencies {
            let owners =
                OWNERS.iter().find(|(pattern, _)| matches(pattern, &dependency.name)).map(|(_, owners)| owners);
            if let Some(owners) = owners
                && !owners.contains(&manifest.name.as_str())
            {
                let message = format!(
                    "`{}` belongs to {}: use that crate's own interface, or move the code there",
                    dependency.name,
                    owners.join(" and "),
                );
                findings.push(Finding::new(&manifest.path, dependency.line, message));
            }
        }
    }
    findings
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heavy_crate_outside_its_room_is_found() {
        let text = "[package]\nname = \"nexus-scheduler\"\n[dev-dependencies]\nburn-flex.workspace = true\n";
        let found = check(&Workspace::from_texts(&[("engine/scheduler/Cargo.toml", text)]));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].line, 4);
        assert!(found[0].message.starts_with("`burn-flex` belongs to nexus-gpu"));
    }

    #[test]
    fn a_heavy_crate_in_its_room_is_fine() {
        let text = "[package]\nname = \"nexus-gpu\"\n[dependencies]\nburn-flex.workspace = true\n";
        assert_eq!(check(&Workspace::from_texts(&[("engine/gpu/Cargo.toml", text)])), vec![]);
    }
}
