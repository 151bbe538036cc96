//! Acts and what is asked about them.

use rkyv::with::InlineAsBox;
use rkyv::{Archive, Serialize};

use super::WireError;
use super::body::{Body, Kind, SMALL_BYTES};
use super::bounds::{Bounded, bytes, name};
use crate::audit::{AuditEntry, AuditPage, AuditRequest};
use crate::limits::{AUDIT_PAGE_MAX, AUDIT_TEXT_BYTES_MAX};

/// [`AuditEntry`].
#[derive(Debug, Archive, Serialize)]
pub struct AuditEntryV1<'a> {
    number: u64,
    at_ms: u64,
    #[rkyv(with = InlineAsBox)]
    by: &'a str,
    #[rkyv(with = InlineAsBox)]
    act: &'a str,
    hash: [u8; 32],
}

impl<'a> From<&'a AuditEntry> for AuditEntryV1<'a> {
    fn from(entry: &'a AuditEntry) -> Self {
        AuditEntryV1 { number: entry.number, at_ms: entry.at_ms, by: &entry.by, act: &entry.act, hash: entry.hash }
    }
}

impl From<&ArchivedAuditEntryV1<'_>> for AuditEntry {
    fn from(form: &ArchivedAuditEntryV1<'_>) -> Self {
        AuditEntry {
            number: form.number.to_native(),
            at_ms: form.at_ms.to_native(),
            by: form.by.to_string(),
            act: form.act.to_string(),
            hash: form.hash,
        }
    }
}

#[derive(Archive, Serialize)]
enum AuditRequestV1<'a> {
    Read {
        from: u64,
    },
    Write {
        #[rkyv(with = InlineAsBox)]
        by: &'a str,
        #[rkyv(with = InlineAsBox)]
        act: &'a str,
    },
}

#[derive(Archive, Serialize)]
struct AuditPageV1<'a> {
    before: [u8; 32],
    entries: Vec<AuditEntryV1<'a>>,
    newest: u64,
}

pub(super) fn encode_audit_request(kind: Kind, request: &AuditRequest) -> Result<Vec<u8>, WireError> {
    kind.write(&match request {
        AuditRequest::Read { from } => AuditRequestV1::Read { from: *from },
        AuditRequest::Write { by, act } => AuditRequestV1::Write { by, act },
    })
}

pub(super) fn audit_request(body: Body<'_>) -> Result<AuditRequest, WireError> {
    let form: &ArchivedAuditRequestV1<'_> = body.form()?;
    Ok(match form {
        ArchivedAuditRequestV1::Read { from } => AuditRequest::Read { from: from.to_native() },
        ArchivedAuditRequestV1::Write { by, act } => AuditRequest::Write { by: by.to_string(), act: act.to_string() },
    })
}

pub(super) fn encode_audit_page(kind: Kind, page: &AuditPage) -> Result<Vec<u8>, WireError> {
    let room: usize = page.entries.iter().map(|entry| entry.by.len() + entry.act.len() + SMALL_BYTES).sum();
    let entries = page.entries.iter().map(Into::into).collect();
    kind.write_large(room + SMALL_BYTES, &AuditPageV1 { before: page.before, entries, newest: page.newest })
}

pub(super) fn audit_page(body: Body<'_>) -> Result<AuditPage, WireError> {
    let form: &ArchivedAuditPageV1<'_> = body.form()?;
    let entries = form.entries.iter().map(Into::into).collect();
    Ok(AuditPage { before: form.before, entries, newest: form.newest.to_native() })
}

impl Bounded for AuditRequest {
    fn check_bounds(&self) -> Result<(), WireError> {
        match self {
            AuditRequest::Read { from: _ } => Ok(()),
            AuditRequest::Write { by, act } => {
                name("name of who acts", by)?;
                bytes("act", act.len(), AUDIT_TEXT_BYTES_MAX)
            }
        }
    }
}

impl Bounded for AuditPage {
    fn check_bounds(&self) -> Result<(), WireError> {
        bytes("page of acts", self.entries.len(), AUDIT_PAGE_MAX)?;
        self.entries.iter().try_for_each(|entry| {
            bytes("name of who acted", entry.by.len(), AUDIT_TEXT_BYTES_MAX)?;
            bytes("act", entry.act.len(), AUDIT_TEXT_BYTES_MAX)
        })
    }
}
