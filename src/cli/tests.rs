#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use clap::{CommandFactory, Parser};

use super::arguments::{Cli, Command};
use super::connection::ConnectionOptions;
use crate::cluster::{ConnectOptions, Credential};
use crate::commands::Environment;
use crate::commands::export::ExportOptions;
use crate::commands::import::ImportArguments;
use crate::error::{Error, ExitCode};
use crate::terminal::{Terminal, Verbosity};
use crate::util::timestamp::EpochMillis;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split_whitespace())
}

fn resolve(connection: ConnectionOptions, terminal: &Terminal) -> Result<ConnectOptions, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(connection.resolve_in(&Environment::new(), terminal))
}

fn export(line: &str) -> Result<(ExportOptions, ConnectOptions), Error> {
    let cli = parse(&format!("esml-state export {line}")).unwrap();
    let terminal = Terminal::new(cli.terminal);
    let Command::Export(command) = cli.command else {
        panic!("{line}");
    };
    let options = command.options.validated(&terminal)?;
    Ok((options, resolve(command.connection, &terminal)?))
}

fn import(line: &str) -> Result<(ImportArguments, ConnectOptions), Error> {
    let cli = parse(&format!("esml-state import {line}")).unwrap();
    let terminal = Terminal::new(cli.terminal);
    let Command::Import(command) = cli.command else {
        panic!("{line}");
    };
    let options = command.options.validated()?;
    Ok((options, resolve(command.connection, &terminal)?))
}

#[test]
fn command_definition_passes_debug_assertions() {
    Cli::command().debug_assert();
}

#[test]
fn command_line_of_the_python_script_is_accepted() {
    let (options, connect) = export(
        "--username elastic --password x --url https://es.example:9243 --job_id j \
         --before_date 2024-01-01T00:00:00 --after_date 2023-01-01 --annotations_after_date 2023-02-01 \
         --inputs_after_date 2023-03-01 --inputs_before_date 2023-04-01 --include_inputs --ignore_certs",
    )
    .unwrap();
    assert_eq!(options.source.only_job().unwrap().as_str(), "j");
    assert_eq!(options.source.before(), Some(EpochMillis(1_704_067_200_000)));
    assert_eq!(options.source.annotations_after, Some(EpochMillis(1_675_209_600_000)));
    let inputs = options.source.inputs().unwrap();
    assert_eq!(
        (inputs.after, inputs.before),
        (
            Some(EpochMillis(1_677_628_800_000)),
            Some(EpochMillis(1_680_307_200_000))
        )
    );
    assert!(!connect.verify_certificates);
    assert!(matches!(connect.credential, Some(Credential::Basic { username, .. }) if username == "elastic"));

    let (options, connect) = import("--cloud_id c:ZXguY28kYWJj --archive_path a.tar.gz --job_id j").unwrap();
    assert_eq!(options.archives().unwrap(), [std::path::Path::new("a.tar.gz")]);
    assert_eq!(connect.address.as_str(), "https://abc.ex.co/");
    assert_eq!(
        export("--job_id j --snapshot_before_date 1").unwrap().0.source.before(),
        Some(EpochMillis(1))
    );
}

#[test]
fn job_is_a_positional_argument_or_an_option() {
    for line in ["j", "--job-id j", "j --job-id j", "--job_id j j"] {
        assert_eq!(
            export(line).unwrap().0.source.only_job().unwrap().as_str(),
            "j",
            "{line}"
        );
    }
}

#[test]
fn options_have_the_documented_defaults() {
    let (options, connect) = export("--job-id j").unwrap();
    assert_eq!(connect.address.as_str(), "https://localhost:9200/");
    assert!(connect.verify_certificates && connect.credential.is_none());
    assert_eq!(connect.timeout.as_secs(), 120);
    assert_eq!((connect.retry_for.as_secs(), connect.keep_alive.as_str()), (60, "5m"));
    assert_eq!(connect.retries, u32::MAX, "the time alone is a bound");
    assert_eq!(
        (
            options.source.slices,
            options.source.page_size,
            options.compression_level
        ),
        (4, 10_000, 4)
    );
    assert!(options.source.inputs().is_none() && !options.yes);
    let (options, _) = import("a").unwrap();
    assert_eq!(
        (
            options.options.bulk().size,
            options.options.bulk().concurrency,
            options.options.max_entry_size.entry
        ),
        (2 << 20, 3, 10 << 30)
    );
}

#[test]
fn after_date_sets_the_more_specific_dates() {
    let (options, _) = export("--job-id j --after-date 5 --include-inputs --inputs-after-date 7").unwrap();
    assert_eq!(options.source.annotations_after, Some(EpochMillis(5)));
    assert_eq!(options.source.inputs().unwrap().after, Some(EpochMillis(7)));
}

#[test]
fn json_conflicts_with_an_archive_on_stdout() {
    assert!(export("--job-id j --json").unwrap().0.json);
    assert!(!export("--job-id j --json -o -").unwrap().0.json);
    assert!(export("--job-id j --json -o - --dry-run").unwrap().0.json);
}

#[test]
fn contradictory_options_are_usage_errors() {
    for line in [
        "--job-id j --after-date 5 --before-date 5",
        "--job-id j --annotations-after-date 9 --snapshot-before-date 5",
        "--job-id j --include-inputs --after-date 9 --inputs-before-date 5",
        "--job-id j --cloud-id c --url https://h",
        "--job-id j --url https://u:p@h --api-key k",
        "--job-id j --username u --password p --bearer-token t",
        "--job-id j --password p",
        "--job-id j --password p --password-file f --username u",
        "--job-id j --url ftp://h",
        "--job-id j --url h:9200",
        "--job-id j -u u:p --password q",
    ] {
        assert!(
            export(line).is_err_and(|error| error.exit() == ExitCode::Usage),
            "{line}"
        );
    }
    assert!(import("-").is_err_and(|error| error.exit() == ExitCode::Usage));
}

#[test]
fn conflicting_options_are_refused_by_clap() {
    for line in [
        "",
        "export --snapshot-id 1 --before-date 5",
        "export --before-date 4 --snapshot-before-date 5",
        "export --all-fields",
        "export --include-inputs --all-fields --input-field a",
        "export --page-size 10001",
        "export --page-size 0",
        "export --slices 0",
        "export --compression-level 10",
        "export --keep-alive 5",
        "export --timeout 90",
        "export --retry-for 60",
        "export --after-date 1714521600",
        "export --job-id A/B",
        "export --client-cert c",
        "export -q -v",
        "import",
        "import a --archive-path b",
        "import a --bulk-size 1x",
        "import a --bulk-size 2",
        "import a --max-entry-size 10",
        "import a --input-index a*",
        "import a --datafeed-index a,b",
        "import a --datafeed-index A",
        "import a --datafeed-index <a-{now}",
        "inspect",
        "inspect a --list --show b",
        "inspect a --list --values",
        "inspect a b --show c",
        "inspect a b c",
        "inspect a --html",
        "inspect a --overwrite",
    ] {
        assert!(
            parse(&format!("esml-state {line}")).is_err_and(|e| e.exit_code() == 2),
            "{line}"
        );
    }
}

#[test]
fn output_options_are_accepted_before_and_after_the_command() {
    for (line, verbosity) in [
        ("esml-state inspect a", Verbosity::Normal),
        ("esml-state -q inspect a", Verbosity::Quiet),
        ("esml-state inspect a -v", Verbosity::Verbose),
        ("esml-state inspect -vv a", Verbosity::Debug),
    ] {
        assert_eq!(parse(line).unwrap().terminal.verbosity(), verbosity, "{line}");
    }
}

#[test]
fn debug_output_contains_no_secret() {
    for line in [
        "--job-id j --url https://u:s3cr3t@h",
        "--job-id j --username u --password s3cr3t",
        "--job-id j -u u:s3cr3t",
        "--job-id j --api-key id:s3cr3t",
        "--job-id j --bearer-token s3cr3t",
    ] {
        let cli = parse(&format!("esml-state export {line}")).unwrap();
        assert!(!format!("{cli:?}").contains("s3cr3t"), "{cli:?}");
        let (options, connect) = export(line).unwrap();
        assert!(
            !format!("{options:?} {connect:?}").contains("s3cr3t"),
            "{options:?} {connect:?}"
        );
    }
}
