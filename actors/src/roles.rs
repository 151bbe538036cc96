//! Who may ask for what: the one table of permissions. What is not allowed here is denied.

use nexus_model::{NodeId, NodeRole};
use nexus_wire::{AuditRequest, ClusterRequest, RelayedCaller, Request, ScheduleRequest, TimelineRequest};

/// Who asks, as proved by the certificate of the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Caller {
    /// No certificate: a machine that wants to join.
    Anonymous,
    /// A certificate of this cluster.
    Member {
        /// Its role.
        role: NodeRole,
        /// The node that it belongs to; for a person's certificate, the node on which it was issued.
        node: Option<NodeId>,
        /// The name on it, for logs and job lists; empty where the submission may name its user itself.
        name: String,
    },
}

impl Caller {
    /// The caller inside this process: the user who runs `nexus run`.
    pub(crate) const fn local() -> Caller {
        Caller::Member { role: NodeRole::Admin, node: None, name: String::new() }
    }

    /// Whether it is a node, not a person on its machine.
    pub(crate) fn is_of_node(&self) -> bool {
        matches!(self, Caller::Member { role, .. } if is_node(*role))
    }
}

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    /// To be nobody yet.
    Join,
    /// To look at jobs, nodes and the cluster.
    Look,
    /// To submit, cancel, and move the blobs of jobs.
    Submit,
    /// To stop or drain a node.
    Operate(Option<NodeId>),
    /// To stop and drain any node, and all work.
    OperateAll,
    /// To change the cluster.
    Administer,
    /// To take part in the log.
    Vote,
    /// To be one of the machines.
    BeNode,
}

fn right_for(request: &Request) -> Right {
    match request {
        Request::Join(_) => Right::Join,
        Request::ListJobs { .. }
        | Request::ShowJob(_)
        | Request::ListTasks { .. }
        | Request::WaitJob { .. }
        | Request::ExplainJob { .. }
        | Request::ReadLog(_)
        | Request::UnmetNeeds(_)
        | Request::ListNodes
        | Request::GetStatus => Right::Look,
        Request::SubmitJob { .. }
        | Request::CancelJob(_)
        | Request::RetryJob(_)
        | Request::ReadBlob { .. }
        | Request::WriteBlob { .. } => Right::Submit,
        // It takes time and memory of the node, as a job does.
        Request::Decide(_) => Right::Submit,
        Request::CreateToken { .. } => Right::Administer,
        Request::StopNode(node) => Right::Operate(*node),
        Request::Raft(_) => Right::Vote,
        Request::Cluster(request) => right_in_cluster(request),
        Request::Timeline(request) => right_of_timelines(request),
        Request::Schedule(request) => match **request {
            ScheduleRequest::List => Right::Look,
            ScheduleRequest::Create { .. } | ScheduleRequest::Remove(_) => Right::Submit,
        },
    }
}

fn right_in_cluster(request: &ClusterRequest) -> Right {
    match request {
        ClusterRequest::FindLeader
        | ClusterRequest::ListLabels
        | ClusterRequest::ReadEngine
        | ClusterRequest::ReadHealth => Right::Look,
        // What is passed on is looked at again, for who asked.
        ClusterRequest::Relay { .. }
        | ClusterRequest::Renew { .. }
        | ClusterRequest::ShareExperience(_)
        | ClusterRequest::ReadHeldLog(_)
        | ClusterRequest::ReadBlobOutline(_)
        | ClusterRequest::FindBlobs(_)
        | ClusterRequest::Audit(AuditRequest::Write { .. }) => Right::BeNode,
        ClusterRequest::Audit(AuditRequest::Read { .. }) => Right::Administer,
        ClusterRequest::SetVoters(_) | ClusterRequest::ForgetNode(_) => Right::Administer,
        ClusterRequest::DrainNode { node, .. } => Right::Operate(*node),
        ClusterRequest::LabelNode { node, .. } => Right::Operate(Some(*node)),
        ClusterRequest::StopWork { .. } => Right::OperateAll,
        ClusterRequest::BecomeVoter => Right::Vote,
    }
}

fn right_of_timelines(request: &TimelineRequest) -> Right {
    match request {
        TimelineRequest::JobLife(_) | TimelineRequest::NodeLife(_) | TimelineRequest::RunsLike(_) => Right::Look,
        TimelineRequest::Kept { ask, .. } if ask.is_look() => Right::Look,
        // What a machine keeps is its user's.
        TimelineRequest::Kept { node, .. } => Right::Operate(*node),
    }
}

/// Only the certificates of machines have these roles.
pub(crate) fn is_node(role: NodeRole) -> bool {
    matches!(role, NodeRole::Worker | NodeRole::Voter)
}

/// On whose behalf `sender`, a node, passes on a request. A voter could sign itself any certificate, so its word is
/// taken. A worker speaks for its own users only, and never for more than submitters: an administrator gives commands
/// at a voter.
pub(crate) fn relayed(sender: &Caller, claimed: RelayedCaller) -> Caller {
    let RelayedCaller { role, node, name } = claimed;
    match sender {
        Caller::Member { role: NodeRole::Voter, .. } => Caller::Member { role, node, name },
        Caller::Member { role: own_role, node: own, .. } if node == *own => {
            let role = match role {
                NodeRole::Viewer => NodeRole::Viewer,
                NodeRole::Worker => *own_role,
                NodeRole::Submitter | NodeRole::Operator | NodeRole::Admin | NodeRole::Voter => NodeRole::Submitter,
            };
            Caller::Member { role, node, name }
        }
        Caller::Member { node, .. } => Caller::Member { role: NodeRole::Viewer, node: *node, name },
        Caller::Anonymous => Caller::Anonymous,
    }
}

/// Whether `caller` may ask this of the node `here`. Workers may submit: a machine that runs what the cluster sends it is
/// trusted to send work too, and its user's commands travel through it.
pub(crate) fn allowed(caller: &Caller, request: &Request, here: NodeId) -> bool {
    let Caller::Member { role, node, .. } = caller else {
        return right_for(request) == Right::Join;
    };
    match right_for(request) {
        Right::Join => false,
        Right::Look => true,
        Right::Submit => *role != NodeRole::Viewer,
        Right::Operate(target) => {
            // A voter passes on what an operator asked of it.
            matches!(role, NodeRole::Operator | NodeRole::Admin | NodeRole::Voter)
                || (*role != NodeRole::Viewer && *node == Some(target.unwrap_or(here)))
        }
        Right::OperateAll => matches!(role, NodeRole::Operator | NodeRole::Admin),
        Right::Administer => *role == NodeRole::Admin,
        Right::Vote => *role == NodeRole::Voter,
        Right::BeNode => is_node(*role) && node.is_some(),
    }
}

#[cfg(test)]
mod tests {
    use nexus_model::JobId;
    use std::time::Duration;

    use super::*;

    fn member(role: NodeRole, node: u64) -> Caller {
        Caller::Member { role, node: Some(NodeId(node)), name: String::new() }
    }

    #[test]
    fn a_stranger_may_only_join() {
        let join = Request::Join(Box::new(nexus_wire::JoinRequest {
            token: String::new(),
            csr_pem: String::new(),
            client_csr_pem: String::new(),
            name: String::new(),
            address: String::new(),
            capacity: nexus_model::NodeCapacity { slots: 1, memory_bytes: 0, devices: vec![] },
        }));
        assert!(allowed(&Caller::Anonymous, &join, NodeId(1)));
        for request in [Request::GetStatus, Request::ListNodes, Request::Raft(vec![]), Request::CancelJob(JobId(1))] {
            assert!(!allowed(&Caller::Anonymous, &request, NodeId(1)), "{request:?}");
        }
    }

    #[test]
    fn a_worker_is_no_administrator_and_no_voter() {
        let worker = member(NodeRole::Worker, 2);
        let token = Request::CreateToken { role: NodeRole::Admin, ttl: Duration::from_secs(1) };
        assert!(!allowed(&worker, &token, NodeId(1)));
        assert!(!allowed(&worker, &Request::Raft(vec![]), NodeId(1)));
        assert!(!allowed(&worker, &Request::StopNode(Some(NodeId(1))), NodeId(1)));
        assert!(!allowed(&worker, &Request::StopNode(None), NodeId(1)), "the node that is asked is not its own");
        assert!(allowed(&worker, &Request::StopNode(None), NodeId(2)));
        assert!(allowed(&worker, &Request::CancelJob(JobId(1)), NodeId(1)));
    }

    #[test]
    fn a_worker_passes_on_no_more_than_its_submitters_may() {
        let claim = |role, node| RelayedCaller { role, node: Some(NodeId(node)), name: "ada".to_owned() };
        let role_of = |caller: Caller| match caller {
            Caller::Member { role, .. } => role,
            Caller::Anonymous => panic!("a relay makes nobody anonymous"),
        };
        let worker = member(NodeRole::Worker, 2);
        for (claimed, granted) in [
            (NodeRole::Admin, NodeRole::Submitter),
            (NodeRole::Voter, NodeRole::Submitter),
            (NodeRole::Submitter, NodeRole::Submitter),
            (NodeRole::Worker, NodeRole::Worker),
            (NodeRole::Viewer, NodeRole::Viewer),
        ] {
            assert_eq!(role_of(relayed(&worker, claim(claimed, 2))), granted, "{claimed:?}");
            assert_eq!(role_of(relayed(&member(NodeRole::Voter, 2), claim(claimed, 3))), claimed);
        }
        let other = relayed(&worker, claim(NodeRole::Submitter, 3));
        assert_eq!(role_of(other), NodeRole::Viewer, "it does not speak for the users of other machines");
    }

    #[test]
    fn only_nodes_pass_requests_on_and_renew() {
        let caller = RelayedCaller { role: NodeRole::Admin, node: None, name: String::new() };
        let relay = ClusterRequest::Relay { caller, request: Box::new(Request::GetStatus) };
        let renew = ClusterRequest::Renew { csr_pem: String::new(), client_csr_pem: String::new() };
        for request in [relay, renew] {
            let request = Request::Cluster(Box::new(request));
            assert!(allowed(&member(NodeRole::Worker, 2), &request, NodeId(1)));
            for role in [NodeRole::Viewer, NodeRole::Submitter, NodeRole::Admin] {
                assert!(!allowed(&member(role, 2), &request, NodeId(1)), "{role:?}");
            }
        }
        let voters = Request::Cluster(Box::new(ClusterRequest::SetVoters(vec![NodeId(2)])));
        assert!(!allowed(&member(NodeRole::Worker, 2), &voters, NodeId(1)));
        assert!(allowed(&member(NodeRole::Admin, 2), &voters, NodeId(1)));
    }

    #[test]
    fn an_operator_drains_and_stops_but_admits_and_removes_nobody() {
        let operator = member(NodeRole::Operator, 9);
        let drain = |node| Request::Cluster(Box::new(ClusterRequest::DrainNode { node, draining: true }));
        assert!(allowed(&operator, &drain(Some(NodeId(2))), NodeId(1)));
        assert!(allowed(&operator, &Request::StopNode(Some(NodeId(2))), NodeId(1)));
        assert!(allowed(&operator, &Request::CancelJob(JobId(1)), NodeId(1)));
        let forget = Request::Cluster(Box::new(ClusterRequest::ForgetNode(NodeId(2))));
        let token = Request::CreateToken { role: NodeRole::Worker, ttl: Duration::from_secs(1) };
        assert!(!allowed(&operator, &forget, NodeId(1)));
        assert!(!allowed(&operator, &token, NodeId(1)));
        let stop = Request::Cluster(Box::new(ClusterRequest::StopWork { stopped: true }));
        assert!(allowed(&operator, &stop, NodeId(1)) && allowed(&member(NodeRole::Admin, 1), &stop, NodeId(1)));
        for role in [NodeRole::Viewer, NodeRole::Submitter, NodeRole::Worker, NodeRole::Voter] {
            assert!(!allowed(&member(role, 1), &stop, NodeId(1)), "{role:?}");
        }
        let submitter = member(NodeRole::Submitter, 2);
        assert!(allowed(&submitter, &drain(None), NodeId(2)), "the user of a machine may drain it");
        assert!(!allowed(&submitter, &drain(Some(NodeId(1))), NodeId(2)));
    }

    #[test]
    fn timelines_are_changed_by_their_machines_user_and_by_operators() {
        let kept = |node, ask| Request::Timeline(Box::new(TimelineRequest::Kept { node: Some(NodeId(node)), ask }));
        let create = |node| kept(node, nexus_wire::KeptRequest::Create { document: String::new() });
        let (own, operator) = (member(NodeRole::Submitter, 2), member(NodeRole::Operator, 9));
        assert!(allowed(&own, &create(2), NodeId(1)) && allowed(&operator, &create(2), NodeId(1)));
        assert!(!allowed(&own, &create(3), NodeId(1)));
        let viewer = member(NodeRole::Viewer, 2);
        assert!(allowed(&viewer, &kept(3, nexus_wire::KeptRequest::List), NodeId(1)));
        assert!(!allowed(&viewer, &create(2), NodeId(1)));
    }

    #[test]
    fn a_viewer_only_looks() {
        let viewer = member(NodeRole::Viewer, 2);
        assert!(allowed(&viewer, &Request::GetStatus, NodeId(1)));
        assert!(!allowed(&viewer, &Request::CancelJob(JobId(1)), NodeId(1)));
        let decide = Request::Decide(Box::new(nexus_wire::DecisionRequest {
            node: None,
            file: String::new(),
            model: String::new(),
            evidence: vec![],
            memory_bytes: 0,
            question: nexus_wire::DecisionQuestion::Policy { risk_tolerance: None },
        }));
        assert!(!allowed(&viewer, &decide, NodeId(1)) && allowed(&member(NodeRole::Submitter, 2), &decide, NodeId(1)));
        assert!(!allowed(&viewer, &Request::StopNode(None), NodeId(2)));
    }
}
