//! External modules through the binary: `nexus module`, and what its sandbox holds back.

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

const MANIFEST: &str = r#"
name = "shapes"
version = "1.0.0"
kind = "process"
entry = ["sh", "main.sh"]

[limits]
wall_seconds = 20

[functions.area]
parameters = ["w: scalar", "h: scalar"]
returns = "scalar"
"#;

/// Reads the call into `$call`, and `answer JSON` answers it.
const SPEAK: &str = r#"
read length
call=$(head -c "$length")
answer() { printf '%s\n%s' "${#1}" "$1"; }
"#;

/// A home, and beside it a folder for a module.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Place { folder: tempfile::tempdir().expect("a temporary folder can be made") }
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("shapes")
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.source()).expect("a folder can be made");
        std::fs::write(self.source().join(name), text).expect("a file can be written");
    }

    fn nexus(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let output: Output = nexus_tests::binary::run(&self.home(), arguments.iter().chain(&["--json"]));
        let text = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        let document = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{arguments:?}: {text} {error}"));
        (output.status.code(), document)
    }

    fn add(&self, more: &[&str]) -> (Option<i32>, Value) {
        let source = self.source().display().to_string();
        self.nexus(&[&["module", "add", &source], more].concat())
    }

    /// A module whose program is `script` after [`SPEAK`], called as `area(2, 3.5)`.
    fn call(&self, script: &str) -> (Option<i32>, Value) {
        self.write("vxor.toml", MANIFEST);
        self.write("main.sh", &format!("{SPEAK}{script}"));
        let (code, added) = self.add(&[]);
        assert_eq!(code, Some(0), "{added}");
        self.nexus(&["module", "run", "shapes", "area", "2", "3.5"])
    }
}

fn message(document: &Value) -> &str {
    document["error"]["message"].as_str().unwrap_or_else(|| panic!("no error: {document}"))
}

#[test]
fn a_module_is_added_listed_called_and_removed() {
    let place = Place::new();
    let script = r#"[ "$call" = '{"call":"area","args":[2.0,3.5]}' ] || exit 9; answer '{"value":7}'"#;
    let (code, called) = place.call(script);
    assert_eq!((code, &called["result"]), (Some(0), &7.0.into()), "an int is taken for a scalar: {called}");
    let (_, listed) = place.nexus(&["module", "list"]);
    let module = &listed["modules"][0];
    assert_eq!((&module["name"], &module["version"]), (&"shapes".into(), &"1.0.0".into()));
    assert_eq!(module["functions"][0], "area(w: scalar, h: scalar) -> scalar");
    assert_eq!(module["hash"].as_str().map(str::len), Some(64));
    let hash = module["hash"].clone();
    place.write("more.txt", "x");
    assert_ne!(place.add(&[]).1["hash"], hash, "the content is what counts");
    let content = place.home().join("modules/content");
    assert_eq!(std::fs::read_dir(content).expect("it is there").count(), 1, "what no name needs is removed");
    assert_eq!(place.nexus(&["module", "remove", "shapes"]).0, Some(0));
    for verb in [&["module", "remove", "shapes"][..], &["module", "run", "shapes", "area"]] {
        let (code, error) = place.nexus(verb);
        assert_eq!((code, &error["error"]["code"]), (Some(2), &"NX0552".into()), "{error}");
    }
}

#[test]
fn what_a_module_does_wrong_is_said() {
    let place = Place::new();
    for (script, exit, said) in [
        ("exit 3", 1, "ended before it answered: exit code 3"),
        ("kill -9 $$", 1, "ended before it answered: "),
        ("echo hello", 1, "answered with what is no answer: a frame begins with its length"),
        ("printf '99999999\\n'; sleep 60", 1, "the most is"),
        ("printf '20\\n{\"value\"'", 1, "in the middle of its frame"),
        ("answer '{\"value\":\"seven\"}'", 1, "gave a value of kind string, which is no scalar"),
        ("answer '{\"stopped\":{\"why\":\"fuel\",\"message\":\"x\"}}'", 1, "only a component is stopped"),
        ("answer '{\"error\":\"no such shape\"}'", 1, "failed: no such shape"),
    ] {
        let (code, error) = place.call(script);
        assert_eq!((code, &error["error"]["code"]), (Some(exit), &"NX0555".into()), "{script}: {error}");
        assert!(message(&error).contains(said), "{script}: {error}");
    }
    for arguments in [&["area", "2"][..], &["area", "2", "text"], &["volume"]] {
        let (code, error) = place.nexus(&[&["module", "run", "shapes"], arguments].concat());
        assert_eq!((code, &error["error"]["code"]), (Some(2), &"NX0554".into()), "{error}");
    }
    place.write("vxor.toml", &MANIFEST.replace("\"sh\"", "\"no-such-program\""));
    place.add(&[]);
    let (_, error) = place.nexus(&["module", "run", "shapes", "area", "2", "3"]);
    assert!(message(&error).contains("was not found"), "{error}");
}

#[test]
fn a_module_that_hangs_is_ended_with_what_it_started() {
    let place = Place::new();
    place.write("main.sh", &format!("{SPEAK}setsid sleep 987654 & sleep 987654"));
    place.write("vxor.toml", &MANIFEST.replace("wall_seconds = 20", "wall_seconds = 1"));
    place.add(&[]);
    let (code, error) = place.nexus(&["module", "run", "shapes", "area", "2", "3"]);
    assert_eq!((code, &error["error"]["code"]), (Some(4), &"NX0555".into()), "{error}");
    assert!(message(&error).contains("did not answer within 1 s"), "{error}");
    if cfg!(target_os = "linux") && namespaces() {
        let started = std::time::Instant::now();
        while runs("sleep\0987654\0") {
            assert!(started.elapsed().as_secs() < 20, "it outlives its module");
            std::thread::yield_now();
        }
    }
    let scratch = place.home().join("modules/scratch");
    assert_eq!(std::fs::read_dir(scratch).expect("it is there").count(), 0, "its folder is gone");
}

fn runs(command_line: &str) -> bool {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.any(|line| line == command_line.as_bytes())
}

/// Whether this machine makes namespaces for this user, as the sandbox asks for them.
fn namespaces() -> bool {
    let words = ["--user", "--ipc", "--pid", "--fork", "--kill-child=KILL", "--net", "--", "/bin/true"];
    std::process::Command::new("/usr/bin/unshare").args(words).status().is_ok_and(|status| status.success())
}

#[test]
fn a_module_has_no_environment_but_its_own_and_what_it_was_allowed() {
    let place = Place::new();
    let script = r#"answer "{\"value\":\"$LANG ${NEXUS_HOME:-none} $PWD\"}""#;
    let manifest = MANIFEST.replace("returns = \"scalar\"", "returns = \"string\"");
    place.write("main.sh", &format!("{SPEAK}{script}"));
    place.write("vxor.toml", &manifest);
    place.add(&[]);
    let run = ["module", "run", "shapes", "area", "2", "3"];
    let (_, called) = place.nexus(&run);
    let seen = called["result"].as_str().unwrap_or_else(|| panic!("{called}"));
    assert!(seen.starts_with("C.UTF-8 none ") && seen.contains("modules/scratch"), "{seen}");
    let wants = manifest.replace("[limits]", "capabilities = [\"env:NEXUS_HOME\"]\n[limits]");
    place.write("vxor.toml", &wants);
    let (code, refused) = place.add(&[]);
    assert_eq!((code, &refused["error"]["code"]), (Some(2), &"NX0553".into()), "{refused}");
    assert!(refused["error"]["help"].as_str().is_some_and(|help| help.contains("--allow env:NEXUS_HOME")));
    assert_eq!(place.add(&["--allow", "env:NEXUS_HOME"]).0, Some(0));
    let (_, called) = place.nexus(&run);
    let home = place.home().display().to_string();
    assert!(called["result"].as_str().is_some_and(|seen| seen.contains(&home)), "{called}");
}

#[test]
fn a_module_reaches_only_its_own_files_and_what_it_was_allowed() {
    let place = Place::new();
    let secret = place.folder.path().join("secret");
    std::fs::write(&secret, "7").expect("a file can be written");
    let script = format!(
        "own=$(head -c 5 \"$NEXUS_MODULE/data.txt\"); (echo x > \"$NEXUS_MODULE/data.txt\") 2>/dev/null && own=written; \
         echo mine > file; seen=$(cat {} 2>/dev/null); answer \"{{\\\"value\\\":\\\"$own $(cat file) ${{seen:-closed}}\\\"}}\"",
        secret.display()
    );
    let manifest = MANIFEST.replace("returns = \"scalar\"", "returns = \"string\"");
    place.write("data.txt", "given");
    place.write("main.sh", &format!("{SPEAK}{script}"));
    place.write("vxor.toml", &manifest);
    place.add(&[]);
    let run = ["module", "run", "shapes", "area", "2", "3"];
    let (_, called) = place.nexus(&run);
    let missing = called["not_kept_from"].as_array().unwrap_or_else(|| panic!("{called}"));
    if missing.iter().any(|missing| missing.as_str().is_some_and(|missing| missing.contains("files"))) {
        // It is said; there is nothing else to hold it to.
        return;
    }
    assert_eq!(called["result"], "given mine closed", "{called}");
    let allowed = format!("read:{}", secret.display());
    let wants = manifest.replace("[limits]", &format!("capabilities = [\"{allowed}\"]\n[limits]"));
    place.write("vxor.toml", &wants);
    assert_eq!(place.add(&["--allow", &allowed]).0, Some(0));
    let (_, called) = place.nexus(&run);
    assert_eq!(called["result"], "given mine 7", "{called}");
}

#[test]
fn limits_hold() {
    let place = Place::new();
    let script = r#"answer "{\"value\":\"$(ulimit -v) $(ulimit -n) $(ulimit -t)\"}""#;
    let manifest = MANIFEST.replace("returns = \"scalar\"", "returns = \"string\"");
    let limits = "memory_mib = 100\nopen_files = 33\ncpu_seconds = 7\nwall_seconds = 20";
    place.write("vxor.toml", &manifest.replace("wall_seconds = 20", limits));
    place.write("main.sh", &format!("{SPEAK}{script}"));
    place.add(&[]);
    let (_, called) = place.nexus(&["module", "run", "shapes", "area", "2", "3"]);
    let memory = if cfg!(target_os = "linux") { "102400" } else { "unlimited" };
    assert_eq!(called["result"], format!("{memory} 33 7"), "{called}");
}

#[test]
fn a_module_that_was_changed_is_not_run() {
    let place = Place::new();
    place.call("answer '{\"value\":1}'");
    let content = place.home().join("modules/content");
    let folder = std::fs::read_dir(content).expect("it is there").flatten().next().expect("one module").path();
    std::fs::write(folder.join("main.sh"), "exit 1").expect("a file can be written");
    let (code, error) = place.nexus(&["module", "run", "shapes", "area", "2", "3"]);
    assert_eq!((code, &error["error"]["code"]), (Some(3), &"NX0556".into()), "{error}");
    place.add(&[]);
    assert_eq!(place.nexus(&["module", "run", "shapes", "area", "2", "3"]).0, Some(0), "adding it again mends it");
}

#[test]
fn a_folder_that_is_no_module_is_refused_with_the_place() {
    let place = Place::new();
    place.write("main.sh", "");
    let (code, error) = place.add(&[]);
    assert_eq!((code, &error["error"]["code"]), (Some(2), &"NX0551".into()), "{error}");
    place.write("vxor.toml", &MANIFEST.replace("kind = \"process\"", "kind = \"exe\""));
    let (code, error) = place.add(&[]);
    let found = &error["error"];
    assert_eq!(
        (code, &found["code"], &found["line"], &found["column"]),
        (Some(2), &"NX0551".into(), &4.into(), &8.into())
    );
    assert!(found["file"].as_str().is_some_and(|file| Path::new(file).ends_with("vxor.toml")), "{error}");
    place.write("vxor.toml", MANIFEST);
    std::os::unix::fs::symlink("/etc/passwd", place.source().join("link")).expect("a link can be made");
    let (_, error) = place.add(&[]);
    assert!(message(&error).contains("no links"), "{error}");
}

/// Whether there is a Python, which says more to the system than a shell does.
fn python() -> bool {
    std::process::Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Calls `area` of a module that is this script of Python; `answer(value)` answers.
fn call_python(place: &Place, script: &str) -> (Option<i32>, Value) {
    let speak = "import json, os, socket, sys\nsys.stdin.buffer.read(int(sys.stdin.buffer.readline()))\n\
                 def answer(value):\n    text = json.dumps({'value': value}).encode()\n    \
                 os.write(1, b'%d\\n%s' % (len(text), text))\n";
    place.write("main.sh", &format!("{speak}{script}"));
    let manifest = MANIFEST.replace("\"sh\"", "\"python3\"").replace("returns = \"scalar\"", "returns = \"any\"");
    place.write("vxor.toml", &manifest);
    place.add(&[]);
    place.nexus(&["module", "run", "shapes", "area", "2", "3"])
}

#[test]
fn sockets_of_other_programs_are_closed_and_pairs_of_its_own_are_not() {
    if !cfg!(target_os = "linux") || !python() {
        return;
    }
    let place = Place::new();
    let path = place.folder.path().join("outside.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&path).expect("a socket can be made");
    let script = format!(
        "def tried(work):\n    try:\n        work()\n        return 'open'\n    except OSError:\n        return 'closed'\n\
         def connects():\n    socket.socket(socket.AF_UNIX).connect({path:?})\n\
         def pair():\n    a, b = socket.socketpair()\n    a.send(b'x')\n    assert b.recv(1) == b'x'\n\
         def turned():\n    socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\n\
         def raw():\n    socket.socketpair(socket.AF_UNIX, socket.SOCK_RAW)\n\
         answer([tried(connects), tried(pair), tried(turned), tried(raw)])",
        path = path.display().to_string()
    );
    let (_, called) = call_python(&place, &script);
    let missing = called["not_kept_from"].as_array().unwrap_or_else(|| panic!("{called}"));
    let filters = !missing.iter().any(|missing| missing.as_str().is_some_and(|missing| missing.contains("sockets")));
    if filters {
        assert_eq!(called["result"], serde_json::json!(["closed", "open", "closed", "closed"]), "{called}");
    }
}

#[test]
fn files_outside_keep_what_is_said_of_them_and_tools_go_on() {
    use std::os::unix::fs::MetadataExt;
    if !cfg!(target_os = "linux") || !python() {
        return;
    }
    let place = Place::new();
    let outside = place.folder.path().join("outside");
    std::fs::write(&outside, "mine").expect("a file can be written");
    let seen = |path: &Path| {
        let metadata = std::fs::metadata(path).expect("it is there");
        (metadata.mode(), metadata.uid(), metadata.mtime())
    };
    let before = seen(&outside);
    let script = format!(
        "import ctypes, fcntl, shutil, tempfile\nos.chmod({path:?}, 0o777)\nos.chown({path:?}, 7, 7)\nos.utime({path:?}, (1, 1))\n\
         own = open('file', 'w').close() or 'file'\nfor copied in [shutil.copy(own, 'a'), shutil.copy2(own, 'b')]:\n    \
         assert os.path.exists(copied)\ntempfile.TemporaryDirectory().cleanup()\n\
         def tried(work):\n    try:\n        work()\n        return 'open'\n    except OSError:\n        return 'closed'\n\
         answer([tried(lambda: fcntl.fcntl(os.open(own, 0), 1024, 0)), tried(lambda: socket.socket(40, 1)),\n    \
         tried(lambda: os.setxattr(own, 'user.a', b'b')), tried(lambda: os.memfd_create('m')),\n    \
         tried(lambda: fcntl.ioctl(os.open(own, 0), 0x40086602, b'\\0' * 8)),\n    \
         ctypes.CDLL(None).inotify_add_watch(ctypes.CDLL(None).inotify_init(), b'/', 2), os.system('touch t; mkdir -m 700 d; cp -p file c')])",
        path = outside.display().to_string()
    );
    let (_, called) = call_python(&place, &script);
    let missing = called["not_kept_from"].as_array().unwrap_or_else(|| panic!("{called}"));
    if missing.iter().any(|missing| missing.as_str().is_some_and(|missing| missing.contains("sockets"))) {
        return;
    }
    assert_eq!(
        called["result"],
        serde_json::json!(["closed", "closed", "closed", "closed", "closed", -1, 0]),
        "{called}"
    );
    assert_eq!(seen(&outside), before);
}

#[test]
fn a_module_inherits_no_open_file() {
    if !cfg!(target_os = "linux") || !python() {
        return;
    }
    let place = Place::new();
    let file = std::fs::File::open("/etc/passwd").expect("it is there");
    // Open in whatever this process starts.
    let inherited = rustix::io::dup(&file).expect("there are descriptors");
    let script = "def is_open(fd):\n    try:\n        return bool(os.fstat(fd))\n    except OSError:\n        return False\n\
                  answer([fd for fd in range(3, 256) if is_open(fd)])";
    let (_, called) = call_python(&place, script);
    drop(inherited);
    assert_eq!(called["result"], serde_json::json!([]), "{called}");
}

#[test]
fn nothing_of_a_module_outlives_its_call_however_it_hides() {
    if !cfg!(target_os = "linux") || !python() || !namespaces() {
        return;
    }
    let place = Place::new();
    outlives_nothing(
        &place,
        "import ctypes, time\nos.setsid()\nctypes.CDLL(None).prctl(1, 0)\n\
         if os.fork():\n    answer(1)\n    time.sleep(98765)\nos.setsid()\ntime.sleep(98765)",
    );
    // Ends what started it, before that is known to have.
    for _ in 0..3 {
        outlives_nothing(
            &place,
            "import ctypes, time\nctypes.CDLL(None).prctl(1, 0)\nos.kill(0, 9)\nos.setsid()\nanswer(1)\n\
             for fd in 0, 1, 2:\n    os.close(fd)\ntime.sleep(98765)",
        );
    }
}

/// A module that answers 1 leaves no process behind.
fn outlives_nothing(place: &Place, script: &str) {
    let (code, called) = call_python(place, script);
    assert_eq!((code, &called["result"]), (Some(0), &1.into()), "{called}");
    let content = place.home().join("modules/content").display().to_string();
    let is_left = || {
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let mut lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
        lines.any(|line| String::from_utf8_lossy(&line).contains(&content))
    };
    let started = std::time::Instant::now();
    while is_left() {
        assert!(started.elapsed().as_secs() < 20, "it outlives its call");
        std::thread::yield_now();
    }
}

#[test]
fn a_long_call_is_sent_to_a_module_that_speaks_first() {
    let place = Place::new();
    let manifest = MANIFEST.replace("\"w: scalar\", \"h: scalar\"", "\"t: list\"");
    // It says more than a pipe holds before it reads a call that is longer than a pipe holds.
    place.write("main.sh", &format!("head -c 300000 /dev/zero >&2\n{SPEAK}answer '{{\"value\":1}}'"));
    place.write("vxor.toml", &manifest);
    place.add(&[]);
    let long = format!("[{}]", vec!["1.5"; 25_000].join(","));
    let (code, called) = place.nexus(&["module", "run", "shapes", "area", &long]);
    assert_eq!((code, &called["result"]), (Some(0), &1.0.into()), "{called}");
}

#[test]
fn what_keeps_its_reader_waiting_or_leads_elsewhere_is_no_module() {
    let place = Place::new();
    place.write("main.sh", "");
    let manifest = place.source().join("vxor.toml");
    let refused = |error: (Option<i32>, Value)| {
        assert_eq!((error.0, &error.1["error"]["code"]), (Some(2), &"NX0551".into()), "{}", error.1);
        error.1.to_string()
    };
    let made = std::process::Command::new("mkfifo").arg(&manifest).status().is_ok_and(|status| status.success());
    if made {
        assert!(refused(place.add(&[])).contains("it is no file"));
        std::fs::remove_file(&manifest).expect("it is there");
    }
    std::os::unix::fs::symlink("/etc/passwd", &manifest).expect("a link can be made");
    let said = refused(place.add(&[]));
    assert!(said.contains("no links") && !said.contains("root:"), "{said}");
    let file = place.source().join("main.sh").display().to_string();
    assert!(refused(place.nexus(&["module", "add", &file])).contains("a module is a folder"));
}

#[test]
fn what_a_call_uses_stays_until_it_ends_and_goes_with_the_next_module() {
    let place = Place::new();
    let manifest = MANIFEST.replace("returns = \"scalar\"", "returns = \"string\"");
    let ready = place.folder.path().join("ready");
    // It waits until another version has been added, and reads a file of its own then.
    let script = format!(
        "cat {fifo:?} > /dev/null; answer \"{{\\\"value\\\":\\\"$(cat \"$NEXUS_MODULE/version\")\\\"}}\"",
        fifo = ready.display().to_string()
    );
    assert!(std::process::Command::new("mkfifo").arg(&ready).status().expect("there are FIFOs").success());
    let allowed = format!("read:{}", ready.display());
    place.write("version", "first");
    place.write("main.sh", &format!("{SPEAK}{script}"));
    place.write("vxor.toml", &manifest.replace("[limits]", &format!("capabilities = [\"{allowed}\"]\n[limits]")));
    assert_eq!(place.add(&["--allow", &allowed]).0, Some(0));
    let called = std::thread::scope(|scope| {
        let call = scope.spawn(|| place.nexus(&["module", "run", "shapes", "area", "2", "3"]));
        // Opened once the call reads it.
        let mut writer = std::fs::File::options().write(true).open(&ready).expect("the call reads it");
        place.write("version", "second");
        assert_eq!(place.add(&["--allow", &allowed]).0, Some(0), "adding does not wait for calls");
        std::io::Write::write_all(&mut writer, b"go").expect("the call reads it");
        drop(writer);
        call.join().expect("the call ends")
    });
    assert_eq!((called.0, &called.1["result"]), (Some(0), &"first".into()), "{}", called.1);
    let contents = || std::fs::read_dir(place.home().join("modules/content")).expect("it is there").count();
    assert_eq!(contents(), 2, "the first version was used");
    place.write("version", "third");
    assert_eq!(place.add(&["--allow", &allowed]).0, Some(0));
    assert_eq!(contents(), 1);
}

#[test]
fn a_record_that_cannot_be_read_keeps_no_other_from_anything() {
    let place = Place::new();
    assert_eq!(place.call("answer '{\"value\":1}'").0, Some(0));
    let broken = place.home().join("modules/names/broken.json");
    std::fs::write(&broken, "{\"ha").expect("a file can be written");
    assert_eq!(place.call("answer '{\"value\":2}'").0, Some(0));
    assert_eq!(place.nexus(&["module", "remove", "shapes"]).0, Some(0));
    assert_eq!(place.nexus(&["module", "remove", "broken"]).0, Some(0));
    assert!(!broken.exists());
}

#[test]
fn a_module_whose_files_are_gone_hides_no_other() {
    let place = Place::new();
    place.call("answer '{\"value\":1}'");
    let content = place.home().join("modules/content");
    std::fs::remove_dir_all(content).expect("it is there");
    place.write("vxor.toml", &MANIFEST.replace("\"shapes\"", "\"others\""));
    assert_eq!(place.add(&[]).0, Some(0));
    let (code, listed) = place.nexus(&["module", "list"]);
    assert_eq!((code, &listed["modules"][0]["name"]), (Some(0), &"others".into()), "{listed}");
    assert_eq!(listed["damaged"][0]["name"], "shapes", "{listed}");
    let (code, error) = place.nexus(&["module", "run", "shapes", "area", "2", "3"]);
    assert_eq!((code, &error["error"]["code"]), (Some(3), &"NX0556".into()), "{error}");
    assert!(message(&error).contains("are gone"), "{error}");
}
