//! The file of a graph of tasks as it is written: names and kinds are checked here, with the place of what is wrong; what the
//! values mean is [`super::graph`]'s.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::PathBuf;

use nexus_config::nearest;
use nexus_model::{Diagnostic, JitLevel, Label, Span};
use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use super::codes;

/// A job file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GraphFile {
    pub(super) name: Option<String>,
    pub(super) task: BTreeMap<String, TaskTable>,
}

/// A task as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TaskTable {
    pub(super) program: Option<PathBuf>,
    pub(super) command: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) cwd: Option<String>,
    pub(super) array: Option<String>,
    pub(super) args: BTreeMap<String, toml::Value>,
    pub(super) inputs: BTreeMap<String, InputEntry>,
    pub(super) after: Vec<String>,
    pub(super) cpus: Option<u32>,
    pub(super) memory: Option<String>,
    pub(super) gpu: Option<f64>,
    pub(super) require: Vec<String>,
    pub(super) prefer: Vec<String>,
    pub(super) copies: Option<u32>,
    pub(super) reuse: bool,
    pub(super) pure: bool,
    pub(super) priority: i32,
    pub(super) timeout: Option<String>,
    pub(super) retries: Option<u32>,
    pub(super) backoff: Option<String>,
    pub(super) delay: Option<String>,
    pub(super) deadline: Option<String>,
    pub(super) seed: Option<u64>,
    pub(super) jit: Option<JitLevel>,
}

/// A file, or the result of another task.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum InputEntry {
    File(PathBuf),
    Task { task: String, output: Option<String> },
}

/// What a task may say, and how each is written.
const KEYS: &[(&str, &str)] = &[
    ("program", "program = \"fit.mcode\", a file beside this one"),
    ("command", "command = [\"python\", \"fit.py\"], the program and its arguments as a list"),
    ("env", "env = { NAME = \"value\" }"),
    ("cwd", "cwd = \"/data\", a folder"),
    ("array", "array = \"0..100\""),
    ("args", "args = { n = 3, rate = 0.1 }"),
    ("inputs", "inputs = { data = \"data.npy\", model = { task = \"fit\" } }, files and results of other tasks"),
    ("after", "after = [\"fit\"], a list of other tasks"),
    ("cpus", "cpus = 2"),
    ("memory", "memory = \"2GiB\""),
    ("gpu", "gpu = 0.5"),
    ("require", "require = [\"zone=home\"], a list of labels"),
    ("prefer", "prefer = [\"zone=home\"], a list of labels"),
    ("copies", "copies = 2"),
    ("reuse", "reuse = true"),
    ("pure", "pure = true"),
    ("priority", "priority = 10"),
    ("timeout", "timeout = \"10min\""),
    ("retries", "retries = 2"),
    ("backoff", "backoff = \"1s\""),
    ("delay", "delay = \"10min\""),
    ("deadline", "deadline = \"2h\""),
    ("seed", "seed = 7"),
    ("jit", "jit = 2, or 0 or 1"),
];

/// How this key is written.
pub(super) fn written(key: &str) -> &'static str {
    KEYS.iter().find(|(known, _)| *known == key).map_or("", |(_, written)| written)
}

/// How a task begins.
const TASK: &str = "a task is a table with its name, like [task.fit]";

/// Reads a job file; `file` is its name, for people.
pub(super) fn read(file: &str, text: &str) -> Result<GraphFile, Box<Diagnostic>> {
    let reader = Reader { file, text };
    let table = DeTable::parse(text).map_err(|error| {
        let help = "job files are TOML: `key = value` lines under [task.NAME], text in quotes".to_owned();
        reader.wrong(error.span(), error.message().to_owned(), "", help)
    })?;
    reader.check(table.get_ref())?;
    toml::from_str(text).map_err(|error| reader.misfit(table.get_ref(), &error))
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    /// Names that do not exist, and tables that are none.
    fn check(&self, file: &DeTable<'_>) -> Result<(), Box<Diagnostic>> {
        if let Some((key, _)) = file.iter().find(|(key, _)| !matches!(key.get_ref().as_ref(), "name" | "task")) {
            let help = match nearest(key.get_ref(), &["name", "task"]) {
                Some(name) => format!("did you mean `{name}`? {TASK}"),
                None => format!("a job file has a `name`, and tasks: {TASK}"),
            };
            let message = format!("a job file has no `{}`", key.get_ref());
            return Err(self.wrong(Some(key.span()), message, "", help));
        }
        let Some((key, tasks)) = file.iter().find(|(key, _)| key.get_ref().as_ref() == "task") else {
            return Err(self.wrong(None, "it has no tasks".to_owned(), "", TASK.to_owned()));
        };
        let tasks = match tasks.get_ref() {
            DeValue::Table(tasks) => tasks,
            DeValue::Array(_) => {
                let help =
                    "write [task.NAME] instead of [[task]]: by its name a task is called in `after` and `inputs`";
                return Err(self.wrong(
                    Some(key.span()),
                    "the tasks have no names".to_owned(),
                    "a list of tables",
                    help.to_owned(),
                ));
            }
            _ => return Err(self.wrong(Some(key.span()), "`task` is no task".to_owned(), "", TASK.to_owned())),
        };
        tasks.iter().try_for_each(|(name, task)| match task.get_ref() {
            DeValue::Table(task) => self.check_task(name.get_ref(), task),
            _ => {
                let message = format!("`{}` stands in no task", name.get_ref());
                Err(self.wrong(Some(name.span()), message, "", format!("{TASK}; write its name after `task.`")))
            }
        })
    }

    fn check_task(&self, name: &str, task: &DeTable<'_>) -> Result<(), Box<Diagnostic>> {
        let known: Vec<&str> = KEYS.iter().map(|(key, _)| *key).collect();
        let Some((key, _)) = task.iter().find(|(key, _)| !known.contains(&key.get_ref().as_ref())) else {
            return Ok(());
        };
        let help = match nearest(key.get_ref(), &known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("a task may have {}", known.join(", ")),
        };
        Err(self.wrong(Some(key.span()), format!("task {name}: there is no `{}`", key.get_ref()), "", help))
    }

    /// A value of another kind than its key takes.
    fn misfit(&self, file: &DeTable<'_>, error: &toml::de::Error) -> Box<Diagnostic> {
        let place = error.span();
        let at = place.as_ref().map_or(0, |place| place.start);
        let tasks = file.iter().filter_map(|(_, value)| value.get_ref().as_table()).flat_map(DeTable::iter);
        let keys = tasks.filter_map(|(name, task)| Some((name.get_ref(), task.get_ref().as_table()?)));
        let found = keys.flat_map(|(name, task)| task.iter().map(move |(key, value)| (name, key, value)));
        let found = found.filter(|(_, _, value)| value.span().contains(&at)).map(|(name, key, _)| (name, key)).next();
        let written = found.and_then(|(name, key)| {
            let written = Some(written(key.get_ref())).filter(|written| !written.is_empty())?;
            Some((format!("task {name}: `{}` does not take this", key.get_ref()), format!("write {written}")))
        });
        let (message, help) = written.unwrap_or_else(|| {
            ("this is not what is taken here".to_owned(), "write a `name` as text in quotes".to_owned())
        });
        // What the library says of kinds names types of our code.
        let is_of_code = error.message().contains("enum") || error.message().starts_with("invalid type");
        let said = if is_of_code { "" } else { error.message() };
        self.wrong(place, message, said, help)
    }

    fn wrong(&self, place: Option<Range<usize>>, message: String, at_place: &str, help: String) -> Box<Diagnostic> {
        let primary = place.map(|place| Label { span: span(self.text, place), text: at_place.to_owned() });
        let error = Diagnostic::error(codes::BAD_GRAPH, message);
        Box::new(Diagnostic { file: self.file.to_owned(), primary, help: Some(help), ..error })
    }
}

/// The place of some bytes of a file.
pub(super) fn span(text: &str, place: Range<usize>) -> Span {
    let before = text.get(..place.start).unwrap_or(text);
    let line = before.rsplit_once('\n').map_or(before, |(_, line)| line);
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    Span {
        start: number(before.len()),
        end: number(place.end.clamp(before.len(), text.len())),
        line: number(before.matches('\n').count() + 1),
        column: number(line.chars().count() + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str) -> (u32, u32, String, String) {
        let found = read("job.toml", text).err().unwrap_or_else(|| panic!("{text} was accepted"));
        let place = found.primary.map_or((0, 0), |label| (label.span.line, label.span.column));
        (place.0, place.1, found.message, found.help.unwrap_or_default())
    }

    #[test]
    fn what_is_wrong_has_its_place_and_what_to_write() {
        for (text, line, column, message, help) in [
            ("", 0, 0, "it has no tasks", "[task.fit]"),
            ("[[task]]\nname = \"fit\"\n", 1, 3, "the tasks have no names", "write [task.NAME] instead of [[task]]"),
            ("[task]\ncommand = [\"x\"]\n", 2, 1, "`command` stands in no task", "after `task.`"),
            ("task = 3\n", 1, 1, "`task` is no task", "[task.fit]"),
            ("[tsak.fit]\ncommand = [\"x\"]\n", 1, 2, "a job file has no `tsak`", "did you mean `task`?"),
            ("[task.a]\ncommand = [\"x\"]\ncomand = 1\n", 3, 1, "there is no `comand`", "did you mean `command`?"),
            ("[task.a]\ncolour = 1\n", 2, 1, "there is no `colour`", "a task may have program, command"),
            ("[task.a]\ncommand = \"x y\"\n", 2, 11, "`command` does not take this", "as a list"),
            ("[task.a]\ncpus = \"two\"\n", 2, 8, "`cpus` does not take this", "write cpus = 2"),
            ("[task.a]\ninputs = { m = 7 }\n", 2, 0, "`inputs` does not take this", "files and results of other tasks"),
            ("name = 7\n[task.a]\ncommand = [\"x\"]\n", 1, 8, "this is not what is taken", "text in quotes"),
            ("[task.a]\ncommand = [\"x\"\n", 0, 0, "", "job files are TOML"),
        ] {
            let (found_line, found_column, said, helped) = wrong(text);
            assert!(said.contains(message) && helped.contains(help), "{text}: {said} / {helped}");
            assert!(line == 0 || line == found_line, "{text}: line {found_line}");
            assert!(column == 0 || column == found_column, "{text}: column {found_column}");
            assert!(!said.contains("TOML parse error") && !said.contains("enum"), "{said}");
        }
    }

    #[test]
    fn every_key_of_the_table_is_taken_as_it_is_written() {
        for (key, written) in KEYS {
            let text = written.split(", ").scan(String::new(), |text, part| {
                *text = if text.is_empty() { part.to_owned() } else { format!("{text}, {part}") };
                Some(format!("[task.a]\n{text}\n"))
            });
            assert!(text.into_iter().any(|text| read("job.toml", &text).is_ok()), "{key}: {written}");
        }
    }
}
