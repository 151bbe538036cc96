//! What is wrong with the settings of this machine, drawn where it stands in their file.

use std::path::PathBuf;

use nexus_config::{ConfigError, ConfigErrors};
use nexus_model::{Diagnostic, Label};

use super::codes;
use super::error::{CliError, Exit};
use super::graph_file::span;

/// The error of settings; `file` is where they would be.
pub(super) fn error(errors: &ConfigErrors, file: Option<PathBuf>) -> CliError {
    let read = file.and_then(|file| Some((std::fs::read_to_string(&file).ok()?, file)));
    let Some((text, file)) = read else {
        return CliError::new(Exit::Usage, codes::BAD_CONFIG, errors.to_string());
    };
    let name = file.display().to_string();
    let drawn = errors.0.iter().map(|error| diagnostic(error, &name, &text)).collect();
    CliError::of_program(Exit::Usage, drawn, Some(text.into()))
}

fn diagnostic(error: &ConfigError, file: &str, text: &str) -> Diagnostic {
    let Some(place) = error.place(text) else {
        // A flag or a variable, not the file.
        return Diagnostic::error(codes::BAD_CONFIG, error.to_string());
    };
    let (message, help) = match error {
        ConfigError::Syntax { message, .. } => (
            message.clone(),
            Some("settings are TOML: `[section]` lines, and `key = value` lines below them, text in quotes".to_owned()),
        ),
        ConfigError::Rule { reason, .. } => (format!("a [[rule]] cannot be kept: {reason}"), None),
        ConfigError::UnknownKey { .. }
        | ConfigError::Value { .. }
        | ConfigError::NoHome
        | ConfigError::Unreadable { .. } => (error.to_string(), None),
    };
    let primary = Some(Label { span: span(text, place), text: String::new() });
    Diagnostic { file: file.to_owned(), primary, help, ..Diagnostic::error(codes::BAD_CONFIG, message) }
}

#[cfg(test)]
mod tests {
    use nexus_config::{Config, Flags, Machine};

    use super::*;
    use crate::cli::error::tests::pages;

    #[test]
    fn what_is_wrong_has_its_place_cause_and_what_to_write() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("nexus.toml");
        let said = |text: &str, json: bool| {
            std::fs::write(&file, text).unwrap();
            let flags = Flags { config: Some(file.clone()), ..Flags::default() };
            let errors = Config::load(&flags, &Machine::default()).unwrap_err();
            let (mut console, out, err) = pages(json);
            error(&errors, Some(file.clone())).show(&mut console);
            (out.text() + &err.text()).replace(&folder.path().display().to_string(), "FOLDER")
        };
        let drawn = said("[node]\nname = \"x\"\n[worker]\nslots = \"two\"\n", false);
        assert!(drawn.contains("nexus.toml:4:9") && drawn.contains("slots = \"two\""), "{drawn}");
        assert!(drawn.contains("`worker.slots` is \"two\"; it can be a whole number"), "{drawn}");
        let drawn = said("[node\n", false);
        assert!(drawn.contains("nexus.toml:1:") && drawn.contains("settings are TOML"), "{drawn}");
        let both = said("[node]\nlisen = 3\n[wroker]\n", true);
        assert!(both.contains("\"file\":\"FOLDER/nexus.toml\",\"line\":2,\"column\":1"), "{both}");
        assert!(both.contains("did you mean `node.listen`?") && both.contains("\"line\":3,\"column\":2"), "{both}");
    }
}
