//! What must be true, one file each: of an effect before it is taken note of, of a step as a whole, of the ledger after it.
//! They panic where it is not.

mod attempts_are_bounded;
mod books_balance;
mod cancels_hold;
mod deadlines_hold;
mod ends_are_final;
mod keys_are_jobs;
mod lost_workers_quarantine;
mod members_hold;
mod only_current_attempts_count;
mod refusals_change_nothing;
mod reports_decide;
mod reused_results_were_made;
mod second_losses_are_sure;
mod stopped_stops;
mod tokens_admit_once;
mod tokens_rise;
mod waiting_waits;

use std::collections::BTreeSet;

use nexus_model::JobId;

use super::history::{History, Step};
use crate::{Effect, Ledger};

/// Before `history` takes note of the effect.
pub(crate) fn before_effect(step: &Step<'_>, effect: &Effect, history: &History) {
    attempts_are_bounded::before(effect, history);
    cancels_hold::before(effect, history);
    deadlines_hold::before(step, effect, history);
    ends_are_final::before(step, effect, history);
    members_hold::before(effect, history);
    reports_decide::before(step, effect, history);
    second_losses_are_sure::before(step, effect, history);
    stopped_stops::before(effect, history);
    tokens_rise::before(step, effect, history);
    waiting_waits::before(step, effect, history);
}

/// After `history` has taken note of everything but the answer.
pub(crate) fn after_effects(step: &Step<'_>, history: &History) {
    keys_are_jobs::after(step, history);
    lost_workers_quarantine::after(history);
    only_current_attempts_count::after(step);
    refusals_change_nothing::after(step);
    tokens_admit_once::after(step, history);
}

/// After everything; `some` are the only jobs to look at, where it is not time for all of them.
pub(crate) fn of_ledger(history: &History, ledger: &Ledger, some: Option<&BTreeSet<JobId>>) {
    books_balance::check(history, ledger, some);
    members_hold::check(history, ledger);
    reused_results_were_made::check(history, ledger, some);
}

/// After a wake-up at this time.
pub(crate) fn after_wake(at_ms: u64, history: &History) {
    deadlines_hold::after(at_ms, history);
}
