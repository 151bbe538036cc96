//! The echo actor: the timelines that this node keeps, asked for by messages, from this process or over the link.
//!
//! A thin shell: files are `timelines.rs`, what an edit means is `nexus-echo`'s. The disk is read and written on threads
//! for blocking work, a few at a time.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use actix::prelude::*;
use nexus_echo::{Document, EchoError, Timeline, parse_edits};
use nexus_wire::limits::TIMELINE_BYTES_MAX;
use nexus_wire::{KeptRequest, Refusal, TimelineResponse};
use tokio::sync::Semaphore;

use crate::codes;
use crate::control::refusal;
use crate::omega::Lifeline;
use crate::timelines::{StoreError, TimelineStore};

/// Requests that may wait in the mailbox; the gateway bounds what is under way.
const MAILBOX: usize = 256;
/// Files read or written at once: more would only wait for the same disk, and hold a timeline each.
const AT_ONCE: usize = 4;

/// Gateway → echo: look at a timeline of this node, or change one. Answer: what was asked for, or why not; of a change,
/// once it is on disk. If it is lost, a look can be repeated, and a change names the position that it was made for.
#[derive(Message)]
#[rtype(result = "Result<TimelineResponse, Refusal>")]
pub(crate) struct AskKept(pub(crate) KeptRequest);

/// The echo actor.
pub(crate) struct Echo {
    /// The data directory with the store.
    data: PathBuf,
    places: Arc<Semaphore>,
    _lifeline: Lifeline,
}

impl Echo {
    pub(crate) fn new(data: PathBuf, lifeline: Lifeline) -> Self {
        Echo { data, places: Arc::new(Semaphore::new(AT_ONCE)), _lifeline: lifeline }
    }
}

impl Actor for Echo {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
    }
}

impl Handler<AskKept> for Echo {
    type Result = ResponseFuture<Result<TimelineResponse, Refusal>>;

    fn handle(&mut self, AskKept(ask): AskKept, _: &mut Self::Context) -> Self::Result {
        let (data, places) = (self.data.clone(), Arc::clone(&self.places));
        Box::pin(async move {
            let _place = places.acquire_owned().await.map_err(|_| crate::control::stopping())?;
            let answered = tokio::task::spawn_blocking(move || answer(&data, ask)).await;
            let lost = |_| refusal(codes::TIMELINE_STORE, "reading the timelines was given up".to_owned());
            answered.map_err(lost)?.map_err(|error| refused(&error))
        })
    }
}

fn answer(data: &Path, ask: KeptRequest) -> Result<TimelineResponse, StoreError> {
    match ask {
        KeptRequest::List => Ok(TimelineResponse::Names(TimelineStore::read(data)?.names()?)),
        KeptRequest::Read { name, position } => {
            let timeline = TimelineStore::read(data)?.load(&name)?;
            let timeline = match position {
                Some(at) => timeline.fork(&name, timeline.kind(), Some(at))?,
                None => timeline,
            };
            document(&timeline)
        }
        KeptRequest::Change { name, position, edits } => {
            let edits = parse_edits(&edits)?;
            let store = TimelineStore::write(data)?;
            let mut timeline = store.load(&name)?;
            let before = timeline.len();
            if before != position {
                return Err(EchoError::MovedOn { timeline: name, position, length: before }.into());
            }
            timeline.apply_all(edits)?;
            store.append(&timeline, before)?;
            Ok(TimelineResponse::Changed { position: timeline.len() })
        }
        KeptRequest::Create { document } => {
            let timeline = Document::parse(document.as_bytes())?.timeline()?;
            TimelineStore::write(data)?.create(&timeline)?;
            Ok(TimelineResponse::Changed { position: timeline.len() })
        }
    }
}

fn document(timeline: &Timeline) -> Result<TimelineResponse, StoreError> {
    let document = Document::of(timeline).to_text();
    if document.len() > TIMELINE_BYTES_MAX {
        let what = "a timeline in one message, in bytes of JSON".to_owned();
        return Err(EchoError::TooLarge { what, most: TIMELINE_BYTES_MAX as u64 }.into());
    }
    Ok(TimelineResponse::Document { document, position: timeline.len() })
}

fn refused(error: &StoreError) -> Refusal {
    let help = match error {
        StoreError::Echo(EchoError::NoSuchTimeline { near: None, .. }) => {
            Some("`nexus timeline list --at-node NODE` lists those of a node".to_owned())
        }
        StoreError::Echo(EchoError::MovedOn { .. }) => {
            Some("read it again, and make the edits for what it is now".to_owned())
        }
        _ => None,
    };
    Refusal { help, ..refusal(error.code(), error.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = r#"{"timeline": "plan", "events": [{"name": "a", "at": 0}, {"name": "b", "at": "1h"}]}"#;
    const EDIT: &str = r#"{"link": {"from": "a", "to": "b", "kind": "enables"}}"#;

    #[test]
    fn a_timeline_is_made_read_and_changed_by_messages() {
        let data = tempfile::tempdir().unwrap();
        let ask = |ask| answer(data.path(), ask);
        let create = KeptRequest::Create { document: PLAN.to_owned() };
        assert_eq!(ask(create.clone()).unwrap(), TimelineResponse::Changed { position: 2 });
        assert!(ask(create).is_err(), "the repeat is refused");
        assert_eq!(ask(KeptRequest::List).unwrap(), TimelineResponse::Names(vec!["plan".to_owned()]));
        let change = KeptRequest::Change { name: "plan".to_owned(), position: 2, edits: EDIT.to_owned() };
        assert_eq!(ask(change.clone()).unwrap(), TimelineResponse::Changed { position: 3 });
        let repeated = ask(change).unwrap_err();
        assert_eq!(repeated.to_string(), "`plan` has moved on: it has 3 edits, and these were made for 2");
        let read = |position| ask(KeptRequest::Read { name: "plan".to_owned(), position });
        let triggers = |answer| match answer {
            TimelineResponse::Document { document, position } => {
                (Document::parse(document.as_bytes()).unwrap().triggers.len(), position)
            }
            other => panic!("{other:?}"),
        };
        assert_eq!(triggers(read(None).unwrap()), (1, 3));
        assert_eq!(triggers(read(Some(2)).unwrap()), (0, 2));
        assert!(read(Some(9)).is_err());
        let unknown = ask(KeptRequest::Read { name: "plum".to_owned(), position: None }).unwrap_err();
        assert_eq!(
            refused(&unknown).help.as_deref(),
            Some("`nexus timeline list --at-node NODE` lists those of a node")
        );
    }
}
