//! The directory of a store: where things lie, and writing a file so that it is there whole or not at all.
//!
//! ```text
//! objects/af/1349b9…   a blob, under the digits of its hash
//! incoming/7.part      what is being written; swept when the store is opened
//! damaged/af1349b9…    what was found not to have its hash
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use nexus_model::BlobHash;

use crate::error::BlobError;

/// The directory of a store.
#[derive(Debug)]
pub(crate) struct Disk {
    objects: PathBuf,
    incoming: PathBuf,
    damaged: PathBuf,
    next: AtomicU64,
}

impl Disk {
    /// Makes what is missing and sweeps what a crash left half-written.
    pub(crate) fn open(root: &Path) -> Result<Self, BlobError> {
        let disk = Disk {
            objects: root.join("objects"),
            incoming: root.join("incoming"),
            damaged: root.join("damaged"),
            next: AtomicU64::new(0),
        };
        for directory in [&disk.objects, &disk.incoming, &disk.damaged] {
            fs::create_dir_all(directory).map_err(|error| BlobError::io("create", directory, error))?;
        }
        let swept = sweep(&disk.incoming).map_err(|error| BlobError::io("sweep", &disk.incoming, error))?;
        if swept > 0 {
            tracing::info!(swept, "removed blobs that were half-written when the node stopped");
        }
        Ok(disk)
    }

    /// Where a blob is, if it is. Only hexadecimal digits become part of the path.
    pub(crate) fn object(&self, hash: &BlobHash) -> PathBuf {
        let digits = hash.to_string();
        self.objects.join(&digits[..2]).join(&digits[2..])
    }

    pub(crate) fn free_bytes(&self) -> Option<u64> {
        let disk = rustix::fs::statvfs(&self.objects).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Every blob that is here. What else lies in the directory is left out.
    pub(crate) fn hashes(&self) -> Result<Vec<BlobHash>, BlobError> {
        let list = || -> io::Result<Vec<BlobHash>> {
            let mut hashes = Vec::new();
            for shelf in fs::read_dir(&self.objects)? {
                let shelf = shelf?;
                if !shelf.file_type()?.is_dir() {
                    continue;
                }
                for object in fs::read_dir(shelf.path())? {
                    let (shelf, rest) = (shelf.file_name(), object?.file_name());
                    let digits = shelf.to_str().zip(rest.to_str()).map(|(shelf, rest)| format!("{shelf}{rest}"));
                    hashes.extend(digits.and_then(|digits| digits.parse::<BlobHash>().ok()));
                }
            }
            Ok(hashes)
        };
        list().map_err(|error| BlobError::io("list", &self.objects, error))
    }

    /// The length of a blob; `None` where there is none.
    pub(crate) fn length(&self, hash: &BlobHash) -> Result<Option<u64>, BlobError> {
        let path = self.object(hash);
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(Some(metadata.len())),
            Ok(_) => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(BlobError::io("look at", &path, error)),
        }
    }

    /// Opens a blob for reading.
    pub(crate) fn read(&self, hash: &BlobHash) -> Result<File, BlobError> {
        let path = self.object(hash);
        File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => BlobError::Missing { hash: *hash },
            _ => BlobError::io("read", &path, error),
        })
    }

    /// A new file that is not a blob yet.
    pub(crate) fn begin(&self) -> Result<PartFile, BlobError> {
        let path = self.incoming.join(format!("{}.part", self.next.fetch_add(1, Ordering::Relaxed)));
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        let file = file.map_err(|error| BlobError::io("create", &path, error))?;
        Ok(PartFile { file, path, kept: false })
    }

    /// Makes a finished file the blob `hash`: flushed, then renamed, then the directory flushed. A blob that is there
    /// already is replaced; it has the same content.
    pub(crate) fn keep(&self, mut part: PartFile, hash: &BlobHash) -> Result<(), BlobError> {
        part.file.sync_all().map_err(|error| BlobError::io("flush", &part.path, error))?;
        let path = self.object(hash);
        let shelf = path.parent().expect("an object is inside of a shelf");
        let rename = || -> io::Result<()> {
            match fs::create_dir(shelf) {
                Ok(()) => File::open(&self.objects)?.sync_all()?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            fs::rename(&part.path, &path)?;
            File::open(shelf)?.sync_all()
        };
        rename().map_err(|error| BlobError::io("write", &path, error))?;
        part.kept = true;
        Ok(())
    }

    /// Takes a damaged blob out of the way and says where it is now.
    pub(crate) fn set_aside(&self, hash: &BlobHash) -> Result<PathBuf, BlobError> {
        let target = self.damaged.join(hash.to_string());
        let path = self.object(hash);
        match fs::rename(&path, &target) {
            // Another thread found it, too.
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(BlobError::io("set aside", &path, error)),
            _ => Ok(target),
        }
    }

    /// Removes a blob; whether there was one.
    pub(crate) fn remove(&self, hash: &BlobHash) -> Result<bool, BlobError> {
        let path = self.object(hash);
        match fs::remove_file(&path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(BlobError::io("remove", &path, error)),
        }
    }
}

/// A file that is being written. Unless it is kept, it goes when this does.
#[derive(Debug)]
pub(crate) struct PartFile {
    file: File,
    path: PathBuf,
    kept: bool,
}

impl PartFile {
    /// Appends.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), BlobError> {
        self.file.write_all(bytes).map_err(|error| BlobError::io("write", &self.path, error))
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.kept
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "a half-written blob stays until the next start");
        }
    }
}

fn sweep(directory: &Path) -> io::Result<usize> {
    let mut swept = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "part") {
            fs::remove_file(entry.path())?;
            swept += 1;
        }
    }
    Ok(swept)
}

/// Where the file system of `path` is mounted: the last of its ancestors on the same device.
#[cfg(unix)]
pub(crate) fn mount_of(path: &Path) -> PathBuf {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &Path| fs::metadata(path).ok().map(|metadata| metadata.dev());
    let mut ancestors = path.ancestors().skip_while(|path| device(path).is_none());
    let Some(mut mount) = ancestors.next() else {
        return path.to_owned();
    };
    let here = device(mount);
    for ancestor in ancestors.take_while(|ancestor| device(ancestor) == here) {
        mount = ancestor;
    }
    mount.to_owned()
}

/// The directory, where mounts cannot be told.
#[cfg(not(unix))]
pub(crate) fn mount_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}
