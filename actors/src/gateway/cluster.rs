//! Requests about the cluster itself, and what other nodes pass on.

use std::collections::BTreeSet;

use nexus_ledger::Command;
use nexus_link::{Authority, Identity, Key, Subject};
use nexus_model::{NodeId, NodeRole};
use nexus_tensor::Transfers;
use nexus_wire::limits::VOTERS_MAX;
use nexus_wire::{
    ClusterRequest, ClusterResponse, EngineUse, NodeState, Refusal, RelayedCaller, RenewedCertificates, Request,
    Response,
};

use super::members::{CERTIFICATE_VALIDITY, Membership};
use super::{GatewayState, audit};
use crate::codes;
use crate::control::{ControlPlane, now_ms, refusal};
use crate::leader_link::{ask_peer, from_link};
use crate::membership::unusable;
use crate::roles::{Caller, relayed};

/// What the tensor engine of this process holds, and what it has copied.
fn engine_use() -> EngineUse {
    let Transfers { uploads, uploaded_bytes, downloads, downloaded_bytes } = nexus_tensor::transfers_of_process();
    let pool_bytes = nexus_tensor::pooled_bytes() as u64;
    EngineUse { pool_bytes, uploads, uploaded_bytes, downloads, downloaded_bytes }
}

impl GatewayState {
    /// What this node answers itself, whether it leads or not; `Err` gives the request back.
    pub(super) async fn answer_as_node(
        &self,
        control: &ControlPlane,
        caller: &Caller,
        request: ClusterRequest,
    ) -> Result<Result<Response, Refusal>, ClusterRequest> {
        match request {
            ClusterRequest::FindLeader => {
                let answer =
                    ClusterResponse::Leader { node: self.node, term: control.term(), leader: control.leader() };
                Ok(Ok(Response::Cluster(Box::new(answer))))
            }
            ClusterRequest::Relay { caller: claimed, request } => {
                Ok(self.carry_out_relayed(control, caller, claimed, *request).await)
            }
            ClusterRequest::BecomeVoter => Ok(self.become_voter(control).await),
            ClusterRequest::ReadHeldLog(query) => Ok(self.read_held_log(query).await),
            ClusterRequest::ReadBlobOutline(hash) => Ok(self.outline(hash).await),
            ClusterRequest::FindBlobs(hashes) => Ok(self.find_blobs(hashes).await),
            ClusterRequest::ReadEngine => Ok(Ok(Response::Cluster(Box::new(ClusterResponse::Engine(engine_use()))))),
            ClusterRequest::ShareExperience(told) => Ok(self.share_experience(caller, told).await),
            ClusterRequest::DrainNode { node, draining } if node.is_none_or(|node| node == self.node) => {
                Ok(self.drain_here(draining))
            }
            ClusterRequest::SetVoters(_)
            | ClusterRequest::Renew { .. }
            | ClusterRequest::ForgetNode(_)
            | ClusterRequest::LabelNode { .. }
            | ClusterRequest::ListLabels
            | ClusterRequest::ReadHealth
            | ClusterRequest::StopWork { .. }
            | ClusterRequest::Audit(_)
            | ClusterRequest::DrainNode { .. } => Err(request),
        }
    }

    /// Takes what another node learned and answers what the others did.
    async fn share_experience(&self, caller: &Caller, told: Vec<u8>) -> Result<Response, Refusal> {
        let Caller::Member { node: Some(node), .. } = *caller else {
            return Err(refusal(codes::NOT_ALLOWED, "only nodes share what they learned".to_owned()));
        };
        let Some(learner) = self.learner.clone() else { return Ok(Response::Done) };
        let here = self.node;
        let exchanged = tokio::task::spawn_blocking(move || learner.exchange(here, node, &told)).await;
        match exchanged {
            Ok(Ok(others)) => Ok(Response::Cluster(Box::new(ClusterResponse::Experience(others)))),
            Ok(Err(why)) => Err(refusal(codes::BAD_MESSAGE, format!("the experience of {node} was not taken: {why}"))),
            Err(_) => Err(refusal(codes::BUSY, "the experience could not be looked at".to_owned())),
        }
    }

    async fn carry_out_relayed(
        &self,
        control: &ControlPlane,
        sender: &Caller,
        claimed: RelayedCaller,
        request: Request,
    ) -> Result<Response, Refusal> {
        let caller = match &request {
            Request::Join(_) => Caller::Anonymous,
            _ => relayed(sender, claimed),
        };
        self.check_known(control, &caller).await?;
        self.check_allowed(&caller, &request)?;
        if !control.is_leader() {
            let leader = control.leader().map(|(_, address)| address);
            return Err(Refusal { leader, ..refusal(codes::NO_LEADER, format!("{} does not lead", self.node)) });
        }
        self.carry_out_here(control, caller, request).await
    }

    pub(super) async fn carry_out_cluster(
        &self,
        control: &ControlPlane,
        caller: &Caller,
        request: ClusterRequest,
    ) -> Result<Response, Refusal> {
        match request {
            ClusterRequest::SetVoters(voters) => self.set_voters(control, voters).await,
            ClusterRequest::Renew { csr_pem, client_csr_pem } => {
                self.renew(control, caller, &csr_pem, &client_csr_pem).await
            }
            ClusterRequest::Audit(request) => self.carry_out_audit(control, caller, request).await,
            ClusterRequest::ForgetNode(node) => self.forget(control, node).await,
            ClusterRequest::LabelNode { node, changes } => {
                control.propose(Command::LabelNode { node, changes }).await?;
                Ok(Response::Done)
            }
            ClusterRequest::ListLabels => {
                let labels = control.read(|ledger| {
                    let labelled = ledger.members().filter(|(_, member)| !member.labels.is_empty());
                    labelled.map(|(node, member)| (node, member.labels.clone())).collect()
                });
                Ok(Response::Cluster(Box::new(ClusterResponse::Labels(labels.await?))))
            }
            ClusterRequest::ReadHealth => self.health(control).await,
            ClusterRequest::StopWork { stopped } => {
                let stop = Command::StopWork { by: audit::who(caller), at_ms: now_ms() };
                control.propose(if stopped { stop } else { Command::ResumeWork }).await?;
                Ok(Response::Done)
            }
            ClusterRequest::DrainNode { node: None, draining } => self.drain_here(draining),
            ClusterRequest::DrainNode { node: Some(node), draining } if node == self.node => self.drain_here(draining),
            ClusterRequest::DrainNode { node: Some(node), draining } => {
                let request = ClusterRequest::DrainNode { node: None, draining };
                self.ask_other(control, node, Request::Cluster(Box::new(request))).await
            }
            ClusterRequest::FindLeader
            | ClusterRequest::Relay { .. }
            | ClusterRequest::BecomeVoter
            | ClusterRequest::ReadHeldLog(_)
            | ClusterRequest::ReadBlobOutline(_)
            | ClusterRequest::FindBlobs(_)
            | ClusterRequest::ReadEngine
            | ClusterRequest::ShareExperience(_) => {
                Err(refusal(codes::BAD_MESSAGE, "this is no request for a leader".to_owned()))
            }
        }
    }

    /// Takes no new tasks from now on, or takes them again; also after a restart.
    fn drain_here(&self, draining: bool) -> Result<Response, Refusal> {
        let membership = self.membership()?;
        membership.home.remember_drained(draining).map_err(|error| unusable(&membership.home, &error))?;
        tracing::info!(draining, "asked to take no new tasks, or to take them again");
        self.drained.send_replace(draining);
        Ok(Response::Done)
    }

    /// Takes a member out: its tasks go back to the queue, and nobody listens to its certificates any more.
    async fn forget(&self, control: &ControlPlane, node: NodeId) -> Result<Response, Refusal> {
        let membership = self.membership()?;
        if control.voters().contains(&node) {
            let help = "choose other voters first: `nexus voters set`".to_owned();
            return Err(Refusal { help: Some(help), ..refusal(codes::VOTERS, format!("{node} is a voter")) });
        }
        control.propose(Command::RemoveNode { node, at_ms: now_ms() }).await?;
        let closed = membership.link.disconnect(|peer| peer.node() == Some(node), "taken out of the cluster");
        tracing::info!(%node, closed, "a member was taken out of the cluster");
        Ok(Response::Done)
    }

    /// Makes `voters` the voters: each new one first gets what a voter needs and a place in the log, then the log changes.
    async fn set_voters(&self, control: &ControlPlane, voters: Vec<NodeId>) -> Result<Response, Refusal> {
        let wanted: BTreeSet<NodeId> = voters.into_iter().collect();
        check_count(wanted.len())?;
        let nodes = self.nodes(control).await;
        let current: BTreeSet<NodeId> = control.voters().into_iter().collect();
        for node in &wanted {
            let Some(view) = nodes.iter().find(|view| view.node == *node) else {
                return Err(Refusal {
                    help: Some("`nexus node list` lists the nodes".to_owned()),
                    ..refusal(codes::NO_SUCH_NODE, format!("there is no {node}"))
                });
            };
            if current.contains(node) {
                continue;
            }
            if view.state == NodeState::Down && *node != self.node {
                let message = format!("{} ({node}) is down, and a new voter must be up", view.name);
                return Err(refusal(codes::VOTERS, message));
            }
            self.prepare_voter(control, *node, &view.address).await?;
        }
        control.change_voters(wanted.clone()).await?;
        let recorded = control.propose(Command::SetVoters { voters: wanted.into_iter().collect() }).await;
        match recorded {
            Ok(_) => Ok(Response::Done),
            // This node has just voted itself out; the next leader writes down what is true already.
            Err(refusal) if refusal.code == codes::NO_LEADER => Ok(Response::Done),
            Err(refusal) => Err(refusal),
        }
    }

    async fn prepare_voter(&self, control: &ControlPlane, node: NodeId, address: &str) -> Result<(), Refusal> {
        let membership = self.membership()?;
        if node != self.node {
            let _place = Promotion::begin(membership, node);
            let peer = membership.book.connect(&membership.link, node, address).await.map_err(from_link)?;
            let asked = Request::Cluster(Box::new(ClusterRequest::BecomeVoter));
            ask_peer(&peer, &asked).await.map_err(from_link)??;
        }
        control.add_learner(node, address).await?;
        control.until_caught_up(node).await
    }

    /// Fetches this node's certificates as a voter, with the authority's key, and uses them.
    async fn become_voter(&self, control: &ControlPlane) -> Result<Response, Refusal> {
        let renewed = self.fetch_certificates(control).await?;
        if renewed.role != NodeRole::Voter {
            let message = format!("the leader does not want {} as a voter", self.node);
            return Err(refusal(codes::VOTERS, message));
        }
        Ok(Response::Done)
    }

    /// The identity that this node starts with the next time.
    pub(crate) fn identity_on_disk(&self) -> Result<Option<Identity>, Refusal> {
        Identity::load(&self.membership()?.home.identity()).map_err(from_link)
    }

    /// Whether this node is a voter by its certificate that never got the authority's key.
    pub(crate) fn lacks_authority(&self, identity: &Identity) -> bool {
        let has_key = self.membership().is_ok_and(|membership| membership.authority().is_ok());
        identity.subject().role() == NodeRole::Voter && !has_key
    }

    /// Asks the leader for new certificates and uses them from now on.
    pub(crate) async fn fetch_certificates(&self, control: &ControlPlane) -> Result<RenewedCertificates, Refusal> {
        let membership = self.membership()?;
        let key = Key::load_or_create(&membership.home.identity()).map_err(from_link)?;
        let client_key = Key::load_or_create(&membership.home.client()).map_err(from_link)?;
        let request = Request::Cluster(Box::new(ClusterRequest::Renew {
            csr_pem: key.signing_request().map_err(from_link)?,
            client_csr_pem: client_key.signing_request().map_err(from_link)?,
        }));
        let role = membership.role();
        let own = Caller::Member { role, node: Some(self.node), name: String::new() };
        let answer = self.at_leader(control, self.leader()?, own, request).await?;
        let renewed = match answer {
            Response::Cluster(answer) => match *answer {
                ClusterResponse::Renewed(renewed) => *renewed,
                ClusterResponse::Leader { .. }
                | ClusterResponse::Experience(_)
                | ClusterResponse::Labels(_)
                | ClusterResponse::BlobOutline(_)
                | ClusterResponse::Engine(_)
                | ClusterResponse::Health(_)
                | ClusterResponse::FoundBlobs(_)
                | ClusterResponse::Audit(_) => {
                    return Err(unfit());
                }
            },
            _ => return Err(unfit()),
        };
        let authority_pem = membership.authority_pem.clone();
        let client = Identity::new(client_key, &renewed.client_certificate_pem, &authority_pem).map_err(from_link)?;
        let identity = Identity::new(key, &renewed.certificate_pem, &authority_pem).map_err(from_link)?;
        if let Some(authority_key) = &renewed.authority_key_pem {
            let authority = Authority::from_key(authority_key, &authority_pem).map_err(from_link)?;
            authority.save(&membership.home.authority()).map_err(from_link)?;
            membership.hold(authority);
        }
        client.save(&membership.home.client()).map_err(from_link)?;
        identity.save(&membership.home.identity()).map_err(from_link)?;
        membership.link.renew(&std::sync::Arc::new(identity)).map_err(from_link)?;
        membership.set_role(renewed.role);
        Ok(renewed)
    }

    /// New certificates for a member: as what the ledger knows it.
    async fn renew(
        &self,
        control: &ControlPlane,
        caller: &Caller,
        csr_pem: &str,
        client_csr_pem: &str,
    ) -> Result<Response, Refusal> {
        let membership = self.membership()?;
        let authority = membership.authority()?;
        let Caller::Member { node: Some(node), .. } = caller else {
            return Err(refusal(codes::NOT_ALLOWED, "only a node can renew its certificates".to_owned()));
        };
        let known = control.read(|ledger| ledger.member(*node).map(|member| member.name.clone())).await?;
        let name =
            known.ok_or_else(|| refusal(codes::NO_SUCH_NODE, format!("{node} is not a machine of this cluster")))?;
        let was_admitted_to = control.read_local(|ledger| ledger.member(*node).map(|member| member.role)).await;
        let votes = control.voters().contains(node)
            || membership.is_promoting(*node)
            || was_admitted_to == Some(NodeRole::Voter);
        let (role, client_role) =
            if votes { (NodeRole::Voter, NodeRole::Admin) } else { (NodeRole::Worker, NodeRole::Submitter) };
        let sign = |csr: &str, subject: Subject| authority.sign(csr, &subject, CERTIFICATE_VALIDITY).map_err(from_link);
        let client = Subject::Client { name, role: client_role, node: Some(*node) };
        tracing::info!(%node, role = role.name(), "certificates renewed");
        Ok(Response::Cluster(Box::new(ClusterResponse::Renewed(Box::new(RenewedCertificates {
            role,
            certificate_pem: sign(csr_pem, Subject::Node { node: *node, role })?,
            client_certificate_pem: sign(client_csr_pem, client)?,
            authority_key_pem: votes.then(|| authority.key_pem()),
        })))))
    }
}

/// A node that is being made a voter, for as long as this lives.
struct Promotion<'a> {
    membership: &'a Membership,
    node: NodeId,
}

impl<'a> Promotion<'a> {
    fn begin(membership: &'a Membership, node: NodeId) -> Self {
        membership.promoting().insert(node);
        Promotion { membership, node }
    }
}

impl Drop for Promotion<'_> {
    fn drop(&mut self) {
        self.membership.promoting().remove(&self.node);
    }
}

fn check_count(count: usize) -> Result<(), Refusal> {
    if count.is_multiple_of(2) {
        return Err(Refusal {
            help: Some(
                "name one, three, five or seven: an even number survives no more losses than one fewer".to_owned(),
            ),
            ..refusal(codes::VOTERS, format!("{count} voters would not do: their number must be odd"))
        });
    }
    if count > VOTERS_MAX {
        return Err(refusal(codes::VOTERS, format!("{count} voters are too many: at most {VOTERS_MAX}")));
    }
    Ok(())
}

fn unfit() -> Refusal {
    refusal(codes::BAD_MESSAGE, "the leader gave an answer that does not fit".to_owned())
}
