//! Reads an archive once, and reports what is in it.

use std::cell::RefCell;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::facts::{Failure, Gathered, Report, document_time, report};
use super::options::InspectOptions;
use super::output::is_standard_stream;
use super::values::{StateSink, ValueCollector};
use crate::archive::{self, Archive, Contents, DocumentVisitor, Limits, Part};
use crate::error::{Error, Result};
use crate::job::JobConfig;
use crate::state::StateKind;
use crate::terminal::{Stage, Terminal};
use crate::util::format::bytes;

/// The time field of inputs whose configuration is missing.
const DEFAULT_TIME_FIELD: &str = "@timestamp";

/// An archive that was read.
#[derive(Debug)]
pub(super) struct Inspection {
    pub(super) report: Report,
    pub(super) contents: Contents,
    /// What the command ends with, after the report was printed.
    pub(super) failure: Option<Error>,
}

/// Gathers the facts of documents that a report needs; keeps no document.
#[derive(Debug, Default)]
pub(super) struct FactCollector {
    pub(super) time_field: Option<String>,
    pub(super) gathered: Gathered,
    /// With `--values`; shared with what receives the decoded state.
    values: Option<Rc<RefCell<ValueCollector>>>,
}

impl FactCollector {
    /// With values it takes longer, since all of state and inputs is read.
    fn new(values: bool) -> Self {
        let mut collector = Self {
            values: values.then(Rc::default),
            ..Self::default()
        };
        collector.gathered.categories.with_examples = values;
        collector
    }
}

impl DocumentVisitor for FactCollector {
    fn config(&mut self, config: &JobConfig) {
        self.time_field = Some(config.time_field().to_owned());
        if let Some(values) = &self.values {
            values.borrow_mut().config(config);
        }
    }

    fn decoded(&mut self, kind: StateKind) -> Box<dyn Write> {
        match &self.values {
            Some(values) => Box::new(StateSink::new(kind, values)),
            None => Box::new(io::sink()),
        }
    }

    fn document(&mut self, part: Part, _: Option<&str>, id: Option<&str>, source: &[u8]) {
        if let Some(values) = &self.values {
            values.borrow_mut().document(part, id, source);
        }
        match part {
            Part::Annotations => self.gathered.patterns.add(source),
            Part::Categories => self.gathered.categories.add(source),
            _ => {}
        }
        let time = match part {
            Part::Inputs => document_time(source, self.time_field.as_deref().unwrap_or(DEFAULT_TIME_FIELD)),
            Part::Annotations => document_time(source, "timestamp").or_else(|| document_time(source, "create_time")),
            Part::Notifications => document_time(source, "timestamp"),
            _ => return,
        };
        self.gathered.times.entry(part).or_default().add(time);
    }
}

/// Reads an archive; `-` is stdin.
pub(super) fn inspect(path: &Path, options: &InspectOptions, terminal: &Terminal) -> Result<Inspection> {
    let mut collector = FactCollector::new(options.values);
    let (size, contents) = check(path, options.limits, &mut collector, terminal)?;
    let name = name(path);
    let FactCollector { gathered, values, .. } = collector;
    let mut report = report(&name, size, &contents, gathered);
    report.values = values.map(|values| values.take().into_facts(&contents, options.limits));
    for unread in report.values.iter().flat_map(|values| &values.unread) {
        let part = unread.part.replace('_', " ");
        terminal.warn(&format!("{name}: values may be missing: {part}: {}", unread.why));
    }
    let failure = failure(&name, &contents);
    report.failure = failure.as_ref().map(|failure| Failure {
        error: failure.to_string(),
        hint: failure.hint(),
        exit: failure.exit() as u8,
    });
    Ok(Inspection {
        report,
        contents,
        failure,
    })
}

/// Compressed bytes and contents.
fn check(path: &Path, limits: Limits, visitor: &mut FactCollector, terminal: &Terminal) -> Result<(u64, Contents)> {
    if is_standard_stream(path) {
        let read = AtomicU64::new(0);
        let stage = terminal.stage("Reading the archive", bytes, None);
        let contents = archive::check(stdin()?, limits, visitor, &|bytes| {
            read.fetch_add(bytes, Ordering::Relaxed);
            stage.inc(bytes);
        })?;
        return Ok((read.into_inner(), contents));
    }
    let archive = Archive::open(path)?;
    let stage = stage(&archive, terminal);
    let contents = archive.check(limits, visitor, &|bytes| stage.inc(bytes))?;
    Ok((archive.len(), contents))
}

fn stage(archive: &Archive, terminal: &Terminal) -> Stage {
    terminal.stage("Reading the archive", bytes, Some(archive.len()))
}

/// Checks an archive before anything else is done with it; fails when any check fails.
pub(super) fn verify(archive: &Archive, options: &InspectOptions, terminal: &Terminal) -> Result<()> {
    let stage = stage(archive, terminal);
    let contents = archive.check(options.limits, &mut (), &|bytes| stage.inc(bytes))?;
    failure(&name(&options.archive), &contents).map_or(Ok(()), Err)
}

/// The name of the file, `-` for standard input: reports are shared, and a path may name people and machines.
fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// Standard input, unless it is a terminal.
pub(super) fn stdin() -> Result<io::Stdin> {
    let stdin = io::stdin();
    match stdin.is_terminal() {
        false => Ok(stdin),
        true => Err(Error::usage(
            "`-` reads the archive from standard input, which is a terminal",
            "name the file, or pipe it: `esml-state inspect - < job_state.tar.gz`",
        )),
    }
}

/// The first fatal finding. A warning is no failure: an import accepts such an archive.
fn failure(name: &str, contents: &Contents) -> Option<Error> {
    let finding = contents.fatal()?;
    Some(Error::Archive(finding.to_error(name)))
}
