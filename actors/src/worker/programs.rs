//! Programs that were compiled lately, so that the next job with the same text need not compile it again.
//!
//! The machine code that was made of a program stays with it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use nexus_mcode::{CompiledProgram, Outline};

/// Programs that are kept: more than people submit in turns, and a few megabytes with their machine code.
const PROGRAMS_MAX: usize = 32;
/// Bytes of their texts together.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// A compiled program.
pub(crate) struct Compiled {
    file: String,
    text: Arc<str>,
    pub(crate) program: Arc<CompiledProgram>,
    /// The name under which the optimiser remembers the program.
    pub(crate) text_name: String,
    /// Made when the optimiser is asked first.
    pub(crate) outline: OnceLock<Outline>,
}

impl Compiled {
    /// The program of this text.
    pub(crate) fn new(file: &str, text: &Arc<str>, program: Arc<CompiledProgram>, text_name: String) -> Self {
        let (file, text) = (file.to_owned(), Arc::clone(text));
        Compiled { file, text, program, text_name, outline: OnceLock::new() }
    }
}

/// The programs that are kept, the one that was used last at the end.
#[derive(Default)]
pub(crate) struct Programs(Mutex<VecDeque<Arc<Compiled>>>);

impl Programs {
    /// The program of this file and text, if it is kept.
    pub(crate) fn find(&self, file: &str, text: &str) -> Option<Arc<Compiled>> {
        let mut kept = open(&self.0);
        let at = kept.iter().rposition(|program| *program.text == *text && program.file == file)?;
        let found = kept.remove(at)?;
        kept.push_back(Arc::clone(&found));
        Some(found)
    }

    /// Keeps a program, and lets go of those that were not used for longest where there are too many.
    pub(crate) fn keep(&self, program: Arc<Compiled>) {
        if program.text.len() > TEXT_BYTES_MAX {
            return;
        }
        let mut kept = open(&self.0);
        kept.push_back(program);
        let mut bytes: usize = kept.iter().map(|program| program.text.len()).sum();
        while kept.len() > PROGRAMS_MAX || bytes > TEXT_BYTES_MAX {
            let Some(oldest) = kept.pop_front() else { return };
            bytes -= oldest.text.len();
        }
    }
}

/// What was being changed by a thread that panicked is whole: each change is a single step.
fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiled(file: &str, text: &str) -> Arc<Compiled> {
        let program = nexus_mcode::compile(file, "return 1\n").program.expect("it compiles");
        Arc::new(Compiled::new(file, &text.into(), program, "name".to_owned()))
    }

    #[test]
    fn a_text_is_found_again_under_its_name_until_others_were_used_more() {
        let programs = Programs::default();
        programs.keep(compiled("a.mcode", "return 1\n"));
        assert!(programs.find("b.mcode", "return 1\n").is_none(), "messages name the file");
        assert!(programs.find("a.mcode", "return 2\n").is_none());
        for number in 0..PROGRAMS_MAX {
            assert!(programs.find("a.mcode", "return 1\n").is_some(), "{number}");
            programs.keep(compiled("other.mcode", &format!("return {number}\n")));
        }
        assert!(programs.find("other.mcode", "return 0\n").is_none(), "the one that was used last is kept");
        programs.keep(compiled("long.mcode", &"x".repeat(TEXT_BYTES_MAX + 1)));
        assert_eq!(open(&programs.0).len(), PROGRAMS_MAX, "nothing is thrown away for what is too long to be kept");
        programs.keep(compiled("long.mcode", &"x".repeat(TEXT_BYTES_MAX)));
        assert_eq!(open(&programs.0).len(), 1, "together they stay within their bound");
    }
}
