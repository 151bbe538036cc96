//! Learning on simulated work whose true times are known: regret, bounds, drift, calibration, state.

use nexus_optimizer::{
    Experience, Features, Feedback, Implementations, Machine, MachineCode, Optimizer, OptimizerConfig, Reason,
    RunOutcome, Shape, StateError, Work,
};
use rand::SeedableRng;
use rand::rngs::StdRng;
use rand_distr::{Distribution, Normal};

/// True mean seconds of every strategy on a piece of work, in the order of registration; `None` where it cannot run.
type Truth = Vec<f64>;

struct World {
    machine: Machine,
    works: Vec<(Work, Truth)>,
    noise: Normal<f64>,
    chance: StdRng,
}

fn features(size: f64) -> Features {
    Features { flops: size * 1e6, bytes: size * 1e5, tensor_operations: 20.0, batch: 8.0, ..Features::default() }
}

fn work(index: u8, features: Features) -> Work {
    Work { code: [index; 32], shapes: vec![Shape { dtype: "f32".to_owned(), sizes: vec![64] }], features }
}

impl World {
    /// Forty pieces of work; each has its own truth, drawn around the strategies' usual effects.
    fn new(seed: u64) -> World {
        let mut chance = StdRng::seed_from_u64(seed);
        let about: Normal<f64> = Normal::new(0.0, 0.35).expect("a positive spread");
        let usual: [f64; 8] = [1.0, 0.45, 1.0, 1.0, 0.8, 0.7, 0.35, 0.4];
        let works = (0..40u8)
            .map(|index| {
                let features = features(10.0 * f64::from(index) + 30.0);
                let base = 0.004 * (f64::from(index) + 3.0);
                let truth = usual.iter().map(|factor| base * factor * about.sample(&mut chance).exp()).collect();
                (work(index, features), truth)
            })
            .collect();
        World {
            machine: Machine::ordinary("box", 4, 1e10),
            works,
            noise: Normal::new(0.0, 0.05).expect("a positive spread"),
            chance,
        }
    }

    /// Runs a piece of work once: the strategy's index and what it took.
    fn run(&mut self, optimizer: &mut Optimizer, at: usize) -> (usize, f64) {
        let (work, truth) = &self.works[at];
        let choice = optimizer.choose(work, &self.machine, &mut self.chance);
        let ids = optimizer.strategies().all();
        let index = ids.iter().position(|s| s.strategy_id == choice.strategy.strategy_id).expect("it was chosen");
        let seconds = truth[index] * self.noise.sample(&mut self.chance).exp();
        optimizer.record(
            &choice,
            RunOutcome::Succeeded { seconds, once_s: 0.0, memory_bytes: 1e6, code: MachineCode::Settled },
        );
        (index, seconds)
    }

    /// The best true time among the strategies that can run on a machine without accelerators.
    fn oracle(&self, at: usize) -> f64 {
        let truth = &self.works[at].1;
        (0..truth.len()).filter(|index| ![2, 3].contains(index)).map(|index| truth[index]).fold(f64::MAX, f64::min)
    }
}

#[test]
fn after_fifty_runs_the_loss_against_the_oracle_is_small() {
    let (mut lost, mut best) = (0.0, 0.0);
    for seed in 0..5 {
        let mut world = World::new(seed);
        let mut optimizer = Optimizer::new(OptimizerConfig::default());
        for round in 0..80 {
            for at in 0..world.works.len() {
                let (index, _) = world.run(&mut optimizer, at);
                if round >= 50 {
                    lost += world.works[at].1[index] - world.oracle(at);
                    best += world.oracle(at);
                }
            }
        }
    }
    assert!(lost / best <= 0.05, "regret {:.3}", lost / best);
}

#[test]
fn no_hundred_runs_are_five_percent_worse_than_the_baseline() {
    for seed in 0..5 {
        let mut world = World::new(seed);
        // A world in which nothing beats the baseline: every trial is a loss.
        for (_, truth) in &mut world.works {
            let base = truth[0];
            truth.iter_mut().skip(1).for_each(|time| *time = base * 1.3 + *time * 0.3);
        }
        let mut optimizer = Optimizer::new(OptimizerConfig::default());
        for at in 0..10 {
            let truth = world.works[at].1[0];
            let excess: Vec<f64> = (0..300)
                .map(|_| {
                    let (index, _) = world.run(&mut optimizer, at);
                    world.works[at].1[index] - truth
                })
                .collect();
            for window in excess.windows(100) {
                let share = window.iter().sum::<f64>() / (100.0 * truth);
                assert!(share <= 0.05, "seed {seed}, work {at}: {share:.3}");
            }
        }
    }
}

#[test]
fn work_of_microseconds_runs_plainly() {
    let mut optimizer = Optimizer::new(OptimizerConfig::default());
    let machine = Machine::ordinary("box", 4, 1e10);
    let small = work(1, Features { flops: 16.0, bytes: 192.0, tensor_operations: 1.0, ..Features::default() });
    let mut chance = StdRng::seed_from_u64(1);
    let mut first = None;
    for _ in 0..200 {
        let choice = optimizer.choose(&small, &machine, &mut chance);
        first.get_or_insert_with(|| choice.strategy.strategy_id.clone());
        assert_eq!(Some(&choice.strategy.strategy_id), first.as_ref());
        optimizer.record(
            &choice,
            RunOutcome::Succeeded { seconds: 5e-6, once_s: 0.0, memory_bytes: 1e3, code: MachineCode::Settled },
        );
    }
    assert_eq!(optimizer.choose(&small, &machine, &mut chance).reason, Reason::Small);
}

#[test]
fn within_twenty_runs_the_choice_follows_a_change() {
    let mut followed = 0;
    for seed in 0..20 {
        let mut world = World::new(seed);
        let mut optimizer = Optimizer::new(OptimizerConfig::default());
        let mut last = 0;
        for _ in 0..60 {
            last = world.run(&mut optimizer, 5).0;
        }
        // What was best now takes four times as long.
        world.works[5].1[last] *= 4.0;
        for _ in 0..20 {
            last = world.run(&mut optimizer, 5).0;
        }
        followed += usize::from(world.works[5].1[last] < world.oracle(5) * 1.25);
    }
    assert!(followed >= 18, "{followed} of 20");
}

#[test]
fn within_twenty_runs_the_choice_follows_a_doubling_that_no_single_run_shows() {
    let mut followed = 0;
    for seed in 0..40 {
        let mut world = World::new(seed);
        // As beside other programs: runs differ by a quarter, so that twice the time is within what happens.
        world.noise = Normal::new(0.0, 0.25).expect("a positive spread");
        let mut optimizer = Optimizer::new(OptimizerConfig::default());
        let mut last = 0;
        for _ in 0..60 {
            last = world.run(&mut optimizer, 5).0;
        }
        world.works[5].1[last] *= 2.2;
        for _ in 0..20 {
            last = world.run(&mut optimizer, 5).0;
        }
        followed += usize::from(world.works[5].1[last] < world.oracle(5) * 1.25);
    }
    assert!(followed >= 34, "{followed} of 40");
}

#[test]
fn within_twenty_runs_one_thread_is_chosen_that_never_ran_when_others_take_the_processors() {
    let mut followed = 0;
    for seed in 0..40 {
        let mut world = World::new(seed);
        world.machine = Machine::ordinary("box", 16, 1e10).with_threads_of(9e10, 1.5e10);
        // A product of which every strategy makes the same, but for its threads: sixteen, or one.
        let (threads, one) = (0.8e-3, 2.6e-3);
        world.works[5].0.features =
            Features { flops: 2.7e8, bytes: 3e6, tensor_operations: 3.0, product_share: 1.0, ..Features::default() };
        let truth = &mut world.works[5].1;
        *truth = vec![one, threads, threads, threads, one, one, threads, threads];
        let mut optimizer = Optimizer::new(OptimizerConfig::default());
        for _ in 0..60 {
            world.run(&mut optimizer, 5);
        }
        // Others take the processors: who needs all of them waits for each of them.
        world.works[5].1.iter_mut().filter(|taken| **taken < one).for_each(|taken| *taken *= 10.0);
        let mut last = 0;
        for _ in 0..20 {
            last = world.run(&mut optimizer, 5).0;
        }
        followed += usize::from(world.works[5].1[last] < 1.25 * one);
    }
    assert!(followed >= 34, "{followed} of 40");
}

#[test]
fn a_device_that_disappears_is_not_chosen_again() {
    let mut world = World::new(3);
    let mut with_gpu = world.machine.clone();
    with_gpu.gpu = Some(nexus_optimizer::Device { flops: 1e13, bandwidth: 5e11, launch_s: 2e-6, ..with_gpu.cpu });
    let without = std::mem::replace(&mut world.machine, with_gpu);
    world.works[0].1[2] = 1e-4;
    world.works[0].1[0] = 0.5;
    let mut optimizer = Optimizer::new(OptimizerConfig::default());
    for _ in 0..60 {
        world.run(&mut optimizer, 0);
    }
    assert_eq!(world.run(&mut optimizer, 0).0, 2);
    world.machine = without;
    assert_ne!(world.run(&mut optimizer, 0).0, 2);
}

#[test]
fn four_of_five_runs_fall_into_the_interval() {
    let (mut inside, mut all) = (0, 0);
    for seed in 0..6 {
        let mut world = World::new(seed);
        let mut optimizer = Optimizer::new(OptimizerConfig::default());
        for round in 0..40 {
            for at in 0..world.works.len() {
                let (work, _) = world.works[at].clone();
                let looked = optimizer.predict(&work, &world.machine);
                let (index, seconds) = world.run(&mut optimizer, at);
                let prediction = looked[index].prediction.unwrap();
                if round >= 5 {
                    all += 1;
                    inside += usize::from((prediction.low_s..=prediction.high_s).contains(&seconds));
                }
            }
        }
    }
    let share = f64::from(u32::try_from(inside).unwrap()) / f64::from(u32::try_from(all).unwrap());
    assert!((0.75..=0.85).contains(&share), "{share:.3}");
}

#[test]
fn results_that_differ_are_the_end_of_a_strategy_on_that_work() {
    let mut world = World::new(1);
    let mut optimizer = Optimizer::new(OptimizerConfig::default());
    let (work, _) = world.works[0].clone();
    for _ in 0..200 {
        let choice = optimizer.choose(&work, &world.machine, &mut world.chance);
        let outcome = match choice.strategy.strategy_id.as_str() {
            "default" => {
                RunOutcome::Succeeded { seconds: 0.1, once_s: 0.0, memory_bytes: 1e6, code: MachineCode::Settled }
            }
            _ => RunOutcome::Wrong { seconds: 0.001 },
        };
        optimizer.record(&choice, outcome);
    }
    let choice = optimizer.choose(&work, &world.machine, &mut world.chance);
    assert_eq!(choice.strategy.strategy_id, "default");
    assert!(choice.explain().contains("its results differed"), "{}", choice.explain());
}

#[test]
fn what_was_saved_chooses_as_before_and_damage_is_noticed() {
    let mut world = World::new(2);
    let mut optimizer = Optimizer::new(OptimizerConfig::default());
    for round in 0..60 {
        world.run(&mut optimizer, round % 7);
    }
    let saved = optimizer.save();
    let loaded = Optimizer::load(OptimizerConfig::default(), &saved).unwrap();
    assert_eq!(loaded.known(), optimizer.known());
    assert_eq!(loaded.runs().count(), optimizer.runs().count());
    for at in 0..7 {
        let (before, after) =
            (optimizer.predict(&world.works[at].0, &world.machine), loaded.predict(&world.works[at].0, &world.machine));
        for (before, after) in before.iter().zip(&after) {
            let (Some(before), Some(after)) = (before.prediction, after.prediction) else { continue };
            // The regressions of the loaded one have taken in everything; those before, all but the newest runs.
            assert!((before.median_s / after.median_s).ln().abs() < 0.5, "{before:?} {after:?}");
        }
    }
    let damaged = saved.replacen("\"tick\":", "\"tick\":1", 1);
    assert!(matches!(Optimizer::load(OptimizerConfig::default(), &damaged), Err(StateError::Damaged(_))));
    let newer = saved.replacen("\"version\":1", "\"version\":9", 1);
    assert_eq!(Optimizer::load(OptimizerConfig::default(), &newer).unwrap_err(), StateError::TooNew(9));
    assert!(matches!(Optimizer::load(OptimizerConfig::default(), "\u{0}"), Err(StateError::Damaged(_))));
}

#[test]
fn a_new_machine_starts_with_what_its_kind_knows() {
    let mut world = World::new(4);
    let mut teacher = Optimizer::new(OptimizerConfig::default());
    for _ in 0..60 {
        for at in 0..world.works.len() {
            world.run(&mut teacher, at);
        }
    }
    let told: Vec<Experience> = teacher.experience();
    let mut pupil = Optimizer::new(OptimizerConfig::default());
    pupil.hear(7, &told).unwrap();
    let again = pupil.clone();
    pupil.hear(7, &told).unwrap();
    assert_eq!(pupil.experience(), again.experience());
    let (mut lost, mut best) = (0.0, 0.0);
    for at in 0..world.works.len() {
        let (index, _) = world.run(&mut pupil, at);
        lost += world.works[at].1[index] - world.oracle(at);
        best += world.oracle(at);
    }
    assert!(lost / best < 0.15, "first runs of the pupil: regret {:.3}", lost / best);
}

#[test]
fn what_a_run_was_seen_to_do_replaces_the_guess() {
    let world = World::new(4);
    let mut optimizer = Optimizer::new(OptimizerConfig::default());
    let mut chance = StdRng::seed_from_u64(0);
    let guessed = work(0, Features { flops: 1e12, ..Features::default() });
    let choice = optimizer.choose(&guessed, &world.machine, &mut chance);
    optimizer.record(
        &choice,
        RunOutcome::Succeeded { seconds: 0.01, once_s: 0.0, memory_bytes: 1e6, code: MachineCode::Settled },
    );
    optimizer.measured(&choice, Features { scalar_operations: 1e6, recursive_functions: 1.0, ..Features::default() });
    let choice = optimizer.choose(&guessed, &world.machine, &mut chance);
    assert_eq!(choice.pattern, nexus_optimizer::Pattern::Recursion);
    // The roofline of the guess would be many seconds.
    let prediction = choice.candidates.iter().find(|c| c.strategy_id == "math_intensive").and_then(|c| c.prediction);
    assert!(prediction.unwrap().high_s < 0.1, "{prediction:?}");
}

#[test]
fn unsound_experience_is_refused_as_a_whole() {
    let mut world = World::new(4);
    let mut teacher = Optimizer::new(OptimizerConfig::default());
    world.run(&mut teacher, 0);
    world.run(&mut teacher, 0);
    let mut told = teacher.experience();
    told[0].evidence.mean = f64::NAN;
    let mut pupil = Optimizer::new(OptimizerConfig::default());
    assert!(pupil.hear(7, &told).is_err());
    assert_eq!(pupil.known(), 0);
}

#[test]
fn feedback_of_users_counts() {
    let world = World::new(4);
    let mut optimizer = Optimizer::new(OptimizerConfig::default());
    let (work, machine) = (&world.works[0].0, &world.machine);
    let mut tell = |strategy_id, time_ms| {
        let feedback = Feedback { work, machine, strategy_id, time_ms, is_success: true };
        optimizer.feedback(&feedback).unwrap();
    };
    for _ in 0..3 {
        tell("default", 150.0);
        tell("math_intensive", 15.0);
    }
    let predicted = optimizer.predict(work, machine);
    for (id, seconds) in [("default", 0.15), ("math_intensive", 0.015)] {
        let prediction = predicted.iter().find(|c| c.strategy_id == id).and_then(|c| c.prediction).unwrap();
        assert_eq!(prediction.runs, 3);
        assert!((prediction.median_s / seconds - 1.0).abs() < 0.05, "{prediction:?}");
    }
    let unknown = Feedback { work, machine, strategy_id: "nope", time_ms: 1.0, is_success: true };
    assert!(optimizer.feedback(&unknown).is_err());
}

#[test]
fn memory_holds_so_many_pieces_of_work_and_no_more() {
    let mut world = World::new(0);
    let mut optimizer = Optimizer::new(OptimizerConfig { memory_size: 8, ..OptimizerConfig::default() });
    for at in 0..40 {
        world.run(&mut optimizer, at);
    }
    assert_eq!(optimizer.known(), 8);
}

#[test]
fn the_fastest_right_implementation_of_a_function_is_found() {
    let now = std::rc::Rc::new(std::cell::Cell::new(std::time::Duration::ZERO));
    // Implementations say what they cost: the clock is theirs.
    let cost = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
    let takes = |micros: u64, result: u64| {
        let cost = std::sync::Arc::clone(&cost);
        move |input: &u64| {
            cost.store(micros, std::sync::atomic::Ordering::Relaxed);
            input * result
        }
    };
    let config = OptimizerConfig::default();
    let mut square = Implementations::new(takes(9000, 2), |a: &u64, b: &u64| a == b, config);
    square.add("quick", takes(900, 2)).unwrap();
    square.add("wrong", takes(10, 3)).unwrap();
    let clock = {
        let (cost, now) = (std::sync::Arc::clone(&cost), std::rc::Rc::clone(&now));
        move || {
            let micros = cost.swap(0, std::sync::atomic::Ordering::Relaxed);
            now.set(now.get() + std::time::Duration::from_micros(micros));
            now.get()
        }
    };
    let (machine, mut chance) = (Machine::ordinary("box", 1, 1e9), StdRng::seed_from_u64(5));
    let work = work(0, features(10.0));
    for _ in 0..60 {
        assert_eq!(square.run(&21, &work, &machine, &mut chance, &clock), 42);
    }
    let before = now.get();
    square.run(&21, &work, &machine, &mut chance, &clock);
    assert_eq!((now.get() - before).as_micros(), 900);
}

#[test]
fn a_report_is_a_page_with_its_plots() {
    let mut world = World::new(0);
    let mut optimizer = Optimizer::new(OptimizerConfig::default());
    assert!(optimizer.report().contains("Nothing was run yet"));
    for at in 0..40 {
        world.run(&mut optimizer, at);
    }
    let page = optimizer.report();
    assert_eq!(page.matches("<svg").count(), 3);
    assert_eq!(page.matches("<rect").count(), 1, "a bar for each pattern that ran");
    assert!(page.contains("tensor mathematics"));
}
