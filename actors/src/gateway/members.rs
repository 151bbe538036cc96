//! Requests about the cluster and its members.

use std::time::Duration;

use nexus_ledger::{Command, NewNode, Reply};
use nexus_link::{Authority, Subject, Token};
use nexus_model::{NodeId, NodeRole};
use nexus_wire::{JoinRequest, JoinedNode, NodeState, NodeView, Refusal, Request, Response};

use super::GatewayState;
use super::jobs::unexpected;
use crate::codes;
use crate::control::{ControlPlane, now_ms, refusal};
use crate::leader_link::LeaderLink;

/// How long certificates of members are valid.
pub(crate) const CERTIFICATE_VALIDITY: Duration = Duration::from_secs(365 * 24 * 3600);
/// The longest life of a join token.
const TOKEN_TTL_MAX: Duration = Duration::from_secs(7 * 24 * 3600);

/// What admitting members takes.
pub(crate) struct Membership {
    /// Signs their certificates.
    pub(crate) authority: Authority,
    /// Where this node listens.
    pub(crate) address: String,
    /// Dials other nodes.
    pub(crate) link: nexus_link::Link,
}

impl GatewayState {
    pub(super) async fn nodes(&self, control: &ControlPlane) -> Vec<NodeView> {
        let mut nodes = control.read_local(|ledger| ledger.nodes()).await;
        for view in &mut nodes {
            if let Some(alive) = self.liveness.of(view.node) {
                view.state = NodeState::Up;
                view.running = alive.running;
                view.rtt = alive.rtt;
                view.seen_at_ms = Some(alive.seen_at_ms);
            }
        }
        nodes
    }

    pub(super) async fn status(&self, control: &ControlPlane) -> Result<Response, Refusal> {
        let mut status = control.status(self.node).await?;
        status.nodes = self.nodes(control).await;
        Ok(Response::Status(Box::new(status)))
    }

    pub(super) async fn create_token(
        &self,
        control: &ControlPlane,
        role: NodeRole,
        ttl: Duration,
    ) -> Result<Response, Refusal> {
        let membership = self.membership()?;
        if role != NodeRole::Worker {
            let message = format!("a join token makes a worker, not a {}", role.name());
            return Err(Refusal {
                help: Some("`nexus token create --role worker`".to_owned()),
                ..refusal(codes::BAD_SUBMISSION, message)
            });
        }
        let token = Token::create(membership.authority.fingerprint())
            .map_err(|error| refusal(error.code(), error.to_string()))?;
        let at_ms = now_ms();
        let expires_at_ms = at_ms + ttl.min(TOKEN_TTL_MAX).as_millis() as u64;
        control.propose(Command::CreateToken { hash: token.secret_hash(), role, expires_at_ms, at_ms }).await?;
        Ok(Response::Token { token: token.to_string(), role, expires_at_ms })
    }

    pub(super) async fn join(&self, control: &ControlPlane, join: JoinRequest) -> Result<Response, Refusal> {
        let membership = self.membership()?;
        let bad = |error: nexus_link::LinkError| refusal(codes::BAD_TOKEN, error.to_string());
        let token = Token::parse(&join.token).map_err(bad)?;
        let fingerprint = Authority::fingerprint_of_request(&join.csr_pem).map_err(bad)?;
        let node = NewNode { name: join.name, fingerprint, address: join.address, capacity: join.capacity };
        let admitted = control
            .propose(Command::AddNode { node, token_hash: token.secret_hash(), at_ms: now_ms() })
            .await
            .map_err(|mut refusal| {
                tracing::warn!(reason = %refusal, "a machine was not admitted");
                refusal.help = Some("make a new token with `nexus token create --role worker`".to_owned());
                refusal
            })?;
        let Reply::Node { node, role, name } = admitted else { return Err(unexpected(&admitted)) };
        tracing::info!(%node, name, "a machine joined");
        let sign =
            |csr: &str, subject: Subject| membership.authority.sign(csr, &subject, CERTIFICATE_VALIDITY).map_err(bad);
        let client = Subject::Client { name, role: NodeRole::Submitter, node: Some(node) };
        Ok(Response::Joined(Box::new(JoinedNode {
            node,
            role,
            certificate_pem: sign(&join.csr_pem, Subject::Node { node, role })?,
            client_certificate_pem: sign(&join.client_csr_pem, client)?,
            ca_pem: membership.authority.certificate_pem().to_owned(),
            cluster: membership.authority.cluster().to_owned(),
            peers: vec![membership.address.clone()],
        })))
    }

    /// Asks another node to stop.
    pub(super) async fn stop_other(&self, control: &ControlPlane, node: NodeId) -> Result<Response, Refusal> {
        let membership = self.membership()?;
        let known = control.read_local(|ledger| ledger.nodes().into_iter().find(|view| view.node == node)).await;
        let view = known.ok_or_else(|| Refusal {
            help: Some("`nexus node list` lists the nodes".to_owned()),
            ..refusal(codes::NO_SUCH_NODE, format!("there is no {node}"))
        })?;
        LeaderLink::new(membership.link.clone(), vec![view.address]).ask(Request::StopNode(None)).await
    }

    fn membership(&self) -> Result<&Membership, Refusal> {
        self.membership
            .as_ref()
            .ok_or_else(|| refusal(codes::NOT_ALLOWED, "nobody can join a runtime inside one process".to_owned()))
    }
}
