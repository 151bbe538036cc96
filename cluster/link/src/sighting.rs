//! What a node says of itself on the local network, and what is believed of what others say there: nothing but its form.
//! It is not discovery itself (`discovery`), and no proof of anything: whoever answers at an address is known by its
//! certificate alone. Pure.

use std::net::{IpAddr, SocketAddr};

use crate::subject::check_name;

/// The version of the announcement's form; what says another is not understood.
const FORM: &str = "1";
/// Keys of the announcement, each at most nine characters (RFC 6763, section 6.4).
const KEY_FORM: &str = "txtvers";
const KEY_CLUSTER: &str = "cluster";
const KEY_NODE: &str = "node";
const KEY_AUTHORITY: &str = "ca";
/// Addresses of one node that are kept: a machine has a few interfaces, each with an address or two.
const ADDRESSES_MAX: usize = 8;

/// What a node tells the local network. Nothing of it is secret: the authority's fingerprint is in every certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The cluster's name.
    pub cluster: String,
    /// The node's name.
    pub node: String,
    /// The fingerprint of the cluster's authority.
    pub authority_fingerprint: [u8; 32],
    /// Where it listens; an unspecified address stands for all of the machine's.
    pub listen: SocketAddr,
}

impl Announcement {
    /// The properties of its TXT record.
    pub(crate) fn properties(&self) -> [(&'static str, String); 4] {
        let authority = self.authority_fingerprint.iter().map(|byte| format!("{byte:02x}")).collect();
        [
            (KEY_FORM, FORM.to_owned()),
            (KEY_CLUSTER, self.cluster.clone()),
            (KEY_NODE, self.node.clone()),
            (KEY_AUTHORITY, authority),
        ]
    }

    /// A mark of this node that no other has: of its authority and of where it listens.
    pub(crate) fn mark(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.authority_fingerprint).update(self.node.as_bytes());
        hasher.finalize().to_hex()[..16].to_owned()
    }
}

/// A node that somebody says is there. Its words have the right form; whether they are true, the handshake tells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sighting {
    /// The cluster's name.
    pub cluster: String,
    /// The node's name.
    pub node: String,
    /// Where it is said to listen; IPv4 first, at least one, at most eight.
    pub addresses: Vec<SocketAddr>,
    /// The fingerprint of the authority that it is said to have.
    pub authority_fingerprint: [u8; 32],
}

impl Sighting {
    /// Reads an answer; `None` where it is not of the right form. `property` gives the bytes of a property by its key.
    pub(crate) fn read<'a>(
        property: impl Fn(&str) -> Option<&'a [u8]>,
        port: u16,
        addresses: impl Iterator<Item = IpAddr>,
    ) -> Option<Sighting> {
        let text = |key| std::str::from_utf8(property(key)?).ok();
        let name = |key| text(key).filter(|name| check_name(name).is_ok()).map(str::to_owned);
        if text(KEY_FORM)? != FORM || port == 0 {
            return None;
        }
        let mut addresses: Vec<SocketAddr> =
            addresses.filter(|ip| is_of_a_machine(*ip)).map(|ip| SocketAddr::new(ip, port)).collect();
        addresses.sort_unstable();
        addresses.dedup();
        addresses.truncate(ADDRESSES_MAX);
        if addresses.is_empty() {
            return None;
        }
        Some(Sighting {
            cluster: name(KEY_CLUSTER)?,
            node: name(KEY_NODE)?,
            addresses,
            authority_fingerprint: fingerprint(text(KEY_AUTHORITY)?)?,
        })
    }
}

/// Whether another machine can have this address, and it says the same on every interface.
fn is_of_a_machine(ip: IpAddr) -> bool {
    let is_local = match ip {
        IpAddr::V4(ip) => ip.is_broadcast(),
        // Means nothing without the interface that it was heard on.
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !is_local && !ip.is_unspecified() && !ip.is_loopback() && !ip.is_multicast()
}

/// 32 bytes of 64 lower-case hexadecimal digits.
fn fingerprint(text: &str) -> Option<[u8; 32]> {
    if text.len() != 64 || !text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn announcement() -> Announcement {
        Announcement {
            cluster: "home".to_owned(),
            node: "studio".to_owned(),
            authority_fingerprint: std::array::from_fn(|i| i as u8 * 7),
            listen: "192.168.1.20:4747".parse().unwrap(),
        }
    }

    fn read(properties: &[(&str, &[u8])], port: u16, addresses: &[&str]) -> Option<Sighting> {
        let properties: BTreeMap<&str, &[u8]> = properties.iter().copied().collect();
        let addresses = addresses.iter().map(|ip| ip.parse().unwrap());
        Sighting::read(|key| properties.get(key).copied(), port, addresses)
    }

    fn said(announcement: &Announcement) -> Vec<(&'static str, Vec<u8>)> {
        announcement.properties().into_iter().map(|(key, value)| (key, value.into_bytes())).collect()
    }

    /// The announcement with one property replaced, or taken away.
    fn changed(key: &str, value: Option<&[u8]>) -> Option<Sighting> {
        let said = said(&announcement());
        let mut properties: Vec<(&str, &[u8])> =
            said.iter().filter(|(known, _)| *known != key).map(|(known, value)| (*known, value.as_slice())).collect();
        properties.extend(value.map(|value| (key, value)));
        read(&properties, 4747, &["192.168.1.20"])
    }

    #[test]
    fn what_a_node_says_is_read_back() {
        let said = said(&announcement());
        let properties: Vec<(&str, &[u8])> = said.iter().map(|(key, value)| (*key, value.as_slice())).collect();
        let sighting = read(&properties, 4747, &["2001:db8::7", "192.168.1.20", "192.168.1.20"]).unwrap();
        assert_eq!((sighting.cluster.as_str(), sighting.node.as_str()), ("home", "studio"));
        assert_eq!(sighting.authority_fingerprint, announcement().authority_fingerprint);
        let addresses: Vec<String> = sighting.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["192.168.1.20:4747", "[2001:db8::7]:4747"]);
    }

    #[test]
    fn what_is_not_of_the_form_is_nobody() {
        for key in [KEY_FORM, KEY_CLUSTER, KEY_NODE, KEY_AUTHORITY] {
            let long = "a".repeat(64);
            let bad: [&[u8]; 6] = [b"", b"\x1b[2J", b"a b", b"\xff\xfe", "é".as_bytes(), &[b'x'; 200]];
            for value in bad {
                assert_eq!(changed(key, Some(value)), None, "{key} as {value:?}");
            }
            assert_eq!(changed(key, None), None, "without {key}");
            // 64 hexadecimal digits are a fingerprint, and no name.
            assert_eq!(changed(key, Some(long.as_bytes())).is_some(), key == KEY_AUTHORITY, "{key}");
        }
        assert_eq!(changed(KEY_AUTHORITY, Some("A".repeat(64).as_bytes())), None);
        assert_eq!(changed(KEY_AUTHORITY, Some("+1".repeat(32).as_bytes())), None);
    }

    #[test]
    fn only_addresses_of_other_machines_count() {
        let said = said(&announcement());
        let properties: Vec<(&str, &[u8])> = said.iter().map(|(key, value)| (*key, value.as_slice())).collect();
        for ip in ["127.0.0.1", "0.0.0.0", "224.0.0.251", "255.255.255.255", "::1", "::", "fe80::1", "ff02::fb"] {
            assert_eq!(read(&properties, 4747, &[ip]), None, "{ip}");
        }
        assert_eq!(read(&properties, 4747, &[]), None);
        assert_eq!(read(&properties, 0, &["192.168.1.20"]), None, "no port");
        let many: Vec<String> = (0..100).map(|i| format!("10.0.0.{i}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(read(&properties, 4747, &many).unwrap().addresses.len(), ADDRESSES_MAX);
    }

    #[test]
    fn nodes_of_one_name_in_two_clusters_have_two_marks() {
        let other = Announcement { authority_fingerprint: [1; 32], ..announcement() };
        assert_ne!(other.mark(), announcement().mark());
        assert_eq!(announcement().mark().len(), 16);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_sighting_or_nobody(
            form in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300)),
            name in proptest::collection::vec(any::<u8>(), 0..300),
            authority in proptest::collection::vec(any::<u8>(), 0..80),
            port: u16,
            ip: IpAddr,
        ) {
            let read = Sighting::read(
                |key| match key {
                    KEY_FORM => form.as_deref(),
                    KEY_AUTHORITY => Some(&authority),
                    _ => Some(&name),
                },
                port,
                std::iter::once(ip),
            );
            if let Some(sighting) = read {
                prop_assert!(check_name(&sighting.cluster).is_ok() && check_name(&sighting.node).is_ok());
            }
        }
    }
}
