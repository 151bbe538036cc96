//! The files that make launchd or systemd keep a node running, made from the templates of this folder. Pure: where the files
//! lie and who reads them is for `nexus service`.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use thiserror::Error;

const SYSTEMD: &str = include_str!("../templates/nexus.service");
const LAUNCHD: &str = include_str!("../templates/org.nexus-os.node.plist");

/// What stands in every file that was made here, and in no other.
const MARK: &str = "Written by `nexus service install`";

/// A program that can be started with any path, where systemd takes the path of no program like it: it becomes that program.
const SHELL: [&str; 3] = ["/bin/sh", "-c", "exec \"$0\" \"$@\""];

/// A node as a service of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// The program and its arguments.
    command: Vec<String>,
    /// Variables by name, in the order of the file.
    environment: Vec<(String, String)>,
}

/// What cannot stand in a service file. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ServiceError {
    /// Not absolute: a service has no folder of its own to start from.
    #[error("{0} is not an absolute path; a service needs one")]
    Relative(String),
    /// Not UTF-8, or with a control character in it.
    #[error("{0} has characters that a service file cannot hold")]
    Characters(String),
}

impl Service {
    /// The service that runs `program` (the `nexus` binary) with these arguments and variables of the environment.
    ///
    /// # Errors
    /// A program that is relative, and whatever is not UTF-8 or contains control characters.
    pub fn new(program: &Path, arguments: &[OsString], environment: &[(&str, OsString)]) -> Result<Self, ServiceError> {
        if !program.is_absolute() {
            return Err(ServiceError::Relative(shown(program.as_os_str())));
        }
        let words = std::iter::once(program.as_os_str()).chain(arguments.iter().map(OsString::as_os_str));
        let named = environment.iter().map(|(name, value)| Ok(((*name).to_owned(), checked(value)?)));
        Ok(Service {
            command: words.map(checked).collect::<Result<_, _>>()?,
            environment: named.collect::<Result<_, _>>()?,
        })
    }

    /// Name of the unit for systemd.
    pub const UNIT: &str = "nexus.service";
    /// Name of the agent for launchd.
    pub const LABEL: &str = "org.nexus-os.node";

    /// The unit for `systemd --user`.
    pub fn systemd_unit(&self) -> String {
        // The first word is taken without variables, and may hold no quotes.
        let program = self.command[0].replace('%', "%%");
        let (first, rest) = match program.contains(['"', '\'', '\\']) {
            false => (systemd_word(&program), &self.command[1..]),
            true => (SHELL.map(systemd_argument).join(" "), &self.command[..]),
        };
        let mut command = first;
        rest.iter().for_each(|word| command.extend([" ", systemd_argument(word).as_str()]));
        let line = |(name, value): &(String, String)| {
            format!("Environment={}\n", systemd_word(&format!("{name}={value}").replace('%', "%%")))
        };
        fill(SYSTEMD, &[("COMMAND", &command), ("ENVIRONMENT", &self.environment.iter().map(line).collect::<String>())])
    }

    /// The property list for launchd. What the node says goes to `log`.
    ///
    /// # Errors
    /// A log that is relative, is not UTF-8 or contains control characters.
    pub fn launchd_plist(&self, log: &Path) -> Result<String, ServiceError> {
        if !log.is_absolute() {
            return Err(ServiceError::Relative(shown(log.as_os_str())));
        }
        let log = escape_xml(&checked(log.as_os_str())?);
        let word = |word: &String| format!("        <string>{}</string>\n", escape_xml(word));
        let command: String = self.command.iter().map(word).collect();
        let variable = |(name, value): &(String, String)| {
            format!("        <key>{}</key>\n        <string>{}</string>\n", escape_xml(name), escape_xml(value))
        };
        let variables: String = self.environment.iter().map(variable).collect();
        let environment = match variables.is_empty() {
            true => String::new(),
            false => format!("    <key>EnvironmentVariables</key>\n    <dict>\n{variables}    </dict>\n"),
        };
        Ok(fill(LAUNCHD, &[("COMMAND", &command), ("ENVIRONMENT", &environment), ("LOG", &log)]))
    }

    /// Whether a file with this content was made here, as it is or with changes by hand.
    pub fn has_made(content: &str) -> bool {
        content.lines().take(5).any(|line| line.contains(MARK))
    }
}

fn shown(text: &OsStr) -> String {
    // Control characters would reach the reader's terminal.
    text.to_string_lossy().replace(char::is_control, "\u{fffd}")
}

fn checked(text: &OsStr) -> Result<String, ServiceError> {
    let found = text.to_str().filter(|text| !text.contains(char::is_control));
    found.map(str::to_owned).ok_or_else(|| ServiceError::Characters(shown(text)))
}

/// Puts the named parts in; what was put in is not looked at again.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let part = |part: &str| {
        values.iter().find(|(name, _)| *name == part).map_or(part.to_owned(), |(_, text)| (*text).to_owned())
    };
    template.split('@').map(part).collect()
}

/// A word of a command behind its first: as [`systemd_word`], with `%` and `$` doubled against specifiers and variables.
fn systemd_argument(text: &str) -> String {
    systemd_word(&text.replace('%', "%%").replace('$', "$$"))
}

/// A word as systemd.syntax(7) reads it: as it is where no character means anything, else in quotes.
fn systemd_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=,@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

fn escape_xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests;
