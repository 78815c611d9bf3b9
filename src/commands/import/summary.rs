//! The results of an import or of copies, and the next steps.

use std::fmt::Display;
use std::path::Path;

use serde_json::{Value, json};

use super::context::Import;
use super::options::ImportOptions;
use super::outcome::{document, plan_text, print_next_steps};
use super::plan::Plan;
use super::start::{Started, next_requests};
use crate::cluster::Cluster;
use crate::commands::interrupt::Signals;
use crate::commands::summary::{Report, Summary};
use crate::error::{Error, Result};
use crate::job::JobId;
use crate::terminal::Terminal;
use crate::util::format::count;

/// What happened to each archive so far.
pub(in crate::commands) struct Imports<'a> {
    pub(super) options: &'a ImportOptions,
    terminal: &'a Terminal,
    pub(in crate::commands) items: Summary<'a>,
    /// The list in the document, and the member of its items for the archive. For copies, that is the job on the source.
    list: &'static str,
    source: &'static str,
    /// The number of imported jobs, and the requests that open them and start their datafeeds.
    jobs: usize,
    next: Vec<String>,
}

impl<'a> Imports<'a> {
    pub(super) fn new(options: &'a ImportOptions, archives: usize, terminal: &'a Terminal) -> Self {
        Self {
            options,
            terminal,
            items: Summary::new(terminal, options.json, "archive", archives),
            list: "imports",
            source: "archive",
            jobs: 0,
            next: Vec::new(),
        }
    }

    /// The results of copies to these jobs, which start.
    pub(in crate::commands) fn of_copies(
        options: &'a ImportOptions,
        copies: &[&JobId],
        terminal: &'a Terminal,
    ) -> Self {
        let mut imports = Self {
            items: Summary::new(terminal, options.json, "job", copies.len()),
            list: "copies",
            source: "source_job_id",
            ..Self::new(options, copies.len(), terminal)
        };
        imports.begin(copies);
        imports
    }

    /// Starts the table of several jobs.
    pub(super) fn begin(&mut self, jobs: &[&JobId]) {
        self.items.begin(jobs, &["Documents"]);
    }

    /// The document of an item, which names its archive if there are several.
    fn of_source(&self, source: impl Display, mut document: Value) -> Value {
        if self.items.is_list {
            document[self.source] = json!(source.to_string());
        }
        document
    }

    /// Adds an archive that cannot be imported, before anything is written. Fails if it is the only one.
    pub(super) fn refused(&mut self, path: &Path, error: Error) -> Result<()> {
        let document = self.of_source(path.display(), json!({}));
        self.items.fail_with("refused", path.display(), error, document)
    }

    /// Prints the plan in a dry run. The caller adds the conflicts.
    pub(super) fn add_plan(&mut self, cluster: &Cluster, source: &Path, plan: &Plan) {
        if self.options.dry_run {
            self.items.print_text(&plan_text(cluster, plan));
        }
        if self.options.dry_run && plan.conflicts.is_empty() {
            let document = self.of_source(source.display(), document(plan, None));
            self.items.add_document(document, "planned");
        }
    }

    /// Fails if an archive cannot be imported.
    pub(super) fn refuse_failures(&mut self) -> Result<()> {
        if self.items.result().is_ok() {
            return Ok(());
        }
        self.terminal.print_always("Nothing was written.");
        self.finish()
    }

    /// Adds the result of a job. Fails if it is the only one and failed.
    pub(in crate::commands) fn add(
        &mut self,
        source: impl Display,
        job: &JobId,
        imported: Result<(Started, Import)>,
    ) -> Result<()> {
        let (started, import) = match imported {
            Ok(imported) => imported,
            Err(error) => {
                let document = self.of_source(source, json!({ "job_id": job }));
                return self.items.fail(job, error, document);
            }
        };
        if !self.items.is_list {
            self.terminal.print(&format!("Imported job {job}."));
        }
        let detail = match (&started.failure, started.opened, started.datafeed) {
            (Some(_), false, _) => ", not opened",
            (Some(_), true, _) => ", datafeed not started",
            (None, false, _) => "",
            (None, true, false) => ", opened",
            (None, true, true) => ", started",
        };
        self.jobs += 1;
        self.next.extend(next_requests(&import.plan, self.options, &started));
        let replaced = import.journal.replaced.possible().into_iter();
        let replaced: Vec<String> = replaced.map(|(replaced, _)| replaced.what).collect();
        let mut document = document(&import.plan, Some(&replaced));
        (document["opened"], document["datafeed_started"]) = (json!(started.opened), json!(started.datafeed));
        let report = Report {
            values: vec![count(import.plan.counts.total())],
            result: "imported",
            detail,
            text: Some(job.to_string()),
            document: self.of_source(source, document),
            failure: started.failure,
        };
        self.items.add(job, report);
        Ok(())
    }

    /// Adds the jobs whose import was not started because of a signal.
    pub(in crate::commands) fn add_not_started(&mut self, waiting: &[(impl Display, &JobId)], signals: &Signals) {
        let waiting = waiting.iter().map(|(source, job)| {
            let document = self.of_source(source, json!({ "job_id": job }));
            (*job, document)
        });
        let waiting = waiting.collect();
        self.items.add_not_started(waiting, signals);
    }

    /// Prints the next steps and the document.
    pub(in crate::commands) fn finish(&mut self) -> Result<()> {
        if self.jobs > 0 {
            print_next_steps(self.jobs, &self.next, self.terminal);
        }
        let document = json!({ "dry_run": self.options.dry_run });
        self.items.finish(document, self.list)
    }
}
