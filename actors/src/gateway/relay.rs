//! Requests that the leader must carry out, asked of any node: passed on, and asked again through an election.

use std::time::Duration;

use nexus_wire::limits::WAIT_MAX;
use nexus_wire::{ClusterRequest, NodeState, Refusal, RelayedCaller, Request, Response};
use tokio::time::Instant;

use super::GatewayState;
use crate::codes;
use crate::control::{ControlPlane, refusal};
use crate::leader_link::{Found, LeaderLink, ask_peer, from_link};
use crate::roles::Caller;

/// How long a request waits for a leader: several elections. Without a majority there is none, and the answer says so.
const LEADER_PATIENCE: Duration = Duration::from_secs(10);
/// Pause before the leader is looked for again: a tenth of an election timeout.
const PAUSE: Duration = Duration::from_millis(50);

/// How long a status waits for the leader: longer than an election takes.
const STATUS_PATIENCE: Duration = Duration::from_secs(3);

/// Why an attempt came to nothing.
enum Failed {
    /// Nothing was done: no leader could be reached, or it is none any more.
    Nothing(Refusal),
    /// It may have been done: the way to the leader was lost, or the leadership.
    Unknown(Refusal),
    /// The leader's answer.
    Refused(Refusal),
}

impl GatewayState {
    /// Carries `request` out at the leader, wherever that is by then. What can be repeated is repeated while leaders
    /// change; the rest is answered "unknown" where it was lost on the way.
    pub(super) async fn at_leader(
        &self,
        control: &ControlPlane,
        leader: &LeaderLink,
        caller: Caller,
        request: Request,
    ) -> Result<Response, Refusal> {
        let begun = Instant::now();
        let mut lost_at = begun;
        loop {
            let request = match remaining(&request, begun) {
                Some(request) => request,
                None => request.clone(),
            };
            let attempted_at = Instant::now();
            let (failed, again) = match self.attempt(control, leader, &caller, &request).await {
                Ok(response) => return Ok(response),
                Err(Failed::Refused(refusal)) => return Err(refusal),
                Err(Failed::Nothing(refusal)) => (refusal, true),
                Err(Failed::Unknown(refusal)) => (refusal, is_repeatable(&request)),
            };
            // A leader that was there for some time and is lost now starts the patience anew: waiting clients go on.
            if attempted_at.elapsed() > LEADER_PATIENCE {
                lost_at = Instant::now();
            }
            if !again || lost_at.elapsed() > LEADER_PATIENCE {
                return Err(with_time(failed, begun.elapsed()));
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The status, current where a leader can be reached, else what this node knows, which says that no leader is there.
    pub(super) async fn status_anyhow(
        &self,
        control: &ControlPlane,
        leader: &LeaderLink,
        caller: Caller,
    ) -> Result<Response, Refusal> {
        match tokio::time::timeout(STATUS_PATIENCE, self.at_leader(control, leader, caller, Request::GetStatus)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(refusal)) if refusal.code != codes::NO_LEADER => Err(refusal),
            Ok(Err(_)) | Err(_) => {
                let mut status = control.status_local(self.node).await;
                status.leader = None;
                // Of the others nothing is known; this one is up, or it would not answer.
                let own = status.nodes.iter_mut().find(|view| view.node == self.node);
                own.into_iter().for_each(|view| view.state = NodeState::Up);
                Ok(Response::Status(Box::new(status)))
            }
        }
    }

    async fn attempt(
        &self,
        control: &ControlPlane,
        leader: &LeaderLink,
        caller: &Caller,
        request: &Request,
    ) -> Result<Response, Failed> {
        match leader.find().await {
            Err(error) => Err(Failed::Nothing(no_leader(control, &error.to_string()))),
            Ok(Found::Here) => {
                let carried_out = self.carry_out_here(control, caller.clone(), request.clone()).await;
                carried_out.map_err(judge)
            }
            Ok(Found::There { node, peer }) => {
                let relayed = relay(caller, request.clone());
                let answer = tokio::select! {
                    answer = ask_peer(&peer, &relayed) => answer,
                    // Only where asking again does no harm: the old leader's answer may still come.
                    () = control.until_other_leader(node), if is_repeatable(request) => {
                        return Err(Failed::Nothing(no_leader(control, "the leader has changed")));
                    }
                };
                match answer {
                    Ok(Ok(response)) => Ok(response),
                    Ok(Err(refusal)) => Err(judge(refusal)),
                    Err(error) => Err(Failed::Unknown(Refusal {
                        code: codes::TIMED_OUT.to_owned(),
                        message: format!("the leader was lost before it answered: {error}"),
                        ..from_link(error)
                    })),
                }
            }
        }
    }
}

/// The last failure names the time of its own attempt; whoever asked has waited for all of them.
fn with_time(mut failed: Refusal, waited: Duration) -> Refusal {
    if failed.code == codes::NO_LEADER && waited >= Duration::from_secs(1) {
        let seconds = waited.as_secs_f64().round();
        failed.message.push_str(&format!("; the cluster was asked for {seconds} s in all"));
    }
    failed
}

/// What the leader's refusal says about the request.
fn judge(refusal: Refusal) -> Failed {
    match refusal.code.as_str() {
        codes::NO_LEADER => Failed::Nothing(refusal),
        codes::TIMED_OUT => Failed::Unknown(refusal),
        _ => Failed::Refused(refusal),
    }
}

/// Whether what failed so may have been done, or is asked again at the next leader.
pub(super) fn may_be_done_yet(refusal: &Refusal) -> bool {
    matches!(refusal.code.as_str(), codes::NO_LEADER | codes::TIMED_OUT)
}

/// Whether carrying `request` out twice is the same as once.
fn is_repeatable(request: &Request) -> bool {
    !matches!(request, Request::SubmitJob { key: None, .. })
}

/// A wait with the patience that is left of it; `None` for anything else.
fn remaining(request: &Request, begun: Instant) -> Option<Request> {
    let Request::WaitJob { job, seen, patience } = request else { return None };
    let patience = (*patience).min(WAIT_MAX).saturating_sub(begun.elapsed());
    Some(Request::WaitJob { job: *job, seen: *seen, patience })
}

fn relay(caller: &Caller, request: Request) -> Request {
    let caller = match caller {
        // A machine that wants to join is let in by its token, whoever brings it.
        Caller::Anonymous => RelayedCaller { role: nexus_model::NodeRole::Viewer, node: None, name: String::new() },
        Caller::Member { role, node, name } => RelayedCaller { role: *role, node: *node, name: name.clone() },
    };
    Request::Cluster(Box::new(ClusterRequest::Relay { caller, request: Box::new(request) }))
}

fn no_leader(control: &ControlPlane, why: &str) -> Refusal {
    let voters = control.voters();
    let help = match voters.len() {
        0 => "is the node that it joined through running, and reachable?".to_owned(),
        count => {
            format!("{} of {count} voters must be up and reach each other; `nexus status` shows them", count / 2 + 1)
        }
    };
    Refusal {
        help: Some(help),
        retry_after: Some(PAUSE * 10),
        ..refusal(codes::NO_LEADER, format!("no leader can be reached: {why}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waited_for_several_attempts_is_told_of_all_of_them() {
        let last = refusal(codes::NO_LEADER, "no leader can be reached: no answer (waited 5 s)".to_owned());
        let told = with_time(last.clone(), Duration::from_millis(14_500));
        assert!(told.message.ends_with("(waited 5 s); the cluster was asked for 15 s in all"), "{told}");
        assert_eq!(with_time(last.clone(), Duration::from_millis(200)), last);
    }
}
