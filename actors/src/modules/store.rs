//! Installed modules: copies below the data folder, each under the hash of its content.
//!
//! `modules/content/HASH/` is a module's folder, `modules/names/NAME.json` says which content a name stands for and what it was
//! allowed. A name is written last and removed first, so that what stops in between leaves nothing that is used.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustix::fs::OFlags;
use serde::{Deserialize, Serialize};

use super::error::ModuleError;
use super::manifest::{Capability, Kind, MANIFEST_FILE, Manifest};
use super::wasm;
use crate::removal::remove_all;

/// Most bytes of a module: programs, not data sets.
const MODULE_BYTES_MAX: u64 = 256 << 20;
/// Most files of a module.
const MODULE_FILES_MAX: usize = 4096;
/// Most bytes of a `vxor.toml`.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;
/// Deepest folder in a module.
const DEPTH_MAX: usize = 32;

/// The modules of a data folder.
#[derive(Debug, Clone)]
pub struct ModuleStore {
    root: PathBuf,
}

/// The modules of a data folder that is looked for when the first of them is asked for: most programs call none.
pub struct OwnModules {
    look: Box<dyn Fn() -> Result<PathBuf, String> + Send + Sync>,
    store: OnceLock<Result<ModuleStore, String>>,
}

impl OwnModules {
    /// `look` finds the data folder, or says why it cannot.
    pub fn new(look: impl Fn() -> Result<PathBuf, String> + Send + Sync + 'static) -> Self {
        OwnModules { look: Box::new(look), store: OnceLock::new() }
    }

    /// As [`ModuleStore::get`].
    pub(crate) fn get(&self, name: &str) -> Result<Installed, ModuleError> {
        let store = self.store.get_or_init(|| (self.look)().map(|data| ModuleStore::new(&data)));
        store.as_ref().map_err(|reason| ModuleError::NoFolder(reason.clone()))?.get(name)
    }
}

/// The name of a module with the module, or why it cannot be read any more.
pub type Named = (String, Result<Installed, ModuleError>);

/// An installed module.
#[derive(Debug, Clone)]
pub struct Installed {
    /// What it says of itself.
    pub manifest: Manifest,
    /// BLAKE3 of its content, in hexadecimal digits.
    pub hash: String,
    /// Where its content is.
    pub folder: PathBuf,
    /// Where its calls get their own folders.
    pub(super) scratch: PathBuf,
    /// Keeps its content where it is.
    _in_use: Option<Arc<fs::File>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct NameRecord {
    hash: String,
    allowed: Vec<String>,
}

impl ModuleStore {
    /// Those of the node's data folder; nothing is made before something is added.
    pub fn new(data: &Path) -> Self {
        ModuleStore { root: data.join("modules") }
    }

    /// Copies a module's folder, in place of what had its name.
    ///
    /// # Errors
    /// What is wrong with the folder, its `vxor.toml` or its component, or which capabilities were not allowed; nothing is added
    /// then.
    pub fn add(&self, folder: &Path, allowed: &[Capability]) -> Result<Installed, ModuleError> {
        // Before anything is copied, and of the copy again: the original may be changed meanwhile.
        is_allowed(read_manifest(folder)?, allowed)?;
        let files = files_of(folder)?;
        let made = self.root.join("content");
        fs::create_dir_all(&made).map_err(ModuleError::disk(&made))?;
        let _alone = self.alone()?;
        self.sweep()?;
        let incoming = tempfile::tempdir_in(&made).map_err(ModuleError::disk(&made))?;
        for relative in files.keys() {
            copy(&folder.join(relative), &incoming.path().join(relative))?;
        }
        // Of the copy: what is hashed is what will run, whatever happens to the original meanwhile.
        let hash = hash_of(incoming.path())?;
        let manifest = is_allowed(read_manifest(incoming.path())?, allowed)?;
        if manifest.kind == Kind::Wasm {
            wasm::check(&Installed {
                folder: incoming.path().to_owned(),
                ..self.installed(manifest.clone(), hash.clone())
            })?;
        }
        let place = made.join(&hash);
        if hash_of(&place).ok().as_ref() != Some(&hash) {
            // It was changed, and a call may use it nevertheless.
            let lock = self.lock_of(&hash)?;
            let is_used = lock.try_lock().is_err();
            if is_used {
                let error = std::io::Error::new(ErrorKind::ResourceBusy, "a call that still runs uses it");
                return Err(ModuleError::disk(&place)(error));
            }
            remove_all(&place).map_err(ModuleError::disk(&place))?;
            let incoming = incoming.keep();
            fs::rename(&incoming, &place).map_err(ModuleError::disk(&place))?;
        }
        let allowed = manifest.capabilities.iter().map(ToString::to_string).collect();
        self.write_name(&manifest.name, &NameRecord { hash: hash.clone(), allowed })?;
        self.sweep()?;
        Ok(self.installed(manifest, hash))
    }

    /// Every installed module, by name; for one that cannot be read any more, why.
    ///
    /// # Errors
    /// The disk's, where not even the names can be read.
    pub fn list(&self) -> Result<Vec<Named>, ModuleError> {
        Ok(self.names()?.into_iter().map(|name| (name.clone(), self.open(&name))).collect())
    }

    /// The module of this name, its content checked against its hash. As long as it is held, its files stay.
    ///
    /// # Errors
    /// [`ModuleError::NoSuchModule`]; [`ModuleError::Damaged`] where the content is not what was added.
    pub fn get(&self, name: &str) -> Result<Installed, ModuleError> {
        loop {
            let module = self.open(name)?;
            let lock = self.lock_of(&module.hash)?;
            lock.lock_shared().map_err(ModuleError::disk(&self.root))?;
            // Until here another one may have taken its name, and its files been removed.
            if self.record(name)?.is_none_or(|now| now.hash != module.hash) {
                continue;
            }
            let found = hash_of(&module.folder)?;
            if found != module.hash {
                return Err(ModuleError::Damaged { module: name.to_owned(), expected: module.hash, found });
            }
            return Ok(Installed { _in_use: Some(Arc::new(lock)), ..module });
        }
    }

    /// Forgets a module and removes what no other name needs; what a call still uses goes when the next one is added.
    ///
    /// # Errors
    /// [`ModuleError::NoSuchModule`], or the disk's.
    pub fn remove(&self, name: &str) -> Result<(), ModuleError> {
        // One that cannot be read is there, and goes.
        if let Ok(None) = self.record(name) {
            return Err(ModuleError::NoSuchModule(name.to_owned()));
        }
        let _alone = self.alone()?;
        let file = self.name_file(name);
        match fs::remove_file(&file) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(ModuleError::NoSuchModule(name.to_owned()));
            }
            removed => removed.map_err(ModuleError::disk(&file))?,
        }
        self.sweep()
    }

    /// The names that are installed.
    ///
    /// # Errors
    /// The disk's.
    pub fn names(&self) -> Result<Vec<String>, ModuleError> {
        let folder = self.root.join("names");
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(ModuleError::disk(&folder)(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(ModuleError::disk(&folder))?;
            let name = entry.file_name();
            names.extend(name.to_str().and_then(|name| name.strip_suffix(".json")).map(str::to_owned));
        }
        names.sort();
        Ok(names)
    }

    fn open(&self, name: &str) -> Result<Installed, ModuleError> {
        let record = self.record(name)?.ok_or_else(|| ModuleError::NoSuchModule(name.to_owned()))?;
        let folder = self.root.join("content").join(&record.hash);
        if !folder.is_dir() {
            return Err(ModuleError::Gone(name.to_owned()));
        }
        let manifest = read_manifest(&folder)?;
        let missing = manifest.capabilities.iter().map(ToString::to_string);
        let missing: Vec<String> = missing.filter(|wanted| !record.allowed.contains(wanted)).collect();
        if !missing.is_empty() {
            return Err(ModuleError::NotAllowed { module: name.to_owned(), missing });
        }
        Ok(self.installed(manifest, record.hash))
    }

    fn installed(&self, manifest: Manifest, hash: String) -> Installed {
        let folder = self.root.join("content").join(&hash);
        Installed { manifest, hash, folder, scratch: self.root.join("scratch"), _in_use: None }
    }

    fn name_file(&self, name: &str) -> PathBuf {
        self.root.join("names").join(format!("{name}.json"))
    }

    fn record(&self, name: &str) -> Result<Option<NameRecord>, ModuleError> {
        if !super::signature::is_name(name) {
            return Ok(None);
        }
        let file = self.name_file(name);
        let bytes = match fs::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(ModuleError::disk(&file)(error)),
        };
        let record = serde_json::from_slice(&bytes).map_err(std::io::Error::other);
        record.map(Some).map_err(ModuleError::disk(&file))
    }

    fn write_name(&self, name: &str, record: &NameRecord) -> Result<(), ModuleError> {
        let file = self.name_file(name);
        let folder = self.root.join("names");
        let write = || {
            fs::create_dir_all(&folder)?;
            let mut incoming = tempfile::NamedTempFile::new_in(&folder)?;
            serde_json::to_writer(&mut incoming, record)?;
            incoming.as_file().sync_all()?;
            incoming.persist(&file).map(|_| ()).map_err(|error| error.error)
        };
        write().map_err(ModuleError::disk(&file))
    }

    /// Held while modules are added and removed, by one at a time.
    fn alone(&self) -> Result<fs::File, ModuleError> {
        let file = self.root.join("lock");
        let locked = || {
            let lock = fs::File::options().create(true).append(true).open(&file)?;
            lock.lock().map(|()| lock)
        };
        locked().map_err(ModuleError::disk(&file))
    }

    /// The file that is locked, together with others, by who uses a content.
    fn lock_of(&self, hash: &str) -> Result<fs::File, ModuleError> {
        let (folder, file) = (self.root.join("uses"), self.root.join("uses").join(hash));
        let opened = || {
            fs::create_dir_all(&folder)?;
            fs::File::options().create(true).append(true).open(&file)
        };
        opened().map_err(ModuleError::disk(&file))
    }

    /// Removes the contents that no name stands for and nobody uses, and what an interrupted `add` left. Only for who holds the
    /// lock.
    fn sweep(&self) -> Result<(), ModuleError> {
        let mut named = BTreeSet::new();
        for name in self.names()? {
            // What a record says that cannot be read is not known: nothing is removed then.
            let Ok(record) = self.record(&name) else { return Ok(()) };
            named.extend(record.map(|record| record.hash));
        }
        let content = self.root.join("content");
        for entry in fs::read_dir(&content).map_err(ModuleError::disk(&content))? {
            let entry = entry.map_err(ModuleError::disk(&content))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if named.contains(&name) {
                continue;
            }
            let is_unfinished = name.starts_with('.');
            let lock = if is_unfinished { None } else { Some(self.lock_of(&name)?) };
            if lock.is_none_or(|lock| lock.try_lock().is_ok()) {
                remove_all(&entry.path()).map_err(ModuleError::disk(&entry.path()))?;
            }
        }
        Ok(())
    }
}

/// A module in a folder that nobody else changes.
pub(super) fn read_content(folder: &Path, scratch: &Path) -> Result<Installed, ModuleError> {
    let manifest = read_manifest(folder)?;
    let hash = hash_of(folder)?;
    Ok(Installed { manifest, hash, folder: folder.to_owned(), scratch: scratch.to_owned(), _in_use: None })
}

/// The manifest, where it asks for nothing that was not allowed.
fn is_allowed(manifest: Manifest, allowed: &[Capability]) -> Result<Manifest, ModuleError> {
    let missing = manifest.capabilities.iter().filter(|wanted| !allowed.contains(wanted));
    let missing: Vec<String> = missing.map(ToString::to_string).collect();
    if missing.is_empty() { Ok(manifest) } else { Err(ModuleError::NotAllowed { module: manifest.name, missing }) }
}

/// Opens a file of a module to read it: no link to elsewhere, and nothing that keeps its reader waiting.
fn open(file: &Path) -> Result<fs::File, ModuleError> {
    let bad = |reason: &str| ModuleError::BadFolder { path: file.to_owned(), reason: reason.to_owned() };
    let no_links = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits().cast_signed();
    let opened = match fs::File::options().read(true).custom_flags(no_links).open(file) {
        Ok(opened) => opened,
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(bad("there is no such file")),
        Err(error) if error.kind() == ErrorKind::NotADirectory => return Err(bad("a module is a folder")),
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            return Err(bad("a module has no links"));
        }
        Err(error) => return Err(ModuleError::disk(file)(error)),
    };
    let metadata = opened.metadata().map_err(ModuleError::disk(file))?;
    if metadata.is_file() { Ok(opened) } else { Err(bad("it is no file")) }
}

fn read_manifest(folder: &Path) -> Result<Manifest, ModuleError> {
    let file = folder.join(MANIFEST_FILE);
    let bad = |reason: &str| ModuleError::BadFolder { path: file.clone(), reason: reason.to_owned() };
    let opened = open(&file)?;
    let mut bytes = Vec::new();
    opened.take(MANIFEST_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(ModuleError::disk(&file))?;
    if bytes.len() as u64 > MANIFEST_BYTES_MAX {
        return Err(bad("it has more than 1 MiB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| bad("it is not UTF-8 text"))?;
    Ok(Manifest::parse(&text)?)
}

/// The files of a module by their paths in it, with their sizes; refuses what is neither file nor folder.
pub(super) fn files_of(folder: &Path) -> Result<BTreeMap<String, u64>, ModuleError> {
    let mut files = BTreeMap::new();
    let mut bytes = 0u64;
    let mut open = vec![(folder.to_owned(), String::new(), 0)];
    while let Some((place, prefix, depth)) = open.pop() {
        let bad = |path: &Path, reason: String| Err(ModuleError::BadFolder { path: path.to_owned(), reason });
        for entry in fs::read_dir(&place).map_err(ModuleError::disk(&place))? {
            let entry = entry.map_err(ModuleError::disk(&place))?;
            let path = entry.path();
            let metadata = fs::symlink_metadata(&path).map_err(ModuleError::disk(&path))?;
            let Some(name) = entry.file_name().to_str().map(|name| format!("{prefix}{name}")) else {
                return bad(&path, "its name is not UTF-8 text".to_owned());
            };
            if metadata.is_dir() && depth < DEPTH_MAX {
                open.push((path, format!("{name}/"), depth + 1));
                continue;
            }
            if !metadata.is_file() {
                return bad(&path, "a module has files and folders only, not too deep, and no links".to_owned());
            }
            bytes = bytes.saturating_add(metadata.len());
            files.insert(name, metadata.len());
            if files.len() > MODULE_FILES_MAX || bytes > MODULE_BYTES_MAX {
                let most = format!("a module has at most {MODULE_FILES_MAX} files with {MODULE_BYTES_MAX} bytes");
                return bad(folder, most);
            }
        }
    }
    Ok(files)
}

fn copy(from: &Path, to: &Path) -> Result<(), ModuleError> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(ModuleError::disk(folder))?;
    }
    let mut source = open(from)?;
    let executable = source.metadata().map_err(ModuleError::disk(from))?.permissions().mode() & 0o100 != 0;
    let mut copied = fs::File::create_new(to).map_err(ModuleError::disk(to))?;
    std::io::copy(&mut source, &mut copied).map_err(ModuleError::disk(to))?;
    set_mode(to, executable)
}

/// Writes a file of a module that arrived from elsewhere.
pub(super) fn write(to: &Path, content: &[u8], executable: bool) -> Result<(), ModuleError> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).map_err(ModuleError::disk(folder))?;
    }
    fs::write(to, content).map_err(ModuleError::disk(to))?;
    set_mode(to, executable)
}

fn set_mode(file: &Path, executable: bool) -> Result<(), ModuleError> {
    let mode = if executable { 0o755 } else { 0o644 };
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).map_err(ModuleError::disk(file))
}

pub(super) fn is_executable(path: &Path) -> Result<bool, ModuleError> {
    Ok(fs::metadata(path).map_err(ModuleError::disk(path))?.permissions().mode() & 0o100 != 0)
}

/// BLAKE3 over the files in the order of their paths: path, whether it can be executed, length, content.
fn hash_of(folder: &Path) -> Result<String, ModuleError> {
    let mut hasher = blake3::Hasher::new();
    for relative in files_of(folder)?.keys() {
        let path = folder.join(relative);
        let content = fs::read(&path).map_err(ModuleError::disk(&path))?;
        hasher.update(&(relative.len() as u64).to_le_bytes());
        hasher.update(relative.as_bytes());
        hasher.update(&[u8::from(is_executable(&path)?)]);
        hasher.update(&(content.len() as u64).to_le_bytes());
        hasher.update(&content);
    }
    Ok(hasher.finalize().to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_call_uses_is_not_replaced_under_it() {
        let data = tempfile::tempdir().unwrap();
        let source = data.path().join("source");
        fs::create_dir(&source).unwrap();
        let text =
            "name = \"m\"\nversion = \"1\"\nkind = \"process\"\nentry = [\"sh\"]\n[functions.f]\nreturns = \"any\"\n";
        fs::write(source.join(MANIFEST_FILE), text).unwrap();
        let store = ModuleStore::new(data.path());
        store.add(&source, &[]).unwrap();
        let used = store.get("m").unwrap();
        fs::write(used.folder.join("more"), "").unwrap();
        let refused = store.add(&source, &[]).unwrap_err();
        assert!(refused.to_string().ends_with("a call that still runs uses it"), "{refused}");
        assert!(used.folder.join("more").exists());
        drop(used);
        store.add(&source, &[]).unwrap();
        assert!(store.get("m").is_ok());
    }
}
