//! One `Cargo.toml` as the rules see it: the package's name, its dependencies, and the raw table.

use toml::{Table, Value};

/// Which table of a manifest a dependency stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DependencyKind {
    /// `[dependencies]`, also below `[target.…]`.
    Normal,
    /// `[dev-dependencies]`.
    Development,
    /// `[build-dependencies]`.
    Build,
}

/// A dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// The package's name (not the name that it is renamed to).
    pub name: String,
    /// Which table.
    pub kind: DependencyKind,
    /// Line from 1, or 0 where it could not be found again.
    pub line: usize,
    /// Whether the version comes from the workspace.
    pub inherited: bool,
}

/// A `Cargo.toml`.
#[derive(Debug)]
pub struct Manifest {
    /// Path from the root of the repository.
    pub path: String,
    /// Package name; empty for the workspace's own.
    pub name: String,
    /// Dependencies of every kind.
    pub dependencies: Vec<Dependency>,
    /// The whole of it; empty where it could not be parsed.
    pub table: Table,
    /// Why it could not be parsed.
    pub error: Option<String>,
}

impl Manifest {
    /// Parses `text`. One that cannot be parsed has [`Manifest::error`] and is otherwise empty.
    pub fn parse(path: &str, text: &str) -> Self {
        let (table, error) = match text.parse::<Table>() {
            Ok(table) => (table, None),
            Err(error) => (Table::new(), Some(error.to_string())),
        };
        let name = table.get("package").and_then(|package| package.get("name")).and_then(Value::as_str);
        let name = name.unwrap_or_default().to_owned();
        let mut dependencies = Vec::new();
        let targets = table.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
        for tables in targets.filter_map(Value::as_table).chain([&table]) {
            for (key, kind) in [
                ("dependencies", DependencyKind::Normal),
                ("dev-dependencies", DependencyKind::Development),
                ("build-dependencies", DependencyKind::Build),
            ] {
                for (key, value) in tables.get(key).and_then(Value::as_table).into_iter().flatten() {
                    let name = value.get("package").and_then(Value::as_str).unwrap_or(key);
                    let inherited = value.get("workspace").and_then(Value::as_bool) == Some(true);
                    dependencies.push(Dependency { name: name.into(), kind, line: line_of(text, key), inherited });
                }
            }
        }
        Manifest { path: path.to_owned(), name, dependencies, table, error }
    }

    /// Whether this is the workspace's own manifest.
    pub fn is_root(&self) -> bool {
        self.path == "Cargo.toml"
    }
}

/// The line that begins with `key` as a TOML key.
fn line_of(text: &str, key: &str) -> usize {
    let begins =
        |line: &str| line.trim_start().strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(['.', '=']));
    text.lines().position(begins).map_or(0, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_of_every_table_are_found() {
        let text = "[package]\nname = \"a\"\n[dependencies]\nb.workspace = true\n[target.'cfg(unix)'.dependencies]\nc = \"1\"\n[dev-dependencies]\nd = { package = \"e\", version = \"1\" }\n";
        let manifest = Manifest::parse("a/Cargo.toml", text);
        let found: Vec<_> =
            manifest.dependencies.iter().map(|d| (d.name.as_str(), d.kind, d.line, d.inherited)).collect();
        assert_eq!(
            found,
            [
                ("c", DependencyKind::Normal, 6, false),
                ("b", DependencyKind::Normal, 4, true),
                ("e", DependencyKind::Development, 8, false),
            ]
        );
    }
}
