//! The speed bars of timelines: `cargo run --release -p nexus-echo --example bars [append|million|checks|rollouts]…`. One
//! line each: median and worst of the runs.

#![expect(clippy::print_stdout, reason = "the results are this program's output")]

use std::hint::black_box;
use std::time::Instant;

use nexus_echo::check::{Checker, check};
use nexus_echo::forecast::{Choices, Settings, forecast};
use nexus_echo::{EventKind, Graph, Micros, TimeNode, Timeline, TimelineKind, Trigger, TriggerKind};

fn report(name: &str, unit: &str, mut runs: Vec<f64>) {
    runs.sort_by(f64::total_cmp);
    println!("{name:<44} {:>10.3} {unit} (worst {:.3})", runs[runs.len() / 2], runs[runs.len() - 1]);
}

fn timed(runs: usize, each: f64, mut work: impl FnMut()) -> Vec<f64> {
    let once = |_| {
        let started = Instant::now();
        work();
        started.elapsed().as_secs_f64() * 1e6 / each
    };
    (0..runs).map(once).collect()
}

fn node(at: usize) -> TimeNode {
    TimeNode::new(format!("event {at}"), EventKind::Planned, Micros(at as i64 * 1_000))
}

/// Each event comes from one shortly before, and some need another.
fn trigger(at: usize, back: usize, kind: TriggerKind) -> Trigger {
    Trigger::new(format!("event {}", at - back), kind, format!("event {at}")).within(Micros(500), Micros(1_000_000))
}

fn grown(events: usize) -> Timeline {
    let mut timeline = Timeline::new("bars", TimelineKind::Primary);
    for at in 0..events {
        timeline.append(node(at)).expect("the name is new");
        if at > 0 {
            timeline.link(trigger(at, 1 + at % 7.min(at), TriggerKind::Causes)).expect("both are there");
        }
        if at > 40 && at % 3 == 0 {
            timeline.link(trigger(at, 20 + at % 19, TriggerKind::Enables)).expect("both are there");
        }
    }
    timeline
}

fn append() {
    const APPENDS: usize = 200_000;
    let append = |_| {
        let nodes: Vec<TimeNode> = (0..APPENDS).map(node).collect();
        let mut timeline = Timeline::new("bars", TimelineKind::Primary);
        let started = Instant::now();
        nodes.into_iter().for_each(|node| drop(timeline.append(node)));
        started.elapsed().as_secs_f64() * 1e6 / APPENDS as f64
    };
    report("append, hash-chained (200,000)", "us", (0..7).map(append).collect());
}

fn million() {
    let million = grown(1_000_000);
    let fork = || drop(black_box(million.fork("branch", TimelineKind::Alternative, None)));
    report("fork of 1,000,000 events", "us", timed(1_000, 1.0, fork));
    let mut position = 1_u64;
    let read = || {
        position = position * 6_364_136_223_846_793_005 % million.len();
        black_box(million.node_at("event 77", position).expect("the position exists"));
    };
    report("read as of a position, of 1,000,000 events", "us", timed(1_000, 1.0, read));
}

fn checks() {
    let fifty = grown(50_000);
    report("full check, 50,000 events", "ms", timed(20, 1e3, || assert!(black_box(check(&fifty)).is_consistent())));
    let mut checker = Checker::new();
    checker.follow(&fifty);
    checker.report();
    batches(&fifty, &checker);
    let mut growing = fifty.clone();
    let mut next = 50_000;
    let follow = || {
        growing.append(node(next)).expect("the name is new");
        growing.link(trigger(next, 1, TriggerKind::Causes)).expect("both are there");
        next += 1;
        checker.follow(&growing);
        assert!(checker.report().is_consistent());
    };
    report("append, link and check what changed, 50,000", "us", timed(2_000, 1.0, follow));
}

/// Batches of 1,000 events on a timeline of 50,000: those that keep its order, and those after which the whole part that
/// they hang on has to be looked at again.
fn batches(fifty: &Timeline, seen: &Checker) {
    let batch = |spoils: fn(&mut Timeline, usize)| {
        let (mut growing, mut checker) = (fifty.clone(), seen.clone());
        for at in 50_000..51_000 {
            growing.append(node(at)).expect("the name is new");
            growing.link(trigger(at, 1 + at % 7, TriggerKind::Causes)).expect("both are there");
        }
        spoils(&mut growing, 50_990);
        let started = Instant::now();
        checker.follow(&growing);
        black_box(checker.report());
        started.elapsed().as_secs_f64() * 1e3
    };
    report("check of 1,000 new events, in order", "ms", (0..20).map(|_| batch(|_, _| ())).collect());
    let prevents = |growing: &mut Timeline, at: usize| {
        growing.link(trigger(at, 30_000, TriggerKind::Prevents)).expect("both are there");
    };
    report("check of 1,000 new events, one prevents", "ms", (0..20).map(|_| batch(prevents)).collect());
    let late = |growing: &mut Timeline, at: usize| {
        growing.append(TimeNode::new("early", EventKind::Planned, Micros(0))).expect("the name is new");
        growing.link(Trigger::new(format!("event {at}"), TriggerKind::Enables, "early")).expect("both are there");
    };
    report("check of 1,000 new events, one too early", "ms", (0..20).map(|_| batch(late)).collect());
}

fn rollouts() {
    let hundred = Graph::new(grown(100).state());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let settings = Settings { rollouts: 1_000_000, seed: 1, threads };
    let simulate = || drop(black_box(forecast(&hundred, &Choices::new(), settings)));
    report(&format!("10^6 rollouts of 100 events, {threads} threads"), "ms", timed(5, 1e3, simulate));
}

/// All of them, or those that are named.
fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let all: [(&str, fn()); 4] = [("append", append), ("million", million), ("checks", checks), ("rollouts", rollouts)];
    for (_, bar) in all.iter().filter(|(name, _)| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name)) {
        bar();
    }
}
