//! What a job asks of the nodes that it runs on, and a job's description with it: version 4 of what is submitted.
//!
//! A job that asks for nothing in particular is still written in an earlier version, so that it means the same to a node
//! that knows no other.
//!
//! How many copies of its results it asks for, and whether it may take results of earlier jobs, travel as requirements under
//! names that no label can have, which is what version 1.1 of the protocol takes them for: a node of that version finds no
//! machine that is so.

use nexus_model::{COPIES_MAX, JobSpec, Relation, Reuse, Selection, Selector};
use rkyv::with::InlineAsBox;
use rkyv::{Archive, Serialize};

use super::bounds::{Bounded, bytes, name};
use super::execution::JobSpecV3;
use super::{WireError, plain_enum};

/// The name under which copies travel: no label has a character like its first.
const COPIES_LABEL: &str = "\u{1}copies";
/// Numbers of copies that are written down, each at its place; one is no number worth writing.
static COPIES: [&str; COPIES_MAX as usize + 1] =
    ["", "", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16"];

/// The name under which it travels that results of earlier jobs may be taken, and its only value.
const REUSE_LABEL: &str = "\u{1}reuse";
const REUSE_ALLOWED: &str = "allowed";

plain_enum!(
    /// [`Relation`].
    RelationV1, ArchivedRelationV1, Relation { Is = 0, IsNot = 1 }
);

/// [`Selector`].
#[derive(Debug, Archive, Serialize)]
pub struct SelectorV1<'a> {
    #[rkyv(with = InlineAsBox)]
    label: &'a str,
    relation: RelationV1,
    #[rkyv(with = InlineAsBox)]
    value: &'a str,
}

/// [`Selection`], and the graphics processors of [`nexus_model::Resources`].
#[derive(Debug, Archive, Serialize)]
pub struct NeedsV1<'a> {
    gpu_milli: u32,
    require: Vec<SelectorV1<'a>>,
    prefer: Vec<SelectorV1<'a>>,
}

/// [`JobSpec`] with what it asks of nodes.
#[derive(Debug, Archive, Serialize)]
pub struct JobSpecV4<'a> {
    spec: JobSpecV3<'a>,
    needs: NeedsV1<'a>,
}

impl<'a> NeedsV1<'a> {
    /// What `spec` asks of nodes; `None` where that is nothing in particular.
    pub fn of(spec: &'a JobSpec) -> Option<Self> {
        let gpu_milli = spec.resources.gpu_milli;
        let some = gpu_milli > 0 || !spec.selection.is_none() || spec.reuse == Reuse::Allowed;
        let forms = |selectors: &'a [Selector]| {
            let form = |selector: &'a Selector| SelectorV1 {
                label: &selector.label,
                relation: selector.relation.into(),
                value: &selector.value,
            };
            selectors.iter().map(form).collect()
        };
        let Selection { require, prefer, copies } = &spec.selection;
        some.then(|| {
            let mut require: Vec<SelectorV1<'a>> = forms(require);
            if let Some(value) = COPIES.get(*copies as usize).filter(|text| !text.is_empty()) {
                require.push(SelectorV1 { label: COPIES_LABEL, relation: Relation::Is.into(), value });
            }
            if spec.reuse == Reuse::Allowed {
                let relation = Relation::Is.into();
                require.push(SelectorV1 { label: REUSE_LABEL, relation, value: REUSE_ALLOWED });
            }
            NeedsV1 { gpu_milli, require, prefer: forms(prefer) }
        })
    }
}

impl ArchivedNeedsV1<'_> {
    /// Puts it into `spec`.
    pub fn restore(&self, spec: &mut JobSpec) {
        let selector = |form: &ArchivedSelectorV1<'_>| Selector {
            label: form.label.to_string(),
            relation: (&form.relation).into(),
            value: form.value.to_string(),
        };
        let copies = |form: &ArchivedSelectorV1<'_>| {
            let is_it = |text: &&str| !text.is_empty() && **text == *form.value;
            let number = COPIES.iter().position(is_it).and_then(|copies| u32::try_from(copies).ok());
            number.filter(|_| *form.label == *COPIES_LABEL)
        };
        let is_reuse = |form: &&ArchivedSelectorV1<'_>| *form.label == *REUSE_LABEL && *form.value == *REUSE_ALLOWED;
        let is_label = |form: &&ArchivedSelectorV1<'_>| copies(form).is_none() && !is_reuse(form);
        spec.resources.gpu_milli = self.gpu_milli.to_native();
        spec.reuse = if self.require.iter().any(|form| is_reuse(&form)) { Reuse::Allowed } else { Reuse::Never };
        spec.selection = Selection {
            require: self.require.iter().filter(is_label).map(selector).collect(),
            prefer: self.prefer.iter().map(selector).collect(),
            copies: self.require.iter().filter_map(copies).max().unwrap_or(0),
        };
    }
}

impl<'a> TryFrom<&'a JobSpec> for JobSpecV4<'a> {
    type Error = WireError;

    fn try_from(spec: &'a JobSpec) -> Result<Self, WireError> {
        let none = NeedsV1 { gpu_milli: 0, require: Vec::new(), prefer: Vec::new() };
        Ok(JobSpecV4 { spec: spec.try_into()?, needs: NeedsV1::of(spec).unwrap_or(none) })
    }
}

impl TryFrom<&ArchivedJobSpecV4<'_>> for JobSpec {
    type Error = WireError;

    fn try_from(form: &ArchivedJobSpecV4<'_>) -> Result<Self, WireError> {
        let mut spec = JobSpec::try_from(&form.spec)?;
        form.needs.restore(&mut spec);
        Ok(spec)
    }
}

impl Bounded for Selection {
    fn check_bounds(&self) -> Result<(), WireError> {
        bytes("number of copies", self.copies as usize, COPIES_MAX as usize)?;
        self.require.iter().chain(&self.prefer).try_for_each(|selector| {
            name("label's name", &selector.label)?;
            name("label's value", &selector.value)
        })
    }
}
