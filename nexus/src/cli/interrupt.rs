//! Ctrl-C and SIGTERM: the first asks what runs to end in order, the second ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::error::Exit;

/// How many threads wait for a file that the user gives.
static READING: AtomicUsize = AtomicUsize::new(0);

/// Reads something that may never come (a pipe, a terminal). Nothing has begun by then that would have to end in order,
/// so that an interruption ends the process at once.
pub(crate) fn reading<R>(read: impl FnOnce() -> R) -> R {
    READING.fetch_add(1, Ordering::SeqCst);
    let result = read();
    READING.fetch_sub(1, Ordering::SeqCst);
    result
}

/// Begins to listen, on a thread of its own. The receiver turns true at the first signal, and stays false for ever
/// where the system gives no way to listen: then the signal ends the process as it always did.
pub(crate) fn listen() -> watch::Receiver<bool> {
    let (interrupt, interrupted) = watch::channel(false);
    let listener = std::thread::Builder::new().name("nexus-signals".to_owned()).spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
        runtime.block_on(async {
            let (Ok(mut ctrl_c), Ok(mut terminate)) =
                (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
            else {
                return;
            };
            let mut next = async || {
                tokio::select! {
                    _ = ctrl_c.recv() => {}
                    _ = terminate.recv() => {}
                }
            };
            next().await;
            interrupt.send_replace(true);
            if READING.load(Ordering::SeqCst) == 0 {
                next().await;
            }
            std::process::exit(Exit::Cancelled as i32);
        });
    });
    // Without the thread nothing listens, and the signal keeps its usual meaning.
    drop(listener);
    interrupted
}

/// Sets the flag at every Ctrl-C, for a conversation that goes on; SIGTERM keeps its usual meaning.
pub(crate) fn each(flag: &Arc<AtomicBool>) {
    let flag = Arc::clone(flag);
    let listener = std::thread::Builder::new().name("nexus-signals".to_owned()).spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
        runtime.block_on(async {
            let Ok(mut ctrl_c) = signal(SignalKind::interrupt()) else { return };
            while ctrl_c.recv().await.is_some() {
                flag.store(true, Ordering::Relaxed);
            }
        });
    });
    drop(listener);
}
