//! What the machine and the operations tell a run's profile, where it has one.
//!
//! What comes of it is the recorder's ([`crate::profile`]).

use super::host::Host;
use super::machine::{BOTTOM, Frame, TIMED};
use crate::hir::FunctionId;
use crate::profile::Recorder;

impl Host<'_> {
    /// Runs an operation; times it where the run is profiled.
    #[inline]
    pub(crate) fn measured<T>(&mut self, name: &'static str, run: impl FnOnce(&mut Self) -> T) -> T {
        if self.profile.is_none() {
            return run(self);
        }
        let is_timed = self.operation_begins(name);
        let made = |host: &Self| host.context.meter().work().result_bytes;
        let before = is_timed.then(|| made(self));
        let result = run(self);
        let bytes = before.map(|before| made(self).saturating_sub(before));
        if let Some(profile) = &mut self.profile {
            profile.end_operation(bytes, &mut self.pulse, (&self.frames, self.function));
        }
        result
    }

    fn operation_begins(&mut self, name: &'static str) -> bool {
        let stack = (self.frames.as_slice(), self.function);
        self.profile.as_mut().is_some_and(|profile| profile.begin_operation(name, &mut self.pulse, stack))
    }

    /// A function begins; whether it is timed, so that its end must be told. Only where the run is profiled.
    #[inline(always)]
    pub(super) fn function_begins(&mut self, id: FunctionId) -> bool {
        let is_timed = self.pulse.counts(id) && self.function_is_due(id);
        self.function = id;
        is_timed
    }

    #[cold]
    fn function_is_due(&mut self, id: FunctionId) -> bool {
        let stack = (self.frames.as_slice(), self.function);
        self.profile.as_mut().is_some_and(|profile| profile.enter(id, &mut self.pulse, stack))
    }

    /// The function that runs ends; gives what waited for it, [`None`] where that is no call of this machine. Only where the
    /// run is profiled.
    #[inline(always)]
    pub(super) fn function_ends(&mut self) -> Option<Frame> {
        let mut waiting = self.frames.pop()?;
        // That of no call has the mark of timed ones too.
        if waiting.pc & TIMED != 0 || self.pulse.is_beaten() {
            waiting.pc = self.timed_function_ends(waiting)?;
        }
        self.function = waiting.function;
        Some(waiting)
    }

    #[cold]
    fn timed_function_ends(&mut self, waiting: Frame) -> Option<u32> {
        self.frames.push(waiting);
        if let Some(profile) = &mut self.profile {
            profile.leave(&mut self.pulse, (&self.frames, self.function));
        }
        self.frames.pop();
        (waiting.pc != BOTTOM).then_some(waiting.pc & !TIMED)
    }

    /// What ran until here is the function that runs, whatever it was that it ran.
    pub(super) fn look_for_profile(&mut self) {
        if let Some(profile) = &mut self.profile {
            profile.look(&mut self.pulse, (&self.frames, self.function));
        }
    }

    /// Ends what is still timed where a machine began with `open` timed calls: a fault went through it.
    pub(super) fn close_profile_to(&mut self, open: usize) {
        if let Some(profile) = &mut self.profile {
            profile.close_to(open, &mut self.pulse, (&self.frames, self.function));
        }
    }

    /// What runs from here on is calls that record for themselves.
    pub(super) fn pause_profile(&mut self) {
        if let Some(profile) = &mut self.profile {
            profile.pause(&mut self.pulse, (&self.frames, self.function));
        }
    }

    /// The calls since [`Host::pause_profile`] recorded this.
    pub(super) fn resume_profile(&mut self, recorded: impl IntoIterator<Item = Box<Recorder>>) {
        if let Some(profile) = &mut self.profile {
            recorded.into_iter().for_each(|calls| profile.merge(*calls, (&self.frames, self.function)));
            profile.resume(&mut self.pulse, self.frames.len());
        }
    }

    /// The profile at the end of the run or of a call that records for itself.
    pub(crate) fn take_profile(&mut self) -> Option<Box<Recorder>> {
        let mut profile = self.profile.take()?;
        profile.lay_aside(&mut self.pulse);
        Some(profile)
    }

    /// Records from here on, where the run is profiled: in what another call of the same thread laid aside, or anew as
    /// `thread` of a trace.
    pub(crate) fn take_up_profile(&mut self, kept: Option<Box<Recorder>>, thread: impl FnOnce() -> u32) {
        let anew = |clock| Box::new(Recorder::new(clock, self.image.functions.len(), thread()));
        if let Some(mut profile) = kept.or_else(|| self.context.profile_clock().map(anew)) {
            profile.take_up(&mut self.pulse, self.frames.len());
            self.profile = Some(profile);
        }
    }
}
