//! Trials that take too long are stopped, and the work is done under the best known strategy; what another process writes to
//! the optimiser's file is taken over, and what a newer version wrote stays.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use nexus_actors::Optimize;
use nexus_actors::embedded::{self, EmbeddedOptions};
use nexus_actors::learning::{self, Learner};
use nexus_model::{IndexRange, JobSpec, NodeCapacity, Outcome, Program, Value, decode_value};
use nexus_optimizer::{Experience, OptimizerConfig, Reason, Strategy};
use tokio::sync::watch;

fn learner(file: Option<&Path>) -> (Arc<Learner>, Option<String>) {
    let machine = learning::machine(&[nexus_tensor::Device::cpu().info()], 0);
    // Bold, and able to afford it: what may be as fast is tried soon.
    let (exploration_rate, exploration_budget) = (1.0, 0.1);
    let model_path = file.map(Path::to_owned);
    let config = OptimizerConfig { model_path, exploration_rate, exploration_budget, ..OptimizerConfig::default() };
    static SEED: AtomicU64 = AtomicU64::new(7);
    let (learner, warning) = Learner::open(config, machine, SEED.fetch_add(1, Ordering::Relaxed));
    (Arc::new(learner), warning)
}

/// Recursion that machine code makes ten times as fast.
const FIB: &str = "function fib(n)\n    if n < 2\n        return n\n    end\n    return fib(n - 1) + fib(n - 2)\nend\n\
                   function main()\n    print(\"begun\")\n    return fib(36)\nend\n";

/// Runs it; what it printed and gave.
fn run(learner: &Arc<Learner>) -> (String, Value) {
    let mut spec = JobSpec::single("test", Program::MCode { file: "fib.mcode".into(), source: FIB.into() });
    spec.device = nexus_model::DeviceChoice::Cpu;
    spec.tasks = IndexRange::new(0, 1);
    let printed = Arc::new(Mutex::new(String::new()));
    let sink = Arc::clone(&printed);
    let options = EmbeddedOptions {
        capacity: Some(NodeCapacity { slots: 1, memory_bytes: 0, devices: Vec::new() }),
        learner: Some(Arc::clone(learner)),
        optimize: Optimize::Always,
        print: Some(Arc::new(Mutex::new(move |text: &str| sink.lock().expect("no panic").push_str(text)))),
        scratch: std::env::temp_dir(),
        ..EmbeddedOptions::default()
    };
    let run = embedded::run(spec, options, watch::channel(false).1).expect("the runtime starts");
    let result = match run.tasks[0].outcome.as_ref().expect("it ended") {
        Outcome::Succeeded(output) => {
            decode_value(&run.load(&output.result).expect("it is here")).expect("a value is a value")
        }
        other => panic!("{other:?}"),
    };
    let printed = printed.lock().expect("no panic").clone();
    (printed, result)
}

/// Another node says that a strategy takes hardly longer than the best one took here: it may be better, and is not the best known.
fn promise(learner: &Learner, strategy_id: &str) {
    let told: Vec<Experience> = learner.experience();
    let best = told.iter().min_by(|a, b| a.evidence.mean.total_cmp(&b.evidence.mean)).expect("it ran here");
    let mut told = Experience { strategy_id: strategy_id.to_owned(), ..best.clone() };
    told.evidence.mean += 0.03;
    learner.hear(9, vec![told]).expect("it is sound");
}

/// Runs the program until the strategy is tried that promises so much, a while; what was told of the trial.
fn tried(learner: &Arc<Learner>, slow: &str) -> Option<(f64, f64)> {
    for _ in 0..6 {
        run(learner);
    }
    (0..25).find_map(|_| {
        promise(learner, slow);
        let (printed, value) = run(learner);
        assert_eq!((printed.as_str(), value), ("begun\n", Value::Int(14_930_352)), "it ends as ever, and prints once");
        let choice = learner.last().expect("it was chosen for");
        match choice.reason {
            Reason::Trial { allowance_s, stop_s } if choice.strategy.strategy_id == slow => Some((allowance_s, stop_s)),
            _ => None,
        }
    })
}

#[test]
fn a_trial_that_takes_too_long_is_stopped_and_the_work_is_done_under_the_best_known_strategy() {
    let slow = "memory_efficient";
    // Whether it is tried is up to chance, and to how steady the machine is: most learners try it, and one is enough.
    let tried = (0..12).find_map(|_| {
        let (learner, _) = learner(None);
        tried(&learner, slow).map(|(allowance_s, stop_s)| (learner, allowance_s, stop_s))
    });
    let (learner, allowance_s, stop_s) = tried.expect("what promises so much is tried");
    // What is learned is that it takes longer than it was let run; whole it takes ten times as long. What others did on the
    // machine meanwhile, which makes all four times as long at most, is taken out of it.
    let own = learner.experience().into_iter().find(|told| told.strategy_id == slow).expect("it was seen here");
    let seen_s = own.evidence.mean.exp();
    assert!(stop_s > allowance_s && 4.0 * seen_s >= stop_s, "{seen_s} after {stop_s}");
    assert!(seen_s < 2.0 * stop_s + 0.1, "it was stopped: {seen_s} after {stop_s}");
}

fn mine() -> Strategy {
    Strategy { strategy_id: "mine".into(), name: "Mine".into(), ..Strategy::baseline() }
}

#[test]
fn a_process_that_learned_nothing_meanwhile_takes_over_what_another_one_wrote() {
    let folder = tempfile::tempdir().expect("there is room");
    let file = learning::file(folder.path());
    let (idle, _) = learner(Some(&file));
    run(&idle);
    idle.save().expect("the folder can be written");
    let mut there = learning::StateFile::new(&file);
    let (mut known, _) = there.load(OptimizerConfig::default());
    known.register(mine()).expect("the name is free");
    there.save(&mut known, |_| {}).expect("the folder can be written");
    let has_mine = |learner: &Learner| learner.with(|optimizer, _| optimizer.strategies().get("mine").is_some());
    assert!(!has_mine(&idle));
    idle.save().expect("the file can be read");
    assert!(has_mine(&idle), "a strategy that was registered is there");
    // One that only this process knows stays beside what others write.
    let own = Strategy { strategy_id: "own".into(), ..mine() };
    idle.register(own).expect("the name is free");
    known.unregister("mine").expect("it is there");
    there.save(&mut known, |_| {}).expect("the folder can be written");
    idle.save().expect("the file can be read");
    assert!(!has_mine(&idle));
    assert!(idle.with(|optimizer, _| optimizer.strategies().get("own").is_some()));
    assert!(there.reset().expect("it can be removed"));
    idle.save().expect("the folder can be read");
    assert_eq!(idle.with(|optimizer, _| optimizer.known()), 0, "what was reset is forgotten");
}

#[test]
fn the_file_of_a_newer_version_stays_and_is_not_written_over() {
    let folder = tempfile::tempdir().expect("there is room");
    let file = learning::file(folder.path());
    let newer = "{\"format\":\"nexus-optimizer\",\"version\":99,\"checksum\":\"\"}\n{}\n";
    std::fs::write(&file, newer).expect("the folder can be written");
    let (opened, warning) = learner(Some(&file));
    let warning = warning.expect("it is said");
    assert!(warning.contains("format 99") && warning.contains("It stays as it is"), "{warning}");
    run(&opened);
    let error = opened.save().expect_err("it is not written over").to_string();
    assert!(error.contains("cannot be written") && error.contains("format 99"), "{error}");
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), newer);
}
