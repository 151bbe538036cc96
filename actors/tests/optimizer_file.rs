//! The optimiser's file between processes: what another one writes is taken over, and what a newer version wrote stays.

use std::path::Path;
use std::sync::Arc;

use nexus_actors::Optimize;
use nexus_actors::embedded::{self, EmbeddedOptions};
use nexus_actors::learning::{self, Learner};
use nexus_model::{IndexRange, JobSpec, NodeCapacity, Outcome, Program};
use nexus_optimizer::{OptimizerConfig, Strategy};
use tokio::sync::watch;

fn learner(file: Option<&Path>) -> (Arc<Learner>, Option<String>) {
    let machine = learning::machine(&[nexus_tensor::Device::cpu().info()], 0);
    let config = OptimizerConfig { model_path: file.map(Path::to_owned), ..OptimizerConfig::default() };
    let (learner, warning) = Learner::open(config, machine, 7);
    (Arc::new(learner), warning)
}

/// Runs a program, so that there is something to learn.
fn run(learner: &Arc<Learner>) {
    let source = "total = 0\nfor i in 0..20000\n    total = total + i % 7\nend\ntotal\n";
    let mut spec = JobSpec::single("test", Program::MCode { file: "loop.mcode".into(), source: source.into() });
    spec.device = nexus_model::DeviceChoice::Cpu;
    spec.tasks = IndexRange::new(0, 1);
    let options = EmbeddedOptions {
        capacity: Some(NodeCapacity { slots: 1, memory_bytes: 0, devices: Vec::new() }),
        learner: Some(Arc::clone(learner)),
        optimize: Optimize::Always,
        scratch: std::env::temp_dir(),
        ..EmbeddedOptions::default()
    };
    let run = embedded::run(spec, options, watch::channel(false).1).expect("the runtime starts");
    assert!(matches!(run.tasks[0].outcome, Some(Outcome::Succeeded(_))), "{:?}", run.tasks[0].outcome);
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
