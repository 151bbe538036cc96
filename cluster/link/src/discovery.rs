//! Nodes on the local network by multicast DNS (RFC 6762, RFC 6763): a node announces itself, a machine that wants to join
//! looks around. It is not trust: what is heard is read by `sighting`, and certificates decide who is joined.
//!
//! The protocol runs on a thread of the library; nothing that is heard is kept there but answers to what was asked.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use mdns_sd::{DaemonEvent, IfKind, ServiceDaemon, ServiceEvent, ServiceInfo};
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::LinkError;
use crate::sighting::{Announcement, Sighting};

/// What nodes are, to those who look for services (at most 15 characters, RFC 6335).
const SERVICE: &str = "_nexus-os._udp.local.";
/// Characters of a node's name in the name of its service, whose label is at most 63 with the mark.
const NAME_CHARS_MAX: usize = 40;
/// Nodes that one look keeps. More than ten times as many as a local network has; an attacker can say more.
pub const SIGHTINGS_MAX: usize = 256;
/// How long a look goes on when it has what it looked for: nodes of one cluster answer within a tenth of a second (RFC
/// 6762, section 6, spreads answers over 20 to 120 ms).
const SETTLE: Duration = Duration::from_millis(300);
/// How long the library may take to say goodbye.
const GOODBYE: Duration = Duration::from_millis(500);

/// Keeps a node announced; the network hears a goodbye when it is withdrawn.
pub struct Announcer {
    daemon: ServiceDaemon,
    again: tokio::task::JoinHandle<()>,
}

impl Announcer {
    /// Announces a node on every interface on which it listens, and again when interfaces come and go. `None` where
    /// nobody else could reach it: it listens on loopback. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// [`LinkError::Discovery`]: the system gives no socket for multicast DNS.
    pub fn start(announcement: &Announcement) -> Result<Option<Self>, LinkError> {
        if announcement.listen.ip().is_loopback() {
            return Ok(None);
        }
        let service = service(announcement)?;
        let daemon = daemon()?;
        let events = daemon.monitor().map_err(failed)?;
        daemon.register(service.clone()).map_err(failed)?;
        let registrar = daemon.clone();
        let again = tokio::spawn(async move {
            while let Ok(event) = events.recv_async().await {
                match event {
                    // The library tells a new interface of services with all addresses, not of those with one.
                    DaemonEvent::IpAdd(_) => {
                        if let Err(error) = registrar.register(service.clone()) {
                            tracing::debug!(%error, "the node could not be announced again");
                        }
                    }
                    DaemonEvent::Error(error) => tracing::debug!(%error, "an announcement failed"),
                    _ => {}
                }
            }
        });
        Ok(Some(Announcer { daemon, again }))
    }

    /// Says goodbye, so that nobody finds the node for the minutes that an announcement counts.
    pub async fn withdraw(self) {
        shut_down(&self.daemon).await;
    }
}

impl fmt::Debug for Announcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Announcer")
    }
}

impl Drop for Announcer {
    fn drop(&mut self) {
        self.again.abort();
        // It has been shut down already, or ends now.
        let _ = self.daemon.shutdown();
    }
}

/// What a look around has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surroundings {
    /// The nodes, by cluster and name.
    pub nodes: Vec<Sighting>,
    /// Answers that were not of the right form, or too many to keep.
    pub left_out: usize,
}

/// Looks for nodes on the local network for at most `patience`; a look for the cluster of the authority `wanted` ends
/// shortly after the first of its nodes was seen.
///
/// # Errors
/// [`LinkError::Discovery`]: the system gives no socket for multicast DNS.
pub async fn look_around(patience: Duration, wanted: Option<[u8; 32]>) -> Result<Surroundings, LinkError> {
    let daemon = daemon()?;
    let mut answers = daemon.browse(SERVICE).map_err(failed)?;
    let mut end = Instant::now() + patience;
    let mut nodes: BTreeMap<String, Sighting> = BTreeMap::new();
    let mut left_out = 0;
    while let Ok(event) = timeout_at(end, answers.recv_async()).await {
        let Ok(event) = event else {
            // The channel ends early where answers come faster than they can be looked at: the look begins again.
            if Instant::now() >= end {
                break;
            }
            answers = daemon.browse(SERVICE).map_err(failed)?;
            tokio::task::yield_now().await;
            continue;
        };
        match event {
            ServiceEvent::ServiceResolved(service) => {
                let property = |key: &str| service.get_property_val(key).flatten();
                let addresses = service.get_addresses().iter().map(mdns_sd::ScopedIp::to_ip_addr);
                match Sighting::read(property, service.get_port(), addresses) {
                    Some(sighting) => {
                        let is_wanted = Some(sighting.authority_fingerprint) == wanted;
                        if is_wanted {
                            end = end.min(Instant::now() + SETTLE);
                        }
                        left_out += usize::from(!keep(&mut nodes, service.get_fullname(), sighting, wanted));
                    }
                    None => left_out += 1,
                }
            }
            ServiceEvent::ServiceRemoved(_, name) => drop(nodes.remove(&name)),
            _ => {}
        }
    }
    shut_down(&daemon).await;
    let mut nodes: Vec<Sighting> = nodes.into_values().collect();
    nodes.sort_unstable();
    nodes.dedup();
    Ok(Surroundings { nodes, left_out })
}

/// Keeps a sighting if there is room; those of the wanted cluster take the room of others. Whether it was kept.
fn keep(nodes: &mut BTreeMap<String, Sighting>, name: &str, sighting: Sighting, wanted: Option<[u8; 32]>) -> bool {
    if nodes.len() >= SIGHTINGS_MAX && !nodes.contains_key(name) {
        let is_other = |seen: &Sighting| Some(seen.authority_fingerprint) != wanted;
        let victim = nodes.iter().find(|(_, seen)| is_other(seen)).map(|(name, _)| name.clone());
        match victim {
            Some(victim) if !is_other(&sighting) => drop(nodes.remove(&victim)),
            _ => return false,
        }
    }
    nodes.insert(name.to_owned(), sighting);
    true
}

/// An address at which other machines reach a socket that is bound to `listen`: that itself, or one of the machine's where
/// it is unspecified. A machine without a network has none but `listen`.
pub fn reachable_address(listen: SocketAddr) -> SocketAddr {
    if !listen.ip().is_unspecified() {
        return listen;
    }
    let fits = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
        IpAddr::V6(ip) => listen.is_ipv6() && !ip.is_loopback() && !ip.is_unicast_link_local(),
    };
    let mut addresses: Vec<IpAddr> =
        if_addrs::get_if_addrs().unwrap_or_default().iter().map(if_addrs::Interface::ip).filter(fits).collect();
    addresses.sort_unstable();
    let best = default_route().filter(|ip| addresses.contains(ip)).or(addresses.first().copied());
    best.map_or(listen, |ip| SocketAddr::new(ip, listen.port()))
}

/// The address of the interface that leads to the rest of the world. Nothing is sent: connecting such a socket only asks
/// the system for its route. The address is one that documents use (RFC 5737).
fn default_route() -> Option<IpAddr> {
    let socket = std::net::UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    socket.connect(("192.0.2.1", 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

fn daemon() -> Result<ServiceDaemon, LinkError> {
    let daemon = ServiceDaemon::new().map_err(failed)?;
    // Who is on the same machine is found through its other interfaces, or has its address from its folder.
    daemon.disable_interface(vec![IfKind::LoopbackV4, IfKind::LoopbackV6]).map_err(failed)?;
    Ok(daemon)
}

fn service(announcement: &Announcement) -> Result<ServiceInfo, LinkError> {
    let (ip, mark) = (announcement.listen.ip(), announcement.mark());
    let name: String = announcement.node.chars().take(NAME_CHARS_MAX).collect();
    let (instance, host) = (format!("{name}-{mark}"), format!("nexus-{mark}.local."));
    let fixed = if ip.is_unspecified() { Vec::new() } else { vec![ip] };
    let properties = announcement.properties();
    let port = announcement.listen.port();
    let mut service = ServiceInfo::new(SERVICE, &instance, &host, &fixed[..], port, &properties[..]).map_err(failed)?;
    if ip.is_unspecified() {
        service = service.enable_addr_auto();
        if ip.is_ipv4() {
            service.set_interfaces(vec![IfKind::IPv4]);
        }
    }
    Ok(service)
}

async fn shut_down(daemon: &ServiceDaemon) {
    if let Ok(ended) = daemon.shutdown() {
        // Without its goodbye a node is forgotten minutes later.
        let _ = timeout(GOODBYE, ended.recv_async()).await;
    }
}

fn failed(error: mdns_sd::Error) -> LinkError {
    LinkError::Discovery { reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sighting(node: usize, authority: u8) -> Sighting {
        Sighting {
            cluster: "home".to_owned(),
            node: format!("n{node}"),
            addresses: vec!["10.0.0.1:4747".parse().unwrap()],
            authority_fingerprint: [authority; 32],
        }
    }

    #[test]
    fn whoever_shouts_loudest_does_not_hide_the_cluster_that_is_looked_for() {
        let mut nodes = BTreeMap::new();
        let wanted = Some([7; 32]);
        for node in 0..SIGHTINGS_MAX {
            assert!(keep(&mut nodes, &format!("noise{node}"), sighting(node, 1), wanted));
        }
        assert!(!keep(&mut nodes, "more", sighting(0, 1), wanted));
        assert!(keep(&mut nodes, "noise3", sighting(3, 2), wanted), "who is known may change");
        assert!(keep(&mut nodes, "ours", sighting(0, 7), wanted));
        assert_eq!(nodes.len(), SIGHTINGS_MAX);
        assert!(nodes.contains_key("ours"));
    }

    #[tokio::test]
    async fn a_node_on_loopback_announces_nothing() {
        let announcement = Announcement {
            cluster: "home".to_owned(),
            node: "studio".to_owned(),
            authority_fingerprint: [7; 32],
            listen: "127.0.0.1:4747".parse().unwrap(),
        };
        assert!(Announcer::start(&announcement).unwrap().is_none());
    }

    #[test]
    fn a_service_of_any_node_can_be_described() {
        for (node, listen) in [("a", "10.0.0.1:1"), (&"n".repeat(63), "0.0.0.0:4747"), ("b", "[::]:4747")] {
            let announcement = Announcement {
                cluster: "c".repeat(63),
                node: node.to_owned(),
                authority_fingerprint: [0xff; 32],
                listen: listen.parse().unwrap(),
            };
            let service = service(&announcement).unwrap();
            assert_eq!(service.is_addr_auto(), announcement.listen.ip().is_unspecified());
            assert!(service.get_fullname().split('.').all(|label| label.len() <= 63), "{}", service.get_fullname());
        }
    }

    #[test]
    fn a_chosen_address_is_the_one_that_others_reach() {
        let chosen = "192.168.1.20:4747".parse().unwrap();
        assert_eq!(reachable_address(chosen), chosen);
        let all: SocketAddr = "0.0.0.0:4747".parse().unwrap();
        let found = reachable_address(all);
        assert_eq!(found.port(), 4747);
        assert!(!found.ip().is_loopback() && found.is_ipv4(), "{found}");
    }
}
