//! `nexus optimizer` as its users go through it: strategies of their own, explanations, reports, what is kept and what is
//! forgotten.

use std::path::{Path, PathBuf};

use nexus_tests::binary;
use serde_json::Value;

const PROGRAM: &str = "function fib(n: int)\n    if n < 2 return n end\n    return fib(n - 1) + fib(n - 2)\nend\n\
                       function main(n: int = 20)\n    return fib(n)\nend\n";
const STRATEGY: &str = "strategy_id = \"mine\"\nname = \"Mine\"\nparallelization_level = 0\njit_level = 2\n\
                        device_target = \"cpu\"\nmemory_optimization = \"balanced\"\ntensor_fusion = false\n\
                        operator_fusion = false\nbatch_processing = false\nloop_unrolling = false\n\
                        automatic_differentiation = false\nprecision = \"balanced\"\n";

/// A person's home with a program in it.
struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    fn new() -> Home {
        let home = Home { folder: tempfile::tempdir().expect("there is room") };
        home.write("fib.mcode", PROGRAM);
        home
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).expect("there is room");
        self.path(name).to_str().expect("a plain name").to_owned()
    }

    /// Whether a command succeeds, with all that it says.
    fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = binary::run(self.folder.path(), arguments);
        let both = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&both).into_owned())
    }

    fn said(&self, arguments: &[&str]) -> String {
        let (is_done, said) = self.run(arguments);
        assert!(is_done, "{arguments:?}: {said}");
        said
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let (is_done, said) = self.run(arguments);
        assert!(!is_done, "{arguments:?}: {said}");
        said
    }

    /// What is known of the program.
    fn known(&self, program: &str) -> Value {
        let said = self.said(&["optimizer", "explain", program, "--json"]);
        serde_json::from_str::<Value>(&said).expect("a document")["works"][0].take()
    }
}

fn exists(path: &Path) -> bool {
    path.try_exists().expect("the folder can be read")
}

#[test]
fn a_strategy_of_ones_own_is_added_asked_for_explained_and_taken_away() {
    let home = Home::new();
    let program = home.path("fib.mcode").to_str().expect("a plain name").to_owned();
    let file = home.write("mine.toml", STRATEGY);
    let wrong = home.write("wrong.toml", &STRATEGY.replace("jit_level = 2", "jit_level = 7"));
    assert!(home.refused(&["optimizer", "register", &wrong]).contains("line 4: jit_level is 0, 1 or 2, not 7"));
    home.said(&["optimizer", "register", &file]);
    assert!(home.refused(&["optimizer", "register", &file]).contains("there is a strategy `mine` already"));
    assert!(home.said(&["run", &program, "--optimize=mine"]).contains("strategy mine: it was asked for"));
    let known = home.known(&program);
    assert_eq!((&known["chosen"]["strategy_id"], &known["chosen"]["reason"]), (&"mine".into(), &"asked".into()));
    assert!(home.said(&["optimizer", "explain", &program]).contains("last run: mine, because it was asked for"));
    home.said(&["optimizer", "unregister", "mine"]);
    assert!(home.known(&program)["chosen"].is_null());
    assert!(home.refused(&["run", &program, "--optimize=mine"]).contains("there is no strategy `mine`"));
    assert!(home.refused(&["optimizer", "unregister", "default"]).contains("`default` is built in and stays"));
    home.said(&["optimizer", "register", &file]);
}

#[test]
fn what_was_learned_is_reported_saved_forgotten_and_loaded_again() {
    let home = Home::new();
    let program = home.path("fib.mcode").to_str().expect("a plain name").to_owned();
    for _ in 0..3 {
        home.said(&["run", &program, "--optimize"]);
    }
    home.said(&["optimizer", "feedback", &program, "memory_efficient", "--time-ms", "900"]);
    let unfit = |more: &[&str]| home.refused(&[&["optimizer", "feedback", &program][..], more].concat());
    let said = unfit(&["memory_efficient", "--time-ms", "9", "--arg", "m=3"]);
    assert!(said.contains("has no parameter `m`"), "{said}");
    let said = unfit(&["ane_optimized", "--time-ms", "9"]);
    assert!(said.contains("nothing ran under `ane_optimized`: there is no Apple Neural Engine here"), "{said}");
    let before = home.known(&program);
    let hash: String = before["hash"].as_str().expect("a hash").chars().take(8).collect();
    assert!(home.said(&["optimizer", "explain", &hash]).contains("memory_efficient"));
    let page = home.path("page.html").to_str().expect("a plain name").to_owned();
    home.said(&["optimizer", "report", "--output", &page]);
    let page = std::fs::read_to_string(&page).expect("it was written");
    assert!(page.matches("<svg").count() == 3 && page.contains("recursion"), "{page}");
    let kept = home.path("kept.json").to_str().expect("a plain name").to_owned();
    home.said(&["optimizer", "save", &kept]);
    home.said(&["optimizer", "reset"]);
    assert!(home.refused(&["optimizer", "explain", &program]).contains("nothing was learned of"));
    assert!(home.refused(&["optimizer", "explain", "job-17"]).contains("nothing was learned of job-17"));
    let text = std::fs::read_to_string(&kept).expect("it was written");
    let damaged = home.write("damaged.json", &text.replacen("recursive_functions", "recursive-functions", 1));
    assert!(home.refused(&["optimizer", "load", &damaged]).contains("was damaged"));
    home.said(&["optimizer", "load", &kept]);
    assert_eq!(home.known(&program), before);
}

#[test]
fn who_switched_choosing_off_is_told_of_no_strategy() {
    let home = Home::new();
    let program = home.path("fib.mcode").to_str().expect("a plain name").to_owned();
    home.write("nexus.toml", "[optimizer]\nenabled = false\n");
    let said = home.said(&["run", &program, "--optimize"]);
    assert!(said.contains("no strategy: choosing is switched off (`optimizer.enabled`)"), "{said}");
    assert!(home.refused(&["optimizer", "explain", &program]).contains("nothing was learned of"));
}

#[test]
fn a_damaged_state_costs_no_run_and_is_set_aside() {
    let home = Home::new();
    let program = home.path("fib.mcode").to_str().expect("a plain name").to_owned();
    home.said(&["run", &program, "--optimize"]);
    home.write("optimizer.json", "{\"format\":\"nexus-optimizer\",\"version\":1,\"checksum\":\"0\"}\n{}\n");
    let said = home.said(&["run", &program, "--optimize"]);
    assert!(said.contains("6765") && said.contains("learning starts afresh"), "{said}");
    let files = std::fs::read_dir(home.folder.path()).expect("the folder can be read");
    let names: Vec<String> = files.flatten().map(|file| file.file_name().to_string_lossy().into_owned()).collect();
    assert!(names.iter().any(|name| name.ends_with(".damaged")), "{names:?}");
    assert!(exists(&home.path("optimizer.json")), "{names:?}");
    assert_eq!(home.known(&program)["candidates"].as_array().map(Vec::len), Some(8));
}
