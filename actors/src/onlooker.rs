//! A way for the process of a node to look at its cluster, without a connection: what the web page shows.
//!
//! It has the rights of a viewer, whoever asks the page: it can change nothing and read no result.

use std::fmt;
use std::sync::Arc;

use nexus_model::NodeRole;
use nexus_wire::{Refusal, Request, Response};

use crate::codes;
use crate::control::{refusal, stopping};
use crate::directory::Directory;
use crate::gateway::Ask;
use crate::roles::Caller;

/// Asks the gateway of this process as somebody who may look. Clones are cheap.
#[derive(Clone)]
pub struct Onlooker {
    directory: Arc<Directory>,
}

impl Onlooker {
    pub(crate) fn new(directory: Arc<Directory>) -> Onlooker {
        Onlooker { directory }
    }

    /// The answer to a request.
    ///
    /// # Errors
    /// The refusal where it is one: of anything but looking, and while the node stops.
    pub async fn request(&self, request: Request) -> Result<Response, Refusal> {
        let caller = Caller::Member { role: NodeRole::Viewer, node: None, name: String::new() };
        let gateway = self.directory.gateway.get().await.ok_or_else(stopping)?;
        match gateway.send(Ask::new(caller, request)).await {
            Ok(Response::Refused(refused)) => Err(refused),
            Ok(response) => Ok(response),
            Err(_) => Err(refusal(codes::BUSY, "the gateway is being restarted; ask again".to_owned())),
        }
    }
}

impl fmt::Debug for Onlooker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Onlooker")
    }
}
