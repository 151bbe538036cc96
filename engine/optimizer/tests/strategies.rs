//! What is chosen beside the plain case: strategies that users take away again, runs that must end in time, and what is
//! told of the last choice.

use nexus_optimizer::{
    Features, Machine, MachineCode, Optimizer, OptimizerConfig, Reason, RunOutcome, Shape, Strategy, StrategyError,
    Work,
};
use rand::SeedableRng;
use rand::rngs::StdRng;

fn machine() -> Machine {
    Machine::ordinary("box", 4, 1e10)
}

fn work(index: u8) -> Work {
    let features = Features { flops: 1e9, bytes: 1e8, tensor_operations: 20.0, ..Features::default() };
    Work { code: [index; 32], shapes: vec![Shape { dtype: "f32".to_owned(), sizes: vec![64] }], features }
}

fn took(seconds: f64) -> RunOutcome {
    RunOutcome::Succeeded { seconds, once_s: 0.0, memory_bytes: 1e6, code: MachineCode::Settled }
}

fn own(id: &str) -> Strategy {
    Strategy { strategy_id: id.to_owned(), name: id.to_owned(), ..Strategy::baseline() }
}

/// Runs the work so often under a strategy.
fn runs(optimizer: &mut Optimizer, strategy: &str, seconds: f64, count: usize) {
    for _ in 0..count {
        let choice = optimizer.ask_for(&work(1), &machine(), strategy).expect("it can run here");
        optimizer.record(&choice, took(seconds));
    }
}

#[test]
fn a_strategy_that_was_taken_away_leaves_what_was_seen_of_the_others() {
    let mut optimizer = Optimizer::new(OptimizerConfig::default());
    for id in ["first", "second"] {
        optimizer.register(own(id)).expect("the name is free");
    }
    for (id, seconds) in [("default", 0.4), ("first", 0.1), ("second", 0.2)] {
        runs(&mut optimizer, id, seconds, 6);
    }
    let mut without = Optimizer::new(OptimizerConfig::default());
    without.register(own("second")).expect("the name is free");
    for (id, seconds) in [("default", 0.4), ("second", 0.2)] {
        runs(&mut without, id, seconds, 6);
    }
    optimizer.unregister("first").expect("it is a user's");
    assert_eq!(optimizer.strategies().all(), without.strategies().all());
    assert_eq!(optimizer.runs().count(), 12);
    let key = work(1).key("box");
    let (left, expected) = (optimizer.recall(&key, &machine()), without.recall(&key, &machine()));
    let (left, expected) = (left.expect("it ran"), expected.expect("it ran"));
    assert_eq!(left.best.as_deref(), Some("second"));
    assert_eq!(left.chosen, expected.chosen);
    for (left, expected) in left.candidates.iter().zip(&expected.candidates) {
        assert_eq!(left.strategy_id, expected.strategy_id);
        assert_eq!(left.prediction.map(|p| p.runs), expected.prediction.map(|p| p.runs), "{}", left.strategy_id);
    }
    // The name is free again, for another strategy that nothing was seen of.
    optimizer.register(own("first")).expect("the name is free");
    let again = optimizer.recall(&key, &machine()).expect("it ran");
    assert_eq!(again.candidates.last().and_then(|c| c.prediction).map(|p| p.runs), Some(0));
    assert_eq!(Optimizer::load(OptimizerConfig::default(), &optimizer.save()).expect("it was saved").known(), 1);
}

#[test]
fn what_is_built_in_and_what_is_not_there_cannot_be_taken_away() {
    let mut optimizer = Optimizer::new(OptimizerConfig::default());
    let refused = optimizer.unregister("default");
    assert_eq!(refused, Err(StrategyError::BuiltIn("default".to_owned())));
    assert!(optimizer.unregister("mine").unwrap_err().to_string().starts_with("there is no strategy `mine`"));
    assert_eq!(optimizer.strategies().all().len(), 8);
}

/// What one run in ten was predicted to exceed, of the trials among the first choices of works of 0.4 s, where a run may
/// take so long.
fn trials(within_s: f64) -> Vec<f64> {
    let (mut optimizer, mut chance) = (Optimizer::new(OptimizerConfig::default()), StdRng::seed_from_u64(1));
    let mut trials = Vec::new();
    for index in 0..10 {
        for _ in 0..30 {
            let choice = optimizer.choose_within(&work(index), &machine(), within_s, &mut chance);
            if matches!(choice.reason, Reason::Trial { .. }) {
                trials.push(choice.prediction().expect("it was chosen for that").high_s);
            }
            optimizer.record(&choice, took(0.4));
        }
    }
    trials
}

#[test]
fn nothing_is_tried_that_may_not_end_in_the_time_that_a_run_has() {
    // The best known takes 0.4 s and ends in time; of what never ran, most may not.
    assert!(trials(f64::INFINITY).iter().any(|high_s| *high_s > 0.5));
    assert!(!trials(0.5).iter().any(|high_s| *high_s > 0.5));
    assert_eq!(trials(60.0), trials(f64::INFINITY));
}

#[test]
fn what_was_never_run_is_neither_called_small_nor_a_loss_in_reports() {
    let (mut optimizer, mut chance) = (Optimizer::new(OptimizerConfig::default()), StdRng::seed_from_u64(1));
    // The text of a program does not say how large its tensors are.
    let guessed = Features { flops: 4e4, bytes: 4e5, tensor_operations: 4.0, ..Features::default() };
    let choice = optimizer.choose(&Work { features: guessed, ..work(1) }, &machine(), &mut chance);
    assert_eq!(choice.reason, Reason::Usual);
    optimizer.record(&choice, took(0.4));
    let run = optimizer.runs().next().expect("it ran");
    assert_eq!((run.baseline_s, run.best_s), (0.4, 0.4));
    let choice = optimizer.choose(&work(1), &machine(), &mut chance);
    optimizer.record(&choice, took(0.4));
    assert_ne!(optimizer.runs().last().expect("it ran").baseline_s, 0.4);
}

#[test]
fn the_last_choice_is_told_with_its_reason_also_after_it_was_saved() {
    let (mut optimizer, mut chance) = (Optimizer::new(OptimizerConfig::default()), StdRng::seed_from_u64(1));
    let choice = optimizer.choose(&work(1), &machine(), &mut chance);
    optimizer.record(&choice, took(0.4));
    let told = |optimizer: &Optimizer| optimizer.recall(&work(1).key("box"), &machine()).expect("it ran").explain();
    let expected = "last run: aggressive_optimization, because nothing is known of this work yet: it runs with everything \
                    on that makes programs fast\n";
    assert!(told(&optimizer).ends_with(expected), "{}", told(&optimizer));
    let loaded = Optimizer::load(OptimizerConfig::default(), &optimizer.save()).expect("it was saved");
    assert_eq!(told(&loaded), told(&optimizer));
    let choice = optimizer.ask_for(&work(1), &machine(), "default").expect("it runs everywhere");
    optimizer.record(&choice, took(0.4));
    assert!(told(&optimizer).ends_with("last run: default, because it was asked for\n"), "{}", told(&optimizer));
}

#[test]
fn what_was_taken_away_is_not_told_as_the_last_choice() {
    let mut optimizer = Optimizer::new(OptimizerConfig::default());
    optimizer.register(own("mine")).expect("the name is free");
    runs(&mut optimizer, "mine", 0.2, 2);
    optimizer.unregister("mine").expect("it is a user's");
    assert_eq!(optimizer.recall(&work(1).key("box"), &machine()).expect("it ran").chosen, None);
}

#[test]
fn trials_take_no_longer_than_is_told_and_their_share_of_all_runs() {
    let (mut optimizer, mut chance) = (Optimizer::new(OptimizerConfig::default()), StdRng::seed_from_u64(3));
    let (mut usual_s, mut tried_s, mut stopped) = (0.0, 0.0, 0);
    for _ in 0..400 {
        let choice = optimizer.choose(&work(1), &machine(), &mut chance);
        let Reason::Trial { stop_s, .. } = choice.reason else {
            usual_s += 0.4;
            optimizer.record(&choice, took(0.4));
            continue;
        };
        assert!(choice.otherwise.is_some() && stop_s > 0.4, "{choice:?}");
        // Whatever is tried would take a minute: it is stopped, and the work is done as ever.
        optimizer.record(&choice, RunOutcome::Stopped { seconds: stop_s });
        (tried_s, usual_s, stopped) = (tried_s + stop_s, usual_s + 0.4, stopped + 1);
    }
    assert!(stopped > 0, "something is tried");
    assert!(tried_s <= 0.05 * (usual_s + 20.0 * 0.4) + 0.4 * 1.05, "{stopped} trials took {tried_s} s of {usual_s}");
}

#[test]
fn what_others_do_on_the_machine_decides_on_how_many_threads_work_is_laid_and_is_not_held_against_it() {
    let (mut optimizer, mut chance) = (Optimizer::new(OptimizerConfig::default()), StdRng::seed_from_u64(5));
    let idle = Machine { threads: 4, ..machine() };
    let busy = Machine { busy_threads: 4.0, ..idle.clone() };
    // Four threads take less time than one, but not where they are shared with as many others.
    let on_threads = |s: &Strategy| s.parallelization_level != nexus_optimizer::Parallelization::None;
    let (mut chosen, mut tried) = ([0, 0], 0);
    for run in 0..300 {
        let is_busy = run % 20 >= 10;
        let choice = optimizer.choose(&work(2), if is_busy { &busy } else { &idle }, &mut chance);
        let alone_s = if on_threads(&choice.strategy) { 0.1 } else { 0.14 };
        let slowed = match (is_busy, on_threads(&choice.strategy)) {
            (false, _) => 1.0,
            (true, true) => 2.0,
            (true, false) => 1.25,
        };
        optimizer.record(&choice, took(alone_s * slowed));
        match choice.reason {
            Reason::Best if run >= 100 => chosen[usize::from(is_busy)] += u32::from(on_threads(&choice.strategy)),
            _ if run >= 100 => tried += 1,
            _ => {}
        }
    }
    assert!(chosen[0] + tried >= 90, "idle: on threads {chosen:?}, {tried} others");
    assert!(chosen[1] <= 10, "busy: on threads {chosen:?}");
}

#[test]
fn what_a_node_told_that_is_gone_is_told_on() {
    let mut gone = Optimizer::new(OptimizerConfig::default());
    runs(&mut gone, "cpu_optimized", 0.2, 5);
    let mut leader = Optimizer::new(OptimizerConfig::default());
    leader.hear(3, &gone.experience()).expect("it is sound");
    let heard = leader.heard(|_| true);
    assert_eq!(heard.keys().collect::<Vec<_>>(), [&3]);
    let mut new = Optimizer::new(OptimizerConfig::default());
    new.hear(3, &heard[&3]).expect("it is sound");
    assert_eq!(new.heard(|_| true), heard);
    assert!(leader.heard(|node| node != 3).is_empty());
    assert!(leader.experience().is_empty(), "it is not told as one's own");
}
