//! A neighbour that says anything by multicast DNS. It is a test of its own that others start on a machine of a network of
//! namespaces, for the packets have to come from there.

use std::net::{Ipv4Addr, UdpSocket};

/// What is said: `garbage`, `crowd` or `lie AUTHORITY`.
pub(crate) const WORDS: &str = "NEXUS_TEST_SHOUT";
/// The address of the machine that says it, which must have no node.
pub(crate) const FROM: &str = "NEXUS_TEST_SHOUT_FROM";
/// Where the liar says that the other cluster is.
const LIAR: Ipv4Addr = Ipv4Addr::new(10, 78, 0, 2);
const GROUP: (Ipv4Addr, u16) = (Ipv4Addr::new(224, 0, 0, 251), 5353);
const SERVICE: &[&[u8]] = &[b"_nexus-os", b"_udp", b"local"];
/// How often everything is said; it ends before if whoever asked for it has ended.
const ROUNDS: usize = 400;
/// Nodes of the crowd.
const CROWD: usize = 3000;

/// Called by the tests beside it, on another machine. Where nobody calls it, it looks at what it would say.
#[test]
fn shout() {
    let Ok(words) = std::env::var(WORDS) else { return records_fill_their_packets() };
    let own: Ipv4Addr = std::env::var(FROM).expect("this machine has an address").parse().unwrap();
    // Answers of multicast DNS come from its port; from its address they find the interface without a route.
    let socket = UdpSocket::bind((own, GROUP.1)).unwrap();
    let packets: Vec<Vec<u8>> = match words.split_once(' ') {
        Some((_, authority)) => vec![node(b"liar", &honest("m1", "m1", authority), LIAR, 4747)],
        None if words == "crowd" => (0..CROWD)
            .map(|i| node(format!("n{i}").as_bytes(), &honest(&format!("n{i}"), "noise", &"7".repeat(64)), own, 9))
            .collect(),
        None => garbage(own),
    };
    for _ in 0..ROUNDS {
        for packet in &packets {
            // A full buffer loses what is said, as a network does.
            let _ = socket.send_to(packet, GROUP);
        }
        std::thread::park_timeout(std::time::Duration::from_millis(20));
    }
}

/// An answer is as long as its records say, to the byte: what is refused is refused for what it says.
fn records_fill_their_packets() {
    let packet = node(b"n1", &honest("n1", "home", &"7".repeat(64)), LIAR, 4747);
    let number = |at: usize| usize::from(u16::from_be_bytes([packet[at], packet[at + 1]]));
    let mut at = 12;
    for kind in [12, 33, 16, 1] {
        while packet[at] != 0 {
            at += 1 + usize::from(packet[at]);
        }
        assert_eq!(number(at + 1), kind);
        at += 11 + number(at + 9);
    }
    assert_eq!((number(6), at), (4, packet.len()));
}

fn honest(node: &str, cluster: &str, authority: &str) -> Vec<Vec<u8>> {
    ["txtvers=1".to_owned(), format!("cluster={cluster}"), format!("node={node}"), format!("ca={authority}")]
        .map(String::into_bytes)
        .to_vec()
}

/// Answers that no node gives, and packets that are no answers.
fn garbage(own: Ipv4Addr) -> Vec<Vec<u8>> {
    let authority = "0".repeat(64);
    let said = |node: &[u8], cluster: &[u8], authority: &[u8]| {
        [
            b"txtvers=1".to_vec(),
            [b"cluster=", cluster].concat(),
            [b"node=", node].concat(),
            [b"ca=", authority].concat(),
        ]
        .to_vec()
    };
    let mut packets = vec![
        node(b"escape", &said(b"\x1b[2J\x1b]0;owned\x07", b"a\nb", authority.as_bytes()), own, 4747),
        node(b"long", &said(&[b'x'; 240], &[b'y'; 200], authority.as_bytes()), own, 4747),
        node(b"bytes", &said(b"\xff\xfe", b"\x00", b"\x80"), own, 4747),
        node(b"digits", &said(b"a", b"b", b"12 34"), own, 4747),
        node(b"silent", &[], own, 4747),
        node(b"future", &[b"txtvers=9".to_vec()], own, 4747),
        node(b"port", &honest("port", "port", &authority), own, 0),
        node(b"loop", &honest("loop", "loop", &authority), Ipv4Addr::LOCALHOST, 4747),
        node(&[b'z'; 63], &honest("z", "z", &authority), own, 4747),
        node(b"\x01\x02\xff\x00.\\", &honest("q", "q", &authority), own, 4747),
    ];
    let whole = packets[0].clone();
    packets.extend((0..whole.len()).step_by(3).map(|cut| whole[..cut].to_vec()));
    packets.extend((0..whole.len()).map(|at| {
        let mut changed = whole.clone();
        changed[at] ^= 0xff;
        changed
    }));
    // A name that points at itself, lying lengths, and nothing at all.
    let header = [0u8, 0, 0x84, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0];
    packets.push([&header[..], &[0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 120, 0xff, 0xff]].concat());
    packets.push([&header[..], &[63; 900]].concat());
    packets.push(vec![0xff; 1400]);
    packets.push(Vec::new());
    packets
}

/// The answer of a node: PTR, SRV, TXT and A (RFC 6762, RFC 6763).
fn node(instance: &[u8], texts: &[Vec<u8>], address: Ipv4Addr, port: u16) -> Vec<u8> {
    let name = [&[instance], SERVICE].concat();
    let host: &[&[u8]] = &[instance, b"local"];
    let mut packet = vec![0, 0, 0x84, 0, 0, 0, 0, 4, 0, 0, 0, 0];
    record(&mut packet, SERVICE, 12, 0x0001, &encoded(&name));
    let service = [&[0, 0, 0, 0], &port.to_be_bytes()[..], &encoded(host)].concat();
    record(&mut packet, &name, 33, 0x8001, &service);
    let text: Vec<u8> = texts.iter().flat_map(|text| [&[text.len() as u8], &text[..]].concat()).collect();
    record(&mut packet, &name, 16, 0x8001, if text.is_empty() { &[0] } else { &text });
    record(&mut packet, host, 1, 0x8001, &address.octets());
    packet
}

fn record(packet: &mut Vec<u8>, name: &[&[u8]], kind: u16, class: u16, data: &[u8]) {
    packet.extend(encoded(name));
    packet.extend(kind.to_be_bytes());
    packet.extend(class.to_be_bytes());
    packet.extend(120u32.to_be_bytes());
    packet.extend((data.len() as u16).to_be_bytes());
    packet.extend(data);
}

fn encoded(name: &[&[u8]]) -> Vec<u8> {
    let mut bytes: Vec<u8> = name.iter().flat_map(|label| [&[label.len() as u8], *label].concat()).collect();
    bytes.push(0);
    bytes
}
