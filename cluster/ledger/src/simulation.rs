//! The ledger and the scheduler together in a small world of chance: submissions, assignments, reports, and every fault that
//! reaches them. The seed draws a plan (which faults there are, and how often) and then what happens; after each step every
//! invariant is checked. For each guard of `guard.rs` a test proves that the simulation sees it missing.
//!
//! `NEXUS_SEED=17 cargo test -p nexus-ledger simulation` replays one seed, `NEXUS_SEEDS=1000` runs more, from
//! `NEXUS_SEED_FROM` on.

mod chance;
mod history;
mod invariants;
mod machines;
mod plan;
mod submissions;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::guard::{Guard, without};
use world::World;

/// Steps of chance before everything is allowed to end.
const STEPS: u32 = 400;
/// Seeds of a plain test run; CI asks for more.
const SEEDS: u64 = 8;
/// Seeds within which a missing guard must show.
const MUTANT_SEEDS: u64 = 40;

/// Names the seed where its run panics.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            replay_line(self.0);
        }
    }
}

fn replay_line(seed: u64) {
    println!("replay: NEXUS_SEED={seed} cargo test -p nexus-ledger simulation -- --nocapture");
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn run(seed: u64) -> Vec<u8> {
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        world.step();
    }
    world.settle();
    world.replay();
    world.snapshot()
}

fn named_run(seed: u64) {
    let _name = Seed(seed);
    run(seed);
}

#[test]
fn chance_breaks_no_promise() {
    if let Some(seed) = number("NEXUS_SEED") {
        return named_run(seed);
    }
    let from = number("NEXUS_SEED_FROM").unwrap_or(1);
    (from..from + number("NEXUS_SEEDS").unwrap_or(SEEDS)).for_each(named_run);
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    assert!(run(7) == run(7));
}

/// Some seed within the bound fails without the guard.
fn is_seen_when_missing(guard: Guard) {
    let fails = |seed| without(guard, || catch_unwind(AssertUnwindSafe(|| run(seed))).is_err());
    assert!((1..=MUTANT_SEEDS).any(fails), "no seed up to {MUTANT_SEEDS} sees that {guard:?} is missing");
}

#[test]
fn a_late_report_that_counts_is_seen() {
    is_seen_when_missing(Guard::CurrentToken);
}

#[test]
fn a_report_of_another_node_that_counts_is_seen() {
    is_seen_when_missing(Guard::HoldingNode);
}

#[test]
fn losses_that_do_not_count_are_seen() {
    is_seen_when_missing(Guard::LossesCount);
}

#[test]
fn attempts_without_end_are_seen() {
    is_seen_when_missing(Guard::AttemptsEnd);
}

#[test]
fn a_cancel_that_leaves_out_what_runs_is_seen() {
    is_seen_when_missing(Guard::CancelHeld);
}

#[test]
fn a_key_that_gives_two_jobs_is_seen() {
    is_seen_when_missing(Guard::KnownKey);
}

#[test]
fn an_entry_that_is_applied_twice_is_seen() {
    is_seen_when_missing(Guard::AppliedOnce);
}

#[test]
fn a_removed_node_that_keeps_its_tasks_is_seen() {
    is_seen_when_missing(Guard::RemovedGivesBack);
}

#[test]
fn tasks_that_a_returned_worker_has_forgotten_are_seen() {
    is_seen_when_missing(Guard::ReturnedKeeps);
}

#[test]
fn tasks_of_strangers_are_seen() {
    is_seen_when_missing(Guard::MembersOnly);
}

#[test]
fn a_task_that_does_not_rest_is_seen() {
    is_seen_when_missing(Guard::RestingRests);
}

#[test]
fn a_job_that_does_not_wait_is_seen() {
    is_seen_when_missing(Guard::WaitsForOthers);
}

#[test]
fn a_deadline_that_passes_is_seen() {
    is_seen_when_missing(Guard::DeadlineEnds);
}

#[test]
fn a_token_of_two_members_is_seen() {
    is_seen_when_missing(Guard::TokenOnce);
}

#[test]
fn a_removed_machine_that_is_back_is_seen() {
    is_seen_when_missing(Guard::RemovedStaysOut);
}

#[test]
fn a_second_loss_that_is_guessed_is_seen() {
    is_seen_when_missing(Guard::SecondLossIsSure);
}

#[test]
fn what_had_begun_and_is_not_lost_is_seen() {
    is_seen_when_missing(Guard::BegunIsLost);
}

#[test]
fn a_snapshot_that_forgets_losses_is_seen() {
    is_seen_when_missing(Guard::SnapshotKeepsLosses);
}

#[test]
fn a_task_that_is_given_out_while_all_work_is_stopped_is_seen() {
    is_seen_when_missing(Guard::StoppedStops);
}
