//! Nodes of the local network, for machines that want to join one of them, and this node for those. It is not trust: the
//! handshake decides whose words were true (`nexus_link::Sighting`). `node` announces, the command line looks around.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use nexus_link::{Announcement, Announcer, Identity, Token};
use nexus_wire::Refusal;

use crate::home::Home;
use crate::leader_link::from_link;
use crate::membership::already_member;
use crate::node::NodeFacts;

/// A node that says it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NearbyNode {
    /// Its name.
    pub node: String,
    /// The name of its cluster.
    pub cluster: String,
    /// Where it listens, as `address:port`.
    pub addresses: Vec<String>,
    /// The fingerprint of its cluster's authority, in hexadecimal digits.
    pub authority: String,
    /// Whether a token was given and is for the cluster that it says it is of; `None` without a token.
    pub fits_token: Option<bool>,
}

/// What was seen on the local network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearby {
    /// The nodes, by cluster and name.
    pub nodes: Vec<NearbyNode>,
    /// Answers that were of no known form, or more than are kept.
    pub left_out: usize,
}

/// Looks for nodes on the local network for at most `patience`, for a machine whose data directory is `data`; with a token
/// only until the nodes of its cluster were seen. `begins` is called once there is something to look for. Must be called on
/// a tokio runtime.
///
/// # Errors
/// The directory is a member already, the text is no token, or the system gives no socket for multicast DNS. Nothing was
/// changed.
pub async fn look_around(
    data: &Path,
    token: Option<&str>,
    patience: Duration,
    begins: impl FnOnce(),
) -> Result<Nearby, Refusal> {
    let home = Home::new(data);
    if let Some(identity) = Identity::load(&home.identity()).map_err(from_link)? {
        return Err(already_member(&home, &identity));
    }
    let wanted = token.map(Token::parse).transpose().map_err(from_link)?.map(|token| token.authority_fingerprint());
    begins();
    let seen = nexus_link::look_around(patience, wanted).await.map_err(from_link)?;
    let nodes = seen.nodes.into_iter().map(|sighting| NearbyNode {
        fits_token: wanted.map(|wanted| wanted == sighting.authority_fingerprint),
        node: sighting.node,
        cluster: sighting.cluster,
        addresses: sighting.addresses.iter().map(ToString::to_string).collect(),
        authority: sighting.authority_fingerprint.iter().map(|byte| format!("{byte:02x}")).collect(),
    });
    Ok(Nearby { nodes: nodes.collect(), left_out: seen.left_out })
}

/// Announces a node that serves, unless it listens on loopback or cannot: it can be joined at its address all the same.
pub(crate) fn announce(facts: &NodeFacts, identity: &Identity, listen: SocketAddr) -> Option<Announcer> {
    let announcement = Announcement {
        cluster: facts.cluster.clone(),
        node: facts.name.clone(),
        authority_fingerprint: identity.authority_fingerprint(),
        listen,
    };
    match Announcer::start(&announcement) {
        Ok(announcer) => announcer,
        Err(error) => {
            tracing::warn!(%error, "this node is not announced on the local network");
            None
        }
    }
}
