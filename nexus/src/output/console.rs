//! Where output goes: the answer to stdout, the conversation to stderr; colours only to a terminal.
//!
//! A closed pipe (`nexus jobs | head`) is no error: the rest of the answer is dropped. An answer that is lost in any other
//! way, as on a full disk, makes the command fail.

use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};

/// A stream that the console shares with what a running program prints.
type Stream = Arc<Mutex<Box<dyn Write + Send>>>;

fn write(stream: &Stream, bytes: &[u8]) -> io::Result<()> {
    let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
    stream.write_all(bytes).and_then(|()| stream.flush())
}

/// The two streams of a command, and what it may do on them.
pub struct Console {
    out: Stream,
    err: Stream,
    json: bool,
    interactive: bool,
    broken: bool,
    lost: Option<io::Error>,
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console").field("json", &self.json).field("interactive", &self.interactive).finish()
    }
}

impl Console {
    /// The process's own streams. With `json`, stdout holds the one document.
    pub fn standard(json: bool) -> Self {
        Console {
            out: Arc::new(Mutex::new(Box::new(anstream::AutoStream::auto(io::stdout())))),
            err: Arc::new(Mutex::new(Box::new(anstream::AutoStream::auto(io::stderr())))),
            json,
            interactive: io::stderr().is_terminal(),
            broken: false,
            lost: None,
        }
    }

    /// Streams of the caller's, which get text without colours; never interactive.
    pub fn plain(json: bool, out: impl Write + Send + 'static, err: impl Write + Send + 'static) -> Self {
        let strip = |stream: Box<dyn Write + Send>| -> Stream {
            Arc::new(Mutex::new(Box::new(anstream::StripStream::new(stream))))
        };
        Console {
            out: strip(Box::new(out)),
            err: strip(Box::new(err)),
            json,
            interactive: false,
            broken: false,
            lost: None,
        }
    }

    /// Whether the answer is a JSON document.
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Whether a person watches stderr, so that progress may be shown.
    pub fn is_interactive(&self) -> bool {
        self.interactive
    }

    /// Writes a part of the answer.
    pub fn answer(&mut self, text: &str) {
        self.answer_bytes(text.as_bytes());
    }

    /// Writes a part of the answer that need not be text.
    pub fn answer_bytes(&mut self, bytes: &[u8]) {
        if self.broken {
            return;
        }
        if let Err(error) = write(&self.out, bytes) {
            self.broken = true;
            // Whoever reads and has gone wants no more.
            self.lost = Some(error).filter(|error| error.kind() != io::ErrorKind::BrokenPipe);
        }
    }

    /// Why a part of the answer was lost, where that is not what its reader wanted. Told once.
    pub fn take_lost(&mut self) -> Option<io::Error> {
        self.lost.take()
    }

    /// Whether whoever read the answer has gone.
    pub fn is_broken(&self) -> bool {
        self.broken
    }

    /// Writes a line of the conversation.
    pub fn say(&mut self, line: &str) {
        self.say_raw(&format!("{line}\n"));
    }

    /// Writes a part of the conversation as it is.
    pub fn say_raw(&mut self, text: &str) {
        // Nobody listens: the command goes on all the same.
        let _ = write(&self.err, text.as_bytes());
    }

    /// Takes what a running program prints: part of the answer, or of the conversation where the answer is a document.
    pub fn printer(&self) -> impl FnMut(&str) + Send + 'static {
        let stream = Arc::clone(if self.json { &self.err } else { &self.out });
        move |text| {
            // A program goes on when nobody reads what it prints.
            let _ = write(&stream, text.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Closed(io::ErrorKind);

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_quiet() {
        let closed = || Closed(io::ErrorKind::BrokenPipe);
        let mut console = Console::plain(false, closed(), closed());
        assert!(!console.is_broken());
        console.answer("x");
        console.say("y");
        assert!(console.is_broken());
        assert!(console.take_lost().is_none());
    }

    #[test]
    fn an_answer_lost_to_a_full_disk_is_told() {
        let mut console = Console::plain(false, Closed(io::ErrorKind::StorageFull), io::sink());
        console.answer("x");
        assert_eq!(console.take_lost().map(|error| error.kind()), Some(io::ErrorKind::StorageFull));
    }
}
