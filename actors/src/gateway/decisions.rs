//! Questions to decision models: answered by the qlogik actor of the node that is meant.

use nexus_model::NodeId;
use nexus_wire::{DecisionRequest, Refusal, Request, Response};

use super::GatewayState;
use crate::codes;
use crate::control::{ControlPlane, refusal};
use crate::qlogik::AskModel;

impl GatewayState {
    /// Whether this node answers a question: it is meant, or no node is.
    pub(super) fn is_asked(&self, node: Option<NodeId>) -> bool {
        node.is_none_or(|node| node == self.node)
    }

    /// What the leader answers, or passes on to the node that is meant.
    pub(super) async fn carry_out_decision(
        &self,
        control: &ControlPlane,
        request: DecisionRequest,
    ) -> Result<Response, Refusal> {
        match request.node.filter(|node| *node != self.node) {
            None => self.decide_here(request).await,
            Some(node) => {
                let request = DecisionRequest { node: None, ..request };
                self.ask_other(control, node, Request::Decide(Box::new(request))).await
            }
        }
    }

    /// Asks the qlogik actor of this node.
    pub(super) async fn decide_here(&self, request: DecisionRequest) -> Result<Response, Refusal> {
        let Some(qlogik) = self.directory.qlogik.get().await else { return Err(crate::control::stopping()) };
        match qlogik.send(AskModel(request)).await {
            Ok(answer) => answer.map(|answer| Response::Decided(Box::new(answer))),
            Err(_) => Err(refusal(codes::BUSY, "the models are being answered again; ask again".to_owned())),
        }
    }
}
