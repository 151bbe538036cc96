//! Programs of the system: run to their end within a time, with what they said when they fail.

use std::io::Read;
use std::process::{Command, Output, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::linux::bell::Bell;
use crate::linux::error::CampaignError;

/// How often a running program is asked whether it has ended.
const POLL: Duration = Duration::from_millis(4);

/// Runs a tool that must succeed.
pub(crate) fn tool(line: &[&str]) -> Result<String, CampaignError> {
    let (program, arguments) = line.split_first().expect("a line has a program");
    let action = || format!("run `{}`", line.join(" "));
    let output =
        Command::new(program).args(arguments).output().map_err(|error| CampaignError::setup(action(), error))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(CampaignError::setup(action(), String::from_utf8_lossy(&output.stderr)))
    }
}

/// Runs a program for at most `patience`; one that takes longer is killed, and there is no answer.
pub(crate) fn within(patience: Duration, command: &mut Command) -> Option<Output> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().ok()?;
    let out = reader(child.stdout.take());
    let err = reader(child.stderr.take());
    let status = Bell::until(patience, POLL, || child.try_wait().ok().flatten());
    if status.is_none() {
        // It may end just now; then there is nothing to kill.
        let _ = child.kill();
        let _ = child.wait();
    }
    let (stdout, stderr) = (out.join().ok()?, err.join().ok()?);
    Some(Output { status: status?, stdout, stderr })
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read until an error is what there is.
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}
