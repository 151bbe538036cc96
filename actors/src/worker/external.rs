//! External modules that a task calls: those that arrived with its job, or, where a person runs a program on their own machine,
//! those of its data folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nexus_mcode::{ExternalCall, ExternalError, ExternalModules};
use nexus_model::Value;
use tempfile::TempDir;

use super::grants::Imports;
use super::log::{SlotLog, Stream};
use crate::modules::{AT_ONCE, Call, Installed, ModuleError, OwnModules, call, discard};

/// The modules that arrived with a job. Their files are removed with this.
#[derive(Debug, Default)]
pub(super) struct JobModules {
    modules: Vec<Installed>,
    folder: Option<TempDir>,
}

impl Drop for JobModules {
    /// Their calls may have left what takes long to remove, or what only its owner's rights remove.
    fn drop(&mut self) {
        let Some(folder) = self.folder.take().map(TempDir::keep) else { return };
        if let Err(error) = discard(&folder, &mut { AT_ONCE }) {
            tracing::warn!(folder = %folder.display(), %error, "the modules of a job could not be removed");
        }
    }
}

impl JobModules {
    /// Takes the modules out of a job's inputs and lays them into a folder below `scratch`; an error names the input.
    pub(super) fn unpack(inputs: &mut Vec<(String, Value)>, scratch: &Path) -> Result<Self, (String, ModuleError)> {
        let mut arrived = JobModules::default();
        for (name, packed) in inputs.extract_if(.., |(name, _)| nexus_mcode::external_module(name).is_some()) {
            let module = arrived.lay(&packed, scratch).map_err(|error| (name, error))?;
            arrived.modules.push(module);
        }
        Ok(arrived)
    }

    fn lay(&mut self, packed: &Value, scratch: &Path) -> Result<Installed, ModuleError> {
        let folder = match &mut self.folder {
            Some(folder) => folder,
            none => {
                std::fs::create_dir_all(scratch).map_err(ModuleError::disk(scratch))?;
                let made = tempfile::Builder::new().prefix("modules-").tempdir_in(scratch);
                none.insert(made.map_err(ModuleError::disk(scratch))?)
            }
        };
        let place = folder.path().join(self.modules.len().to_string());
        Installed::unpack(packed, &place, &folder.path().join("calls"))
    }

    fn find(&self, hash: &str) -> Option<&Installed> {
        self.modules.iter().find(|module| module.hash == hash)
    }
}

/// The calls of one task.
pub(crate) struct ModuleCalls<'a> {
    arrived: &'a JobModules,
    own: Option<&'a OwnModules>,
    log: &'a SlotLog,
    /// Set with the first call: what modules do is not done twice to compare results.
    called: &'a AtomicBool,
    /// Of this machine's own those that this task called, checked once.
    opened: Mutex<BTreeMap<String, Arc<Installed>>>,
    /// What was told of them already.
    told: Mutex<BTreeSet<String>>,
}

impl<'a> ModuleCalls<'a> {
    pub(super) fn new(
        (arrived, own): (&'a JobModules, Option<&'a OwnModules>),
        log: &'a SlotLog,
        called: &'a AtomicBool,
    ) -> Self {
        ModuleCalls { arrived, own, log, called, opened: Mutex::default(), told: Mutex::default() }
    }

    fn called(&self, asked: ExternalCall<'_>) -> Result<Value, ModuleError> {
        let ExternalCall { module: name, hash, function, arguments, stop, admit } = asked;
        self.called.store(true, Ordering::Relaxed);
        let opened;
        let module = match self.arrived.find(hash) {
            Some(module) => module,
            None => {
                opened = self.open(name, hash)?;
                &opened
            }
        };
        let report = call(Call { module, function, arguments, stop, admit });
        if !report.stderr.is_empty() {
            self.log.append(Stream::Stderr, &report.stderr);
            if !report.stderr.ends_with(b"\n") {
                self.log.append(Stream::Stderr, b"\n");
            }
        }
        for missing in report.sandbox.missing {
            let note = format!("note: module {name} could not be kept from {missing}\n");
            if locked(&self.told).insert(note.clone()) {
                self.log.append(Stream::Stderr, note.as_bytes());
            }
        }
        report.value
    }

    fn open(&self, name: &str, hash: &str) -> Result<Arc<Installed>, ModuleError> {
        if let Some(module) = locked(&self.opened).get(name).filter(|module| module.hash == hash) {
            return Ok(Arc::clone(module));
        }
        let own = self.own.ok_or_else(|| ModuleError::NotSent(name.to_owned()))?;
        let module = Arc::new(own.get(name)?);
        if module.hash != hash {
            return Err(ModuleError::Replaced(name.to_owned()));
        }
        locked(&self.opened).insert(name.to_owned(), Arc::clone(&module));
        Ok(module)
    }
}

/// The calls of a piece of a program that a person types: there is no job that brings modules, and no log.
pub(crate) struct TypedModules<'a> {
    imports: Imports<'a>,
    none: JobModules,
    log: SlotLog,
    called: AtomicBool,
}

impl<'a> TypedModules<'a> {
    pub(crate) fn of(imports: Imports<'a>) -> Self {
        let (none, log, called) = (JobModules::default(), SlotLog::default(), AtomicBool::new(false));
        TypedModules { imports, none, log, called }
    }

    pub(crate) fn calls(&self) -> ModuleCalls<'_> {
        ModuleCalls::new((&self.none, self.imports.modules), &self.log, &self.called)
    }

    /// What the modules printed to stderr.
    pub(crate) fn said(&self) -> String {
        String::from_utf8_lossy(&self.log.end().1).into_owned()
    }
}

impl ExternalModules for ModuleCalls<'_> {
    fn call(&self, call: ExternalCall<'_>) -> Result<Value, ExternalError> {
        self.called(call).map_err(|error| ExternalError { message: error.to_string(), help: error.help() })
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
