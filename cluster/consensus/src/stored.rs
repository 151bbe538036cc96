//! The serialised forms of what the log and the protocol are made of, on disk and between nodes.
//!
//! Every value that is kept or sent begins with a version byte; a decoder exists for every version ever written. The forms
//! are separate from openraft's types so that an upgrade of the library cannot change what the bytes mean. Byte order and
//! integers are postcard's (the `postcard` wire format specification, version 1).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::Bytes;
use openraft::EntryPayload;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::raft_types::{CommandBytes, LeaderId, LogEntry, LogId, Member, Membership, StoredMembership, Vote};

/// Version byte of everything that version 0.1 writes.
const VERSION: u8 = 1;

/// Bytes that are not what they should be. Nothing changed; the same bytes fail again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum StoredError {
    /// Nothing there.
    #[error("the {what} is empty")]
    Empty { what: &'static str },
    /// Written by a version that this one does not know.
    #[error("the {what} has format {found}, and this version reads formats up to {VERSION}")]
    Version { what: &'static str, found: u8 },
    /// The version is known, the rest does not follow it.
    #[error("the {what} is damaged: {reason}")]
    Damaged { what: &'static str, reason: String },
}

/// Bytes that are serialised in one piece rather than one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blob(pub(crate) Bytes);

impl Serialize for Blob {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BlobVisitor;

        impl<'de> Visitor<'de> for BlobVisitor {
            type Value = Blob;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }

            fn visit_borrowed_bytes<E: serde::de::Error>(self, bytes: &'de [u8]) -> Result<Blob, E> {
                Ok(Blob(Bytes::copy_from_slice(bytes)))
            }
        }

        deserializer.deserialize_bytes(BlobVisitor)
    }
}

/// [`LogId`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredLogId {
    term: u64,
    node: u64,
    index: u64,
}

impl From<&LogId> for StoredLogId {
    fn from(id: &LogId) -> Self {
        Self { term: id.leader_id.term, node: id.leader_id.node_id, index: id.index }
    }
}

impl From<StoredLogId> for LogId {
    fn from(id: StoredLogId) -> Self {
        LogId { leader_id: LeaderId { term: id.term, node_id: id.node }, index: id.index }
    }
}

/// [`Vote`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredVote {
    term: u64,
    node: u64,
    committed: bool,
}

impl From<&Vote> for StoredVote {
    fn from(vote: &Vote) -> Self {
        Self { term: vote.leader_id.term, node: vote.leader_id.node_id, committed: vote.committed }
    }
}

impl From<StoredVote> for Vote {
    fn from(vote: StoredVote) -> Self {
        Vote { leader_id: LeaderId { term: vote.term, node_id: vote.node }, committed: vote.committed }
    }
}

/// [`Member`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct StoredMember {
    address: String,
    incarnation: u64,
}

impl From<&Member> for StoredMember {
    fn from(member: &Member) -> Self {
        Self { address: member.address.clone(), incarnation: member.incarnation }
    }
}

impl From<StoredMember> for Member {
    fn from(member: StoredMember) -> Self {
        Self { address: member.address, incarnation: member.incarnation }
    }
}

/// [`Membership`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredMembers {
    configs: Vec<BTreeSet<u64>>,
    nodes: BTreeMap<u64, StoredMember>,
}

impl From<&Membership> for StoredMembers {
    fn from(membership: &Membership) -> Self {
        Self {
            configs: membership.get_joint_config().clone(),
            nodes: membership.nodes().map(|(node, member)| (*node, member.into())).collect(),
        }
    }
}

impl TryFrom<StoredMembers> for Membership {
    type Error = String;

    fn try_from(members: StoredMembers) -> Result<Self, String> {
        // The membership before the first entry has no voters; openraft's constructor refuses it, its default is it.
        if members.configs.iter().all(BTreeSet::is_empty) && members.nodes.is_empty() {
            return Ok(Membership::default());
        }
        let nodes: BTreeMap<u64, Member> =
            members.nodes.into_iter().map(|(node, member)| (node, member.into())).collect();
        Membership::new(members.configs, nodes).map_err(|error| error.to_string())
    }
}

/// What an entry carries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum StoredPayload {
    Blank,
    Command(Blob),
    Members(StoredMembers),
}

/// [`LogEntry`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredEntry {
    id: StoredLogId,
    payload: StoredPayload,
}

impl From<&LogEntry> for StoredEntry {
    fn from(entry: &LogEntry) -> Self {
        let payload = match &entry.payload {
            EntryPayload::Blank => StoredPayload::Blank,
            EntryPayload::Normal(command) => StoredPayload::Command(Blob(command.0.clone())),
            EntryPayload::Membership(membership) => StoredPayload::Members(membership.into()),
        };
        Self { id: (&entry.log_id).into(), payload }
    }
}

impl TryFrom<StoredEntry> for LogEntry {
    type Error = String;

    fn try_from(entry: StoredEntry) -> Result<Self, String> {
        let payload = match entry.payload {
            StoredPayload::Blank => EntryPayload::Blank,
            StoredPayload::Command(command) => EntryPayload::Normal(CommandBytes(command.0)),
            StoredPayload::Members(members) => EntryPayload::Membership(members.try_into()?),
        };
        Ok(LogEntry { log_id: entry.id.into(), payload })
    }
}

/// [`StoredMembership`]: a membership with the entry that it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredMembersAt {
    at: Option<StoredLogId>,
    members: StoredMembers,
}

impl From<&StoredMembership> for StoredMembersAt {
    fn from(stored: &StoredMembership) -> Self {
        Self { at: stored.log_id().as_ref().map(StoredLogId::from), members: stored.membership().into() }
    }
}

impl TryFrom<StoredMembersAt> for StoredMembership {
    type Error = String;

    fn try_from(stored: StoredMembersAt) -> Result<Self, String> {
        Ok(StoredMembership::new(stored.at.map(LogId::from), stored.members.try_into()?))
    }
}

/// `value` behind the version byte.
pub(crate) fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_extend(value, vec![VERSION]).expect("these types have no maps of unknown length and a vector grows")
}

/// The value behind the version byte. `what` names it in the error. Bytes left over are an error too.
pub(crate) fn decode<'de, T: Deserialize<'de>>(what: &'static str, bytes: &'de [u8]) -> Result<T, StoredError> {
    let (version, rest) = bytes.split_first().ok_or(StoredError::Empty { what })?;
    if *version != VERSION {
        return Err(StoredError::Version { what, found: *version });
    }
    match postcard::take_from_bytes(rest) {
        Ok((value, [])) => Ok(value),
        Ok((_, left)) => Err(StoredError::Damaged { what, reason: format!("{} bytes too many", left.len()) }),
        Err(error) => Err(StoredError::Damaged { what, reason: error.to_string() }),
    }
}

/// An entry as it lies in the log: version, CRC-32 of the rest, entry. The sum catches what the file system and the disk
/// did not notice; redb checks its own pages only after a crash.
pub(crate) fn encode_entry(entry: &LogEntry) -> Vec<u8> {
    let head = vec![VERSION, 0, 0, 0, 0];
    let mut bytes = postcard::to_extend(&StoredEntry::from(entry), head)
        .expect("these types have no maps of unknown length and a vector grows");
    let sum = crc32fast::hash(&bytes[5..]);
    bytes[1..5].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// The entry of [`encode_entry`]'s bytes.
pub(crate) fn decode_entry(bytes: &[u8]) -> Result<LogEntry, StoredError> {
    const WHAT: &str = "log entry";
    let damaged = |reason: String| StoredError::Damaged { what: WHAT, reason };
    match bytes {
        [] => Err(StoredError::Empty { what: WHAT }),
        [VERSION, s0, s1, s2, s3, rest @ ..] => {
            if crc32fast::hash(rest) != u32::from_le_bytes([*s0, *s1, *s2, *s3]) {
                return Err(damaged("its checksum does not match".to_owned()));
            }
            let stored: StoredEntry = postcard::from_bytes(rest).map_err(|error| damaged(error.to_string()))?;
            stored.try_into().map_err(damaged)
        }
        [VERSION, ..] => Err(damaged("it is cut off".to_owned())),
        [found, ..] => Err(StoredError::Version { what: WHAT, found: *found }),
    }
}

/// A sequence that was decoded into its forms, as openraft's type.
pub(crate) fn entries_from(stored: Vec<StoredEntry>) -> Result<Vec<LogEntry>, StoredError> {
    let convert =
        |entry: StoredEntry| entry.try_into().map_err(|reason| StoredError::Damaged { what: "log entry", reason });
    stored.into_iter().map(convert).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<LogEntry> {
        let id = |index| LogId { leader_id: LeaderId { term: 3, node_id: 2 }, index };
        let member = |address: &str| Member { address: address.to_owned(), incarnation: 9 };
        let nodes: BTreeMap<u64, Member> = [(1, member("127.0.0.1:7001")), (2, member("127.0.0.1:7002"))].into();
        let voters = vec![BTreeSet::from([1, 2]), BTreeSet::from([2])];
        let members = Membership::new(voters, nodes).unwrap();
        vec![
            LogEntry { log_id: id(7), payload: EntryPayload::Blank },
            LogEntry { log_id: id(8), payload: EntryPayload::Normal(CommandBytes(Bytes::from_static(b"run"))) },
            LogEntry { log_id: id(9), payload: EntryPayload::Membership(members) },
        ]
    }

    #[test]
    fn entries_come_back_as_they_were() {
        for entry in entries() {
            let back = decode_entry(&encode_entry(&entry)).unwrap();
            assert_eq!(back.log_id, entry.log_id);
            assert_eq!(back.payload, entry.payload);
        }
    }

    /// What version 1 wrote stays readable for ever: these bytes are from its first day.
    #[test]
    fn the_first_format_is_still_read() {
        let kept: [&[u8]; 2] =
            [&[1, 0x5b, 0x32, 0x34, 0x7f, 3, 2, 7, 0], &[1, 0x42, 0xb0, 0x83, 0x10, 3, 2, 8, 1, 3, b'r', b'u', b'n']];
        for (bytes, entry) in kept.into_iter().zip(entries()) {
            assert_eq!(encode_entry(&entry), bytes);
            assert_eq!(decode_entry(bytes).unwrap().log_id, entry.log_id);
        }
    }

    #[test]
    fn every_flipped_bit_of_an_entry_is_noticed() {
        for entry in entries() {
            let bytes = encode_entry(&entry);
            for bit in 0..bytes.len() * 8 {
                let mut damaged = bytes.clone();
                damaged[bit / 8] ^= 1 << (bit % 8);
                assert!(decode_entry(&damaged).is_err(), "bit {bit}");
            }
            for length in 0..bytes.len() {
                assert!(decode_entry(&bytes[..length]).is_err(), "cut to {length}");
            }
        }
    }

    #[test]
    fn a_newer_format_is_named() {
        let vote = StoredVote { term: 1, node: 1, committed: true };
        let mut bytes = encode(&vote);
        assert_eq!(decode::<StoredVote>("vote", &bytes), Ok(vote));
        bytes[0] = 9;
        let error = decode::<StoredVote>("vote", &bytes).unwrap_err();
        assert_eq!(error.to_string(), "the vote has format 9, and this version reads formats up to 1");
        assert!(decode::<StoredVote>("vote", &[]).is_err());
        assert!(decode::<StoredVote>("vote", &[1, 1, 1, 1, 0]).is_err());
    }
}
