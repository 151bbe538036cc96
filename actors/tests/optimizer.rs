//! The optimiser where programs run: every field of a strategy acts, which counters of the run show; results are the same
//! under every strategy; what was learned is kept, shared between processes, and survives a damaged file.

use std::path::Path;
use std::sync::Arc;

use nexus_actors::Optimize;
use nexus_actors::embedded::{self, EmbeddedOptions, EmbeddedRun};
use nexus_actors::learning::{self, Learner, Observed};
use nexus_model::{IndexRange, JobSpec, Limits, NodeCapacity, Outcome, Payload, Program, Value, decode_value};
use nexus_optimizer::{
    DeviceTarget, Exclusion, Features, JitLevel, MachineCode, MemoryOptimization, OptimizerConfig, Parallelization,
    Precision, Reason, RunOutcome, Strategy, Work,
};
use tokio::sync::watch;

fn learner(file: Option<&Path>) -> Arc<Learner> {
    let machine = learning::machine(&[nexus_tensor::Device::cpu().info()], 0);
    let config = OptimizerConfig { model_path: file.map(Path::to_owned), ..OptimizerConfig::default() };
    Arc::new(Learner::open(config, machine, 7).0)
}

/// Runs a program as `tasks` tasks, each on all cores, one after the other.
fn run(source: &str, tasks: u32, learner: &Arc<Learner>, optimize: Optimize) -> EmbeddedRun {
    run_within(source, (tasks, Limits::local()), learner, optimize)
}

/// The same within these limits.
fn run_within(source: &str, (tasks, limits): (u32, Limits), learner: &Arc<Learner>, optimize: Optimize) -> EmbeddedRun {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u32;
    let mut spec = JobSpec::single("test", Program::MCode { file: "test.mcode".into(), source: source.into() });
    spec.device = nexus_model::DeviceChoice::Cpu;
    (spec.tasks, spec.is_array) = (IndexRange::new(0, tasks), tasks > 1);
    spec.resources.cpus = cores;
    spec.limits = limits;
    let options = EmbeddedOptions {
        capacity: Some(NodeCapacity { slots: cores, memory_bytes: 0, devices: Vec::new() }),
        learner: Some(Arc::clone(learner)),
        optimize,
        scratch: std::env::temp_dir(),
        ..EmbeddedOptions::default()
    };
    embedded::run(spec, options, watch::channel(false).1).expect("the runtime starts")
}

fn value(run: &EmbeddedRun) -> Value {
    match run.tasks[0].outcome.as_ref().expect("it ended") {
        Outcome::Succeeded(output) => {
            decode_value(&run.load(&output.result).expect("it is here")).expect("a value is a value")
        }
        other => panic!("{other:?}"),
    }
}

/// The counters of a program under `default` with one thing changed, and its result.
fn under(source: &str, change: impl FnOnce(&mut Strategy)) -> (Observed, Value) {
    let learner = learner(None);
    let mut strategy = Strategy { strategy_id: "changed".into(), ..Strategy::baseline() };
    change(&mut strategy);
    let shown = format!("{strategy:?}");
    learner.register(strategy).expect("the name is free");
    let run = run(source, 1, &learner, Optimize::Named("changed".into()));
    let value = value(&run);
    let observed = learner.observed();
    (observed.unwrap_or_else(|| panic!("differs from `default`, which gives {value:?}: {shown}")), value)
}

const CHAIN: &str = "x = tensor.ones(1024, 512)\ny = x * 2.0 + 1.0\nz = (y - x) * 0.5 + y * x\ntensor.sum(z)\n";
const LOOP: &str = "function main()\n    total = 0\n    for i in 0..20000\n        total = total + i % 7\n    end\n    return total\nend\n";

fn cores() -> u64 {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64
}

#[test]
fn parallelization_level_decides_on_how_many_threads_a_pass_is_spread() {
    let (one, a) = under(CHAIN, |s| s.parallelization_level = Parallelization::None);
    let (many, b) = under(CHAIN, |s| s.parallelization_level = Parallelization::Threads);
    assert_eq!(one.work.threads, 1);
    assert_eq!(many.work.threads > 1, cores() > 1, "{:?}", many.work);
    assert_eq!(a, b);
}

#[test]
fn jit_level_decides_whether_native_code_runs() {
    let (plain, a) = under(LOOP, |s| s.jit_level = JitLevel::Interpreted);
    let (native, b) = under(LOOP, |s| s.jit_level = JitLevel::Native);
    assert_eq!(plain.native.entered, 0);
    assert!(native.native.entered > 0 && native.native.compiled > 0, "{:?}", native.native);
    assert_eq!(a, b);
}

#[test]
fn tensor_fusion_saves_passes_over_memory() {
    let fused = |on| under(CHAIN, |s| (s.jit_level, s.tensor_fusion) = (JitLevel::Optimised, on));
    let ((without, a), (with, b)) = (fused(false), fused(true));
    assert_eq!(without.fusion.regions, 0);
    assert!(with.fusion.regions > 0 && with.work.passes < without.work.passes, "{with:?} {without:?}");
    assert_eq!(a, b);
}

#[test]
fn operator_fusion_lets_operations_join_the_product_before_them() {
    let source = "x = tensor.ones(64, 64)\nb = tensor.ones(64)\ny = tensor.relu(x @ x + b) * 0.5\ntensor.sum(y)\n";
    let joined = |on| {
        under(source, |s| {
            (s.jit_level, s.tensor_fusion, s.operator_fusion) = (JitLevel::Optimised, true, on);
        })
    };
    let ((without, a), (with, b)) = (joined(false), joined(true));
    assert_eq!(without.fusion.products, 0);
    assert!(with.fusion.products > 0, "{:?}", with.fusion);
    assert_eq!(a, b);
}

#[test]
fn operator_fusion_leaves_what_comes_before_a_product_fused() {
    let source = "w = tensor.ones(2, 4096)\nx = tensor.ones(4096)\ny = tensor.relu(x * 2 + 1) * 0.5 - x\nz = w @ y\n\
                  tensor.sum(tensor.relu(z - 3) * 2)\n";
    let joined = |on| {
        under(source, |s| {
            (s.jit_level, s.tensor_fusion, s.operator_fusion) = (JitLevel::Optimised, true, on);
        })
    };
    let ((without, a), (with, b)) = (joined(false), joined(true));
    assert!(with.work.passes <= without.work.passes, "{:?} {:?}", with.work, without.work);
    assert!(with.fusion.regions > 0 && with.fusion.products > 0, "{:?}", with.fusion);
    assert_eq!(a, b);
}

#[test]
fn loop_unrolling_writes_short_loops_out() {
    let source = "function main()\n    total = 1\n    for i in 0..4\n        total = total * 3 + i\n    end\n    return total\nend\n";
    let unrolled = |on| under(source, |s| (s.jit_level, s.loop_unrolling) = (JitLevel::Optimised, on));
    let ((without, a), (with, b)) = (unrolled(false), unrolled(true));
    assert_eq!(without.optimiser.unrolled, 0);
    assert!(with.optimiser.unrolled > 0, "{:?}", with.optimiser);
    assert_eq!(a, b);
}

#[test]
fn batch_processing_runs_independent_calls_side_by_side() {
    let source = "function work(i: int)\n    total = 0\n    for k in 0..500\n        total = total + k * i\n    end\n    \
                  return total\nend\nfunction main()\n    return map(work, 0..64)\nend\n";
    let batched =
        |on| under(source, |s| (s.parallelization_level, s.batch_processing) = (Parallelization::Threads, on));
    let ((without, a), (with, b)) = (batched(false), batched(true));
    assert_eq!(without.work.spread, 1);
    assert_eq!(with.work.spread, cores().min(64));
    assert_eq!(a, b);
}

#[test]
fn device_target_decides_where_tensors_live_and_what_is_not_here_is_said() {
    let (on_cpu, _) = under(CHAIN, |s| s.device_target = DeviceTarget::Cpu);
    assert_eq!(on_cpu.application.device, nexus_tensor::Device::cpu());
    let learner = learner(None);
    let run = run(CHAIN, 1, &learner, Optimize::Named("gpu_optimized".into()));
    let Some(Outcome::Failed(failure)) = &run.tasks[0].outcome else { panic!("{:?}", run.tasks[0].outcome) };
    assert_eq!(failure.code, "NX0308");
    assert!(failure.message.contains("there is no graphics processor here"), "{}", failure.message);
}

/// A product by 1 of 1 + 2⁻¹⁰, which is no bf16, and a product of two tensors beside the same in f64, rounded once.
fn rounding(attribute: &str) -> String {
    format!(
        "{attribute}function main()\n    fine = tensor.from_list([[1.0009765625]], \"f32\") @ tensor.ones(1, 1)\n    \
         x = tensor.randn(64, 64)\n    wide = tensor.cast(x, \"f64\")\n    \
         return [fine[0, 0], x @ x, tensor.cast(wide @ wide, \"f32\")]\nend\n"
    )
}

/// The counters, the first number, and how far the two tensors are apart at most.
fn products(attribute: &str, precision: Precision) -> ([u64; 2], f64, f64) {
    let (observed, value) = under(&rounding(attribute), |s| s.precision = precision);
    let Value::List(values) = value else { panic!("{value:?}") };
    let [Value::Scalar(fine), Value::Tensor(a), Value::Tensor(b)] = &values[..] else { panic!("{values:?}") };
    let apart = (0..a.len()).map(|i| (a.get_f64(i).expect("an element") - b.get_f64(i).expect("an element")).abs());
    ([observed.work.narrow_products, observed.work.wide_products], *fine, apart.fold(0.0, f64::max))
}

#[test]
fn precision_decides_what_products_are_computed_in_and_never_goes_below_what_the_program_asks() {
    let fine = 1.000_976_562_5;
    // The program asks for nothing, which is f32: `fast` may not act, `precise` may.
    for precision in [Precision::Fast, Precision::Balanced] {
        let (counted, found, off) = products("", precision);
        assert_eq!((counted, found), ([0, 0], fine));
        assert!((1e-7..1e-4).contains(&off), "{off}");
    }
    assert_eq!(products("", Precision::Precise), ([0, 2], fine, 0.0));
    // A program that allows half precision gets it where the strategy has it.
    let (counted, found, off) = products("@precision(\"fast\")\n", Precision::Fast);
    assert_eq!((counted, found), ([2, 0], 1.0));
    assert!((1e-2..0.5).contains(&off), "{off}");
    let (counted, found, _) = products("@precision(\"fast\")\n", Precision::Balanced);
    assert_eq!((counted, found), ([0, 0], fine));
    // bf16 is less exact than the f16 that is asked for here.
    let (counted, found, _) = products("@precision(\"f16\")\n", Precision::Fast);
    assert_eq!((counted, found), ([2, 0], fine));
    // One that asks for more than f32 gets it from every strategy.
    for precision in [Precision::Fast, Precision::Balanced, Precision::Precise] {
        assert_eq!(products("@precision(\"precise\")\n", precision), ([0, 2], fine, 0.0));
    }
}

#[test]
fn a_program_that_asks_for_a_precision_gets_it_without_the_optimiser_too() {
    for (attribute, expected) in
        [("", 1.000_976_562_5), ("@precision(\"fast\")\n", 1.0), ("@precision(\"bf16\")\n", 1.0)]
    {
        let run = run(&rounding(attribute), 1, &learner(None), Optimize::OnRequest);
        let Value::List(values) = value(&run) else { panic!("two numbers") };
        assert_eq!(values[0], Value::Scalar(expected), "{attribute}");
    }
}

#[test]
fn what_halves_change_is_no_wrong_result_where_the_program_allows_it() {
    let learner = learner(None);
    let source = "@precision(\"fast\")\nfunction main()\n    x = tensor.randn(96, 96)\n    return tensor.sum(tensor.abs(x @ x))\nend\n";
    run(source, 1, &learner, Optimize::Named("aggressive_optimization".into()));
    assert!(learner.observed().is_some_and(|observed| observed.work.narrow_products > 0));
    let choice = learner.last().expect("it was chosen");
    let wrong = learner.with(|optimizer, machine| {
        let recalled = optimizer.recall(&choice.key, machine).expect("it ran");
        recalled.candidates.iter().any(|candidate| candidate.exclusion == Some(Exclusion::Wrong))
    });
    assert!(!wrong);
}

const CURVE: &str = "function curve(t: scalar)\n    x = tensor.linspace(0.0, 1.0, 200)\n    return tensor.sin(x * t) * tensor.exp(x * t)\nend\n\
                     function main()\n    return grad.jacobian(curve)(0.7)\nend\n";

#[test]
fn automatic_differentiation_goes_in_the_direction_of_fewer_walks() {
    let ((reverse, a), (planned, b)) =
        (under(CURVE, |s| s.automatic_differentiation = false), under(CURVE, |s| s.automatic_differentiation = true));
    assert_eq!(reverse.work.walks, 200);
    // The walk back that is differentiated, and one forward for the one variable.
    assert_eq!(planned.work.walks, 2);
    let (Value::Tensor(a), Value::Tensor(b)) = (a, b) else { panic!("a vector of derivatives") };
    assert_eq!((a.shape(), a.dtype()), (b.shape(), b.dtype()));
    for i in 0..200 {
        let (a, b) = (a.get_f64(i).expect("200 of them"), b.get_f64(i).expect("200 of them"));
        // d/dt sin(xt) exp(xt)
        let (x, t) = (i as f64 / 199.0, 0.7);
        let exact = x * (x * t).exp() * ((x * t).cos() + (x * t).sin());
        assert!((a - exact).abs() < 1e-5 && (b - exact).abs() < 1e-5, "{i}: {a} {b} {exact}");
    }
}

#[test]
fn automatic_differentiation_lets_go_of_what_was_walked_past() {
    let source = "function loss(x: tensor)\n    for i in 0..12\n        x = tensor.sin(x) @ x * 0.01\n    end\n    return tensor.sum(x)\nend\n\
                  function main()\n    return tensor.sum(grad.grad(loss)(tensor.ones(256, 256)))\nend\n";
    let ((kept, a), (freed, b)) =
        (under(source, |s| s.automatic_differentiation = false), under(source, |s| s.automatic_differentiation = true));
    assert_eq!(a, b);
    assert!(freed.peak_bytes < kept.peak_bytes, "{} {}", freed.peak_bytes, kept.peak_bytes);
}

#[test]
fn every_strategy_that_runs_here_gives_the_same_result() {
    let source = "x = tensor.randn(96, 96)\ny = (x @ x) * 0.01 + tensor.exp(x * 0.1)\n\
                  s = 0.0\nfor i in 0..96\n    s = s + y[i, i]\nend\noutput(\"y\", y)\ns\n";
    let expected = value(&run(source, 1, &learner(None), Optimize::Named("default".into())));
    for strategy in Strategy::built_in() {
        let id = strategy.strategy_id;
        if ["gpu_optimized", "ane_optimized", "parallel_cpu"].contains(&id.as_str()) {
            continue;
        }
        let run = run(source, 1, &learner(None), Optimize::Named(id.clone()));
        let (Value::Scalar(found), Value::Scalar(expected)) = (value(&run), &expected) else { panic!("a sum") };
        assert!((found - expected).abs() <= expected.abs() * 1e-5, "{id}: {found} {expected}");
    }
}

#[test]
fn a_program_that_asks_is_optimised_and_others_are_left_alone() {
    let learner = learner(None);
    run(LOOP, 1, &learner, Optimize::OnRequest);
    assert!(learner.last().is_none());
    run(&format!("@optimize\n{LOOP}"), 1, &learner, Optimize::OnRequest);
    assert_eq!(learner.last().map(|choice| choice.reason), Some(Reason::Usual));
    run(&format!("@optimize(strategy = \"memory_efficient\")\n{LOOP}"), 1, &learner, Optimize::OnRequest);
    assert_eq!(learner.last().map(|choice| choice.strategy.strategy_id), Some("memory_efficient".to_owned()));
    // What a program names and this machine cannot do is said, and does not stop it.
    let elsewhere = run(&format!("@optimize(strategy = \"gpu_optimized\")\n{LOOP}"), 1, &learner, Optimize::OnRequest);
    value(&elsewhere);
    let Some(Payload::Inline(told)) = elsewhere.tasks[0].cost.as_ref().and_then(|c| c.stderr.clone()) else {
        panic!("nothing was said");
    };
    assert!(String::from_utf8_lossy(&told).contains("there is no graphics processor here"));
}

#[test]
fn tasks_of_microseconds_are_not_chosen_for_again() {
    let learner = learner(None);
    run("1 + 1\n", 400, &learner, Optimize::Always);
    let runs = learner.with(|optimizer, _| optimizer.runs().count());
    assert!(runs < 50, "{runs} of 400 runs went through the optimiser");
}

#[test]
fn the_fastest_strategy_is_found_and_runs_are_never_wrong() {
    let learner = learner(None);
    let run = run(LOOP, 60, &learner, Optimize::Always);
    let first = value(&run);
    for task in &run.tasks {
        let Some(Outcome::Succeeded(output)) = &task.outcome else { panic!("{:?}", task.outcome) };
        assert_eq!(decode_value(&run.load(&output.result).expect("it is here")).expect("a value"), first);
    }
    let native = learner.last().map(|choice| choice.strategy.jit_level);
    // A loop over numbers takes a tenth of the time in native code.
    assert_eq!(native, Some(JitLevel::Native));
}

#[test]
fn what_takes_too_much_memory_side_by_side_is_run_one_after_the_other_and_that_is_learned() {
    // One call takes 24 MB at once, and several do in the time of a fifth of a second.
    let source = "function piece(i: int)\n    x = tensor.ones(1000, 2000) * 1.0001\n    y = x + 1.0\n    z = y + 1.0\n    \
                  for k in 0..40\n        z = x * 0.5 + y * 0.25 + z * 0.25\n    end\n    return tensor.max(z) > i\nend\n\
                  function main()\n    print(\"begun\")\n    found = map(piece, 0..8)\n    print(\"done\")\n    return found\nend\n";
    let learner = learner(None);
    let limit = Limits { memory_bytes: Some(46 << 20), ..Limits::local() };
    let run = run_within(source, (4, limit), &learner, Optimize::Always);
    for task in &run.tasks {
        assert!(matches!(task.outcome, Some(Outcome::Succeeded(_))), "{:?}", task.outcome);
        let Some(Payload::Inline(printed)) = task.cost.as_ref().and_then(|cost| cost.stdout.clone()) else {
            panic!("nothing was printed")
        };
        assert_eq!(String::from_utf8_lossy(&printed), "begun\ndone\n");
    }
    if cores() > 1 {
        let choice = learner.last().expect("it was chosen for");
        let failed =
            choice.candidates.iter().find(|c| c.strategy_id == "aggressive_optimization").expect("it is there");
        assert_eq!(failed.exclusion, Some(Exclusion::Failed), "{}", choice.explain());
    }
}

#[test]
fn what_a_job_ran_predicts_the_time_of_its_program_with_an_interval() {
    let learner = learner(None);
    assert_eq!(learner.predicted("job-1"), None, "nothing ran yet");
    run(LOOP, 20, &learner, Optimize::Always);
    let [median, low, high] = learner.predicted("job-1").expect("twenty tasks of it ran");
    assert!(low < median && median < high, "{low:?} {median:?} {high:?}");
    // Twenty runs make the interval narrower than what is believed of work that never ran.
    assert!(high < low * 100, "{low:?} {high:?}");
}

#[test]
fn what_was_learned_is_kept_and_shared_between_processes() {
    let folder = tempfile::tempdir().expect("there is room");
    let file = learning::file(folder.path());
    let (here, there) = (learner(Some(&file)), learner(Some(&file)));
    run(LOOP, 1, &here, Optimize::Always);
    run(CHAIN, 1, &there, Optimize::Always);
    here.save().expect("the folder can be written");
    // The other process finds a file that it did not write, and adds what it saw.
    there.save().expect("the folder can be written");
    let both = learner(Some(&file));
    assert_eq!(both.with(|optimizer, _| optimizer.known()), 2);
    assert_eq!(there.with(|optimizer, _| optimizer.known()), 2);
}

/// Chooses for a piece of work, and tells what it took.
fn learn_of(learner: &Learner, code: u8) {
    let work = Work { code: [code; 32], shapes: Vec::new(), features: Features::default() };
    let choice = learner.choose(&work, None, true, None).expect("no strategy was named");
    let (seconds, code) = (0.01, MachineCode::Settled);
    learner.record(&choice, RunOutcome::Succeeded { seconds, once_s: 0.0, memory_bytes: 0.0, code });
}

/// Waits until a process or thread waits for the lock on this file.
#[cfg(target_os = "linux")]
fn wait_for_a_waiter(lock: &std::fs::File) {
    use std::os::unix::fs::MetadataExt as _;
    let inode = format!(":{} ", lock.metadata().expect("it is open").ino());
    let waits = |line: &str| line.contains("-> FLOCK") && line.contains(&inode);
    let locks = || std::fs::read_to_string("/proc/locks").expect("Linux tells its locks");
    while !locks().lines().any(waits) {
        std::thread::yield_now();
    }
}

#[test]
#[cfg(target_os = "linux")]
fn choices_go_on_while_the_file_waits_for_its_disk() {
    let folder = tempfile::tempdir().expect("there is room");
    let file = learning::file(folder.path());
    let here = learner(Some(&file));
    learn_of(&here, 1);
    // Another process is at the file, and takes as long as it likes.
    let lock = std::fs::File::create(file.with_extension("lock")).expect("the folder can be written");
    lock.lock().expect("nobody else has it");
    let (done, ended) = std::sync::mpsc::sync_channel(1);
    let (saving, running) = (Arc::clone(&here), Arc::clone(&here));
    let saver = std::thread::spawn(move || saving.save());
    wait_for_a_waiter(&lock);
    std::thread::spawn(move || {
        learn_of(&running, 2);
        // Where the test has given up nobody listens.
        let _ = done.send(());
    });
    ended.recv_timeout(std::time::Duration::from_secs(60)).expect("a choice waits for the disk");
    lock.unlock().expect("it is held");
    saver.join().expect("it does not panic").expect("the folder can be written");
    let known = || learner(Some(&file)).with(|optimizer, _| optimizer.known());
    assert_eq!(known(), 1, "what happened while it was written is written next");
    here.save().expect("the folder can be written");
    assert_eq!(known(), 2);
}

#[test]
fn a_damaged_or_foreign_file_is_set_aside_and_learning_starts_afresh() {
    let folder = tempfile::tempdir().expect("there is room");
    let file = learning::file(folder.path());
    for content in
        [&b"\x00\xff\xfe"[..], b"{}", b"{\"format\":\"nexus-optimizer\",\"version\":99,\"checksum\":\"\"}\n{}\n"]
    {
        std::fs::write(&file, content).expect("the folder can be written");
        let machine = learning::machine(&[], 0);
        let config = OptimizerConfig { model_path: Some(file.clone()), ..OptimizerConfig::default() };
        let (opened, warning) = Learner::open(config, machine, 1);
        let warning = warning.expect("it is said");
        assert!(warning.contains("set aside as") && warning.contains("learning starts afresh"), "{warning}");
        assert!(!file.exists());
        let opened = Arc::new(opened);
        run(LOOP, 1, &opened, Optimize::Always);
        opened.save().expect("the folder can be written");
        assert_eq!(learner(Some(&file)).with(|optimizer, _| optimizer.known()), 1);
    }
    let aside = std::fs::read_dir(folder.path()).expect("it is there").flatten();
    let aside = aside.filter(|entry| entry.file_name().to_string_lossy().ends_with(".damaged"));
    assert_eq!(aside.count(), 3);
}

#[test]
fn a_reset_counts_for_processes_that_know_more() {
    let folder = tempfile::tempdir().expect("there is room");
    let file = learning::file(folder.path());
    let here = learner(Some(&file));
    run(LOOP, 1, &here, Optimize::Always);
    here.save().expect("the folder can be written");
    assert!(learning::StateFile::new(&file).reset().expect("it can be removed"));
    run(CHAIN, 1, &here, Optimize::Always);
    here.save().expect("the folder can be written");
    assert_eq!(learner(Some(&file)).with(|optimizer, _| optimizer.known()), 1);
}

#[test]
fn memory_optimization_decides_what_is_kept_of_tensors_that_are_gone() {
    // Five tensors of 64 MiB: more than is usually kept.
    let large = "a = tensor.zeros(4096, 4096)\nb = a + 1.0\nc = b + 1.0\nd = c + 1.0\ne = d + 1.0\n\
                 tensor.sum(a) + tensor.sum(b) + tensor.sum(c) + tensor.sum(d) + tensor.sum(e)\n";
    let kept = |memory| under(large, |s| s.memory_optimization = memory).0.work.kept_bytes >> 20;
    assert_eq!(kept(MemoryOptimization::High), 0);
    let usual = kept(MemoryOptimization::Balanced);
    assert!((1..=256).contains(&usual), "{usual} MiB");
    assert_eq!(kept(MemoryOptimization::Low), 320);
}
