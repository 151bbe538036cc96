//! The optimiser's actor: at intervals it writes down what this process learned, and exchanges it with the leader, which
//! knows what the other nodes told.
//!
//! It decides nothing and chooses nothing: slots ask the [`Learner`] themselves, because a message to an actor costs more
//! than the choice. If it is lost, what was learned since the last interval is written by its successor. Experience that
//! is lost on the way is told again; told twice it changes nothing.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use nexus_wire::{ClusterRequest, ClusterResponse, Request, Response};

use super::Learner;
use crate::leader_link::{Found, LeaderLink, ask_peer};
use crate::omega::Lifeline;

/// Between two writings. What a crash loses is learned again.
const INTERVAL: Duration = Duration::from_secs(15);

/// The actor.
pub(crate) struct OptimizerKeeper {
    learner: Arc<Learner>,
    /// The way to the leader; none in a runtime that has no other nodes.
    leader: Option<LeaderLink>,
    _lifeline: Lifeline,
}

impl OptimizerKeeper {
    pub(crate) fn new(learner: Arc<Learner>, leader: Option<LeaderLink>, lifeline: Lifeline) -> Self {
        OptimizerKeeper { learner, leader, _lifeline: lifeline }
    }
}

impl Actor for OptimizerKeeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        // A node that comes back, or is new, begins with what its kind knows.
        ctx.run_later(Duration::ZERO, |keeper, ctx| keeper.round(ctx));
    }
}

impl OptimizerKeeper {
    /// Writes and exchanges, and comes again when both are done and the interval is over.
    fn round(&mut self, ctx: &mut Context<Self>) {
        let (learner, leader) = (Arc::clone(&self.learner), self.leader.clone());
        let work = async move {
            let saving = Arc::clone(&learner);
            // The disk may take its time; the arbiter has none. A panic in there was said already.
            let _ = tokio::task::spawn_blocking(move || save(&saving)).await;
            if let Some(leader) = leader {
                exchange(&learner, &leader).await;
            }
        };
        let again = |(), _: &mut Self, ctx: &mut Context<Self>| {
            ctx.run_later(INTERVAL, |keeper, ctx| keeper.round(ctx));
        };
        ctx.spawn(work.into_actor(self).map(again));
    }
}

/// Tells the leader what was learned here and takes what it knows of others.
async fn exchange(learner: &Arc<Learner>, leader: &LeaderLink) {
    // A leader that cannot be found now is found at the next interval; who leads is told by the others.
    let Ok(Found::There { node, peer }) = leader.find().await else { return };
    let request = Request::Cluster(Box::new(ClusterRequest::ShareExperience(learner.told())));
    let answer = match ask_peer(&peer, &request).await {
        Ok(Ok(Response::Cluster(answer))) => *answer,
        Ok(Err(refusal)) => return tracing::debug!(%node, code = refusal.code, "the leader shares no experience"),
        Ok(Ok(_)) | Err(_) => return,
    };
    let ClusterResponse::Experience(others) = answer else { return };
    let learner = Arc::clone(learner);
    let taking = move || {
        for (node, told) in others {
            if let Err(why) = learner.hear_told(node, &told) {
                tracing::warn!(%node, why, "what another node learned was not taken");
            }
        }
    };
    // A panic in there was said already.
    let _ = tokio::task::spawn_blocking(taking).await;
}

/// Writes what was learned; a disk that refuses is said once, and tried again at the next interval.
pub(crate) fn save(learner: &Learner) {
    let was_refused = learner.unsaved().is_some();
    match learner.save() {
        Err(error) if !was_refused => tracing::warn!(%error, "what the optimiser learned cannot be kept"),
        Ok(()) if was_refused => tracing::info!("what the optimiser learned can be kept again"),
        Err(_) | Ok(()) => {}
    }
}
