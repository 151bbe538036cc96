//! Programs that were compiled lately, so that the next job with the same text need not compile it again.
//!
//! What a program has learned of itself stays with it: which machine code it has, and with which arguments it takes so
//! little time that choosing how to run it would cost more.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use nexus_mcode::{CompiledProgram, Outline};
use nexus_model::{ArgumentSource, Input, JobSpec};
use nexus_optimizer::Key;

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
    small_with: Mutex<Option<(Given, Key)>>,
}

/// What a program is given by its job.
#[derive(PartialEq)]
struct Given {
    arguments: Vec<(String, ArgumentSource)>,
    inputs: Vec<Input>,
}

impl Compiled {
    /// The program of this text.
    pub(crate) fn new(file: &str, text: &Arc<str>, program: Arc<CompiledProgram>, text_name: String) -> Self {
        let (file, text) = (file.to_owned(), Arc::clone(text));
        Compiled { file, text, program, text_name, outline: OnceLock::new(), small_with: Mutex::new(None) }
    }

    /// What the optimiser calls a job like this one, where a task of such a job was seen to take microseconds.
    pub(crate) fn small_work(&self, spec: &JobSpec) -> Option<Key> {
        let small = open(&self.small_with);
        let (given, key) = small.as_ref()?;
        (given.arguments == spec.arguments && given.inputs == spec.inputs).then_some(*key)
    }

    /// A task of such a job took microseconds.
    pub(crate) fn was_small(&self, spec: &JobSpec, key: Key) {
        let given = Given { arguments: spec.arguments.clone(), inputs: spec.inputs.clone() };
        *open(&self.small_with) = Some((given, key));
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
    use nexus_model::{Program, Value};

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

    #[test]
    fn a_program_is_small_with_what_it_was_small_with() {
        let program = compiled("a.mcode", "return 1\n");
        let job = |n: i64| {
            let code = Program::MCode { file: "a.mcode".to_owned(), source: "return 1\n".into() };
            let arguments = vec![("n".to_owned(), ArgumentSource::Value(Value::Int(n)))];
            JobSpec { arguments, ..JobSpec::single("job", code) }
        };
        assert_eq!(program.small_work(&job(1)), None);
        let key = Key { code: [7; 32], shapes: 7, hardware: 7 };
        program.was_small(&job(1), key);
        assert_eq!((program.small_work(&job(1)), program.small_work(&job(1_000_000))), (Some(key), None));
    }
}
