//! The store of timelines: one file a timeline, one line an edit, each line with the hash of everything up to it.
//!
//! Not an actor: whoever has a data directory may open the store, one writer at a time. An edit is on disk before it is
//! acknowledged. A line that was cut off by a crash is no edit; anything else that does not fit its hash is damage, and is
//! said, never skipped.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use nexus_echo::{ChainHash, EchoError, Edit, ForkPoint, Timeline, TimelineKind};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::codes;

/// Version of the files.
const FORMAT: u32 = 1;
/// The most branches of branches.
const DEPTH_MAX: usize = 1_000;
const ENDING: &str = "timeline";

/// Why a store could not do what was asked. Nothing was changed unless the variant says so.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The timeline refuses it; a retry fails the same way.
    #[error(transparent)]
    Echo(#[from] EchoError),
    /// The disk. After a failed write the edit may or may not be there: read again before trying again.
    #[error("{} cannot be {doing}: {error}", path.display())]
    Disk {
        /// What was being done.
        doing: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The file is not what was written.
    #[error("{} is damaged at line {line}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Line from 1.
        line: usize,
        /// What does not fit.
        what: String,
    },
}

impl StoreError {
    /// The stable code that `nexus explain` knows.
    pub fn code(&self) -> &'static str {
        match self {
            StoreError::Echo(error) => error.code(),
            StoreError::Disk { .. } | StoreError::Damaged { .. } => codes::TIMELINE_STORE,
        }
    }
}

/// First line of a file.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Header {
    format: u32,
    name: String,
    kind: TimelineKind,
    forked: Option<ForkPoint>,
    /// Hash of the log at the fork point.
    from: ChainHash,
}

/// Any other line.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    hash: ChainHash,
    edit: Edit,
}

/// Timelines in a folder.
#[derive(Debug)]
pub struct TimelineStore {
    folder: PathBuf,
    /// Held as long as the store is open: shared by readers, alone by a writer.
    _lock: Option<File>,
}

impl TimelineStore {
    /// Opens the store below a data directory for reading. One that does not exist is empty.
    ///
    /// # Errors
    /// The disk's.
    pub fn read(data: &Path) -> Result<Self, StoreError> {
        let folder = data.join("timelines");
        if !folder.is_dir() {
            return Ok(TimelineStore { folder, _lock: None });
        }
        let lock = open_lock(&folder)?;
        lock.lock_shared().map_err(|error| disk("locked", &folder, error))?;
        Ok(TimelineStore { folder, _lock: Some(lock) })
    }

    /// Opens the store below a data directory for changing it, and makes it if needed. Waits for other writers.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(data: &Path) -> Result<Self, StoreError> {
        let folder = data.join("timelines");
        fs::create_dir_all(&folder).map_err(|error| disk("made", &folder, error))?;
        let lock = open_lock(&folder)?;
        lock.lock().map_err(|error| disk("locked", &folder, error))?;
        Ok(TimelineStore { folder, _lock: Some(lock) })
    }

    /// Names of all timelines, in order.
    ///
    /// # Errors
    /// The disk's; [`StoreError::Damaged`].
    pub fn names(&self) -> Result<Vec<String>, StoreError> {
        if !self.folder.is_dir() {
            return Ok(Vec::new());
        }
        let entries = fs::read_dir(&self.folder).map_err(|error| disk("read", &self.folder, error))?;
        let mut names = Vec::new();
        for entry in entries {
            let path = entry.map_err(|error| disk("read", &self.folder, error))?.path();
            if path.extension().is_some_and(|ending| ending == ENDING) {
                let text = fs::read_to_string(&path).map_err(|error| disk("read", &path, error))?;
                names.push(header(&path, &text)?.name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// The timeline of that name, its hashes checked.
    ///
    /// # Errors
    /// [`EchoError::NoSuchTimeline`], damage, the disk's.
    pub fn load(&self, name: &str) -> Result<Timeline, StoreError> {
        self.load_at(name, 0, &mut BTreeMap::new())
    }

    fn load_at(&self, name: &str, depth: usize, seen: &mut BTreeMap<String, ()>) -> Result<Timeline, StoreError> {
        let path = self.path(name);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(self.no_such(name)?.into()),
            Err(error) => return Err(disk("read", &path, error)),
        };
        let header = header(&path, &text)?;
        let damaged = |line: usize, what: String| StoreError::Damaged { path: path.clone(), line, what };
        if depth > DEPTH_MAX || seen.insert(name.to_owned(), ()).is_some() {
            return Err(damaged(1, "its parents go in a circle".to_owned()));
        }
        let mut timeline = match &header.forked {
            None => Timeline::new(&header.name, header.kind),
            Some(fork) => {
                let parent = self.load_at(&fork.parent, depth + 1, seen)?;
                parent.fork(&header.name, header.kind, Some(fork.position))?
            }
        };
        if timeline.head() != header.from {
            return Err(damaged(1, "its parent is not the one it was forked from".to_owned()));
        }
        for (at, line) in whole_lines(&text).enumerate().skip(1) {
            let line: Line = serde_json::from_str(line).map_err(|error| damaged(at + 1, error.to_string()))?;
            timeline.apply(line.edit).map_err(|error| damaged(at + 1, error.to_string()))?;
            if timeline.head() != line.hash {
                return Err(damaged(at + 1, "the edit does not fit its hash".to_owned()));
            }
        }
        Ok(timeline)
    }

    /// Keeps a new timeline with everything that its log has beyond its fork.
    ///
    /// # Errors
    /// [`EchoError::TimelineExists`], the disk's.
    pub fn create(&self, timeline: &Timeline) -> Result<(), StoreError> {
        let path = self.path(timeline.name());
        if path.exists() {
            return Err(EchoError::TimelineExists(timeline.name().to_owned()).into());
        }
        let start = timeline.forked().map_or(0, |fork| fork.position);
        let header = Header {
            format: FORMAT,
            name: timeline.name().to_owned(),
            kind: timeline.kind(),
            forked: timeline.forked().cloned(),
            from: timeline.hash_at(start).unwrap_or_else(ChainHash::start),
        };
        let mut text = json(&header);
        text.extend(lines(timeline, start));
        // Under another name until it is whole: a crash leaves no half timeline.
        let partial = path.with_extension("partial");
        let written = File::create(&partial).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&partial, &path)?;
            File::open(&self.folder)?.sync_all()
        });
        written.map_err(|error| disk("written", &path, error))
    }

    /// Keeps what the timeline's log has beyond `before`, its length when it was loaded.
    ///
    /// # Errors
    /// The disk's.
    pub fn append(&self, timeline: &Timeline, before: u64) -> Result<(), StoreError> {
        let path = self.path(timeline.name());
        let text: String = lines(timeline, before).collect();
        let written = OpenOptions::new().read(true).write(true).open(&path).and_then(|mut file| {
            // A line that a crash cut off is overwritten.
            let kept = fs::read(&path)?.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at as u64 + 1);
            file.set_len(kept)?;
            io::Seek::seek(&mut file, io::SeekFrom::End(0))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.map_err(|error| disk("written", &path, error))
    }

    /// Names are anything; files are called by their hashes.
    fn path(&self, name: &str) -> PathBuf {
        let hash = blake3::hash(name.as_bytes()).to_hex();
        self.folder.join(format!("{}.{ENDING}", &hash.as_str()[..32]))
    }

    fn no_such(&self, name: &str) -> Result<EchoError, StoreError> {
        let names = self.names()?;
        let near = names.into_iter().find(|known| known.eq_ignore_ascii_case(name) || known.starts_with(name));
        Ok(EchoError::NoSuchTimeline { name: name.chars().take(60).collect(), near })
    }
}

fn open_lock(folder: &Path) -> Result<File, StoreError> {
    let path = folder.join("lock");
    let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
    opened.map_err(|error| disk("opened", &path, error))
}

fn disk(doing: &'static str, path: &Path, error: io::Error) -> StoreError {
    StoreError::Disk { doing, path: path.to_owned(), error }
}

/// Lines that end; what a crash cut off is not one.
fn whole_lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'))
}

fn header(path: &Path, text: &str) -> Result<Header, StoreError> {
    let damaged = |what: String| StoreError::Damaged { path: path.to_owned(), line: 1, what };
    let first = whole_lines(text).next().ok_or_else(|| damaged("it has no first line".to_owned()))?;
    let header: Header = serde_json::from_str(first).map_err(|error| damaged(error.to_string()))?;
    if header.format != FORMAT {
        return Err(damaged(format!("it has format {}, this version reads {FORMAT}", header.format)));
    }
    Ok(header)
}

fn json(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string(value).expect("headers and edits have text keys only");
    text.push('\n');
    text
}

fn lines(timeline: &Timeline, start: u64) -> impl Iterator<Item = String> {
    timeline.edits_since(start).map(|(edit, hash)| json(&Line { hash, edit }))
}

#[cfg(test)]
mod tests {
    use nexus_echo::{EventKind, Micros, TimeNode};

    use super::*;

    fn grown(mut timeline: Timeline, names: &[&str]) -> Timeline {
        for (at, name) in names.iter().enumerate() {
            timeline.append(TimeNode::new(*name, EventKind::Planned, Micros(at as i64))).unwrap();
        }
        timeline
    }

    #[test]
    fn what_was_kept_is_read_by_the_next_process() {
        let data = tempfile::tempdir().unwrap();
        let mut plan = grown(Timeline::new("plan", TimelineKind::Primary), &["a", "b"]);
        {
            let store = TimelineStore::write(data.path()).unwrap();
            store.create(&plan).unwrap();
            let branch = grown(plan.fork("other", TimelineKind::Alternative, Some(1)).unwrap(), &["c"]);
            store.create(&branch).unwrap();
            let before = plan.len();
            plan = grown(plan, &["d"]);
            store.append(&plan, before).unwrap();
            assert!(matches!(store.create(&plan), Err(StoreError::Echo(EchoError::TimelineExists(_)))));
        }
        let store = TimelineStore::read(data.path()).unwrap();
        assert_eq!(store.names().unwrap(), ["other", "plan"]);
        assert_eq!(store.load("plan").unwrap().head(), plan.head());
        let names =
            |timeline: &Timeline| timeline.state().iter_nodes().map(|(_, n)| n.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&store.load("other").unwrap()), ["a", "c"]);
        assert_eq!(store.load("Plan").unwrap_err().to_string(), "there is no timeline `Plan`: did you mean `plan`?");
    }

    #[test]
    fn a_line_cut_off_at_any_byte_loses_no_other_edit() {
        let data = tempfile::tempdir().unwrap();
        let store = TimelineStore::write(data.path()).unwrap();
        let plan = grown(Timeline::new("plan", TimelineKind::Primary), &["a"]);
        store.create(&plan).unwrap();
        let path = store.path("plan");
        let whole = fs::read(&path).unwrap();
        let longer = grown(plan.clone(), &["b"]);
        store.append(&longer, plan.len()).unwrap();
        let after = fs::read(&path).unwrap();
        for cut in whole.len()..after.len() {
            fs::write(&path, &after[..cut]).unwrap();
            assert_eq!(store.load("plan").unwrap().head(), plan.head(), "cut at {cut}");
            store.append(&longer, plan.len()).unwrap();
            assert_eq!(store.load("plan").unwrap().head(), longer.head(), "cut at {cut}");
        }
    }

    #[test]
    fn damage_is_said_with_its_place() {
        let data = tempfile::tempdir().unwrap();
        let store = TimelineStore::write(data.path()).unwrap();
        store.create(&grown(Timeline::new("plan", TimelineKind::Primary), &["a", "b"])).unwrap();
        let path = store.path("plan");
        let text = fs::read_to_string(&path).unwrap().replace("\"at\":1", "\"at\":9");
        fs::write(&path, text).unwrap();
        let error = store.load("plan").unwrap_err();
        assert!(error.to_string().ends_with("is damaged at line 3: the edit does not fit its hash"), "{error}");
        assert_eq!(error.code(), "NX0407");
    }
}
