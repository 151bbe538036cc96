//! Writes down what people do to the cluster, before it is done; a machine that joins, once it has. An act that is refused then
//! has an entry behind it that says so.
//!
//! What a node does by itself, and what it passes on for others who were written down, is nobody's act.

use std::time::Duration;

use nexus_ledger::Command;
use nexus_model::{NodeId, NodeRole};
use nexus_wire::limits::AUDIT_TEXT_BYTES_MAX;
use nexus_wire::{AuditRequest, ClusterRequest, ClusterResponse, Refusal, Request, Response};

use super::GatewayState;
use crate::codes;
use crate::control::{ControlPlane, now_ms};
use crate::roles::{Caller, is_node};

/// What a node is told to do is done also where no leader writes it down in this time: a node can always be stopped.
const PATIENCE: Duration = Duration::from_secs(1);

impl GatewayState {
    /// Writes down an act that the leader is about to carry out, and gives it back.
    pub(super) async fn record(
        &self,
        control: &ControlPlane,
        caller: &Caller,
        request: &Request,
    ) -> Result<Option<Act>, Refusal> {
        match act(caller, request) {
            Some(act) if !matches!(request, Request::Join(_)) => {
                let by = who(caller);
                write(control, by.clone(), act.clone()).await?;
                Ok(Some(Act { by, act }))
            }
            _ => Ok(None),
        }
    }

    /// Writes down that an act that stands in the log was not carried out. Whoever asked is told of the refusal anyway.
    pub(super) async fn record_refused(&self, control: &ControlPlane, act: Act, refused: &Refusal) {
        let Act { by, act } = act;
        if let Err(error) = write(control, by, refused_text(&act, refused)).await {
            tracing::warn!(act, reason = %error, "that this was refused is not in the audit log");
        }
    }

    /// Writes down that a machine has joined.
    pub(super) async fn record_join(
        &self,
        control: &ControlPlane,
        act: Option<String>,
        joined: &Response,
    ) -> Result<(), Refusal> {
        match (act, joined) {
            (Some(act), Response::Joined(joined)) => {
                let by = if act.starts_with("login") { "a person with a token" } else { "a machine with a token" };
                write(control, by.to_owned(), format!("{act} as {}", joined.node)).await
            }
            _ => Ok(()),
        }
    }

    /// Whether this node carries out by itself what changes it.
    pub(super) fn needs_no_leader(&self, request: &Request) -> bool {
        let node = match request {
            Request::StopNode(node) => node,
            Request::Cluster(request) => match &**request {
                ClusterRequest::DrainNode { node, .. } => node,
                _ => return false,
            },
            _ => return false,
        };
        node.is_none_or(|node| node == self.node)
    }

    /// Has the leader write down an act that this node carries out itself.
    pub(super) async fn tell_act(&self, control: &ControlPlane, caller: &Caller, request: &Request) {
        let (Some(act), Some(leader)) = (act(caller, request), &self.leader) else { return };
        let act = act.strip_suffix("here").map(|act| format!("{act}{}", self.node)).unwrap_or(act);
        let tell = AuditRequest::Write { by: cut(who(caller)), act: cut(act) };
        let node = Caller::Member { role: NodeRole::Worker, node: Some(self.node), name: String::new() };
        let told = self.at_leader(control, leader, node, Request::Cluster(Box::new(ClusterRequest::Audit(tell))));
        match tokio::time::timeout(PATIENCE, told).await {
            Ok(Ok(_)) => {}
            Ok(Err(refusal)) => {
                tracing::warn!(reason = %refusal, "what this node was told to do is not in the audit log")
            }
            Err(_) => tracing::warn!("no leader wrote down in time what this node was told to do"),
        }
    }

    /// What is asked of a leader about acts.
    pub(super) async fn carry_out_audit(
        &self,
        control: &ControlPlane,
        caller: &Caller,
        request: AuditRequest,
    ) -> Result<Response, Refusal> {
        match request {
            AuditRequest::Read { from } => {
                let page = control.read(|ledger| ledger.audit(from)).await?;
                Ok(Response::Cluster(Box::new(ClusterResponse::Audit(page))))
            }
            // A member's word for who asked it: the log says whose word it is.
            AuditRequest::Write { by, act } => {
                let by = match caller {
                    Caller::Member { node: Some(node), .. } => format!("{by}, says {node}"),
                    Caller::Member { node: None, .. } | Caller::Anonymous => by,
                };
                write(control, by, act).await.map(|()| Response::Done)
            }
        }
    }
}

/// An act that was written down.
pub(super) struct Act {
    by: String,
    act: String,
}

/// What stands in the log of an act that was refused.
fn refused_text(act: &str, refused: &Refusal) -> String {
    // The reason is for whoever asked; the code stays where the text is cut.
    format!("refused ({}): {act}", refused.code)
}

async fn write(control: &ControlPlane, by: String, act: String) -> Result<(), Refusal> {
    match control.propose(Command::Record { by: cut(by), act: cut(act), at_ms: now_ms() }).await {
        // While a node is there that knows of no such log, there is none: what people do must not wait for it.
        Err(refusal) if refusal.code == codes::PROTOCOL_NOT_YET => Ok(()),
        written => written.map(drop),
    }
}

/// Who acts, as their certificate says.
pub(super) fn who(caller: &Caller) -> String {
    match caller {
        Caller::Anonymous => "a machine with a token".to_owned(),
        Caller::Member { role, node: Some(node), name } => format!("{name} ({}, from {node})", role.name()),
        Caller::Member { role, node: None, name } => format!("{name} ({})", role.name()),
    }
}

/// What a request does to the cluster, as the command line says it; nothing where it only looks, where it is about jobs,
/// or where a node asks on its own.
pub(super) fn act(caller: &Caller, request: &Request) -> Option<String> {
    if let Caller::Member { role, name, .. } = caller
        && is_node(*role)
        && name.is_empty()
    {
        return None;
    }
    let or_here = |node: &Option<NodeId>| node.map_or_else(|| "here".to_owned(), |node| node.to_string());
    Some(match request {
        Request::CreateToken { role, .. } => format!("token create --role {}", role.name()),
        Request::StopNode(node) => format!("node stop {}", or_here(node)),
        Request::Join(join) if join.address.is_empty() => format!("login of {}", join.name),
        Request::Join(join) => format!("join of {} at {}", join.name, join.address),
        Request::Cluster(request) => match &**request {
            ClusterRequest::SetVoters(voters) => {
                voters.iter().fold("voters set".to_owned(), |text, node| format!("{text} {node}"))
            }
            ClusterRequest::ForgetNode(node) => format!("node forget {node}"),
            ClusterRequest::StopWork { stopped: true } => "cluster stop-all".to_owned(),
            ClusterRequest::StopWork { stopped: false } => "cluster resume".to_owned(),
            ClusterRequest::DrainNode { node, draining } => {
                format!("node drain{} {}", if *draining { "" } else { " --undo" }, or_here(node))
            }
            ClusterRequest::LabelNode { node, changes } => {
                changes.iter().fold(format!("node label {node}"), |text, (name, value)| match value {
                    Some(value) => format!("{text} {name}={value}"),
                    None => format!("{text} {name}-"),
                })
            }
            _ => return None,
        },
        _ => return None,
    })
}

/// The text as far as an entry takes it.
fn cut(mut text: String) -> String {
    if text.len() > AUDIT_TEXT_BYTES_MAX {
        let mut end = AUDIT_TEXT_BYTES_MAX - '…'.len_utf8();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person() -> Caller {
        Caller::Member { role: NodeRole::Admin, node: Some(NodeId(1)), name: "ada".into() }
    }

    #[test]
    fn acts_are_said_as_commands_and_looking_is_none() {
        let labels = vec![("zone".to_owned(), Some("home".to_owned())), ("gpu".to_owned(), None)];
        let cluster = |request| Request::Cluster(Box::new(request));
        for (request, said) in [
            (Request::StopNode(None), Some("node stop here")),
            (Request::StopNode(Some(NodeId(2))), Some("node stop node-2")),
            (cluster(ClusterRequest::SetVoters(vec![NodeId(1), NodeId(2)])), Some("voters set node-1 node-2")),
            (
                cluster(ClusterRequest::LabelNode { node: NodeId(2), changes: labels }),
                Some("node label node-2 zone=home gpu-"),
            ),
            (cluster(ClusterRequest::DrainNode { node: None, draining: false }), Some("node drain --undo here")),
            (cluster(ClusterRequest::StopWork { stopped: true }), Some("cluster stop-all")),
            (Request::GetStatus, None),
            (cluster(ClusterRequest::FindLeader), None),
        ] {
            assert_eq!(act(&person(), &request).as_deref(), said, "{request:?}");
        }
        let node = Caller::Member { role: NodeRole::Voter, node: Some(NodeId(1)), name: String::new() };
        assert_eq!(act(&node, &Request::StopNode(None)), None, "what a node passes on was written down before");
        assert_eq!(who(&person()), "ada (admin, from node-1)");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let long = cut("é".repeat(AUDIT_TEXT_BYTES_MAX));
        assert!(long.len() <= AUDIT_TEXT_BYTES_MAX && long.ends_with('…'), "{}", long.len());
        assert_eq!(cut("short".into()), "short");
    }
}
