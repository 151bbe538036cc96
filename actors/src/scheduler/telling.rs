//! What workers are told of what was decided: what they were given, what has ended, and what comes.

use std::collections::BTreeMap;

use actix::prelude::*;
use nexus_ledger::{Command, Suspect};
use nexus_model::{AttemptToken, JobId, JobSpec, JobState, NodeId};
use nexus_wire::LeaderMessage;

use super::{ATTEMPTS_MAX, Granted, Scheduler, upkeep};
use crate::telemetry;

impl Scheduler {
    /// Jobs that wait for a slot, and nodes that should fetch their inputs meanwhile.
    pub(super) fn told_ahead(&mut self) -> Vec<(NodeId, JobId)> {
        let mut ahead = Vec::new();
        self.core.tell_ahead(&mut ahead);
        ahead.into_iter().map(|(job, node)| (node, job)).collect()
    }

    /// Tells workers what they were given, each job's description first, which jobs have ended, and of which jobs they should
    /// know ahead.
    pub(super) fn tell(
        &mut self,
        granted: Vec<Granted>,
        ended: Vec<(JobId, JobState)>,
        ahead: Vec<(NodeId, JobId)>,
        ctx: &mut Context<Self>,
    ) {
        if telemetry::is_on() {
            for (job, _) in &ended {
                ctx.spawn(upkeep::trace(self.control.clone(), *job).into_actor(self));
            }
        }
        let needed = granted.iter().map(|(node, attempt, _)| (*node, attempt.job)).chain(ahead);
        let undescribed: Vec<_> = needed.filter(|(node, job)| self.workers.needs_description(*node, *job)).collect();
        if undescribed.is_empty() && granted.iter().all(|(_, _, suspect)| *suspect == Suspect::No) {
            self.send_all(Vec::new(), granted, ended, ctx);
            return;
        }
        let control = self.control.clone();
        let described = async move {
            control
                .read_local(|ledger| {
                    let spec = |job| ledger.spec(job).map(|spec| Box::new(JobSpec::clone(spec)));
                    let described = undescribed.into_iter().filter_map(|(node, job)| Some((node, job, spec(job)?)));
                    (described.collect::<Vec<_>>(), ledger.protocol() >= Command::BEGUN)
                })
                .await
        };
        // Nothing overtakes the description: the mailbox waits until it is on its way.
        ctx.wait(described.into_actor(self).map(|(described, beginnings_are_written), scheduler, ctx| {
            let mut granted = granted;
            if !beginnings_are_written {
                granted.iter_mut().for_each(|(_, _, suspect)| *suspect = Suspect::No);
            }
            scheduler.send_all(described, granted, ended, ctx);
        }));
    }

    /// All that happened together goes to a worker as one: however much it is, it takes one place on the way.
    fn send_all(
        &mut self,
        described: Vec<(NodeId, JobId, Box<JobSpec>)>,
        mut granted: Vec<Granted>,
        ended: Vec<(JobId, JobState)>,
        ctx: &mut Context<Self>,
    ) {
        let mut told: BTreeMap<NodeId, Vec<LeaderMessage>> = BTreeMap::new();
        for (node, job, spec) in described {
            told.entry(node).or_default().push(LeaderMessage::DescribeJob { job, spec });
        }
        let mut newest = BTreeMap::<NodeId, AttemptToken>::new();
        for (node, attempt, _) in &granted {
            let newest = newest.entry(*node).or_insert(attempt.token);
            *newest = attempt.token.max(*newest);
        }
        granted.sort_by_key(|(node, _, suspect)| (*node, *suspect));
        for alike in granted.chunk_by(|a, b| (a.0, a.2) == (b.0, b.2)) {
            let assign = match alike[0].2 {
                Suspect::Yes => LeaderMessage::AssignSuspects,
                Suspect::No => LeaderMessage::AssignTasks,
            };
            let attempts =
                alike.chunks(ATTEMPTS_MAX).map(|piece| piece.iter().map(|(_, attempt, _)| *attempt).collect());
            told.entry(alike[0].0).or_default().extend(attempts.map(assign));
        }
        for (job, state) in ended {
            for node in self.workers.told_of(job) {
                let messages = told.entry(node).or_default();
                // Whatever ended it before its tasks did (a cancel, a deadline) ends what still runs of it.
                if state != JobState::Succeeded {
                    messages.push(LeaderMessage::CancelJob(job));
                }
                messages.push(LeaderMessage::ForgetJob(job));
            }
        }
        for (node, messages) in told {
            self.send(node, messages, ctx);
            if let Some(newest) = newest.get(&node) {
                // Where that failed the node is attached no more.
                self.workers.tell(node, *newest);
            }
        }
    }
}
