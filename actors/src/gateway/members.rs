//! Requests about the cluster and its members.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use nexus_ledger::{Command, NewNode, Reply};
use nexus_link::{Authority, Identity, Link, Subject, Token};
use nexus_model::{NodeId, NodeRole, Vitals};
use nexus_wire::{ClusterResponse, Health, JoinRequest, JoinedNode, NodeState, NodeView, Refusal, Request, Response};

use super::GatewayState;
use super::jobs::unexpected;
use crate::address_book::AddressBook;
use crate::codes;
use crate::control::{ControlPlane, now_ms, refusal};
use crate::home::Home;
use crate::leader_link::{ask_peer, from_link};

/// How long certificates of members are valid.
pub(crate) const CERTIFICATE_VALIDITY: Duration = Duration::from_secs(365 * 24 * 3600);
/// The longest life of a join token: what lies about for longer is found by others.
const TOKEN_TTL_MAX: Duration = Duration::from_secs(7 * 24 * 3600);
/// The shortest: nobody types one in less.
const TOKEN_TTL_MIN: Duration = Duration::from_secs(1);

/// What being a member takes, and admitting others.
pub(crate) struct Membership {
    pub(crate) home: Home,
    /// Dials other nodes.
    pub(crate) link: Link,
    pub(crate) book: AddressBook,
    /// Certificate of the authority that this machine trusts.
    pub(crate) authority_pem: String,
    standing: Mutex<Standing>,
    promoting: Mutex<BTreeSet<NodeId>>,
}

/// What this node may do.
struct Standing {
    role: NodeRole,
    /// Signs certificates: voters have it.
    authority: Option<Arc<Authority>>,
}

impl Membership {
    pub(crate) fn new(
        home: Home,
        link: Link,
        book: AddressBook,
        identity: &Identity,
        authority: Option<Authority>,
    ) -> Self {
        let standing = Standing { role: identity.subject().role(), authority: authority.map(Arc::new) };
        Membership {
            home,
            link,
            book,
            authority_pem: identity.authority_pem().to_owned(),
            standing: Mutex::new(standing),
            promoting: Mutex::default(),
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn role(&self) -> NodeRole {
        self.standing().role
    }

    pub(super) fn set_role(&self, role: NodeRole) {
        self.standing().role = role;
    }

    /// From now on this node can admit others.
    pub(super) fn hold(&self, authority: Authority) {
        self.standing().authority = Some(Arc::new(authority));
    }

    pub(super) fn authority(&self) -> Result<Arc<Authority>, Refusal> {
        let authority = self.standing().authority.clone();
        authority.ok_or_else(|| {
            refusal(codes::NOT_ALLOWED, "this node has no key of the cluster's authority: it is no voter".to_owned())
        })
    }

    /// Nodes that this leader is making voters of.
    pub(super) fn promoting(&self) -> MutexGuard<'_, BTreeSet<NodeId>> {
        self.promoting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_promoting(&self, node: NodeId) -> bool {
        self.promoting().contains(&node)
    }
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

    /// How the machines are that are up.
    pub(super) async fn health(&self, control: &ControlPlane) -> Result<Response, Refusal> {
        let (machines, stopped) = control.read(|ledger| (ledger.nodes(), ledger.stopped().cloned())).await?;
        let told = |view: &NodeView| Some((view.node, Vitals::clone(&*self.liveness.of(view.node)?.vitals?)));
        let health = Health { stopped, nodes: machines.iter().filter_map(told).collect() };
        Ok(Response::Cluster(Box::new(ClusterResponse::Health(health))))
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
        check_ttl(ttl)?;
        let authority = self.membership()?.authority()?;
        let token = Token::create(authority.fingerprint()).map_err(|error| refusal(error.code(), error.to_string()))?;
        let at_ms = now_ms();
        let expires_at_ms = at_ms + ttl.as_millis() as u64;
        control.propose(Command::CreateToken { hash: token.secret_hash(), role, expires_at_ms, at_ms }).await?;
        Ok(Response::Token { token: token.to_string(), role, expires_at_ms })
    }

    pub(super) async fn join(&self, control: &ControlPlane, join: JoinRequest) -> Result<Response, Refusal> {
        let authority = self.membership()?.authority()?;
        let bad = |error: nexus_link::LinkError| refusal(codes::BAD_TOKEN, error.to_string());
        let token = Token::parse(&join.token).map_err(bad)?;
        let wanted = control.read(|ledger| ledger.token_role(&token.secret_hash())).await?;
        check_kind(wanted, join.address.is_empty())?;
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
        let sign = |csr: &str, subject: Subject| authority.sign(csr, &subject, CERTIFICATE_VALIDITY).map_err(bad);
        let (own, client) = match role {
            NodeRole::Worker => (Subject::Node { node, role }, NodeRole::Submitter),
            // Whoever can vote holds the authority's key, so its user could be anybody anyway.
            NodeRole::Voter => (Subject::Node { node, role }, NodeRole::Admin),
            person => (Subject::Client { name: name.clone(), role: person, node: Some(node) }, person),
        };
        let client = Subject::Client { name, role: client, node: Some(node) };
        Ok(Response::Joined(Box::new(JoinedNode {
            node,
            role,
            certificate_pem: sign(&join.csr_pem, own)?,
            client_certificate_pem: sign(&join.client_csr_pem, client)?,
            ca_pem: authority.certificate_pem().to_owned(),
            cluster: authority.cluster().to_owned(),
            peers: control.addresses().into_iter().map(|(_, address)| address).collect(),
        })))
    }

    /// Passes a request on to the node that it is about.
    pub(super) async fn ask_other(
        &self,
        control: &ControlPlane,
        node: NodeId,
        request: Request,
    ) -> Result<Response, Refusal> {
        let membership = self.membership()?;
        let known = control.read_local(|ledger| ledger.nodes().into_iter().find(|view| view.node == node)).await;
        let view = known.ok_or_else(|| Refusal {
            help: Some("`nexus node list` lists the nodes".to_owned()),
            ..refusal(codes::NO_SUCH_NODE, format!("there is no {node}"))
        })?;
        let peer = membership.book.connect(&membership.link, node, &view.address).await.map_err(from_link)?;
        ask_peer(&peer, &request).await.map_err(from_link)?
    }

    pub(super) fn membership(&self) -> Result<&Membership, Refusal> {
        self.membership
            .as_ref()
            .ok_or_else(|| refusal(codes::NOT_ALLOWED, "nobody can join a runtime inside one process".to_owned()))
    }
}

/// A token that would end sooner than was asked for would fail on whom it was sent to.
fn check_ttl(ttl: Duration) -> Result<(), Refusal> {
    if (TOKEN_TTL_MIN..=TOKEN_TTL_MAX).contains(&ttl) {
        return Ok(());
    }
    let message = format!("a token cannot be made to work for {ttl:?}");
    let help = Some("it works for 1 s to 7 d: --ttl 15m, 12h, 7d".to_owned());
    Err(Refusal { help, ..refusal(codes::BAD_SUBMISSION, message) })
}

/// A token for a machine is no use to a person, nor the other way round; it stays good for whom it is.
fn check_kind(role: Option<NodeRole>, is_person: bool) -> Result<(), Refusal> {
    let (message, help) = match (role, is_person) {
        (Some(NodeRole::Worker | NodeRole::Voter), true) => {
            ("the token is for a machine", "`nexus node start --join ADDRESS --token TOKEN`")
        }
        (Some(NodeRole::Viewer | NodeRole::Submitter | NodeRole::Operator | NodeRole::Admin), false) => {
            ("the token is for a person", "`nexus login ADDRESS --token TOKEN`")
        }
        // Whatever else is wrong with it, admission says.
        _ => return Ok(()),
    };
    Err(Refusal { help: Some(help.to_owned()), ..refusal(codes::BAD_TOKEN, message.to_owned()) })
}
