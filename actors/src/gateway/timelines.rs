//! Requests about timelines: the lives of jobs and nodes are the ledger's, kept timelines are the echo actor's.

use nexus_model::NodeId;
use nexus_wire::{KeptRequest, Refusal, Request, Response, TimelineRequest, TimelineResponse};

use super::GatewayState;
use crate::codes;
use crate::control::{ControlPlane, refusal};
use crate::echo::AskKept;

impl GatewayState {
    /// What the leader answers, or passes on to the node that is meant.
    pub(super) async fn carry_out_timeline(
        &self,
        control: &ControlPlane,
        request: TimelineRequest,
    ) -> Result<Response, Refusal> {
        match request {
            TimelineRequest::JobLife(job) => {
                let life = control.read(|ledger| ledger.job_life(job)).await?;
                life.map(|life| told(TimelineResponse::Life(Box::new(life))))
                    .ok_or_else(|| super::jobs::no_such_job(job))
            }
            TimelineRequest::NodeLife(node) => {
                let life = control.read(|ledger| ledger.node_life(node)).await?;
                life.map(|life| told(TimelineResponse::Life(Box::new(life)))).ok_or_else(|| no_such_node(node))
            }
            TimelineRequest::RunsLike(job) => {
                let runs = control.read(|ledger| ledger.runs_like(job)).await?;
                runs.map(|runs| told(TimelineResponse::Runs(runs))).ok_or_else(|| super::jobs::no_such_job(job))
            }
            TimelineRequest::Kept { node, ask } => match node.filter(|node| *node != self.node) {
                None => self.kept_here(ask).await,
                Some(node) => {
                    let request = TimelineRequest::Kept { node: None, ask };
                    self.ask_other(control, node, Request::Timeline(Box::new(request))).await
                }
            },
        }
    }

    /// A request about the timelines that this node keeps; any other is given back.
    pub(super) fn kept_of_this_node(&self, request: TimelineRequest) -> Result<KeptRequest, TimelineRequest> {
        match request {
            TimelineRequest::Kept { node, ask } if node.is_none_or(|node| node == self.node) => Ok(ask),
            request => Err(request),
        }
    }

    /// Asks the echo actor of this node.
    pub(super) async fn kept_here(&self, ask: KeptRequest) -> Result<Response, Refusal> {
        if self.membership.is_none() {
            let message = "a runtime inside one process keeps no timelines".to_owned();
            return Err(refusal(codes::NOT_ALLOWED, message));
        }
        let Some(echo) = self.directory.echo.get().await else { return Err(crate::control::stopping()) };
        match echo.send(AskKept(ask)).await {
            Ok(answer) => answer.map(told),
            Err(_) => Err(refusal(codes::BUSY, "the timelines are being opened again; ask again".to_owned())),
        }
    }
}

fn told(answer: TimelineResponse) -> Response {
    Response::Timeline(Box::new(answer))
}

fn no_such_node(node: NodeId) -> Refusal {
    Refusal {
        help: Some("`nexus node list` lists the nodes".to_owned()),
        ..refusal(codes::NO_SUCH_NODE, format!("there is no {node}"))
    }
}
