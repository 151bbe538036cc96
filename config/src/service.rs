//! The files that make launchd or systemd keep a node running, made from the templates of this folder.

use std::path::{Path, PathBuf};

use thiserror::Error;

const SYSTEMD: &str = include_str!("../templates/nexus.service");
const LAUNCHD: &str = include_str!("../templates/org.nexus-os.node.plist");

/// A node as a service of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    program: String,
    data: String,
}

/// A path that cannot stand in a service file. Nothing was written.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ServiceError {
    /// Not absolute: a service has no folder of its own to start from.
    #[error("{} is not an absolute path; a service needs one", .0.display())]
    Relative(PathBuf),
    /// Not UTF-8, or with a control character in it.
    #[error("{} has characters that a service file cannot hold", .0.display())]
    Characters(PathBuf),
}

impl Service {
    /// The service that runs `program` (the `nexus` binary) with its data in `data`.
    ///
    /// # Errors
    /// Paths that are relative, are not UTF-8 or contain control characters.
    pub fn new(program: &Path, data: &Path) -> Result<Self, ServiceError> {
        Ok(Service { program: checked(program)?, data: checked(data)? })
    }

    /// The unit for `systemd --user`.
    pub fn systemd_unit(&self) -> String {
        fill(SYSTEMD, &quote_for_systemd(&self.program), &quote_for_systemd(&self.data))
    }

    /// The property list for launchd.
    pub fn launchd_plist(&self) -> String {
        fill(LAUNCHD, &escape_xml(&self.program), &escape_xml(&self.data))
    }

    /// Where systemd looks for a user's units, below the home folder.
    pub const SYSTEMD_PATH: &str = ".config/systemd/user/nexus.service";
    /// Where launchd looks for a user's agents, below the home folder.
    pub const LAUNCHD_PATH: &str = "Library/LaunchAgents/org.nexus-os.node.plist";
}

fn checked(path: &Path) -> Result<String, ServiceError> {
    if !path.is_absolute() {
        return Err(ServiceError::Relative(path.to_owned()));
    }
    let text = path.to_str().filter(|text| !text.contains(char::is_control));
    text.map(str::to_owned).ok_or_else(|| ServiceError::Characters(path.to_owned()))
}

/// Puts the two paths in; what was put in is not looked at again.
fn fill(template: &str, program: &str, data: &str) -> String {
    let mut parts = template.split('@');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part {
            "PROGRAM" => text.push_str(program),
            "DATA" => text.push_str(data),
            _ => text.push_str(part),
        }
    }
    text
}

/// One word of `ExecStart=`: quoted, with the escapes of systemd.syntax(7) and `%` and `$` doubled against specifiers and
/// variables.
fn quote_for_systemd(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '%' | '$' => quoted.extend([c, c]),
            _ => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn escape_xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(program: &str, data: &str) -> Service {
        Service::new(Path::new(program), Path::new(data)).unwrap()
    }

    #[test]
    fn the_unit_starts_the_node() {
        let unit = service("/usr/local/bin/nexus", "/srv/nexus").systemd_unit();
        assert!(unit.contains("\nExecStart=\"/usr/local/bin/nexus\" node start --data \"/srv/nexus\"\n"), "{unit}");
        assert!(unit.contains("\nRestart=on-failure\n"));
        assert!(!unit.contains('@'));
    }

    #[test]
    fn the_property_list_starts_the_node() {
        let plist = service("/usr/local/bin/nexus", "/Volumes/a b/nexus").launchd_plist();
        assert!(plist.contains("        <string>--data</string>\n        <string>/Volumes/a b/nexus</string>\n"));
        assert!(plist.contains("<string>/Volumes/a b/nexus/node.log</string>"));
        assert!(!plist.contains('@'));
    }

    #[test]
    fn signs_that_mean_something_there_are_escaped() {
        let odd = service("/a \"b\" 100%/$x\\@DATA@", "/R&D <new>");
        assert!(odd.systemd_unit().contains("ExecStart=\"/a \\\"b\\\" 100%%/$$x\\\\@DATA@\" node start"));
        assert!(odd.launchd_plist().contains("<string>/R&amp;D &lt;new&gt;</string>"));
    }

    #[test]
    fn paths_that_a_service_cannot_have_are_refused() {
        let refused = |program: &str| Service::new(Path::new(program), Path::new("/data")).unwrap_err();
        assert_eq!(refused("nexus"), ServiceError::Relative("nexus".into()));
        assert_eq!(refused("/a\nExecStart=/b"), ServiceError::Characters("/a\nExecStart=/b".into()));
    }
}
