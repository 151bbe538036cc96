//! The language of the world in memory: programs are JSON, and `!` is wrong.

use std::path::Path;

use nexus_actors::embedded::Bundle;
use nexus_model::{Diagnostic, JitLevel, Value};

use super::{FakeWorld, broken};
use crate::cli::language::{Language, View};

impl Language for FakeWorld {
    fn check(&self, file: &str, source: &str, _: Option<&Path>) -> Result<Vec<Diagnostic>, Vec<Diagnostic>> {
        if source.contains('!') { Err(vec![broken(file)]) } else { Ok(Vec::new()) }
    }

    fn tree(&self, file: &str, source: &str) -> Result<String, Vec<Diagnostic>> {
        self.check(file, source, None).map(|_| format!("tree of {source}"))
    }

    fn formatted(&self, source: &str) -> Result<String, Vec<Diagnostic>> {
        self.check("", source, None).map(|_| format!("{}\n", source.trim()))
    }

    fn bundled(&self, file: &str, source: &str, folder: &Path) -> Result<Bundle, Vec<Diagnostic>> {
        self.check(file, source, Some(folder)).map(|_| Bundle { text: source.to_owned(), brings: Vec::new() })
    }

    fn inspect(&self, file: &str, source: &str, _: Option<&Path>) -> nexus_mcode::Inspection {
        nexus_mcode::inspect(file, source, &mut |_, _| Err("no files here".to_owned()))
    }

    fn outline(
        &self,
        file: &str,
        _: &str,
        _: Option<&Path>,
        _: Option<&[(String, Value)]>,
    ) -> Result<nexus_mcode::Outline, Vec<Diagnostic>> {
        nexus_mcode::compile(file, "x = 1\nx\n")
            .program
            .map(|p| nexus_mcode::outline(&p))
            .ok_or_else(|| vec![broken(file)])
    }

    fn library(&self) -> Vec<nexus_mcode::LibraryEntry> {
        nexus_mcode::library()
    }

    fn argument(&self, text: &str) -> Value {
        nexus_formats::read(nexus_formats::Format::Json, text.as_bytes())
            .unwrap_or_else(|_| Value::String(text.to_owned()))
    }

    fn intermediate(
        &self,
        file: &str,
        source: &str,
        folder: Option<&Path>,
        view: View,
    ) -> Result<String, Vec<Diagnostic>> {
        self.check(file, source, folder).map(|_| match view {
            View::Code(JitLevel::Plain) => format!("code of {source}"),
            View::Code(level) => format!("code at level {level} of {source}"),
            View::Plan(level) => format!("plan at level {level} of {source}"),
        })
    }

    fn native(
        &self,
        file: &str,
        source: &str,
        folder: &Path,
        arguments: Vec<(String, Value)>,
    ) -> Result<String, Vec<Diagnostic>> {
        self.check(file, source, Some(folder)).map(|_| format!("machine code of {source} with {arguments:?}"))
    }
}
