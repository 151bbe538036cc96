//! Every crate takes version, edition, lints and dependency versions from the workspace, so that each is said once.

use toml::Value;

use super::{Finding, Manifest, Workspace};

/// Keys of `[package]` that must say `workspace = true`.
const KEYS: &[&str] = &["version", "edition", "rust-version", "license", "publish"];

/// Everything that can be inherited is.
pub(super) fn check(workspace: &Workspace) -> Vec<Finding> {
    workspace.manifests().flat_map(check_manifest).collect()
}

fn check_manifest(manifest: &Manifest) -> Vec<Finding> {
    if let Some(error) = &manifest.error {
        return vec![Finding::new(&manifest.path, 0, format!("this is not TOML: {error}"))];
    }
    if manifest.is_root() {
        return Vec::new();
    }
    let from_workspace =
        |value: Option<&Value>| value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true);
    let mut findings = Vec::new();
    let package = manifest.table.get("package");
    for key in KEYS.iter().filter(|key| !from_workspace(package.and_then(|package| package.get(**key)))) {
        findings.push(Finding::new(&manifest.path, 0, format!("write `{key}.workspace = true` below [package]")));
    }
    if !from_workspace(manifest.table.get("lints").map(|lints| lints as &Value)) {
        findings.push(Finding::new(&manifest.path, 0, "write `[lints]` and `workspace = true` below it"));
    }
    for dependency in manifest.dependencies.iter().filter(|dependency| !dependency.inherited) {
        let message = format!(
            "declare `{}` in the root's [workspace.dependencies] and write `{}.workspace = true` here",
            dependency.name, dependency.name
        );
        findings.push(Finding::new(&manifest.path, dependency.line, message));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crate_says_for_itself_is_found() {
        let text = "[package]\nname = \"a\"\nversion = \"1.0.0\"\nedition.workspace = true\nrust-version.workspace = true\nlicense.workspace = true\npublish.workspace = true\n[dependencies]\nserde = \"1\"\n";
        let found = check(&Workspace::from_texts(&[("a/Cargo.toml", text)]));
        let messages: Vec<&str> = found.iter().map(|finding| finding.message.as_str()).collect();
        assert_eq!(
            messages,
            [
                "write `version.workspace = true` below [package]",
                "write `[lints]` and `workspace = true` below it",
                "declare `serde` in the root's [workspace.dependencies] and write `serde.workspace = true` here",
            ]
        );
    }

    #[test]
    fn a_manifest_that_is_not_toml_is_found() {
        assert_eq!(check(&Workspace::from_texts(&[("a/Cargo.toml", "[package")])).len(), 1);
    }
}
