//! Omega, the root actor: starts the others, notices when one dies, and starts it again by policy.
//!
//! An actor that panics or stops takes its [`Lifeline`] with it; Omega sees that and starts a new one from the factory
//! it was registered with, with a growing pause. An actor that dies too often in a short time is a defect that restarts
//! do not mend: Omega gives up and stops the node in order.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use actix::prelude::*;
use tokio::sync::mpsc;

/// More deaths than this within [`WINDOW`] and the node stops.
const DEATHS_MAX: usize = 5;
/// Deaths older than this are forgiven.
const WINDOW: Duration = Duration::from_secs(60);
/// The pause before the first restart; doubled for each further death in the window.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// Notices of death that may wait: one for each actor is the usual most.
const NOTICES_MAX: usize = 64;

/// What to do about a death.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Start again after a pause.
    Restart {
        /// The pause.
        after: Duration,
    },
    /// Stop the node: restarting does not help.
    GiveUp,
}

/// The pure part of supervision: deaths in, verdicts out.
#[derive(Debug, Default)]
pub(crate) struct RestartPolicy {
    deaths: Vec<Instant>,
}

impl RestartPolicy {
    /// An actor died at `now`.
    pub(crate) fn on_death(&mut self, now: Instant) -> Verdict {
        self.deaths.retain(|died| now.duration_since(*died) < WINDOW);
        self.deaths.push(now);
        match self.deaths.len() {
            count if count > DEATHS_MAX => Verdict::GiveUp,
            count => Verdict::Restart { after: FIRST_PAUSE * 2u32.pow(count as u32 - 1) },
        }
    }
}

/// Held by a supervised actor; its drop tells Omega that the actor is gone, however that happened.
#[derive(Debug)]
pub(crate) struct Lifeline {
    name: &'static str,
    notices: mpsc::Sender<Died>,
}

#[cfg(test)]
impl Lifeline {
    /// That of an actor which nobody starts again.
    pub(crate) fn of_nobody() -> Self {
        Lifeline { name: "nobody", notices: mpsc::channel(1).0 }
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        // Full means that more actors died than there are; closed means that Omega itself is stopping.
        if let Err(error) = self.notices.try_send(Died(self.name)) {
            tracing::debug!(actor = self.name, %error, "nobody takes notice of this actor's end");
        }
    }
}

/// Sent by a dropped [`Lifeline`] to Omega. Lost only when Omega is gone.
#[derive(Debug, Message)]
#[rtype(result = "()")]
struct Died(&'static str);

/// Starts an actor with its lifeline and makes its address known.
pub(crate) type Factory = Box<dyn FnMut(Lifeline)>;

/// Operator or node → Omega: no actor is started again from now on. Answer: nothing. Lost with Omega, which has the same
/// effect.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct StandDown;

struct Child {
    factory: Factory,
    policy: RestartPolicy,
}

/// The root actor.
pub(crate) struct Omega {
    children: BTreeMap<&'static str, Child>,
    notices: mpsc::Sender<Died>,
    inbox: Option<mpsc::Receiver<Died>>,
    on_give_up: Option<Box<dyn FnOnce(&'static str)>>,
    standing_down: bool,
}

impl Omega {
    /// A root with no children; `on_give_up` is called once with the name of the actor that cannot be kept alive.
    pub(crate) fn new(on_give_up: impl FnOnce(&'static str) + 'static) -> Self {
        let (notices, inbox) = mpsc::channel(NOTICES_MAX);
        let on_give_up: Box<dyn FnOnce(&'static str)> = Box::new(on_give_up);
        Omega {
            children: BTreeMap::new(),
            notices,
            inbox: Some(inbox),
            on_give_up: Some(on_give_up),
            standing_down: false,
        }
    }

    /// Starts a child and keeps it alive.
    pub(crate) fn supervise(&mut self, name: &'static str, mut factory: Factory) {
        factory(Lifeline { name, notices: self.notices.clone() });
        self.children.insert(name, Child { factory, policy: RestartPolicy::default() });
    }

    fn restart(&mut self, name: &'static str) {
        if let Some(child) = self.children.get_mut(name)
            && !self.standing_down
        {
            (child.factory)(Lifeline { name, notices: self.notices.clone() });
        }
    }
}

impl Actor for Omega {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(mut inbox) = self.inbox.take() {
            ctx.add_message_stream(futures::stream::poll_fn(move |cx| inbox.poll_recv(cx)));
        }
    }
}

impl Handler<Died> for Omega {
    type Result = ();

    fn handle(&mut self, Died(name): Died, ctx: &mut Self::Context) {
        let Some(child) = self.children.get_mut(name) else { return };
        if self.standing_down {
            return;
        }
        match child.policy.on_death(Instant::now()) {
            Verdict::Restart { after } => {
                tracing::error!(actor = name, pause_ms = after.as_millis() as u64, "an actor died; starting it again");
                ctx.run_later(after, move |omega, _| omega.restart(name));
            }
            Verdict::GiveUp => {
                tracing::error!(
                    actor = name,
                    "an actor died {} times within a minute; stopping the node",
                    DEATHS_MAX + 1
                );
                self.standing_down = true;
                if let Some(give_up) = self.on_give_up.take() {
                    give_up(name);
                }
            }
        }
    }
}

impl Handler<StandDown> for Omega {
    type Result = ();

    fn handle(&mut self, _: StandDown, _: &mut Self::Context) {
        self.standing_down = true;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    use super::*;

    #[test]
    fn pauses_grow_and_deaths_are_forgiven_in_time() {
        let mut policy = RestartPolicy::default();
        let start = Instant::now();
        let ms = Duration::from_millis;
        for pause in [10, 20, 40, 80, 160] {
            assert_eq!(policy.on_death(start), Verdict::Restart { after: ms(pause) });
        }
        assert_eq!(policy.on_death(start), Verdict::GiveUp);
        assert_eq!(policy.on_death(start + WINDOW), Verdict::Restart { after: ms(10) });
    }

    /// Test → Fragile: panic.
    #[derive(Message)]
    #[rtype(result = "()")]
    struct Panic;

    struct Fragile {
        _lifeline: Lifeline,
    }

    impl Actor for Fragile {
        type Context = Context<Self>;
    }

    impl Handler<Panic> for Fragile {
        type Result = ();

        fn handle(&mut self, _: Panic, _: &mut Self::Context) {
            panic!("asked to");
        }
    }

    #[test]
    fn an_actor_that_panics_is_started_again_until_it_is_hopeless() {
        let system = System::new();
        let starts = Rc::new(Cell::new(0));
        let gave_up = Rc::new(Cell::new(None));
        system.block_on(async {
            let address: Rc<RefCell<Option<Addr<Fragile>>>> = Rc::default();
            let (born, mut births) = mpsc::channel(16);
            let (over, mut end) = mpsc::channel(1);
            let mut omega = Omega::new({
                let gave_up = Rc::clone(&gave_up);
                move |name| {
                    gave_up.set(Some(name));
                    over.try_send(()).expect("there is room for one");
                }
            });
            omega.supervise("fragile", {
                let (address, starts) = (Rc::clone(&address), Rc::clone(&starts));
                Box::new(move |lifeline| {
                    starts.set(starts.get() + 1);
                    *address.borrow_mut() = Some(Fragile { _lifeline: lifeline }.start());
                    born.try_send(()).expect("there is room");
                })
            });
            let _omega = omega.start();
            for _ in 0..=DEATHS_MAX {
                births.recv().await.expect("it is started");
                let current = address.borrow().clone().expect("it has an address");
                assert!(current.send(Panic).await.is_err());
            }
            end.recv().await.expect("Omega gives up");
        });
        assert_eq!((starts.get(), gave_up.get()), (6, Some("fragile")));
    }
}
