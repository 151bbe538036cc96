//! What a run is granted beside its values: time, and files below one folder.
//!
//! The language has no clock and no files of its own; both come from here.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

use nexus_formats::Format;
use nexus_model::{LimitHit, LimitKind, Value};
use nexus_tensor::Watch;

use crate::modules::{Installed, ModuleError, OwnModules};

/// Largest file that a program may read: 4 GiB, above what fits a task's memory limit on the machines this is for.
const FILE_BYTES_MAX: u64 = 4 << 30;

/// Stops a run at its wall-clock limit.
pub(crate) struct Deadline {
    at: Instant,
    limit: Duration,
}

impl Deadline {
    /// `limit` from now on.
    pub(crate) fn after(limit: Duration) -> Self {
        Deadline { at: Instant::now() + limit, limit }
    }
}

impl Watch for Deadline {
    fn check(&self) -> Result<(), LimitHit> {
        if Instant::now() < self.at {
            return Ok(());
        }
        Err(LimitHit { kind: LimitKind::Wall, limit: self.limit.as_millis() as u64, wanted: None })
    }
}

/// Where a program's imports are found: files below one folder, and installed modules.
#[derive(Clone, Copy)]
pub struct Imports<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// The modules; none where absent.
    pub modules: Option<&'a OwnModules>,
}

impl Imports<'_> {
    /// Name and text of what `importer` imports as `path`: a file, or the interface of a module.
    pub(crate) fn find(&self, importer: &str, path: &str) -> Result<(String, String), String> {
        let Some(module) = nexus_mcode::external_module(path) else {
            return FileGrant::below(self.folder).import(importer, path);
        };
        let found = self.module(module).map_err(|error| error.to_string())?;
        Ok((format!("import:{path}"), found.interface()))
    }

    /// The content of the module that `path` asks for.
    pub(crate) fn packed(&self, path: &str) -> Result<Value, ModuleError> {
        self.module(nexus_mcode::external_module(path).unwrap_or(path))?.packed()
    }

    fn module(&self, name: &str) -> Result<Installed, ModuleError> {
        self.modules.ok_or_else(|| ModuleError::NoSuchModule(name.to_owned()))?.get(name)
    }
}

/// Reading below one folder.
pub(crate) struct FileGrant<'a> {
    root: &'a Path,
}

impl<'a> FileGrant<'a> {
    pub(crate) fn below(root: &'a Path) -> Self {
        FileGrant { root }
    }

    /// The content of a data file as a value; its name's ending says what it is.
    pub(crate) fn read_value(&self, name: &str) -> Result<Value, String> {
        // What may not be read at all has no need of another name.
        self.resolve(name)?;
        let format = Format::from_file_name(name).ok_or_else(|| {
            format!("the ending of `{name}` names no known format (npy, npz, csv, json, safetensors)")
        })?;
        let bytes = self.read(name)?;
        nexus_formats::read(format, &bytes).map_err(|error| format!("`{name}` cannot be read: {error}"))
    }

    /// The bytes of a file that is named as the program wrote it.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, String> {
        let path = self.resolve(name)?;
        let metadata = std::fs::metadata(&path).map_err(|error| self.unreadable(name, &error))?;
        if !metadata.is_file() {
            return Err(format!("`{name}` is not a file"));
        }
        if metadata.len() > FILE_BYTES_MAX {
            return Err(format!("`{name}` has {} bytes; the most is {FILE_BYTES_MAX}", metadata.len()));
        }
        std::fs::read(&path).map_err(|error| self.unreadable(name, &error))
    }

    fn unreadable(&self, name: &str, error: &std::io::Error) -> String {
        match error.kind() {
            ErrorKind::NotFound => {
                let folder = std::path::absolute(self.root).unwrap_or_else(|_| self.root.to_owned());
                format!("there is no `{name}` in {}", folder.display())
            }
            ErrorKind::PermissionDenied => format!("`{name}` may not be read by this user"),
            _ => format!("`{name}` cannot be read: {error}"),
        }
    }

    /// The name and text of an imported module; `importer` is the name of the file that imports it.
    pub(crate) fn import(&self, importer: &str, name: &str) -> Result<(String, String), String> {
        let folder = Path::new(importer).parent().filter(|_| importer.starts_with("import:"));
        let relative = match folder {
            Some(folder) => folder.join(name),
            None => PathBuf::from(name),
        };
        let relative = relative.to_string_lossy().trim_start_matches("import:").to_owned();
        let text = String::from_utf8(self.read(&relative)?).map_err(|_| format!("`{name}` is not UTF-8 text"))?;
        Ok((format!("import:{relative}"), text))
    }

    /// Only downwards: no absolute paths, no `..`, and no link that leads out.
    fn resolve(&self, name: &str) -> Result<PathBuf, String> {
        let outside = || format!("`{name}` is not below the program's folder, and this run may read nothing else");
        let relative = Path::new(name);
        if relative.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
            return Err(outside());
        }
        let full = self.root.join(relative);
        let real = full.canonicalize().map_err(|error| self.unreadable(name, &error))?;
        let root = self.root.canonicalize().map_err(|error| self.unreadable(name, &error))?;
        if real.starts_with(&root) { Ok(real) } else { Err(outside()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_below_the_folder_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("programs");
        std::fs::create_dir_all(root.join("data")).unwrap();
        std::fs::write(root.join("data/a.csv"), "1").unwrap();
        std::fs::write(folder.path().join("secret"), "2").unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret"), root.join("link")).unwrap();
        let grant = FileGrant::below(&root);
        assert_eq!(grant.read("data/a.csv"), Ok(b"1".to_vec()));
        assert_eq!(grant.read("./data/a.csv"), Ok(b"1".to_vec()));
        for outside in ["../secret", "data/../../secret", "/etc/passwd", "link"] {
            assert!(grant.read(outside).unwrap_err().contains("not below the program's folder"), "{outside}");
        }
        for outside in ["/etc/passwd", "../secret.csv"] {
            assert!(grant.read_value(outside).unwrap_err().contains("not below the program's folder"), "{outside}");
        }
        std::fs::write(root.join("data/notes"), "1").unwrap();
        assert!(grant.read_value("data/notes").unwrap_err().contains("names no known format"));
        assert!(grant.read("missing").unwrap_err().starts_with("there is no `missing` in "));
        assert!(grant.read("data").unwrap_err().contains("not a file"));
    }

    #[test]
    fn a_deadline_names_its_limit() {
        assert_eq!(Deadline::after(Duration::from_secs(60)).check(), Ok(()));
        let hit = Deadline::after(Duration::ZERO).check().unwrap_err();
        assert_eq!((hit.kind, hit.limit), (LimitKind::Wall, 0));
    }
}
