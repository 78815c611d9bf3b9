//! What happened to the jobs or archives of a command: a line for each, one JSON document, and the most severe exit code. The
//! failure of one does not stop the others. If there is only one, its error and its document are those of the command.

use std::fmt::Display;

use serde_json::{Value, json};

use super::failure::print_failure;
use super::interrupt::Signals;
use crate::error::{Error, ExitCode, Result};
use crate::job::JobId;
use crate::terminal::Terminal;
use crate::util::format::{NO_VALUE, amount, escape_json, truncated};

/// The largest width of the column of jobs, so that a line fits into 80 columns.
const MAX_JOB: usize = 36;

/// What happened so far.
pub(super) struct Summary<'a> {
    terminal: &'a Terminal,
    /// Whether a JSON document is printed.
    json: bool,
    /// What the items are, such as `job`, and their number.
    item: &'static str,
    number: usize,
    /// Whether the items are listed. Otherwise there is only one.
    pub(super) is_list: bool,
    /// The width of the column of jobs, and the other columns; none without a table.
    width: usize,
    columns: &'static [&'static str],
    pub(super) documents: Vec<Value>,
    failures: Vec<Error>,
    /// Whether the texts were printed to stdout.
    printed: Result<()>,
}

/// What was done for a job.
#[derive(Default)]
pub(super) struct Report {
    /// The values of its line in the table.
    pub(super) values: Vec<String>,
    /// Its result in the document, and what the table adds to it.
    pub(super) result: &'static str,
    pub(super) detail: &'static str,
    /// What is printed to stdout without `--json`.
    pub(super) text: Option<String>,
    pub(super) document: Value,
    /// What failed after it was done.
    pub(super) failure: Option<Error>,
}

impl<'a> Summary<'a> {
    pub(super) fn new(terminal: &'a Terminal, json: bool, item: &'static str, number: usize) -> Self {
        Self {
            terminal,
            json,
            item,
            number,
            is_list: number != 1,
            width: 0,
            columns: &[],
            documents: Vec::new(),
            failures: Vec::new(),
            printed: Ok(()),
        }
    }

    /// The terminal for messages about an item.
    pub(super) fn terminal_of(&self, name: impl Display) -> Terminal {
        match self.is_list {
            true => self.terminal.about(&name.to_string()),
            false => self.terminal.clone(),
        }
    }

    /// Starts the table of the jobs, if they are listed.
    pub(super) fn begin(&mut self, jobs: &[&JobId], columns: &'static [&'static str]) {
        let longest = jobs.iter().map(|job| job.as_str().len()).max();
        if let Some(longest) = longest.filter(|_| self.is_list) {
            self.width = longest.clamp("Job".len(), MAX_JOB);
            self.columns = columns;
            self.print_line("Job", columns, "Result");
        }
    }

    fn print_line(&self, job: &str, values: &[impl Display], result: &str) {
        if !self.columns.is_empty() {
            let (job, width) = (truncated(job, self.width), self.width);
            let values: String = values.iter().map(|value| format!("  {value:>10}")).collect();
            self.terminal.print(&format!("{job:width$}{values}  {result}"));
        }
    }

    /// Adds a job that was exported or imported.
    pub(super) fn add(&mut self, job: &JobId, mut report: Report) {
        let result = format!("{}{}", report.result, report.detail);
        self.print_line(job.as_str(), &report.values, &result);
        if let Some(text) = &report.text {
            self.print_text(text);
        }
        if let Some(failure) = report.failure {
            merge(&mut report.document, failure.to_json());
            self.add_failure(failure, &self.terminal_of(job));
        }
        self.add_document(report.document, report.result);
    }

    /// Adds an item that failed. The error of the only one is returned.
    pub(super) fn fail(&mut self, name: impl Display, error: Error, document: Value) -> Result<()> {
        let result = match error.exit() {
            ExitCode::Refused => "refused",
            exit if exit.is_signal() => "interrupted",
            _ => "failed",
        };
        self.fail_with(result, name, error, document)
    }

    /// Adds an item that failed with this result. The error of the only one is returned.
    pub(super) fn fail_with(
        &mut self,
        result: &'static str,
        name: impl Display,
        error: Error,
        mut document: Value,
    ) -> Result<()> {
        if !self.is_list {
            return Err(error);
        }
        self.print_line(&name.to_string(), &vec![NO_VALUE; self.columns.len()], result);
        merge(&mut document, error.to_json());
        self.add_failure(error, &self.terminal_of(name));
        self.add_document(document, result);
        Ok(())
    }

    /// Adds a failure. That of the only item is printed at the end of the command.
    pub(super) fn add_failure(&mut self, error: Error, terminal: &Terminal) {
        if self.is_list {
            print_failure(&error, terminal);
        }
        self.failures.push(error);
    }

    /// Adds a signal that ended no item. The last line of the command states it.
    pub(super) fn add_signal(&mut self, signal: Error) {
        self.failures.push(signal);
    }

    /// Adds the jobs that were not started because of a signal.
    pub(super) fn add_not_started(&mut self, waiting: Vec<(&JobId, Value)>, signals: &Signals) {
        let Some(signal) = signals.error().filter(|_| !waiting.is_empty()) else {
            return;
        };
        let jobs: Vec<&str> = waiting.iter().map(|(job, _)| job.as_str()).collect();
        self.terminal.print_always(&format!("Not started: {}", jobs.join(", ")));
        for (_, document) in waiting {
            self.add_document(document, "not started");
        }
        if self.failures.iter().all(|failure| failure.exit() < signal.exit()) {
            self.add_signal(signal);
        }
    }

    /// Fails if an item failed.
    pub(super) fn result(&mut self) -> Result<()> {
        let Some(exit) = self.failures.iter().map(Error::exit).max() else {
            return Ok(());
        };
        if !self.is_list
            && let Some(error) = self.failures.pop()
        {
            return Err(Error::Reported(Box::new(error)));
        }
        let items = amount(self.number as u64, self.item, &format!("{}s", self.item));
        // What a signal ended did not fail.
        let failed = self.failures.iter().filter(|failure| !failure.exit().is_signal());
        let message = match (exit.is_signal(), failed.count()) {
            (true, 0) => Error::stopped(exit).to_string(),
            (true, failed) => format!("{}; {failed} of {items} failed", Error::stopped(exit)),
            (false, failed) => format!("{failed} of {items} failed"),
        };
        let hint = None;
        Err(Error::Reported(Box::new(Error::Stated { exit, message, hint })))
    }

    /// Prints the JSON document, in which `list` contains the items, and returns the result of the command.
    pub(super) fn finish(&mut self, mut document: Value, list: &str) -> Result<()> {
        let result = self.result();
        if self.json {
            let mut documents = std::mem::take(&mut self.documents);
            match self.is_list {
                true => document[list] = documents.into(),
                false => document = documents.pop().unwrap_or_default(),
            }
            if let Err(error) = &result {
                merge(&mut document, error.to_json());
            }
            self.print_result(&escape_json(&document.to_string()));
        }
        result.and(std::mem::replace(&mut self.printed, Ok(())))
    }

    /// Adds the document of an item.
    pub(super) fn add_document(&mut self, mut document: Value, result: &str) {
        if self.is_list {
            document["result"] = json!(result);
        }
        self.documents.push(document);
    }

    /// Prints a text to stdout, unless a JSON document is printed at the end.
    pub(super) fn print_text(&mut self, text: &str) {
        if !self.json {
            self.print_result(text);
        }
    }

    fn print_result(&mut self, text: &str) {
        if self.printed.is_ok() {
            self.printed = self.terminal.result(text).map_err(Error::stdout);
        }
    }
}

/// Adds the members of a failure.
fn merge(document: &mut Value, failure: Value) {
    if let (Value::Object(document), Value::Object(failure)) = (document, failure) {
        document.extend(failure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::TerminalOptions;

    #[test]
    fn the_most_severe_exit_code_is_returned() {
        let terminal = Terminal::new(TerminalOptions::default());
        let mut summary = Summary::new(&terminal, false, "job", 12);
        assert!(summary.result().is_ok());
        for exit in [ExitCode::Failed, ExitCode::Refused, ExitCode::Damaged] {
            let (message, hint) = ("failed".to_owned(), None);
            summary.add_failure(Error::Stated { exit, message, hint }, &terminal);
        }
        let failed = summary.result().expect_err("three failed");
        assert_eq!(failed.exit(), ExitCode::Damaged);
        assert_eq!(failed.to_string(), "3 of 12 jobs failed");
        summary.add_failure(Error::stopped(ExitCode::Interrupted), &terminal);
        let failed = summary.result().expect_err("three failed, and one was interrupted");
        assert_eq!(failed.exit(), ExitCode::Interrupted);
        assert_eq!(failed.to_string(), "interrupted; 3 of 12 jobs failed");
    }

    #[test]
    fn a_signal_is_not_a_failure_of_a_job() {
        let terminal = Terminal::new(TerminalOptions::default());
        let mut summary = Summary::new(&terminal, false, "job", 12);
        summary.add_failure(Error::stopped(ExitCode::Terminated), &terminal);
        let stopped = summary.result().expect_err("it was terminated");
        assert_eq!(stopped.to_string(), "terminated");
    }
}
