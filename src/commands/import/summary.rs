//! The results of an import: a line for each job, and one document for all. With a single archive, its error or its document
//! is that of the command.

use std::fmt::Display;
use std::path::Path;

use serde_json::{Value, json};

use super::archive::Source;
use super::context::Import;
use super::options::ImportOptions;
use super::outcome::{document, plan_text, print_next_steps};
use super::plan::Plan;
use super::start::{Started, next_requests};
use crate::cluster::Cluster;
use crate::commands::failure::Failures;
use crate::error::{Error, ExitCode, Result};
use crate::job::JobId;
use crate::terminal::Terminal;
use crate::util::format::{NO_VALUE, amount, count, escape_json, truncated};

/// The largest width of the column of jobs, so that a line fits into 80 columns.
const MAX_JOB: usize = 36;
/// The width of the columns of numbers.
const NUMBER: usize = 10;

/// What happened to each archive so far.
pub(in crate::commands) struct Summary<'a> {
    pub(super) options: &'a ImportOptions,
    terminal: &'a Terminal,
    /// What `archives` counts: archives, or jobs of a copy, whose paths are their IDs on the source.
    item: &'static str,
    archives: usize,
    /// The width of the column of jobs.
    width: usize,
    documents: Vec<Value>,
    failures: Failures,
    /// The number of imported jobs, and the requests that open them and start their datafeeds.
    jobs: usize,
    next: Vec<String>,
    is_interrupted: bool,
    /// Whether the IDs of the jobs were printed to stdout.
    printed: Result<()>,
    /// Why a single job was imported but not opened, or its datafeed not started.
    failed_start: Option<Error>,
}

fn is_signal(error: &Error) -> bool {
    use ExitCode::{HungUp, Interrupted, Terminated};
    matches!(error.exit(), HungUp | Interrupted | Terminated)
}

/// Adds the members of a failure.
fn merge(document: &mut Value, failure: Value) {
    if let (Value::Object(document), Value::Object(failure)) = (document, failure) {
        document.extend(failure);
    }
}

impl<'a> Summary<'a> {
    pub(super) fn new(options: &'a ImportOptions, archives: usize, terminal: &'a Terminal) -> Self {
        Self {
            options,
            terminal,
            item: "archive",
            archives,
            width: 0,
            documents: Vec::new(),
            failures: Failures::default(),
            jobs: 0,
            next: Vec::new(),
            is_interrupted: false,
            printed: Ok(()),
            failed_start: None,
        }
    }

    /// The results of a copy, which starts.
    pub(in crate::commands) fn of_copies(
        options: &'a ImportOptions,
        copies: &[&JobId],
        terminal: &'a Terminal,
    ) -> Self {
        let mut results = Self::new(options, copies.len(), terminal);
        results.item = "job";
        results.begin(copies);
        results
    }

    /// The terminal for messages about one of several archives or jobs.
    pub(in crate::commands) fn terminal_of(&self, what: impl Display) -> Terminal {
        match self.archives {
            1 => self.terminal.clone(),
            _ => self.terminal.about(&what.to_string()),
        }
    }

    /// Adds an archive that cannot be imported, before anything is written. Fails if it is the only one.
    pub(super) fn refused(&mut self, path: &Path, error: Error) -> Result<()> {
        if self.archives == 1 {
            return Err(error);
        }
        let document = self.failures.add(&error, &self.terminal_of(path.display()));
        self.push(path, "refused", document);
        Ok(())
    }

    /// Fails if an archive cannot be imported.
    pub(super) fn refuse_failures(&mut self) -> Result<()> {
        if self.failures.is_empty() {
            return Ok(());
        }
        self.terminal.print_always("Nothing was written.");
        self.finish()
    }

    /// Prints the plans for `--dry-run`. The run ends with the error of a plan with conflicts.
    pub(super) fn print_plans(&mut self, cluster: &Cluster, planned: &[(Source, Plan)]) -> Result<()> {
        if !self.options.json {
            let texts: Vec<String> = planned.iter().map(|(_, plan)| plan_text(cluster, plan)).collect();
            return self.print_result(&texts.join("\n\n"));
        }
        for (source, plan) in planned.iter().filter(|(_, plan)| plan.conflicts.is_empty()) {
            self.push(source.archive.path(), "planned", document(plan, None));
        }
        Ok(())
    }

    /// Starts the table of several jobs.
    pub(super) fn begin(&mut self, jobs: &[&JobId]) {
        let longest = jobs.iter().map(|job| job.as_str().len()).max();
        self.width = longest.unwrap_or(0).clamp("Job".len(), MAX_JOB);
        self.line(["Job", "Documents", "Result"]);
    }

    fn line(&self, [job, documents, result]: [&str; 3]) {
        if self.archives > 1 {
            let (job, width) = (truncated(job, self.width), self.width);
            let line = format!("{job:width$}  {documents:>NUMBER$}  {result}");
            self.terminal.print(&line);
        }
    }

    /// Adds a job whose import failed. Fails if it is the only one.
    pub(in crate::commands) fn failed(&mut self, path: &Path, job: &JobId, error: Error) -> Result<()> {
        if self.archives == 1 {
            return Err(error);
        }
        let result = if is_signal(&error) { "interrupted" } else { "failed" };
        self.is_interrupted |= is_signal(&error);
        self.line([job.as_str(), NO_VALUE, result]);
        let mut document = self.failures.add(&error, &self.terminal_of(job));
        document["job_id"] = json!(job);
        self.push(path, result, document);
        Ok(())
    }

    /// Adds the result of a job. Fails if it is the only one and failed.
    pub(in crate::commands) fn add(
        &mut self,
        path: &Path,
        job: &JobId,
        imported: Result<(Started, Import)>,
    ) -> Result<()> {
        let (started, import) = match imported {
            Ok(imported) => imported,
            Err(error) => return self.failed(path, job, error),
        };
        let plan = &import.plan;
        if self.archives == 1 {
            self.terminal.print(&format!("Imported job {job}."));
        }
        let result = match (&started.failure, started.opened, started.datafeed) {
            (Some(_), false, _) => "imported, not opened",
            (Some(_), true, _) => "imported, datafeed not started",
            (None, false, _) => "imported",
            (None, true, false) => "imported, opened",
            (None, true, true) => "imported, started",
        };
        self.line([job.as_str(), &count(plan.counts.total()), result]);
        self.jobs += 1;
        self.next.extend(next_requests(plan, self.options, &started));
        let replaced = import.journal.replaced.possible().into_iter();
        let replaced: Vec<String> = replaced.map(|(replaced, _)| replaced.what).collect();
        let mut document = document(plan, Some(&replaced));
        (document["opened"], document["datafeed_started"]) = (json!(started.opened), json!(started.datafeed));
        if !self.options.json && self.printed.is_ok() {
            self.printed = self.print_result(job.as_str());
        }
        self.is_interrupted |= started.failure.as_ref().is_some_and(is_signal);
        match started.failure {
            Some(failure) if self.archives == 1 => {
                merge(&mut document, failure.to_json());
                self.failed_start = Some(failure);
            }
            Some(failure) => merge(&mut document, self.failures.add(&failure, &self.terminal_of(job))),
            None => {}
        }
        self.push(path, "imported", document);
        Ok(())
    }

    /// Adds the jobs whose import was not started because of a signal.
    pub(in crate::commands) fn not_started(&mut self, waiting: &[(&Path, &JobId)], signal: &Error) {
        let jobs: Vec<&str> = waiting.iter().map(|(_, job)| job.as_str()).collect();
        self.terminal.print_always(&format!("Not started: {}", jobs.join(", ")));
        for (path, job) in waiting {
            self.push(path, "not started", json!({ "job_id": job }));
        }
        if !self.is_interrupted {
            self.failures.add(signal, self.terminal);
        }
    }

    /// Prints the next steps and the document.
    pub(in crate::commands) fn finish(&mut self) -> Result<()> {
        if self.jobs > 0 {
            print_next_steps(self.jobs, &self.next, self.terminal);
        }
        let failures = std::mem::take(&mut self.failures);
        let (item, items) = (self.item, format!("{}s", self.item));
        let result = match self.failed_start.take() {
            Some(failure) => Err(Error::Reported(Box::new(failure))),
            None => failures.into_result(&amount(self.archives as u64, item, &items)),
        };
        if self.options.json {
            let documents = std::mem::take(&mut self.documents);
            let mut document = match (self.archives, documents) {
                (1, mut documents) => documents.pop().unwrap_or_default(),
                (_, documents) if item == "job" => json!({ "dry_run": self.options.dry_run, "copies": documents }),
                (_, documents) => json!({ "dry_run": self.options.dry_run, "imports": documents }),
            };
            if let (Err(error), 2..) = (&result, self.archives) {
                document["error"] = json!(error.to_string());
                document["exit"] = json!(error.exit() as u8);
            }
            self.print_result(&escape_json(&document.to_string()))?;
        }
        result.and(std::mem::replace(&mut self.printed, Ok(())))
    }

    fn push(&mut self, path: &Path, result: &str, mut document: Value) {
        if self.archives > 1 {
            let member = if self.item == "job" { "source_job_id" } else { "archive" };
            document[member] = json!(path.display().to_string());
            document["result"] = json!(result);
        }
        self.documents.push(document);
    }

    fn print_result(&self, text: &str) -> Result<()> {
        self.terminal.result(text).map_err(Error::stdout)
    }
}
