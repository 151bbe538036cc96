//! Panics of graphics drivers, and of Burn on their behalf, as errors.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use thiserror::Error;

/// A call that panicked. The tensors that it touched are gone; others are as they were. A retry rarely helps.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{reason}")]
pub struct Contained {
    /// The first line of what the panic said.
    pub reason: String,
}

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Runs a call into Burn; a panic becomes an error.
///
/// This is the one place where panics are caught. Burn reports a lost device, memory that ran out and kernels that do
/// not compile by panicking, and a program that could go on with the CPU must not die of them. What the call captured is
/// handed over or cloned, so nothing half-changed is seen afterwards.
pub fn contain<T>(call: impl FnOnce() -> T) -> Result<T, Contained> {
    keep_quiet();
    let outer = CONTAINED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(call));
    CONTAINED.set(outer);
    result.map_err(|panic| Contained { reason: reason(panic.as_ref()) })
}

/// Keeps contained panics of the calling thread off the standard error stream: they are reported as errors. All others
/// go to the hook that was there before.
fn keep_quiet() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !CONTAINED.get() {
                before(panic);
            }
        }));
    });
}

/// What a panic said: its first line, for people.
fn reason(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    let line = text.and_then(|text| text.lines().find(|line| !line.trim().is_empty()));
    line.unwrap_or("the driver gave no reason").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_the_driver_becomes_an_error() {
        let error = contain(|| -> () { panic!("\n  device lost\nat line 7") }).unwrap_err();
        assert_eq!(error.reason, "device lost");
        assert_eq!(contain(|| 3).unwrap(), 3);
    }

    #[test]
    fn a_panic_inside_a_contained_call_leaves_the_outer_one_contained() {
        let outer = contain(|| {
            let inner = contain(|| -> () { std::panic::panic_any(7u8) });
            assert_eq!(inner.unwrap_err().reason, "the driver gave no reason");
            CONTAINED.get()
        });
        assert!(outer.unwrap());
        assert!(!CONTAINED.get());
    }
}
