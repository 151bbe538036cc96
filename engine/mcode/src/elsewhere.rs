//! The way from a run to other machines that have the same program: who runs programs brings it, if there are any.
//!
//! The calls of a `map`, a `parallel for` or of spawned tasks are offered there once they have taken a while, the last
//! ones first, while the run's own threads go on from the front. Whoever has a result first counts, so that nothing is
//! lost or waited for where nobody takes the offer, takes only some of it, or never answers.

use std::time::Duration;

use nexus_model::{Diagnostic, Value as ModelValue};

use crate::compile::CompiledProgram;
use crate::run::RunRequest;
use crate::vm::sharing;

/// Other machines, as a run sees them.
pub trait Elsewhere: Sync {
    /// Offers calls in pieces `0..pieces`, the first of which is wanted first. Must not block. `None` where nobody can be
    /// asked. Dropping what it gives takes the offer back.
    fn offer(&self, calls: ModelValue, pieces: u32) -> Option<Box<dyn Offer>>;
}

/// Calls that were offered.
pub trait Offer {
    /// The pieces that came back since it was last asked, each as [`run_calls`] gave it; waits for the first one, for
    /// `patience` at most. `None` when no more will come.
    fn returned(&mut self, patience: Duration) -> Option<Vec<(u32, ModelValue)>>;
}

#[expect(clippy::result_large_err, reason = "a failed run is rare, and the diagnostic is what its caller wants")]
/// Runs one piece of calls that another run of this program offered. The request is that run's: the same inputs, limits,
/// execution and random stream; arguments and task are not looked at. Fails where the calls are not this program's, or the
/// run is cancelled; a call that fails is left to who offered it.
pub fn run_calls(
    program: &CompiledProgram,
    request: RunRequest<'_>,
    calls: &ModelValue,
    piece: u32,
) -> Result<ModelValue, Diagnostic> {
    sharing::run_piece(program, request, calls, piece)
}
