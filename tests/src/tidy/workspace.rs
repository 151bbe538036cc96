//! The source tree as values: every text file, every parsed Rust source, every manifest.
//!
//! Reading the disk happens once, here; the rules see only this.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fs, io};

use super::{Manifest, Source};

/// Folders that hold no source of ours, by name.
const SKIPPED: &[&str] = &["target", ".git", "node_modules", "__pycache__", "corpus", "working", "artifacts"];
/// Larger files are data, not text to be read line by line.
const TEXT_BYTES_MAX: u64 = 1 << 20;

/// The whole source tree.
#[derive(Debug, Default)]
pub struct Workspace {
    texts: BTreeMap<String, String>,
    sources: BTreeMap<String, Source>,
    manifests: BTreeMap<String, Manifest>,
}

impl Workspace {
    /// Reads the tree below `root`.
    ///
    /// # Errors
    /// The disk's, with the path.
    pub fn load(root: &Path) -> io::Result<Self> {
        let mut texts = BTreeMap::new();
        read_folder(root, "", &mut texts)?;
        Ok(Self::new(texts))
    }

    /// A tree made of paths and texts, for proving that a rule fires.
    pub fn from_texts(texts: &[(&str, &str)]) -> Self {
        Self::new(texts.iter().map(|(path, text)| (path.to_string(), text.to_string())).collect())
    }

    fn new(texts: BTreeMap<String, String>) -> Self {
        let mut workspace = Workspace::default();
        for (path, text) in &texts {
            if path.ends_with(".rs") {
                workspace.sources.insert(path.clone(), Source::parse(path, text));
            } else if path == "Cargo.toml" || path.ends_with("/Cargo.toml") {
                let manifest = Manifest::parse(path, text);
                // Fuzz targets are a workspace of their own: no build of ours reads them, and they inherit nothing.
                if manifest.is_root() || !manifest.table.contains_key("workspace") {
                    workspace.manifests.insert(path.clone(), manifest);
                }
            }
        }
        workspace.texts = texts;
        workspace.mark_test_modules();
        workspace
    }

    /// A file declared as `#[cfg(test)] mod name;` is test code from its first line, and so is what lies below it.
    fn mark_test_modules(&mut self) {
        let declared: Vec<String> = self.sources.values().flat_map(Source::test_module_paths).collect();
        for source in self.sources.values_mut() {
            let stem = source.path.trim_end_matches(".rs").trim_end_matches("/mod");
            let inside = |test: &String| stem == test || stem.strip_prefix(test).is_some_and(|r| r.starts_with('/'));
            if declared.iter().any(inside) {
                source.mark_as_test();
            }
        }
    }

    /// Every text file, in the order of paths.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }

    /// The text of one file.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.texts.get(path).map(String::as_str)
    }

    /// Every Rust source, in the order of paths.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        self.sources.values()
    }

    /// One Rust source.
    pub fn source(&self, path: &str) -> Option<&Source> {
        self.sources.get(path)
    }

    /// Every `Cargo.toml`, in the order of paths, the root's among them.
    pub fn manifests(&self) -> impl Iterator<Item = &Manifest> {
        self.manifests.values()
    }
}

fn read_folder(folder: &Path, prefix: &str, texts: &mut BTreeMap<String, String>) -> io::Result<()> {
    let at = |error: io::Error, path: &Path| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    for entry in fs::read_dir(folder).map_err(|e| at(e, folder))? {
        let entry = entry.map_err(|e| at(e, folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
        let kind = entry.file_type().map_err(|e| at(e, &entry.path()))?;
        // Git's is a file in a second working tree.
        if SKIPPED.contains(&name.as_str()) {
            continue;
        }
        if kind.is_dir() {
            read_folder(&entry.path(), &path, texts)?;
        } else if kind.is_file() {
            // A file may vanish between the listing and the reading (an editor's temporary one): then it is not ours.
            let bytes = match entry.metadata() {
                Ok(data) if data.len() <= TEXT_BYTES_MAX => fs::read(entry.path()).unwrap_or_default(),
                _ => continue,
            };
            if let Ok(text) = String::from_utf8(bytes) {
                texts.insert(path, text);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_inside_the_tree_is_not_ours() {
        let fuzz = "[package]\nname = \"a-fuzz\"\n[workspace]\n";
        let workspace = Workspace::from_texts(&[("Cargo.toml", "[workspace]"), ("a/fuzz/Cargo.toml", fuzz)]);
        assert_eq!(workspace.manifests().map(|manifest| manifest.path.as_str()).collect::<Vec<_>>(), ["Cargo.toml"]);
    }

    #[test]
    fn modules_declared_for_tests_are_test_code() {
        let workspace = Workspace::from_texts(&[
            ("a/src/lib.rs", "#[cfg(test)]\nmod simulation;\nmod real;"),
            ("a/src/simulation.rs", "fn f() {}"),
            ("a/src/simulation/fault.rs", "fn f() {}"),
            ("a/src/real.rs", "fn f() {}\n#[cfg(test)]\nmod cases;"),
            ("a/src/real/cases.rs", "fn f() {}"),
        ]);
        let test = |path: &str| workspace.source(path).map(|source| source.is_test_line(1));
        assert_eq!(test("a/src/simulation.rs"), Some(true));
        assert_eq!(test("a/src/simulation/fault.rs"), Some(true));
        assert_eq!(test("a/src/real.rs"), Some(false));
        assert_eq!(test("a/src/real/cases.rs"), Some(true));
    }
}
