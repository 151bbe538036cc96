//! How a data directory becomes a node: it founds a cluster, joins one, or is one already.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use nexus_link::{Authority, Credentials, Expect, Identity, Key, Link, LinkConfig, LinkError, Subject, Token};
use nexus_model::{NodeCapacity, NodeId, NodeRole};
use nexus_wire::{JoinRequest, ProtocolVersion, Refusal, Request, Response};

use crate::codes;
use crate::control::refusal;
use crate::gateway::CERTIFICATE_VALIDITY;
use crate::home::{Home, Membership};
use crate::leader_link::{ask_peer, from_link};
use crate::node::Arrival;

/// How long the node that let us join may take to hear that the temporary connection ends.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

/// Addresses that are dialled at once to join a cluster: more than its nodes on one network have, fewer than would flood it.
const JOIN_ADDRESSES_MAX: usize = 32;

/// The first node of every cluster.
pub(crate) const FOUNDER: NodeId = NodeId(1);

/// How to become a member.
#[derive(Debug, Clone)]
pub struct JoinOptions {
    /// Addresses of nodes of the cluster, at least one: the first that answers with the token's authority is asked.
    pub addresses: Vec<String>,
    /// The join token.
    pub token: String,
}

/// Who this node is from now on.
pub(crate) struct Member {
    pub(crate) identity: Arc<Identity>,
    pub(crate) node: NodeId,
    pub(crate) name: String,
    /// What signs certificates: voters have it.
    pub(crate) authority: Option<Authority>,
    /// Addresses of nodes that it was told of.
    pub(crate) peers: Vec<String>,
    pub(crate) arrival: Arrival,
}

/// What a new member is called and offers.
pub(crate) struct Offer<'a> {
    pub(crate) name: &'a str,
    pub(crate) user: &'a str,
    pub(crate) address: &'a str,
    pub(crate) capacity: &'a NodeCapacity,
    /// What it speaks.
    pub(crate) protocol: ProtocolVersion,
}

/// Loads the identity of this directory, or makes one: by joining where `join` says so, else as the founder.
pub(crate) async fn become_member(
    home: &Home,
    offer: Offer<'_>,
    join: Option<&JoinOptions>,
) -> Result<Member, Refusal> {
    match (Identity::load(&home.identity()).map_err(from_link)?, join) {
        (Some(identity), None) => resume(home, offer.name, identity),
        (Some(identity), Some(_)) => Err(already_member(home, &identity)),
        (None, Some(join)) => join_cluster(home, offer, join).await,
        // What remembers a cluster was a node's: its certificate is lost, and nothing of it is begun anew.
        (None, None) if !matches!(home.membership(), Ok(None)) => reissue(home, &offer),
        (None, None) => found_cluster(home, &offer),
    }
}

/// The identity of a node whose certificate is lost, where it is the founder and has what signed it.
fn reissue(home: &Home, offer: &Offer<'_>) -> Result<Member, Refusal> {
    let node = match Identity::load(&home.client()).map_err(from_link)?.map(|identity| identity.subject().clone()) {
        Some(Subject::Client { node, .. }) => node,
        Some(Subject::Node { .. }) | None => None,
    };
    if node != Some(FOUNDER) || Authority::load(&home.authority()).map_err(from_link)?.is_none() {
        let folder = home.identity();
        let message = format!("{} has lost its certificate: {} is not whole", home.root().display(), folder.display());
        let help = "bring certificate.pem and ca.pem of that folder back from a copy; else `nexus node forget` this node, remove \
                    its directory and join again"
            .to_owned();
        return Err(Refusal { help: Some(help), ..refusal(codes::DATA_DIRECTORY, message) });
    }
    tracing::warn!("the node's certificate was lost; it was issued again");
    Ok(Member { arrival: Arrival::Returned, ..found_cluster(home, offer)? })
}

/// Whether a data directory is a node's, though its certificate may be damaged.
pub fn is_member(data: &std::path::Path) -> bool {
    !matches!(Identity::load(&Home::new(data).identity()), Ok(None))
}

/// A directory that is a node's cannot join again.
pub(crate) fn already_member(home: &Home, identity: &Identity) -> Refusal {
    let message = format!("{} is already a node of the cluster `{}`", home.root().display(), identity.cluster());
    let help = Some(
        "start it without --join, or give another directory with --data DIR; where nothing of that cluster is needed any \
         more, the directory may be removed"
            .to_owned(),
    );
    Refusal { help, ..refusal(codes::JOIN_FAILED, message) }
}

/// What would make a first start fail is found before anything is made: a directory of a cluster that never began would be
/// in the way of the next start.
pub(crate) fn check_first_start(home: &Home, listen: SocketAddr) -> Result<(), Refusal> {
    if Identity::load(&home.identity()).map_err(from_link)?.is_some() {
        return Ok(());
    }
    if home.login().is_some() {
        return Err(logged_in(home));
    }
    let cannot = |source| from_link(LinkError::Bind { address: listen, source: Arc::new(source) });
    UdpSocket::bind(listen).map(drop).map_err(cannot)
}

/// A node would replace the certificate of whoever logged in.
fn logged_in(home: &Home) -> Refusal {
    let root = home.root().display();
    let of = match Identity::load(&home.client()) {
        Ok(Some(identity)) => format!(" to the cluster `{}`", identity.cluster()),
        Ok(None) | Err(_) => String::new(),
    };
    let message = format!("{root} holds a login{of}, which a node in the same directory would replace");
    let help = Some(format!("give the node another directory with --data DIR; to give the login up, remove {root}"));
    Refusal { help, ..refusal(codes::JOIN_FAILED, message) }
}

fn resume(home: &Home, name: &str, identity: Identity) -> Result<Member, Refusal> {
    let Subject::Node { node, .. } = *identity.subject() else {
        return Err(refusal(codes::DATA_DIRECTORY, format!("{} holds no node's certificate", home.root().display())));
    };
    let authority = Authority::load(&home.authority()).map_err(from_link)?;
    let remembered = home.membership().map_err(|error| Refusal {
        help: Some(match authority {
            // Its own part of the log says who the others are.
            Some(_) => "remove the damaged file and start again: this node has the cluster's authority and finds the others",
            None => "put the file back from a copy; else `nexus node forget` this node, remove its directory and join again",
        }
        .to_owned()),
        ..unusable(home, &error)
    })?;
    let known_name = remembered.as_ref().map_or(name, |m| &m.name).to_owned();
    if authority.is_none() && remembered.is_none() {
        let message = format!("{} does not say where its cluster is", home.root().display());
        return Err(refusal(codes::DATA_DIRECTORY, message));
    }
    let peers = remembered.map_or_else(Vec::new, |membership| membership.peers);
    Ok(Member { identity: Arc::new(identity), node, name: known_name, authority, peers, arrival: Arrival::Returned })
}

fn found_cluster(home: &Home, offer: &Offer<'_>) -> Result<Member, Refusal> {
    let name = plain_name(offer.name);
    let authority = Authority::load_or_create(&home.authority(), &name).map_err(from_link)?;
    let client = Subject::Client { name: plain_name(offer.user), role: NodeRole::Admin, node: Some(FOUNDER) };
    issue(&authority, &home.client(), &client)?;
    // The node's own certificate goes last: with it the directory counts as a member's.
    let identity = issue(&authority, &home.identity(), &Subject::Node { node: FOUNDER, role: NodeRole::Voter })?;
    Ok(Member {
        identity: Arc::new(identity),
        node: FOUNDER,
        name,
        authority: Some(authority),
        peers: Vec::new(),
        arrival: Arrival::Founded,
    })
}

fn issue(authority: &Authority, folder: &std::path::Path, subject: &Subject) -> Result<Identity, Refusal> {
    let key = Key::load_or_create(folder).map_err(from_link)?;
    let identity = authority.identity(key, subject, CERTIFICATE_VALIDITY).map_err(from_link)?;
    identity.save(folder).map_err(from_link)?;
    Ok(identity)
}

async fn join_cluster(home: &Home, offer: Offer<'_>, join: &JoinOptions) -> Result<Member, Refusal> {
    let token = Token::parse(&join.token).map_err(from_link)?;
    let key = Key::load_or_create(&home.identity()).map_err(from_link)?;
    let client_key = Key::load_or_create(&home.client()).map_err(from_link)?;
    let credentials = Credentials::Joining { authority_fingerprint: token.authority_fingerprint() };
    // A socket of IPv6 takes both families where the system can do it.
    let is_v6 = |address: &String| address.parse().is_ok_and(|address: SocketAddr| address.is_ipv6());
    let any: IpAddr = match join.addresses.iter().any(is_v6) {
        true => Ipv6Addr::UNSPECIFIED.into(),
        false => Ipv4Addr::UNSPECIFIED.into(),
    };
    let own = SocketAddr::new(any, 0);
    let config = LinkConfig { version: offer.protocol, ..LinkConfig::new(own, credentials) };
    let link = Link::bind(config).map_err(from_link)?;
    let request = Request::Join(Box::new(JoinRequest {
        token: join.token.clone(),
        csr_pem: key.signing_request().map_err(from_link)?,
        client_csr_pem: client_key.signing_request().map_err(from_link)?,
        name: plain_name(offer.name),
        address: offer.address.to_owned(),
        capacity: offer.capacity.clone(),
    }));
    let dials = join.addresses.iter().take(JOIN_ADDRESSES_MAX);
    let dials = dials.map(|address| Box::pin(link.connect(address, Expect::AnyNode)));
    // The token is said only to who has the certificate of its cluster.
    let (peer, _) = futures::future::select_ok(dials).await.map_err(from_link)?;
    let answered = peer.address().to_owned();
    let answer = ask_peer(&peer, &request).await.map_err(from_link)??;
    link.close(CLOSE_PATIENCE).await;
    let Response::Joined(joined) = answer else {
        return Err(refusal(codes::BAD_MESSAGE, format!("{answered} gave an answer that does not fit")));
    };
    let client = Identity::new(client_key, &joined.client_certificate_pem, &joined.ca_pem).map_err(from_link)?;
    client.save(&home.client()).map_err(from_link)?;
    let others = joined.peers.iter().filter(|peer| **peer != answered).cloned().collect::<Vec<_>>();
    let peers: Vec<String> = std::iter::once(answered).chain(others).collect();
    // Where the name was taken the cluster gave it a number, which the client's certificate tells.
    let name = match client.subject() {
        Subject::Client { name, .. } => name.clone(),
        Subject::Node { .. } => plain_name(offer.name),
    };
    home.remember_membership(&Membership { name: name.clone(), peers: peers.clone() })
        .map_err(|error| unusable(home, &error))?;
    let identity = Identity::new(key, &joined.certificate_pem, &joined.ca_pem).map_err(from_link)?;
    identity.save(&home.identity()).map_err(from_link)?;
    let (identity, node) = (Arc::new(identity), joined.node);
    Ok(Member { identity, node, name, authority: None, peers, arrival: Arrival::Joined })
}

pub(crate) fn unusable(home: &Home, error: &std::io::Error) -> Refusal {
    refusal(codes::DATA_DIRECTORY, format!("the data directory {} cannot be used: {error}", home.root().display()))
}

/// The nearest name that certificates and ids allow: letters, digits, `.`, `_` and `-`, at most 63.
pub(crate) fn plain_name(name: &str) -> String {
    let short = name.split('.').next().unwrap_or(name);
    let plain: String =
        short.chars().map(|c| if c.is_ascii_alphanumeric() || "_-".contains(c) { c } else { '-' }).take(63).collect();
    let trimmed = plain.trim_matches('-');
    if trimmed.is_empty() { "node".to_owned() } else { trimmed.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_certificate_is_issued_again_or_missed_and_begins_no_other_cluster() {
        let data = tempfile::tempdir().unwrap();
        let home = Home::new(data.path());
        home.create().unwrap();
        let capacity = NodeCapacity { slots: 1, memory_bytes: 0, devices: Vec::new() };
        let become_member = || {
            let offer = Offer {
                name: "studio",
                user: "ada",
                address: "127.0.0.1:1",
                capacity: &capacity,
                protocol: ProtocolVersion::CURRENT,
            };
            futures::executor::block_on(become_member(&home, offer, None))
        };
        let founded = become_member().map_err(|refusal| refusal.message).unwrap();
        assert_eq!(founded.arrival, Arrival::Founded);
        home.remember_membership(&Membership { name: "studio".to_owned(), peers: Vec::new() }).unwrap();
        let lost = home.identity().join("certificate.pem");
        std::fs::remove_file(&lost).unwrap();
        let again = become_member().map_err(|refusal| refusal.message).unwrap();
        assert_eq!((again.arrival, again.node), (Arrival::Returned, FOUNDER));
        assert_eq!(again.identity.authority_pem(), founded.identity.authority_pem());
        // Another node's, and one without what signs: nobody here can say who it is.
        let authority = Authority::load(&home.authority()).unwrap().unwrap();
        let client = Subject::Client { name: "ada".to_owned(), role: NodeRole::Admin, node: Some(NodeId(3)) };
        issue(&authority, &home.client(), &client).map_err(|refusal| refusal.message).unwrap();
        std::fs::remove_file(&lost).unwrap();
        let refusal = become_member().err().expect("it is not known which node this was");
        assert_eq!(refusal.code, codes::DATA_DIRECTORY);
        assert!(refusal.message.contains("has lost its certificate"), "{}", refusal.message);
        assert!(!lost.exists(), "nothing was made");
    }

    #[test]
    fn any_host_name_becomes_a_plain_name() {
        for (given, plain) in [("studio.local", "studio"), ("Mein Mac é", "Mein-Mac"), ("", "node"), ("...", "node")] {
            assert_eq!(plain_name(given), plain, "{given}");
            assert!(nexus_link::check_name(&plain_name(given)).is_ok());
        }
    }
}
