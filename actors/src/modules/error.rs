//! What can be wrong with a module and with a call of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;

use super::manifest::ManifestError;
use super::wasm::Stop;

/// Nothing of this changed what is installed, but for [`ModuleError::Disk`], which may have left a folder that is not used.
#[derive(Debug, Error)]
pub enum ModuleError {
    /// The module's `vxor.toml` or folder cannot be used. A retry gives the same answer.
    #[error("{0}")]
    Manifest(#[from] ManifestError),
    /// The folder holds what a module may not hold.
    #[error("{path} cannot be part of a module: {reason}", path = path.display())]
    BadFolder {
        /// What is in the way.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// It asks for more than it was allowed.
    #[error("module {module} asks for what was not allowed: {}", missing.join(", "))]
    NotAllowed {
        /// Its name.
        module: String,
        /// What is missing, as it is written after `--allow`.
        missing: Vec<String>,
    },
    /// No module of this name is installed.
    #[error("there is no module `{0}`")]
    NoSuchModule(String),
    /// The data folder is not known.
    #[error("where this machine keeps its modules is not known: {0}")]
    NoFolder(String),
    /// A job that calls it did not bring it, and the node has none of its own.
    #[error("module {0} did not come with this job")]
    NotSent(String),
    /// Another module took its name since the program was compiled.
    #[error("module {0} is another one than when the program was compiled")]
    Replaced(String),
    /// The module has no such function.
    #[error("module {module} has no function `{function}`; it has {}", known.join(", "))]
    NoSuchFunction {
        /// The module.
        module: String,
        /// What was asked for.
        function: String,
        /// What there is.
        known: Vec<String>,
    },
    /// What is installed is not what was added: its hash is another one.
    #[error("module {module} was changed since it was added: its content has the hash {found}, not {expected}")]
    Damaged {
        /// The module.
        module: String,
        /// The hash it was added with.
        expected: String,
        /// The hash of what is there.
        found: String,
    },
    /// The files of an installed module are not there any more.
    #[error("the files of module {0} are gone")]
    Gone(String),
    /// The disk failed.
    #[error("{path}: {source}", path = path.display())]
    Disk {
        /// Where.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// The arguments are not what the function takes. Nothing was started.
    #[error("{0}")]
    BadArguments(String),
    /// The program could not be started.
    #[error("module {module} could not be started: {reason}")]
    NotStarted {
        /// The module.
        module: String,
        /// What the system said.
        reason: String,
    },
    /// The program ended, or closed its output, before it answered.
    #[error("module {module} ended before it answered{how}")]
    Ended {
        /// The module.
        module: String,
        /// `: exit code 3`, where that is known.
        how: String,
    },
    /// What it wrote is no frame, or no answer.
    #[error("module {module} answered with what is no answer: {reason}")]
    Garbage {
        /// The module.
        module: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Its answer takes more memory than whoever called it has left.
    #[error("the answer of module {module} takes {bytes} bytes of memory, which are more than are left")]
    NoMemory {
        /// The module.
        module: String,
        /// What holding it takes.
        bytes: u64,
    },
    /// It gave a value of another type than its manifest says.
    #[error("`{function}` of module {module} gave {reason}")]
    WrongType {
        /// The module.
        module: String,
        /// The function.
        function: String,
        /// What, and what it should have been.
        reason: String,
    },
    /// It did not answer within its time.
    #[error("module {module} did not answer within {} s", limit.as_secs_f64())]
    TooSlow {
        /// The module.
        module: String,
        /// Its limit.
        limit: Duration,
    },
    /// Whoever called it wants no answer any more.
    #[error("the call was cancelled")]
    Cancelled,
    /// The function itself says that it failed.
    #[error("`{function}` of module {module} failed: {message}")]
    Failed {
        /// The module.
        module: String,
        /// The function.
        function: String,
        /// In the module's words.
        message: String,
    },
    /// A component cannot be called, or gave no value.
    #[error("{subject}: {message}")]
    Stopped {
        /// The file or the function, and the module.
        subject: String,
        /// What stopped it.
        why: Stop,
        /// In words, with the place where it was.
        message: String,
    },
}

impl ModuleError {
    /// What to do about it.
    pub fn help(&self) -> String {
        use ModuleError as M;
        let help = match self {
            M::Manifest(error) => return error.help.clone(),
            M::NotAllowed { missing, .. } => {
                let flags: Vec<String> = missing.iter().map(|missing| format!("--allow {}", quoted(missing))).collect();
                return format!("if you trust it with that: `nexus module add FOLDER {}`", flags.join(" "));
            }
            M::BadFolder { .. } => "docs/modules.md has an example",
            M::NoSuchModule(_) => "`nexus module list` lists them; `nexus module add FOLDER` adds one",
            M::NoFolder(_) => "give the folder with --data, or mend the settings: `nexus doctor`",
            M::NotSent(_) => "submit the program again from a machine that has it: `nexus module list`",
            M::Replaced(_) => "run the program again",
            M::NoSuchFunction { .. } | M::BadArguments(_) => {
                "`nexus module list` shows the functions and what they take"
            }
            M::Damaged { .. } | M::Gone(_) => "add it again: `nexus module add FOLDER`",
            M::Disk { .. } => "see to the disk, then try again",
            M::Cancelled => "the module and what it started were ended",
            M::NoMemory { .. } => {
                "give the job more (`--memory`), or have the module write a file that the program reads"
            }
            M::TooSlow { .. } => "`wall_seconds` below [limits] of its vxor.toml gives it longer",
            M::NotStarted { .. } | M::Ended { .. } => {
                "what it printed to stderr may say why; `entry` and [limits] of its vxor.toml say how it runs"
            }
            M::Garbage { .. } | M::WrongType { .. } => "docs/modules.md says how a module answers",
            M::Failed { .. } => "the words are the module's own",
            M::Stopped { why, .. } => why.help(),
        };
        help.to_owned()
    }

    /// What cannot be part of a module.
    pub(super) fn bad(path: &Path, reason: String) -> Self {
        ModuleError::BadFolder { path: path.to_owned(), reason }
    }

    /// An error of the disk at `path`.
    pub(crate) fn disk(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| ModuleError::Disk { path, source }
    }
}

/// A word as a shell takes it for that word.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_alphanumeric() || ":/._-".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_typed_is_one_word_for_a_shell() {
        let help = |missing: &str| {
            ModuleError::NotAllowed { module: "m".to_owned(), missing: vec![missing.to_owned()] }.help()
        };
        assert!(help("read:/data/maps_2.d").ends_with("--allow read:/data/maps_2.d`"));
        assert!(help("read:/my $(data); x").ends_with("--allow 'read:/my $(data); x'`"));
        assert!(help("read:/it's").ends_with("--allow 'read:/it'\\''s'`"));
    }
}
