//! The gateway: where every request of a client, a node or this process enters.
//!
//! It authenticates (the connection did), checks permission, admits a bounded number of requests at a time, and answers
//! from the ledger or through it. On a node that holds no ledger it passes the request on to one that does.

mod audit;
mod cluster;
mod decisions;
mod jobs;
mod logs;
mod lost;
mod members;
mod payloads;
mod relay;
mod schedules;
mod timelines;

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use nexus_blobs::BlobStore;
use nexus_model::NodeId;
use nexus_wire::{ClusterRequest, Refusal, Request, Response, TimelineRequest};
use tokio::sync::{Semaphore, watch};
use tracing::{Instrument as _, Span};

use crate::codes;
use crate::control::{ControlPlane, refusal};
use crate::copies::Copies;
use crate::directory::Directory;
use crate::leader_link::LeaderLink;
use crate::learning::Learner;
use crate::liveness::Liveness;
use crate::node::StopReason;
use crate::omega::Lifeline;
use crate::progress::Progress;
use crate::roles::{Caller, allowed, is_node};

pub(crate) use members::{CERTIFICATE_VALIDITY, Membership};

/// Requests that may wait in the mailbox for their turn to be looked at, which takes microseconds.
const MAILBOX: usize = 1024;
/// Requests under way at once. A waiting request holds a few hundred bytes; more than this is an attack or a defect.
const REQUESTS_MAX: usize = 4096;
/// When to ask again after `Busy`.
const BUSY_RETRY: Duration = Duration::from_millis(100);

/// Link, client or this process → gateway: carry out a request. Answer: its one response. If it is lost, what became of
/// it is unknown; each [`Request`] says whether it can be repeated.
#[derive(Message)]
#[rtype(result = "Response")]
pub(crate) struct Ask {
    pub(crate) caller: Caller,
    pub(crate) request: Request,
    /// What it is a part of.
    pub(crate) span: Span,
}

impl Ask {
    /// A request that is a part of what goes on here.
    pub(crate) fn new(caller: Caller, request: Request) -> Self {
        Ask { caller, request, span: Span::current() }
    }
}

/// What a gateway needs; shared with the requests under way, which outlive a crash of the actor.
pub(crate) struct GatewayState {
    pub(crate) node: NodeId,
    pub(crate) control: ControlPlane,
    /// The way to the leader; absent in an embedded runtime, which leads itself.
    pub(crate) leader: Option<LeaderLink>,
    pub(crate) progress: Progress,
    pub(crate) liveness: Liveness,
    /// Absent in an embedded runtime, whose payloads are in memory.
    pub(crate) blobs: Option<Arc<BlobStore>>,
    /// What the leader knows of the copies of results.
    pub(crate) copies: Copies,
    /// Absent in an embedded runtime, which nobody can join.
    pub(crate) membership: Option<Membership>,
    /// Whether this node takes no new tasks.
    pub(crate) drained: watch::Sender<bool>,
    /// Set when the node should stop.
    pub(crate) stop: watch::Sender<Option<StopReason>>,
    pub(crate) under_way: Arc<Semaphore>,
    /// The actors of this process.
    pub(crate) directory: Arc<Directory>,
    /// What was learned of programs, here and, told by other nodes, elsewhere.
    pub(crate) learner: Option<Arc<Learner>>,
}

impl GatewayState {
    /// Room for [`REQUESTS_MAX`] requests.
    pub(crate) fn admission() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(REQUESTS_MAX))
    }
}

/// The gateway actor.
pub(crate) struct Gateway {
    state: Arc<GatewayState>,
    _lifeline: Lifeline,
}

impl Gateway {
    pub(crate) fn new(state: Arc<GatewayState>, lifeline: Lifeline) -> Self {
        Gateway { state, _lifeline: lifeline }
    }
}

impl Actor for Gateway {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<Ask> for Gateway {
    type Result = ResponseFuture<Response>;

    fn handle(&mut self, Ask { caller, request, span }: Ask, _: &mut Self::Context) -> Self::Result {
        let state = Arc::clone(&self.state);
        let carried_out = async move {
            let Ok(_room) = Arc::clone(&state.under_way).try_acquire_owned() else {
                return Response::Refused(Refusal {
                    retry_after: Some(BUSY_RETRY),
                    ..refusal(codes::BUSY, "this node has too many requests under way".to_owned())
                });
            };
            state.carry_out(caller, request).await.unwrap_or_else(Response::Refused)
        };
        Box::pin(carried_out.instrument(span))
    }
}

impl GatewayState {
    async fn carry_out(&self, caller: Caller, request: Request) -> Result<Response, Refusal> {
        let control = &self.control;
        self.check_known(control, &caller).await?;
        self.check_allowed(&caller, &request)?;
        self.check_names_node(&caller, &request)?;
        if self.needs_no_leader(&request) {
            self.tell_act(control, &caller, &request).await;
        }
        let request = match request {
            Request::StopNode(None) => return Ok(self.stop_here()),
            Request::StopNode(Some(node)) if node == self.node => return Ok(self.stop_here()),
            Request::ReadBlob { hash, offset } if self.has_blob(&hash) => return self.read_blob(hash, offset).await,
            // A node asks every other by itself, so each answers for its own disk.
            Request::ReadBlob { hash, offset } if caller.is_of_node() => return self.read_blob(hash, offset).await,
            Request::ReadBlob { hash, offset } => return self.read_elsewhere(hash, offset).await,
            Request::WriteBlob { hash, total, offset, bytes } if caller.is_of_node() => {
                return self.write_blob(hash, total, offset, bytes).await;
            }
            Request::Raft(message) => return control.consensus_message(message).await.map(Response::Raft),
            Request::Timeline(request) => match self.kept_of_this_node(*request) {
                Ok(ask) => return self.kept_here(ask).await,
                Err(request) => Request::Timeline(Box::new(request)),
            },
            Request::Decide(request) if self.is_asked(request.node) => return self.decide_here(*request).await,
            Request::Cluster(request) => match self.answer_as_node(control, &caller, *request).await {
                Ok(answer) => return answer,
                Err(request) => Request::Cluster(Box::new(request)),
            },
            request => request,
        };
        match &self.leader {
            Some(leader) if request == Request::GetStatus => self.status_anyhow(control, leader, caller).await,
            Some(_) if control.is_leader() && matches!(request, Request::WriteBlob { .. }) => {
                self.carry_out_here(control, caller, request).await
            }
            Some(leader) => self.at_leader(control, leader, caller, request).await,
            None => self.carry_out_here(control, caller, request).await,
        }
    }

    /// Refuses who was taken out of the cluster: certificates stay valid for long, membership does not.
    pub(super) async fn check_known(&self, control: &ControlPlane, caller: &Caller) -> Result<(), Refusal> {
        let Caller::Member { node: Some(node), .. } = caller else { return Ok(()) };
        if !control.read_local(|ledger| ledger.is_forgotten(*node)).await {
            return Ok(());
        }
        let help = "join again with a new token and another --data folder".to_owned();
        let message = format!("{node} was taken out of this cluster");
        Err(Refusal { help: Some(help), ..refusal(codes::NOT_ALLOWED, message) })
    }

    /// "This node" is the one on the caller's machine: of another one, a name is asked for.
    fn check_names_node(&self, caller: &Caller, request: &Request) -> Result<(), Refusal> {
        let is_nameless = match request {
            Request::StopNode(None) => true,
            Request::Cluster(request) => matches!(**request, ClusterRequest::DrainNode { node: None, .. }),
            Request::Timeline(request) => matches!(**request, TimelineRequest::Kept { node: None, .. }),
            _ => false,
        };
        match caller {
            Caller::Member { role, node, .. } if is_nameless && !is_node(*role) && *node != Some(self.node) => {
                Err(refusal(codes::BAD_SUBMISSION, "say which node: there is none on this machine".to_owned()))
            }
            Caller::Anonymous | Caller::Member { .. } => Ok(()),
        }
    }

    fn check_allowed(&self, caller: &Caller, request: &Request) -> Result<(), Refusal> {
        if allowed(caller, request, self.node) { Ok(()) } else { Err(not_allowed(caller)) }
    }

    fn leader(&self) -> Result<&LeaderLink, Refusal> {
        self.leader
            .as_ref()
            .ok_or_else(|| refusal(codes::NOT_ALLOWED, "a runtime inside one process has no other nodes".to_owned()))
    }

    async fn carry_out_here(
        &self,
        control: &ControlPlane,
        caller: Caller,
        request: Request,
    ) -> Result<Response, Refusal> {
        let act = self.record(control, &caller, &request).await?;
        let done = self.carry_out_recorded(control, caller, request).await;
        if let (Some(act), Err(refused)) = (act, &done)
            && !relay::may_be_done_yet(refused)
        {
            self.record_refused(control, act, refused).await;
        }
        done
    }

    async fn carry_out_recorded(
        &self,
        control: &ControlPlane,
        caller: Caller,
        request: Request,
    ) -> Result<Response, Refusal> {
        match request {
            Request::SubmitJob { spec, key } => self.submit(control, &caller, spec, key).await,
            Request::ListJobs { limit, before } => self.list_jobs(control, limit, before).await,
            Request::ShowJob(job) => self.show_job(control, job).await,
            Request::ListTasks { job, range, detail } => self.list_tasks(control, job, range, detail).await,
            Request::WaitJob { job, seen, patience } => self.wait_job(control, job, seen, patience).await,
            Request::CancelJob(job) => self.cancel_job(control, job).await,
            Request::RetryJob(job) => self.retry_job(control, job).await,
            Request::ExplainJob { job, task } => self.explain_job(control, job, task).await,
            Request::UnmetNeeds(job) => self.unmet_needs(control, job).await,
            Request::ReadLog(query) => self.read_log(control, query).await,
            Request::ListNodes => Ok(Response::Nodes(self.nodes(control).await)),
            Request::GetStatus => self.status(control).await,
            Request::CreateToken { role, ttl } => self.create_token(control, role, ttl).await,
            Request::StopNode(node) => {
                self.ask_other(control, node.unwrap_or(self.node), Request::StopNode(None)).await
            }
            Request::Join(join) => {
                let act = audit::act(&caller, &Request::Join(join.clone()));
                let joined = self.join(control, *join).await?;
                self.record_join(control, act, &joined).await?;
                Ok(joined)
            }
            Request::ReadBlob { hash, offset } => self.read_blob(hash, offset).await,
            Request::WriteBlob { hash, total, offset, bytes } => self.write_blob(hash, total, offset, bytes).await,
            Request::Raft(message) => control.consensus_message(message).await.map(Response::Raft),
            Request::Cluster(request) => self.carry_out_cluster(control, &caller, *request).await,
            Request::Timeline(request) => self.carry_out_timeline(control, *request).await,
            Request::Schedule(request) => self.carry_out_schedule(control, &caller, *request).await,
            Request::Decide(request) => self.carry_out_decision(control, *request).await,
        }
    }

    fn stop_here(&self) -> Response {
        tracing::info!("asked to stop");
        self.stop.send_replace(Some(StopReason::Asked));
        Response::Done
    }
}

fn not_allowed(caller: &Caller) -> Refusal {
    let message = match caller {
        Caller::Anonymous => "a machine without a certificate may only join".to_owned(),
        Caller::Member { role, .. } => format!("the role {} does not allow this", role.name()),
    };
    refusal(codes::NOT_ALLOWED, message)
}
