//! What stands in service files, also of paths that mean something there.

use super::*;

fn service(program: &str, arguments: &[&str]) -> Service {
    let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    Service::new(Path::new(program), &arguments, &[]).unwrap()
}

fn exec_start(unit: &str) -> &str {
    unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap()
}

fn plist(service: &Service) -> String {
    service.launchd_plist(Path::new("/var/log/nexus.log")).unwrap()
}

/// What systemd makes of a command: its words after quotes, then specifiers, and of all but the first `$$`.
fn read_by_systemd(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut letters = command.chars().peekable();
    while letters.next_if_eq(&' ').is_some() || letters.peek().is_some() {
        let is_quoted = letters.next_if_eq(&'"').is_some();
        let mut word = String::new();
        while let Some(letter) = letters.next_if(|letter| is_quoted || *letter != ' ') {
            match letter {
                '"' if is_quoted => break,
                '\\' => word.push(letters.next().unwrap()),
                letter => word.push(letter),
            }
        }
        let word = word.replace("%%", "%");
        words.push(if words.is_empty() { word } else { word.replace("$$", "$") });
    }
    words
}

#[test]
fn the_unit_starts_the_node() {
    let unit = service("/usr/local/bin/nexus", &["node", "start", "--data", "/srv/my node"]).systemd_unit();
    assert_eq!(exec_start(&unit), "/usr/local/bin/nexus node start --data \"/srv/my node\"");
    for line in ["Restart=on-failure", "RestartSec=5", "KillMode=mixed", "TimeoutStopSec=45", "WantedBy=default.target"]
    {
        assert!(unit.lines().any(|found| found == line), "{line}: {unit}");
    }
    assert!(!unit.contains('@') && !unit.contains("Environment="), "{unit}");
}

#[test]
fn the_property_list_starts_the_node() {
    let plist = plist(&service("/usr/local/bin/nexus", &["node", "start", "--data", "/Volumes/a b/nexus"]));
    assert!(plist.contains(
        "    <array>\n        <string>/usr/local/bin/nexus</string>\n        <string>node</string>\n        \
         <string>start</string>\n        <string>--data</string>\n        <string>/Volumes/a b/nexus</string>\n    </array>\n"
    ));
    assert_eq!(plist.matches("<string>/var/log/nexus.log</string>").count(), 2);
    assert!(plist.contains("<key>SuccessfulExit</key>\n        <false/>"));
    assert!(!plist.contains('@') && !plist.contains("EnvironmentVariables"), "{plist}");
}

#[test]
fn variables_stand_in_both_files() {
    let variables = [("NEXUS_HOME", OsString::from("/a b/100%/$x/R&D")), ("XDG_DATA_HOME", OsString::from("/data"))];
    let service = Service::new(Path::new("/nexus"), &[], &variables).unwrap();
    let unit = service.systemd_unit();
    // Values of variables are no commands: a dollar sign is one.
    assert!(
        unit.contains("\nEnvironment=\"NEXUS_HOME=/a b/100%%/$x/R&D\"\nEnvironment=XDG_DATA_HOME=/data\n"),
        "{unit}"
    );
    assert!(plist(&service).contains("        <key>NEXUS_HOME</key>\n        <string>/a b/100%/$x/R&amp;D</string>\n"));
}

#[test]
fn arguments_reach_the_node_as_they_are() {
    for odd in [
        "/a b",
        "/100%/%h",
        "/$HOME/${X}/$",
        "/a \"b\"",
        "/it's",
        "/back\\slash\\",
        "/ü",
        "",
        ";",
        "--name=a b",
        "/@LOG@",
    ] {
        let unit = service("/opt/nexus", &["node", odd, "end"]).systemd_unit();
        assert_eq!(read_by_systemd(exec_start(&unit)), ["/opt/nexus", "node", odd, "end"], "{unit}");
    }
    let unit = service("/opt/nexus", &["%h $x"]).systemd_unit();
    assert_eq!(exec_start(&unit), "/opt/nexus \"%%h $$x\"");
}

#[test]
fn programs_with_odd_paths_are_started_too() {
    // systemd replaces no variables in the path of a program.
    for (odd, written) in [("/a b/100%/n", "\"/a b/100%%/n\" node"), ("/$x/n", "\"/$x/n\" node")] {
        assert_eq!(exec_start(&service(odd, &["node"]).systemd_unit()), written);
    }
    // It takes no path with quotes, so that a shell does.
    for odd in ["/a \"b\"/n", "/it's/n", "/b\\b/$x/100%"] {
        let unit = service(odd, &["node", "a b"]).systemd_unit();
        assert_eq!(read_by_systemd(exec_start(&unit)), ["/bin/sh", "-c", "exec \"$0\" \"$@\"", odd, "node", "a b"]);
    }
}

#[test]
fn signs_that_mean_something_in_xml_are_escaped() {
    let odd = plist(&service("/R&D <new>/\"n\"@LOG@", &["]]>"]));
    assert!(odd.contains("<string>/R&amp;D &lt;new&gt;/\"n\"@LOG@</string>\n        <string>]]&gt;</string>"), "{odd}");
    let log = service("/n", &[]).launchd_plist(Path::new("/a&b")).unwrap();
    assert!(log.contains("<string>/a&amp;b</string>"));
}

#[test]
fn what_a_service_cannot_have_is_refused() {
    let refused = |program: &str, argument: &str| {
        Service::new(Path::new(program), &[argument.into()], &[]).unwrap_err().to_string()
    };
    assert_eq!(refused("nexus", ""), "nexus is not an absolute path; a service needs one");
    let said = refused("/a\nExecStart=/b", "");
    assert!(said.contains("characters that a service file cannot hold") && !said.contains('\n'), "{said}");
    assert!(refused("/n", "a\u{1b}[2J").contains("cannot hold"));
    let variable = [("NEXUS_HOME", OsString::from("a\nb"))];
    assert!(Service::new(Path::new("/n"), &[], &variable).is_err());
    assert!(service("/n", &[]).launchd_plist(Path::new("log")).is_err());
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        let bytes = OsStr::from_bytes(b"/\xff").to_owned();
        assert!(matches!(Service::new(Path::new("/n"), &[bytes], &[]), Err(ServiceError::Characters(_))));
    }
}

#[test]
fn files_that_were_made_here_are_known() {
    let service = service("/n", &[]);
    assert!(Service::has_made(&service.systemd_unit()) && Service::has_made(&plist(&service)));
    assert!(!Service::has_made("[Service]\nExecStart=/n\n") && !Service::has_made(""));
}
