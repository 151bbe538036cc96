//! How a person on a machine that is no node gets a certificate for giving commands, and how commands find a node then.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use nexus_link::{Credentials, Expect, Identity, Key, Link, LinkConfig, Token};
use nexus_model::{NodeCapacity, NodeRole};
use nexus_wire::{JoinRequest, Refusal, Request, Response};

use crate::codes;
use crate::control::refusal;
use crate::home::{Home, Login};
use crate::leader_link::{ask_peer, from_link};
use crate::membership::{plain_name, unusable};

/// How long the node may take to hear that the temporary connection ends.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

/// What somebody is after they logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedIn {
    /// The cluster.
    pub cluster: String,
    /// The name on the certificate.
    pub name: String,
    /// What it allows.
    pub role: NodeRole,
}

/// Makes a key below `data` and has it certified with a person's token by the node at `address`. Must be called on a tokio
/// runtime.
pub async fn login(data: &Path, address: &str, token: &str, name: &str) -> Result<LoggedIn, Refusal> {
    let home = Home::new(data);
    home.create().map_err(|error| unusable(&home, &error))?;
    if let Some(identity) = Identity::load(&home.identity()).map_err(from_link)? {
        let message = format!(
            "{} is a node of the cluster `{}`, whose commands need no login",
            data.display(),
            identity.cluster()
        );
        let help = Some("give another directory with --data DIR".to_owned());
        return Err(Refusal { help, ..refusal(codes::JOIN_FAILED, message) });
    }
    let parsed = Token::parse(token).map_err(from_link)?;
    let key = Key::load_or_create(&home.client()).map_err(from_link)?;
    let credentials = Credentials::Joining { authority_fingerprint: parsed.authority_fingerprint() };
    let own = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let link = Link::bind(LinkConfig::new(own, credentials)).map_err(from_link)?;
    let csr_pem = key.signing_request().map_err(from_link)?;
    let request = Request::Join(Box::new(JoinRequest {
        token: token.to_owned(),
        client_csr_pem: csr_pem.clone(),
        csr_pem,
        name: plain_name(name),
        // Nobody reaches a person: this is what tells them from a machine.
        address: String::new(),
        capacity: NodeCapacity { slots: 0, memory_bytes: 0, devices: Vec::new() },
    }));
    let peer = link.connect(address, Expect::AnyNode).await.map_err(from_link)?;
    let answer = ask_peer(&peer, &request).await.map_err(from_link)??;
    link.close(CLOSE_PATIENCE).await;
    let Response::Joined(joined) = answer else {
        return Err(refusal(codes::BAD_MESSAGE, format!("{address} gave an answer that does not fit")));
    };
    let identity = Identity::new(key, &joined.client_certificate_pem, &joined.ca_pem).map_err(from_link)?;
    let mut addresses = vec![address.to_owned()];
    addresses.extend(joined.peers.into_iter().filter(|peer| peer != address));
    home.remember_login(&Login { addresses }).map_err(|error| unusable(&home, &error))?;
    identity.save(&home.client()).map_err(from_link)?;
    let name = match identity.subject() {
        nexus_link::Subject::Client { name, .. } => name.clone(),
        nexus_link::Subject::Node { node, .. } => node.to_string(),
    };
    Ok(LoggedIn { cluster: joined.cluster, name, role: joined.role })
}
