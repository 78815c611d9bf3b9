//! The `pseudonymize` command: copies an archive with tokens instead of values, and writes a key file that stays with
//! the user.

mod options;
mod outcome;

pub(in crate::commands) use options::PSEUDONYMIZATION;
pub use options::{PseudonymizeOptions, TokenOptions};

use crate::archive::{Archive, CheckedArchive, Contents};
use crate::commands::interrupt::{self, Signals};
use crate::commands::session::RunContext;
use crate::error::Result;
use crate::pseudonym::{Options, Pseudonymizer, TokenMap};
use crate::terminal::Terminal;
use crate::util::format::{bytes, count};

pub(super) use outcome::{Outcome, print_report};

/// Runs the command and prints its result.
///
/// # Errors
/// Anything that prevents a complete archive without values. No archive is published in that case.
pub async fn run(options: PseudonymizeOptions, context: &RunContext, terminal: &Terminal) -> Result<()> {
    let signals = Signals::listen(&context.stop, terminal);
    let work = async {
        options.tokens.refuse_existing(&options.target()).await?;
        let archive = Archive::open(&options.archive)?;
        let outcome = pseudonymize(&archive, &options, terminal).await?;
        outcome::print(&options, &outcome, terminal)
    };
    signals.or(work).await
}

/// Writes the new archive, and the key file next to it.
pub(super) async fn pseudonymize(
    archive: &Archive,
    options: &PseudonymizeOptions,
    terminal: &Terminal,
) -> Result<Outcome> {
    let (target, limits) = (options.target(), options.limits);
    let checked = check(archive, options, terminal).await?;
    let replacement = Options {
        fields: options.tokens.fields.as_deref(),
        keep_text: options.tokens.keep_text,
        skip_datafeed: options.tokens.skip_datafeed,
    };
    let size = size_of(&checked.contents);
    let mut pseudonymizer = Pseudonymizer::new(checked, limits, &replacement)?;
    // The file is opened here, since this may wait for another run that uses it.
    let (key, lock) = options.tokens.open_key(terminal).await?;
    pseudonymizer.rewriter.tokens = TokenMap::new(key);
    let stage = terminal.stage("Reading values", bytes, Some(size));
    pseudonymizer.collect_values(&|bytes| stage.inc(bytes)).await?;
    drop(stage);
    let stage = terminal.stage("Assigning tokens", count, None);
    // This takes long if there are many values.
    let assign = move || pseudonymizer.rewriter.assign_tokens().map(|()| pseudonymizer);
    let mut pseudonymizer = interrupt::abandonable(assign).await?;
    let values = pseudonymizer.rewriter.tokens.originals().count() as u64;
    stage.done(&format!("Found values to replace: {}", count(values)));
    pseudonymizer.refuse_unsafe(options.tokens.accept_names)?;
    if options.dry_run {
        return Ok(Outcome::new(options, &pseudonymizer, None));
    }
    let stage = terminal.stage("Replacing values", bytes, Some(size));
    let progress = |bytes| stage.inc(bytes);
    let recorded = options.tokens.for_manifest();
    let unpublished = pseudonymizer.write(&target, options.compression_level, recorded, &progress);
    let unpublished = unpublished.await?;
    stage.done("Replaced values with tokens");
    let written = unpublished.archive()?;
    let stage = terminal.stage("Checking the new archive", bytes, Some(written.len()));
    let reader = written.clone();
    let check = move || Ok(reader.check(limits, &mut (), &|bytes| stage.inc(bytes))?);
    let contents = interrupt::abandonable(check).await?;
    let stage = terminal.stage("Searching for remaining values", bytes, Some(size_of(&contents)));
    let progress = |bytes| stage.inc(bytes);
    tokio::task::block_in_place(|| pseudonymizer.search(&written, &contents, &progress))?;
    drop(stage);
    terminal.print("Searched the new archive: no replaced value remains");
    // The key file is published first: without it, the tokens of the archive could not be resolved.
    let outcome = Outcome::new(options, &pseudonymizer, Some(&unpublished.summary));
    let key = &pseudonymizer.rewriter.tokens.file;
    options.tokens.publish_key(&target, key, lock)?;
    tokio::task::block_in_place(|| unpublished.publish())?;
    Ok(outcome)
}

/// The decompressed size in bytes.
fn size_of(contents: &Contents) -> u64 {
    contents.entries.iter().map(|entry| entry.bytes).sum()
}

/// Reads the complete archive, since an archive that cannot be imported is not copied.
async fn check(archive: &Archive, options: &PseudonymizeOptions, terminal: &Terminal) -> Result<CheckedArchive> {
    let stage = terminal.stage("Checking the archive", bytes, Some(archive.len()));
    let (reader, limits, bar) = (archive.clone(), options.limits, stage.clone());
    let check = move || Ok(reader.require_importable(limits, &mut (), &|bytes| bar.inc(bytes))?);
    let checked = interrupt::abandonable(check).await?;
    for finding in &checked.contents.findings {
        terminal.warn(&format!("{}: {}", finding.place, finding.what));
    }
    stage.done("Checked the archive");
    Ok(checked)
}
