//! Jobs that are parts of a task: calls that a running program hands on to other machines, each task of such a job being
//! some of them.
//!
//! The calls are an input of the job like any other, under a name that says whose they are and that no program has.

use crate::ids::TaskId;
use crate::job::{Input, JobSpec};
use crate::outcome::Payload;

const MARK: &str = "\u{1}calls of ";

impl Input {
    /// Calls of a task.
    pub fn calls_of(task: TaskId, payload: Payload) -> Input {
        Input { name: format!("{MARK}{task}"), payload }
    }

    /// The task whose calls these are, if they are any.
    pub fn caller(&self) -> Option<TaskId> {
        self.name.strip_prefix(MARK)?.parse().ok()
    }
}

impl JobSpec {
    /// The task that this job is a part of, if it is.
    pub fn part_of(&self) -> Option<TaskId> {
        self.inputs.iter().find_map(Input::caller)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::JobId;
    use crate::job::Program;

    #[test]
    fn a_part_knows_its_task_and_others_have_none() {
        let program = Program::MCode { file: "a.mcode".to_owned(), source: "1".into() };
        let mut spec = JobSpec::single("a", program);
        let payload = Payload::Inline(vec![1].into());
        spec.inputs.push(Input { name: "calls of 3/4".to_owned(), payload: payload.clone() });
        assert_eq!(spec.part_of(), None);
        let task = TaskId { job: JobId(3), index: 4 };
        spec.inputs.push(Input::calls_of(task, payload));
        assert_eq!(spec.part_of(), Some(task));
    }
}
