//! The file that keeps what was learned. Several processes of one person may have it open: a node, and a `nexus run`.
//!
//! Each writes the whole file under a lock. Whoever finds that somebody else wrote it since they read it takes the file,
//! tells it again what they saw since then, and writes that. A file that cannot be read is set aside, never overwritten.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use nexus_optimizer::{Optimizer, OptimizerConfig};
use rustix::fs::{FlockOperation, flock};

/// Most bytes of a file that is read: ten times what a full state takes.
const BYTES_MAX: u64 = 256 << 20;

/// The disk does not do what it should. What was learned is in memory still; a retry may help.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be {doing}: {error}", path.display())]
pub struct StateFileError {
    doing: &'static str,
    path: PathBuf,
    error: io::Error,
}

/// Which writing of the file this is: a digest of the checksum in its header.
type Writing = Option<[u8; 32]>;

/// The file of an optimiser.
#[derive(Debug)]
pub struct StateFile {
    path: PathBuf,
    /// The writing that this process read or wrote last.
    seen: Writing,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saved {
    /// What the caller knows.
    Own,
    /// What another process wrote, told again what happened here: the caller knows that now.
    Joined,
}

/// What the file holds.
enum Content {
    Nothing,
    /// The writing that this process knows.
    Known,
    State(Box<Optimizer>),
    /// Not a state that can be read, and why.
    Foreign(String),
}

impl StateFile {
    /// The file at this path; nothing is touched yet.
    pub fn new(path: &Path) -> StateFile {
        StateFile { path: path.to_owned(), seen: None }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What was learned; new where there is no file. One that cannot be read is moved aside, and the second value says
    /// where to and why.
    pub fn load(&mut self, config: OptimizerConfig) -> (Optimizer, Option<String>) {
        let (content, writing) = match self.read(&config, None) {
            Ok(found) => found,
            Err(error) if self.path.is_dir() => (Content::Foreign(error.to_string()), None),
            // It may be whole: it stays where it is, and is not written over while it cannot be read.
            Err(error) => {
                let told = format!("what was learned could not be read: {}", self.trouble("read", error));
                return (Optimizer::new(config), Some(told));
            }
        };
        self.seen = writing;
        match content {
            Content::Nothing | Content::Known => (Optimizer::new(config), None),
            Content::State(optimizer) => (*optimizer, None),
            Content::Foreign(why) => {
                let told = self.set_aside(&why);
                (Optimizer::new(config), Some(told))
            }
        }
    }

    /// Writes `optimizer`. Where another process wrote the file meanwhile, that is read, told what happened here with
    /// `again`, written, and put into `optimizer`.
    pub fn save(
        &mut self,
        optimizer: &mut Optimizer,
        again: impl FnOnce(&mut Optimizer),
    ) -> Result<Saved, StateFileError> {
        let _lock = self.lock()?;
        let (content, _) = self.read(optimizer.config(), self.seen).map_err(|error| self.trouble("read", error))?;
        let saved = match content {
            Content::State(theirs) => {
                *optimizer = *theirs;
                again(optimizer);
                Saved::Joined
            }
            Content::Foreign(why) => {
                let _ = self.set_aside(&why);
                Saved::Own
            }
            // A file that is gone was reset: what this process learned before counts no more.
            Content::Nothing if self.seen.is_some() => {
                *optimizer = Optimizer::new(optimizer.config().clone());
                again(optimizer);
                Saved::Joined
            }
            Content::Known | Content::Nothing => Saved::Own,
        };
        self.write(&optimizer.save())?;
        Ok(saved)
    }

    /// Takes another state in this one's place.
    pub fn replace(&mut self, text: &str) -> Result<(), StateFileError> {
        let _lock = self.lock()?;
        self.write(text)
    }

    /// Forgets everything. Whether there was anything.
    pub fn reset(&mut self) -> Result<bool, StateFileError> {
        let _lock = self.lock()?;
        self.seen = None;
        match fs::remove_file(&self.path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(self.trouble("removed", error)),
        }
    }

    fn trouble(&self, doing: &'static str, error: io::Error) -> StateFileError {
        StateFileError { doing, path: self.path.clone(), error }
    }

    /// Held until it is dropped; the lock's own file stays.
    fn lock(&self) -> Result<File, StateFileError> {
        let path = self.path.with_extension("lock");
        let opened = self.path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
            let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path)?;
            flock(&file, FlockOperation::LockExclusive)?;
            Ok(file)
        });
        opened.map_err(|error| StateFileError { doing: "locked", path, error })
    }

    /// What the file holds, and which writing of it that is; what `known` wrote is not read again.
    fn read(&self, config: &OptimizerConfig, known: Writing) -> io::Result<(Content, Writing)> {
        let length = match fs::metadata(&self.path) {
            Ok(found) => found.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((Content::Nothing, None)),
            Err(error) => return Err(error),
        };
        if length > BYTES_MAX {
            return Ok((Content::Foreign(format!("it has {length} bytes")), None));
        }
        let bytes = fs::read(&self.path)?;
        let writing = Some(*blake3::hash(&bytes).as_bytes());
        if writing == known {
            return Ok((Content::Known, writing));
        }
        let content = match std::str::from_utf8(&bytes) {
            Ok(text) => match Optimizer::load(config.clone(), text) {
                Ok(optimizer) => Content::State(Box::new(optimizer)),
                Err(error) => Content::Foreign(error.to_string()),
            },
            Err(_) => Content::Foreign("it is not text".to_owned()),
        };
        Ok((content, writing))
    }

    fn write(&mut self, text: &str) -> Result<(), StateFileError> {
        let beside = self.path.with_extension("new");
        let written = (|| {
            let mut file = File::create(&beside)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&beside, &self.path)
        })();
        written.map_err(|error| self.trouble("written", error))?;
        self.seen = Some(*blake3::hash(text.as_bytes()).as_bytes());
        Ok(())
    }

    /// Moves the file to a name of its own, so that a person can look at it.
    fn set_aside(&mut self, why: &str) -> String {
        let content = fs::read(&self.path).unwrap_or_default();
        let mark = blake3::hash(&content).to_hex();
        let aside = self.path.with_extension(format!("{}.damaged", &mark[..8]));
        self.seen = None;
        match fs::rename(&self.path, &aside) {
            Ok(()) => format!(
                "what was learned could not be read: {why}. The file was set aside as {}; learning starts afresh",
                aside.display()
            ),
            Err(error) => format!(
                "what was learned could not be read: {why}; and {} could not be set aside: {error}. Learning starts afresh",
                self.path.display()
            ),
        }
    }
}
