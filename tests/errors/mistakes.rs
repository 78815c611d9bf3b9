//! Typical mistakes: each gives one clear sentence and a next step that works.

use std::fmt::Write as _;
use std::sync::Arc;

use super::JOB;
use crate::import_safety::archive_of;
use crate::support::binary::{Binary, Run};
use crate::support::cluster::auth::Auth;
use crate::support::cluster::documents::InMemory;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::cluster::ml::{MlApi, MlOptions, MlVersion};
use crate::support::cluster::stand_in::{StandIn, StandInOptions};
use crate::support::cluster::tls::{AUTHORITY, OTHER_AUTHORITY, SELF_SIGNED, Tls};
use crate::support::fixtures::{Fixture, from_python};
use crate::support::test_cluster::TestCluster;

/// What follows the hint.
enum Next {
    /// The command in the hint is run. It starts with `esml-state`, or is options to add to the command line.
    Command(i32),
    /// These options of the hint, with values, are added to the command line.
    Add(&'static str),
    /// The hint is not a command.
    Read,
}

use Next::{Add, Command, Read};

/// A command line, its exit code, and what follows. The names of clusters stand for their addresses.
type Mistake = (&'static str, i32, Next);

const CONNECTION: &[Mistake] = &[
    ("export log-categories --yes --url http://127.0.0.1:1", 1, Read),
    ("export log-categories --yes --url es.example:9200", 2, Read),
    (
        "export log-categories --dry-run --ca-cert ca.pem --url http://es.example",
        0,
        Read,
    ),
    ("export log-categories --dry-run -k --url https://tls.example", 0, Read),
    (
        "export log-categories --yes -u ada:wrong --url http://secured.example",
        1,
        Read,
    ),
    (
        "export log-categories --yes --url https://nowhere.invalid:9200",
        1,
        Read,
    ),
    (
        "export log-categories --yes -o plain.tar.gz --url https://es.example",
        1,
        Command(0),
    ),
    (
        "export log-categories --yes -o tls.tar.gz --ca-cert ca.pem --url http://tls.example",
        1,
        Command(0),
    ),
    (
        "export log-categories --yes -o ca.tar.gz --url https://tls.example",
        1,
        Command(0),
    ),
    (
        "export log-categories --yes --ca-cert ca.pem --url https://other-host.example",
        1,
        Read,
    ),
    (
        "export log-categories --yes -o self.tar.gz --ca-cert self-signed.pem --url https://self-signed.example",
        1,
        Add("--ignore-certs"),
    ),
    (
        "export log-categories --yes --ca-cert other-ca.pem --url https://tls.example",
        1,
        Read,
    ),
    (
        "export log-categories --yes --ca-cert missing.pem --url https://tls.example",
        1,
        Read,
    ),
    (
        "export log-categories --yes --ca-cert notes.txt --url https://tls.example",
        1,
        Read,
    ),
    ("export log-categories --yes --url http://secured.example", 1, Read),
    (
        "export log-categories --yes --username ada --password wrong --url http://secured.example",
        1,
        Read,
    ),
    (
        "export log-categories --yes --api-key a:b --url http://secured.example",
        1,
        Read,
    ),
    (
        "export log-categories --yes --username ada --url http://secured.example",
        2,
        Read,
    ),
    (
        "export log-categories --yes --password secret --url http://secured.example",
        2,
        Read,
    ),
    (
        "export log-categories --yes --username ada --password-file missing.txt --url http://secured.example",
        1,
        Read,
    ),
    (
        "export log-categories --yes --api-key a:b --username ada --password c --url http://secured.example",
        2,
        Read,
    ),
    ("export log-categories --yes --cloud-id deployment:abc", 2, Read),
    (
        "export log-categories --yes --cloud-id deployment:abc --url http://es.example",
        2,
        Read,
    ),
    ("export log-categories --yes --url http://kibana.example", 1, Read),
    ("export log-categories --yes --url http://proxy.example", 1, Read),
    ("export log-categories --yes --url http://opensearch.example", 1, Read),
    ("export log-categories --yes --url http://old.example", 1, Read),
    ("export log-categories --yes --url http://serverless.example", 1, Read),
    ("import good.tar.gz --yes --url http://serverless.example", 1, Read),
    ("import good.tar.gz --yes --url http://no-ml.example", 1, Read),
];

const FILES: &[Mistake] = &[
    (
        "export log-categories --yes -o there.tar.gz --url http://es.example",
        3,
        Add("--overwrite"),
    ),
    (
        "export log-categories --yes -o folder --overwrite --url http://es.example",
        3,
        Read,
    ),
    (
        "export log-categories --yes -o missing/job.tar.gz --url http://es.example",
        1,
        Read,
    ),
    (
        "export log-categories --dry-run -o missing/job.tar.gz --url http://es.example",
        1,
        Read,
    ),
    ("export log-categories --yes -o new/ --url http://es.example", 1, Read),
    ("import missing.tar.gz --yes --url http://empty.example", 1, Read),
    ("import missing.tar.gz --url http://empty.example", 1, Read),
    ("import folder --yes --url http://empty.example", 1, Read),
    ("import notes.txt --yes --url http://empty.example", 4, Read),
    ("import notes.txt --url http://empty.example", 4, Read),
    ("import empty.tar.gz --yes --url http://empty.example", 4, Read),
    ("import cut.tar.gz --yes --url http://empty.example", 4, Read),
    (
        "import good.tar.gz --max-entry-size 1kb --yes --url http://empty.example",
        4,
        Command(0),
    ),
    ("import python.tar.gz --yes --url http://empty.example", 4, Read),
    ("import - --yes --url http://empty.example", 2, Read),
    ("inspect missing.tar.gz", 1, Read),
    ("inspect notes.txt", 4, Read),
    ("inspect cut.tar.gz", 4, Read),
    ("inspect empty.tar.gz", 4, Read),
    ("inspect python.tar.gz --verify", 4, Read),
    ("inspect good.tar.gz --show config.json", 1, Read),
    ("inspect good.tar.gz --html there.html", 3, Add("--overwrite")),
    ("inspect good.tar.gz --html missing/page.html", 1, Read),
    ("inspect good.tar.gz --html - --json", 2, Read),
    ("inspect - -", 2, Read),
    ("pseudonymize good.tar.gz -o there.tar.gz", 3, Read),
    ("pseudonymize good.tar.gz -o 'keyed copy.tar.gz'", 3, Command(0)),
    ("pseudonymize good.tar.gz -o - ", 2, Read),
    ("pseudonymize missing.tar.gz -o copy.tar.gz", 1, Read),
    ("pseudonymize good.tar.gz -o copy.tar.gz --fields hots", 2, Read),
    ("reveal missing.key.json t_1", 1, Read),
    ("reveal notes.txt t_1", 1, Read),
    ("reveal empty.tar.gz t_1", 1, Read),
    ("reveal folder t_1", 1, Read),
];

const IDS: &[Mistake] = &[
    ("export nosuch --yes --url http://es.example", 1, Read),
    ("export Log-Categories --yes --url http://es.example", 2, Read),
    (
        "export log-categories --snapshot-id 42 --yes --url http://es.example",
        1,
        Read,
    ),
    (
        "export log-categories --include-inputs --input-field servcie --dry-run --url http://es.example",
        0,
        Read,
    ),
    (
        "import good.tar.gz --job-id other --yes --url http://empty.example",
        2,
        Read,
    ),
    (
        "import good.tar.gz --as other --model-memory-limit 1mb --dry-run --url http://empty.example",
        0,
        Read,
    ),
    ("import good.tar.gz --as Copy --yes --url http://empty.example", 2, Read),
    (
        "import good.tar.gz --datafeed-index app-lgos --dry-run --url http://es.example --as copy",
        0,
        Read,
    ),
    (
        "import good.tar.gz --model-memory-limit 1mb --dry-run --url http://empty.example",
        0,
        Read,
    ),
    ("import good.tar.gz --yes --url http://es.example", 3, Add("--as copy")),
    (
        "import good.tar.gz --yes --url http://open.example",
        3,
        Add("--as copy"),
    ),
    (
        "import good.tar.gz --yes --input-index app-logs --as another --url http://es.example",
        3,
        Add("--input-index other-logs"),
    ),
    (
        "import good.tar.gz --yes --model-memory-limit 2gb --url http://small.example",
        3,
        Add("--model-memory-limit 64mb"),
    ),
];

const OPTIONS: &[Mistake] = &[
    ("export --yes --url http://es.example", 2, Read),
    (
        "export log-categories --url http://es.example",
        3,
        Add("--yes -o yes.tar.gz"),
    ),
    ("import good.tar.gz --url http://empty.example", 3, Add("--yes")),
    (
        "export log-categories --key a.key.json --url http://es.example",
        2,
        Add("--pseudonymize --yes -o p.tar.gz"),
    ),
    (
        "export log-categories --input-field service --url http://es.example",
        2,
        Read,
    ),
    (
        "export log-categories --inputs-after-date 2026-11-01 --yes -o range.tar.gz --url http://es.example",
        2,
        Add("--include-inputs"),
    ),
    (
        "export log-categories --snapshot-id 1 --before-date 2026-11-01 --url http://es.example",
        2,
        Read,
    ),
    ("export log-categories --all --url http://es.example", 2, Read),
    (
        "export log-categories --before-date 1704067200 --url http://es.example",
        2,
        Read,
    ),
    (
        "export log-categories --before-date 01/02/2026 --url http://es.example",
        2,
        Read,
    ),
    ("export log-categories --timeout 90 --url http://es.example", 2, Read),
    ("export log-categories --insecure --url http://es.example", 2, Read),
    (
        "export log-categories --before-date yesterday --url http://es.example",
        2,
        Read,
    ),
    (
        "export log-categories --before-date 2020-01-01 --yes --url http://es.example",
        1,
        Read,
    ),
    (
        "export log-categories --include-inputs --inputs-after-date 2026-02-01 --inputs-before-date 2026-01-01 --url http://es.example",
        2,
        Read,
    ),
    (
        "export log-categories --include-inputs --inputs-before-date 2020-01-01 --dry-run --url http://es.example",
        0,
        Read,
    ),
    (
        "export log-categories --compression-level 10 --url http://es.example",
        2,
        Read,
    ),
    (
        "export log-categories --page-size 20000 --url http://es.example",
        2,
        Read,
    ),
    ("export log-categories --include-input --url http://es.example", 2, Read),
    (
        "import good.tar.gz --model-memory-limit 512 --url http://empty.example",
        2,
        Read,
    ),
    ("import good.tar.gz --bulk-size 2 --url http://empty.example", 2, Read),
    ("import good.tar.gz --bulk-size 2b --url http://empty.example", 2, Read),
    (
        "import good.tar.gz --bulk-size 200mb --url http://empty.example",
        2,
        Read,
    ),
    (
        "import good.tar.gz --skip-inputs --input-index logs --url http://empty.example",
        2,
        Read,
    ),
    ("import --url http://empty.example", 2, Read),
    ("exprot log-categories", 2, Read),
    ("man exprot", 2, Read),
];

/// Clusters by the name in the command lines, and a directory with files.
struct Setting {
    clusters: Vec<(&'static str, StandIn)>,
    binary: Binary,
}

fn stand_in(version: MlVersion, change: impl FnOnce(&mut StandInOptions, &TestCluster)) -> StandIn {
    let cluster = TestCluster::in_memory(MlOptions::new(version));
    cluster.seed(&Fixture::load(JOB));
    start(&cluster, change)
}

/// A port for the cluster.
fn start(cluster: &TestCluster, change: impl FnOnce(&mut StandInOptions, &TestCluster)) -> StandIn {
    let mut options = StandInOptions::new(cluster.documents.clone());
    options.api = Some(Arc::new(cluster.ml.clone()));
    change(&mut options, cluster);
    StandIn::start(options)
}

fn without_jobs(options: MlOptions) -> StandIn {
    let mut stand_in = StandInOptions::new(Arc::new(InMemory::new()));
    stand_in.api = Some(Arc::new(MlApi::new(options)));
    StandIn::start(stand_in)
}

impl Setting {
    fn new() -> Self {
        let version = || MlVersion::new(9, 2, 0);
        let any = || stand_in(version(), |_, _| {});
        let tls = |tls: Tls| stand_in(version(), |options, _| options.tls = Some(tls));
        let always = |action: Action| {
            let stand_in = any();
            stand_in.faults().add(FaultRule::when(|_| true).always().then(action));
            stand_in
        };
        let secured = stand_in(version(), |options, _| {
            options.auth = Some(Auth::new().basic("ada", "secret"))
        });
        let open = any();
        for (path, body) in [
            ("/_ml/anomaly_detectors/log-categories/_open", ""),
            ("/_ml/datafeeds/datafeed-log-categories/_start", "{}"),
        ] {
            assert_eq!(open.call("POST", path, body).status, 200, "{path}");
        }
        let mut small = MlOptions::new(version());
        small.max_model_memory_limit = Some("1gb".to_owned());
        let mut no_ml = MlOptions::new(version());
        no_ml.ml = false;
        let clusters = vec![
            ("es.example", any()),
            ("empty.example", without_jobs(MlOptions::new(version()))),
            ("open.example", open),
            ("small.example", without_jobs(small)),
            ("no-ml.example", without_jobs(no_ml)),
            ("secured.example", secured),
            ("tls.example", tls(Tls::new())),
            ("other-host.example", tls(Tls::for_another_host())),
            ("self-signed.example", tls(Tls::self_signed())),
            ("kibana.example", always(Action::redirect("/login"))),
            ("proxy.example", always(Action::html(404))),
            (
                "opensearch.example",
                without_jobs(MlOptions::new(MlVersion::opensearch(2, 19, 0))),
            ),
            ("old.example", without_jobs(MlOptions::new(MlVersion::new(6, 8, 23)))),
            (
                "serverless.example",
                without_jobs(MlOptions::new(MlVersion::serverless())),
            ),
        ];
        let binary = Binary::new();
        let good = std::fs::read(&**archive_of(JOB)).unwrap();
        let python = std::fs::read(from_python("without-snapshot-document")).unwrap();
        for (name, content) in [
            ("good.tar.gz", &good[..]),
            ("cut.tar.gz", &good[..good.len() / 2]),
            ("python.tar.gz", &python),
            ("empty.tar.gz", b""),
            ("there.tar.gz", b"mine"),
            ("there.html", b"mine"),
            ("notes.txt", b"# Notes\n"),
            ("ca.pem", AUTHORITY.as_bytes()),
            ("http_ca.crt", AUTHORITY.as_bytes()),
            ("self-signed.pem", SELF_SIGNED.as_bytes()),
            ("other-ca.pem", OTHER_AUTHORITY.as_bytes()),
        ] {
            std::fs::write(binary.path(name), content).unwrap();
        }
        std::fs::create_dir(binary.path("folder")).unwrap();
        let keyed = [
            "pseudonymize",
            "good.tar.gz",
            "-o",
            "first.tar.gz",
            "--key",
            "keyed copy.key.json",
        ];
        binary.run(keyed).expect(0);
        Self { clusters, binary }
    }

    fn run(&self, line: &str) -> Run {
        let mut line = line.to_owned();
        for (name, stand_in) in &self.clusters {
            line = line.replace(&format!("//{name}"), &format!("//{}", host(stand_in)));
        }
        self.binary.run(shell_words::split(&line).expect("balanced quotes"))
    }

    /// What was reported, with the names of clusters.
    fn reported(&self, run: &Run) -> String {
        let mut text = String::new();
        let is_reported = |line: &&str| {
            let kinds = ["error: ", "hint: ", "warning: ", "note: ", "conflict: "];
            // The parser of the command line adds indented lines.
            kinds.iter().any(|kind| line.starts_with(kind)) || run.code == 2 && line.starts_with("  ")
        };
        for line in run.stderr.lines().chain(run.stdout.lines()).filter(is_reported) {
            let _ = writeln!(text, "{line}");
        }
        for (name, stand_in) in &self.clusters {
            text = text.replace(&host(stand_in), name);
        }
        // The text depends on the resolver.
        match text.split_once("nowhere.invalid:9200/: ") {
            Some((before, after)) => {
                let (_, rest) = after.split_once('\n').unwrap_or_default();
                format!("{before}nowhere.invalid:9200/: …\n{rest}")
            }
            None => text,
        }
    }
}

fn host(stand_in: &StandIn) -> String {
    let url = stand_in.url();
    url.split_once("//").map_or(url.clone(), |(_, host)| host.to_owned())
}

/// The command in the hint.
fn command(reported: &str) -> &str {
    let (_, hint) = reported.rsplit_once("hint: ").expect("a hint");
    hint.split('`').nth(1).expect("a command in backticks")
}

/// The line with the options; an option that it already has is replaced.
fn with_options(line: &str, options: &str) -> String {
    let mut words: Vec<&str> = line.split_whitespace().collect();
    for option in options.split_whitespace().filter(|word| word.starts_with('-')) {
        if let Some(at) = words.iter().position(|word| *word == option) {
            words.drain(at..at + 2);
        }
    }
    format!("{} {options}", words.join(" "))
}

/// Makes the mistakes and takes the next steps. Returns what was reported.
fn report(mistakes: &[Mistake]) -> String {
    let setting = Setting::new();
    let (mut text, mut failed) = (String::new(), String::new());
    for (line, code, next) in mistakes {
        let run = setting.run(line);
        let reported = setting.reported(&run);
        assert!(!reported.is_empty(), "{line}: {}", run.stderr);
        let _ = writeln!(text, "$ esml-state {line}\n{reported}exit {}\n", run.code);
        if run.code != *code {
            let _ = writeln!(failed, "exit {} instead of {code}: {line}\n{}", run.code, run.stderr);
            continue;
        }
        let (corrected, expected) = match next {
            Command(expected) => {
                let command = command(&reported);
                let corrected = match command.strip_prefix("esml-state ") {
                    Some(command) => command.to_owned(),
                    None => with_options(line, command),
                };
                (corrected, *expected)
            }
            Add(options) => {
                let option = options.split(' ').next().unwrap_or_default();
                assert!(reported.contains(option), "{line}: {reported}");
                (with_options(line, options), 0)
            }
            Read => continue,
        };
        let run = setting.run(&corrected);
        if run.code != expected {
            let _ = writeln!(
                failed,
                "exit {} instead of {expected}: {corrected}\n{}",
                run.code, run.stderr
            );
        }
    }
    assert!(failed.is_empty(), "{failed}");
    text
}

#[test]
fn connection_mistakes_are_explained() {
    insta::assert_snapshot!("connection_mistakes", report(CONNECTION));
}

#[test]
fn mistakes_with_files_are_explained() {
    insta::assert_snapshot!("file_mistakes", report(FILES));
}

#[test]
fn mistakes_with_ids_are_explained() {
    insta::assert_snapshot!("id_mistakes", report(IDS));
}

#[test]
fn mistakes_with_options_are_explained() {
    insta::assert_snapshot!("option_mistakes", report(OPTIONS));
}

#[test]
fn the_tables_contain_at_least_60_mistakes() {
    let tables = [CONNECTION, FILES, IDS, OPTIONS];
    assert!(tables.iter().map(|table| table.len()).sum::<usize>() >= 60);
}
