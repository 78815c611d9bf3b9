//! An archive without names: tokens in the place of values, and a key file that stays with the user.

mod options;
mod outcome;

pub use options::{PseudonymizeOptions, TokenOptions};

use crate::archive::{Archive, CheckedArchive, Part};
use crate::commands::interrupt::{self, Signals};
use crate::commands::session::RunContext;
use crate::error::Result;
use crate::pseudonym::datafeed::{self, DatafeedContext};
use crate::pseudonym::rewrite::Rewriter;
use crate::pseudonym::write::WriteOptions;
use crate::pseudonym::{TokenMap, fields, leak_search, names, read, write};
use crate::terminal::{Terminal, Unit};

pub(super) use outcome::{Outcome, outcome_document, say};

/// Runs the command and prints its result.
///
/// # Errors
/// Everything that keeps the archive from being whole and without values; then nothing stands under its name.
pub async fn run(options: PseudonymizeOptions, context: &RunContext, terminal: &Terminal) -> Result<()> {
    let signals = Signals::listen(&context.stop);
    let work = async {
        options.tokens.refuse_existing(&options.target()).await?;
        let archive = Archive::open(&options.archive)?;
        let outcome = pseudonymize(&archive, &options, terminal).await?;
        outcome::print(&options, &outcome, terminal)
    };
    signals.or(work).await
}

/// Writes the archive again, and the key file beside it.
pub(super) async fn pseudonymize(
    archive: &Archive,
    options: &PseudonymizeOptions,
    terminal: &Terminal,
) -> Result<Outcome> {
    let checked = check(archive, options, terminal).await?;
    let (contents, whole) = (&checked.contents, &checked.config);
    let config = match options.tokens.skip_datafeed {
        true => whole.without_datafeed()?,
        false => whole.clone(),
    };
    let fields = fields::Fields::of(contents, whole, &config, options.tokens.fields.as_deref())?;
    let has_inputs = contents.count(Part::Inputs) > 0;
    let decision = datafeed::decide(&DatafeedContext {
        config: &config,
        fields: &fields,
        has_inputs,
        rewriter: None,
    })?;
    let (key, lock) = options.tokens.open_key(terminal).await?;
    let tokens = interrupt::abandonable(move || Ok(TokenMap::new(key))).await?;
    let rewriter = Rewriter::new(tokens, fields, options.tokens.keep_text);
    let mut source = read::SourceArchive {
        archive: &checked,
        contents,
        config: &decision.config,
        limits: options.limits,
    };
    let stage = terminal.stage("Reading values", Unit::Documents, Some(source.documents()));
    let mut rewriter = source.read_values(rewriter, &|documents| stage.inc(documents)).await?;
    rewriter = assign_tokens(rewriter).await?;
    stage.done(&format!(
        "Values to replace: {}",
        crate::util::format::count(rewriter.tokens.replaced())
    ));
    rewriter.refuse_unrecognized()?;
    // Whether the datafeed contains values is known only now.
    let decision = datafeed::decide(&DatafeedContext {
        config: &config,
        fields: &rewriter.fields,
        has_inputs,
        rewriter: Some(&rewriter),
    })?;
    source.config = &decision.config;
    rewriter.names = decision.names.clone();
    if let Some(mapping) = &contents.input_mapping {
        // Refuses what cannot be written before anything is.
        rewriter.mapping(mapping)?;
    }
    names::refuse_values(&source, &rewriter, options.tokens.accept_names)?;
    if options.dry_run {
        return Ok(Outcome::of(&source, &rewriter, &decision, None));
    }
    let stage = terminal.stage("Writing tokens", Unit::Documents, Some(source.documents()));
    let write_options = WriteOptions {
        target: options.target(),
        compression_level: options.compression_level,
        manifest_options: options.tokens.for_manifest(),
    };
    let progress = |documents| stage.inc(documents);
    let (rewriter, unnamed) = write::archive(&source, rewriter, &decision, &write_options, &progress).await?;
    stage.done("Written with tokens");
    let stage = terminal.stage("Searching for values", Unit::Documents, Some(source.documents()));
    if let Some(written) = unnamed.archive()? {
        let (reader, limits) = (written.clone(), options.limits);
        let contents = interrupt::abandonable(move || Ok(reader.check(limits, &mut (), &|_| {})?)).await?;
        leak_search::search(&written, &contents, &rewriter, &|documents| stage.inc(documents)).await?;
    }
    stage.done("Searched: no replaced value remains");
    // The key first: an archive without its key is of no use to whoever asks what a token stands for.
    let outcome = Outcome::of(&source, &rewriter, &decision, Some(&unnamed));
    options
        .tokens
        .publish_key(&options.target(), &rewriter.tokens.to_file(), lock)?;
    tokio::task::block_in_place(|| unnamed.publish())?;
    Ok(outcome)
}

async fn assign_tokens(mut rewriter: Rewriter) -> Result<Rewriter> {
    interrupt::abandonable(move || {
        rewriter.assign_tokens()?;
        Ok(rewriter)
    })
    .await
}

/// The whole of it, read once: what could not be imported is not written again.
async fn check(archive: &Archive, options: &PseudonymizeOptions, terminal: &Terminal) -> Result<CheckedArchive> {
    let stage = terminal.stage("Checking the archive", Unit::Bytes, Some(archive.len()));
    let (reader, limits, bar) = (archive.clone(), options.limits, stage.clone());
    let check = move || Ok(reader.require_importable(limits, &mut (), &|bytes| bar.inc(bytes))?);
    let checked = interrupt::abandonable(check).await?;
    for finding in &checked.contents.findings {
        terminal.warn(&format!("{}: {}", finding.place, finding.what));
    }
    stage.done("Checked the archive");
    Ok(checked)
}
