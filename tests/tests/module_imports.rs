//! Programs that import external modules, through the binary: on this machine, and as jobs on nodes that have none of them.

use std::path::{Path, PathBuf};

use nexus_tests::cluster::Cluster;
use serde_json::{Value, json};

const MANIFEST: &str = r#"
name = "shapes"
version = "1.0.0"
kind = "process"
entry = ["sh", "main.sh"]

[functions.area]
parameters = ["w: scalar", "h: scalar"]
returns = "scalar"
[functions.twice]
parameters = ["t: tensor[f32, n]"]
returns = "tensor[f32, n]"
[functions.fail]
parameters = ["why: string"]
returns = "none"
[functions.hang]
returns = "none"
"#;

/// Answers each function with one sentence of shell; `data` lies beside it.
const PROGRAM: &str = r#"
read length
call=$(head -c "$length")
answer() { printf '%s\n%s' "${#1}" "$1"; }
case "$call" in
*'"area","args":[2.0,3.5]'*) answer '{"value":7}' ;;
*'"area","args":[2.0,2.0]'*) answer '{"value":4}' ;;
*'"twice"'*) answer '{"value":{"dtype":"f32","shape":[2],"data":[2,2]}}' ;;
*'"fail"'*) echo "it is asked to fail" >&2; answer '{"error":"nothing works"}' ;;
*'"hang"'*) sleep 987653 ;;
*) exit 9 ;;
esac
"#;

const USE: &str = r#"import module("shapes") as shapes
function main()
    t = shapes.twice(tensor.ones(2))
    return [shapes.area(2, 3.5), map(x => shapes.area(x, 2), [2, 2]), tensor.sum(t)]
end
"#;

fn expected() -> Value {
    json!([7.0, [4.0, 4.0], {"dtype": "f32", "shape": [], "data": [4]}])
}

/// A folder with the module and programs, and a home.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Place { folder: tempfile::tempdir().expect("a temporary folder can be made") };
        std::fs::create_dir_all(place.source()).expect("a folder can be made");
        place.module(MANIFEST, PROGRAM);
        place
    }

    fn source(&self) -> PathBuf {
        self.folder.path().join("shapes")
    }

    fn module(&self, manifest: &str, program: &str) {
        std::fs::write(self.source().join("vxor.toml"), manifest).expect("a file can be written");
        std::fs::write(self.source().join("main.sh"), program).expect("a file can be written");
    }

    fn add_to(&self, home: &Path) {
        let source = self.source().display().to_string();
        let output = nexus_tests::binary::run(home, ["module", "add", &source]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn program(&self, text: &str) -> String {
        let path = self.folder.path().join("program.mcode");
        std::fs::write(&path, text).expect("a file can be written");
        path.display().to_string()
    }

    /// Runs a program with the module added.
    fn run(&self, text: &str, more: &[&str]) -> (Option<i32>, Value) {
        let home = self.folder.path().join("home");
        self.add_to(&home);
        let program = self.program(text);
        let output = nexus_tests::binary::run(&home, ["run", "--json", &program].iter().chain(more));
        let text = String::from_utf8_lossy(&output.stdout);
        let document = serde_json::from_str(&text)
            .unwrap_or_else(|_| panic!("{text} {}", String::from_utf8_lossy(&output.stderr)));
        (output.status.code(), document)
    }
}

/// Code, line and column of an error, and its message.
fn place_of(document: &Value) -> (&str, u64, u64, &str) {
    let error = &document["error"];
    let number = |key: &str| error[key].as_u64().unwrap_or_default();
    let text = |key: &str| error[key].as_str().unwrap_or_default();
    (text("code"), number("line"), number("column"), text("message"))
}

#[test]
fn a_program_calls_a_module_at_every_level() {
    let place = Place::new();
    for level in ["0", "1", "2"] {
        let (code, done) = place.run(USE, &["--jit", level]);
        assert_eq!((code, &done["result"]), (Some(0), &expected()), "{done}");
    }
}

#[test]
fn calls_are_checked_before_anything_runs_and_errors_stand_where_the_module_is_called() {
    let place = Place::new();
    let import = "import module(\"shapes\") as s\n";
    for (text, wanted, said) in [
        ("s.area(1, \"a\")", ("MC0206", 2, 11), "declared scalar, found string"),
        ("s.area(1)", ("MC0205", 2, 1), "needs `h`"),
        ("s.volume(1)", ("MC0210", 2, 3), "has no `volume`"),
        ("x = s.twice(tensor.ones(2, 2))", ("MC0206", 2, 13), "declared"),
        ("x = json.parse(\"[1, true]\")\ns.area(x[0], x[1])", ("MC0206", 3, 1), "bool"),
        ("function f(t)\n    s.fail(t)\nend\nf(\"x\")", ("MC0417", 3, 5), "failed: nothing works"),
        ("s.area(5, 5)", ("MC0417", 2, 1), "exit code 9"),
        ("call_module(\"shapes\", \"\", \"area\", [2, 3.5])", ("MC0201", 2, 1), "call_module"),
    ] {
        let (code, failed) = place.run(&format!("{import}{text}"), &[]);
        let (found, line, column, message) = place_of(&failed);
        assert_eq!((code, (found, line, column)), (Some(1), wanted), "{text}: {failed}");
        assert!(message.contains(said), "{text}: {message}");
    }
    let (code, failed) = place.run("import module(\"others\") as o\no.f()", &[]);
    assert_eq!((code, place_of(&failed).0), (Some(1), "MC0212"), "{failed}");
    assert!(failed["error"]["help"].as_str().is_some_and(|help| help.contains("nexus module add")), "{failed}");
}

/// Whether a process of this command line runs.
fn runs(command_line: &[u8]) -> bool {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.any(|line| line == command_line)
}

#[test]
fn modules_travel_with_jobs_to_nodes_that_have_none() {
    let cluster = Cluster::of(2);
    let place = Place::new();
    place.add_to(&cluster.home(0));
    let program = place.program(USE);
    let submit =
        |more: &[&str]| cluster.node(0).json(&[&["submit", "--wait", "--require", "node=n1", &program], more].concat());
    let done = submit(&[]);
    assert_eq!((&done["state"], &done["result"]), (&"succeeded".into(), &expected()), "{done}");
    assert!(!cluster.home(1).join("modules").exists(), "it is the job's, not the node's");
    // A graph of tasks brings them as well, and files.
    std::fs::write(place.folder.path().join("ours.mcode"), "function three()\n    return 3\nend\n")
        .expect("a file can be written");
    place.program(
        &USE.replace("function main()", "import \"ours.mcode\" as ours\nfunction main()")
            .replace("tensor.sum(t)", "ours.three()"),
    );
    let graph = place.folder.path().join("graph.toml");
    std::fs::write(&graph, "[task.fit]\nprogram = \"program.mcode\"\nrequire = [\"node=n1\"]\n")
        .expect("a file can be written");
    let jobs = cluster.node(0).json(&["submit", &graph.display().to_string()]);
    let done = cluster.node(0).json(&["job", "wait", &jobs["jobs"]["fit"].to_string()]);
    assert_eq!(done["result"], json!([7.0, [4.0, 4.0], 3]), "{done}");
    place.program(USE);
    // What the module is when the job is submitted counts, whatever it is afterwards.
    let held = cluster.node(0).json(&["submit", "--delay", "2s", "--require", "node=n1", &program]);
    place.module(MANIFEST, "exit 1");
    place.add_to(&cluster.home(0));
    let waited = cluster.node(0).json(&["job", "wait", &held["job"].to_string()]);
    assert_eq!(waited["state"], "succeeded", "{waited}");
    let refused = |arguments: &[&str]| -> Value {
        let output = cluster.node(0).nexus(&[arguments, &["--json"]].concat());
        assert!(!output.status.success(), "{arguments:?}");
        serde_json::from_slice(&output.stdout).expect("a document")
    };
    let failed = refused(&["submit", "--wait", "--require", "node=n1", &program]);
    assert_eq!((&failed["state"], &failed["error"]["code"]), (&"failed".into(), &"MC0417".into()), "{failed}");
    // A limit of the job ends the call and what it started.
    place.module(MANIFEST, PROGRAM);
    place.add_to(&cluster.home(0));
    let hang = place.program("import module(\"shapes\") as s\ns.hang()\n");
    let ended = refused(&["submit", "--wait", "--require", "node=n1", "--timeout", "1s", &hang]);
    assert_eq!(ended["state"], "timed-out", "{ended}");
    let began = std::time::Instant::now();
    while runs(b"sleep\x00987653\x00") {
        assert!(began.elapsed().as_secs() < 20, "it outlives the run");
        std::thread::yield_now();
    }
    let error = refused(&["submit", "--reuse", &program]);
    assert!(error["error"]["message"].as_str().is_some_and(|said| said.contains("you say that it is pure")), "{error}");
}
