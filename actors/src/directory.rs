//! Where the actors of this process are: the newest address of each, which changes when Omega starts one again.

use actix::{Actor, Addr};
use tokio::sync::watch;

use crate::echo::Echo;
use crate::gateway::Gateway;
use crate::qlogik::Qlogik;
use crate::scheduler::Scheduler;
use crate::vacancy::Vacancy;
use crate::worker::Worker;

/// The newest address of one actor.
pub(crate) struct Place<A: Actor> {
    state: watch::Sender<State<A>>,
}

enum State<A: Actor> {
    /// Not started yet.
    Empty,
    /// The newest incarnation.
    At(Addr<A>),
    /// There will be no other.
    Closed,
}

impl<A: Actor> Default for Place<A> {
    fn default() -> Self {
        Place { state: watch::channel(State::Empty).0 }
    }
}

impl<A: Actor> Place<A> {
    /// A new incarnation is there.
    pub(crate) fn set(&self, address: Addr<A>) {
        self.state.send_replace(State::At(address));
    }

    /// There will be no other: whoever waits for one stops waiting.
    fn close(&self) {
        self.state.send_replace(State::Closed);
    }

    /// The live incarnation; waits while there is none. `None` when this process is stopping.
    pub(crate) async fn get(&self) -> Option<Addr<A>> {
        self.find(|address| address.connected()).await
    }

    /// The incarnation after `gone`, which did not answer. `None` when this process is stopping.
    pub(crate) async fn after(&self, gone: &Addr<A>) -> Option<Addr<A>> {
        self.find(|address| address != gone).await
    }

    async fn find(&self, wanted: impl Fn(&Addr<A>) -> bool) -> Option<Addr<A>> {
        let mut changes = self.state.subscribe();
        loop {
            match &*changes.borrow_and_update() {
                State::At(address) if wanted(address) => return Some(address.clone()),
                State::Closed => return None,
                State::At(_) | State::Empty => {}
            }
            changes.changed().await.ok()?;
        }
    }
}

/// The places of the actors that others talk to.
#[derive(Default)]
pub(crate) struct Directory {
    pub(crate) gateway: Place<Gateway>,
    pub(crate) scheduler: Place<Scheduler>,
    pub(crate) worker: Place<Worker>,
    /// Stays empty where no timelines are kept.
    pub(crate) echo: Place<Echo>,
    pub(crate) qlogik: Place<Qlogik>,
    /// Whether the scheduler has a slot to give.
    pub(crate) vacancy: Vacancy,
}

impl Directory {
    /// This process is stopping: nobody is started again.
    pub(crate) fn close(&self) {
        self.gateway.close();
        self.scheduler.close();
        self.worker.close();
        self.echo.close();
        self.qlogik.close();
    }
}
