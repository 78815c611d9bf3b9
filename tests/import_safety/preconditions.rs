//! Clusters that cannot run the job: refused with the reason, before the first write.

use super::cluster_state::ClusterState;
use super::{JOB, archive_of, options};
use crate::support::archive::{entries, entry};
use crate::support::binary::Binary;
use crate::support::cluster::ml::{License, MlOptions, MlVersion, User};
use crate::support::fixtures::from_python;
use crate::support::test_cluster::TestCluster;

const ML: [&str; 4] = [
    ".ml-state*",
    ".ml-anomalies-*",
    ".ml-annotations*",
    ".ml-notifications*",
];
const ON_ML: [&str; 4] = ["read", "write", "maintenance", "view_index_metadata"];
const ON_INPUTS: [&str; 7] = [
    "create_index",
    "read",
    "write",
    "maintenance",
    "view_index_metadata",
    "manage",
    "delete_index",
];

const INDEX: &str = "web-latency-input";
/// Adding an alias, writing through it and removing it requires privileges on the alias too.
const ALIAS: &str = "web-latency-input-importing-*";

/// Returns the documented role without one privilege for one pattern (or for the cluster).
fn importer_without(lacking: Option<(&str, &str)>) -> User {
    let left = |on: &str, privileges: &[&'static str]| -> Vec<&'static str> {
        privileges
            .iter()
            .copied()
            .filter(|privilege| lacking != Some((on, *privilege)))
            .collect()
    };
    let mut user = User::new("importer", "secret").cluster(&left("cluster", &["monitor", "manage_ml"]));
    for pattern in ML {
        user = user.indices(&[pattern], &left(pattern, &ON_ML));
    }
    for name in [INDEX, ALIAS] {
        user = user.indices(&[name], &left(name, &ON_INPUTS));
    }
    user
}

fn test_cluster(user: User) -> TestCluster {
    TestCluster::in_memory(MlOptions {
        users: Some(vec![user]),
        allows_requests_without_credentials: true,
        ..options()
    })
}

const CREDENTIALS: [&str; 4] = ["--username", "importer", "--password", "secret"];

#[test]
fn documented_role_suffices_for_import() {
    let role = include_str!("../../docs/roles/esml-state-import.json");
    let importer = User::new("importer", "secret").with_role(&serde_json::from_str(role).unwrap(), &[]);
    let test_cluster = test_cluster(importer);
    let binary = Binary::new();
    test_cluster.import(&binary, &archive_of(JOB), &CREDENTIALS).expect(0);
    let again = [&CREDENTIALS[..], &["--replace"]].concat();
    test_cluster.import(&binary, &archive_of(JOB), &again).expect(0);
}

#[test]
fn checked_privileges_suffice_for_import() {
    test_cluster(importer_without(None))
        .import(&Binary::new(), &archive_of(JOB), &CREDENTIALS)
        .expect(0);
}

#[test]
fn each_missing_privilege_is_named_before_the_first_write() {
    let mut cases = vec![("cluster", "manage_ml"), ("cluster", "monitor")];
    for pattern in ML {
        cases.extend(ON_ML.map(|privilege| (pattern, privilege)));
    }
    // `manage` includes other privileges, so removing those has no effect.
    for name in [INDEX, ALIAS] {
        cases.extend(["read", "write", "manage"].map(|privilege| (name, privilege)));
    }
    let binary = Binary::new();
    for (on, privilege) in cases {
        let test_cluster = test_cluster(importer_without(Some((on, privilege))));
        let run = test_cluster.import(&binary, &archive_of(JOB), &CREDENTIALS);
        assert_eq!(run.code, 1, "{on} {privilege}: {}", run.stderr);
        assert!(
            run.stderr.contains(&format!("`{privilege}` on")),
            "{on} {privilege}: {}",
            run.stderr
        );
        assert!(
            on == "cluster" || run.stderr.contains(on),
            "{on} {privilege}: {}",
            run.stderr
        );
        assert_eq!(test_cluster.stand_in.writes().len(), 0, "{on} {privilege}");
    }
}

/// Without `monitor`, not even `GET /` is allowed. Other missing privileges must be reported in the same run.
#[test]
fn all_missing_privileges_are_named_together() {
    let lacking = User::new("importer", "secret").indices(&ML[1..], &ON_ML);
    for more in [&[][..], &["--dry-run"], &["--input-index", "elsewhere"]] {
        let test_cluster = test_cluster(lacking.clone());
        let run = test_cluster
            .import(&Binary::new(), &archive_of(JOB), &[&CREDENTIALS[..], more].concat())
            .expect(1);
        run.expect_stderr("`manage_ml` on the cluster, `monitor` on the cluster, ")
            .expect_stderr("`write` on .ml-state*")
            .expect_stderr(if more.len() == 2 {
                "`create_index` on elsewhere"
            } else {
                "`manage` on web-latency-input"
            });
        assert_eq!(test_cluster.stand_in.writes().len(), 0);
    }
    let test_cluster = test_cluster(User::new("exporter", "secret").cluster(&["manage_ml"]));
    let who = [
        "export",
        "--job-id",
        JOB,
        "--yes",
        "--username",
        "exporter",
        "--password",
        "secret",
    ];
    let run = test_cluster.run(&Binary::new(), &who).expect(1);
    run.expect_stderr("`monitor` on the cluster")
        .expect_stderr("`read` on .ml-state*");
}

/// A datafeed reads with the privileges of its creator. Missing ones are reported before the existing job is deleted.
#[test]
fn datafeed_without_read_privileges_is_refused_before_the_first_write() {
    let binary = Binary::new();
    let elsewhere = ["--datafeed-index", "other-*", "--datafeed-index", "europe:logs"];
    for (more, names) in [
        (&["--skip-inputs"][..], &["weblogs-2024.01"][..]),
        (&elsewhere, &["europe:logs", "other-*"]),
    ] {
        let there = test_cluster(importer_without(None));
        let import = |more: &[&str]| there.import(&binary, &archive_of(JOB), &[&CREDENTIALS[..], more].concat());
        import(&[]).expect(0);
        let before = ClusterState::of(&there);
        there.stand_in.clear_requests();
        for how in [&["--as", "copy"][..], &["--replace"]] {
            let lacking: Vec<String> = names.iter().map(|name| format!("`read` on {name}")).collect();
            let expected = format!("the user is missing privileges: {}\n", lacking.join(", "));
            let role = r#"hint: create a role with `PUT /_security/role/esml-state {"cluster":["monitor","manage_ml"],"indices":["#;
            import(&[more, how].concat())
                .expect(1)
                .expect_stderr(&expected)
                .expect_stderr(role);
        }
        assert_eq!(there.stand_in.writes().len(), 0, "{names:?}");
        ClusterState::of(&there).assert_unchanged(&before, &names.join(" "));
        import(&["--skip-inputs", "--replace", "--skip-datafeed"]).expect(0);

        let reader = test_cluster(importer_without(None).indices(names, &["read"]));
        reader
            .import(&binary, &archive_of(JOB), &[&CREDENTIALS[..], more].concat())
            .expect(0);
    }
}

#[test]
fn clusters_that_cannot_run_the_job_are_refused() {
    let with = |change: fn(&mut MlOptions)| {
        let mut options = options();
        change(&mut options);
        options
    };
    let cases: Vec<(&str, MlOptions, i32, &str)> = vec![
        (
            "no ML",
            with(|options| options.ml = false),
            1,
            "machine learning is not enabled",
        ),
        ("basic", with(|options| options.license = License::Basic), 1, "license"),
        (
            "expired",
            with(|options| options.license = License::Expired),
            1,
            "license",
        ),
        (
            "serverless",
            MlOptions::new(MlVersion::serverless()),
            1,
            "Elastic Cloud Serverless",
        ),
        (
            "OpenSearch",
            MlOptions::new(MlVersion::opensearch(2, 11, 0)),
            1,
            "OpenSearch",
        ),
    ];
    for (name, options, code, expected) in cases {
        let test_cluster = TestCluster::in_memory(options);
        let run = test_cluster.import(&Binary::new(), &archive_of(JOB), &[]);
        assert_eq!(run.code, code, "{name}: {}", run.stderr);
        assert!(
            run.stderr.to_lowercase().contains(&expected.to_lowercase()),
            "{name}: {}",
            run.stderr
        );
        assert_eq!(test_cluster.stand_in.writes().len(), 0, "{name}");
    }
    let test_cluster = TestCluster::in_memory(options());
    test_cluster.call("POST", "/_ml/set_upgrade_mode?enabled=true", "");
    let run = test_cluster.import(&Binary::new(), &archive_of(JOB), &[]).expect(1);
    run.expect_stderr("upgrade mode")
        .expect_stderr("set_upgrade_mode?enabled=false");
    assert_eq!(test_cluster.stand_in.writes().len(), 0);
}

#[test]
fn memory_limit_above_the_maximum_is_refused_before_the_first_write() {
    let test_cluster = TestCluster::in_memory(MlOptions {
        max_model_memory_limit: Some("256mb".to_owned()),
        ..options()
    });
    let binary = Binary::new();
    for more in [&[][..], &["--dry-run"], &["--model-memory-limit", "257mb"]] {
        let run = test_cluster.import(&binary, &archive_of(JOB), more).expect(3);
        run.expect_stderr("exceeds the cluster's maximum of 256mb")
            .expect_stderr("--model-memory-limit");
    }
    for wrong in ["lots", "512", "0mb", "1.5gb", "-1gb", "10 mb"] {
        test_cluster
            .import(&binary, &archive_of(JOB), &["--model-memory-limit", wrong])
            .expect(2);
    }
    assert_eq!(test_cluster.stand_in.writes().len(), 0);
    let right = ["--model-memory-limit", "256mb"];
    test_cluster.import(&binary, &archive_of(JOB), &right).expect(0);
}

#[test]
fn job_without_free_memory_is_imported_with_a_warning() {
    let test_cluster = TestCluster::in_memory(options());
    let more = ["--model-memory-limit", "8gb"];
    let run = test_cluster.import(&Binary::new(), &archive_of(JOB), &more).expect(0);
    run.expect_stderr("available on the cluster");
}

#[test]
fn archives_of_the_python_scripts_are_imported_and_open() {
    for name in [
        "complete",
        "readme-2025-04-layout",
        "dotted-job-id",
        "without-categorizer",
    ] {
        let path = from_python(name);
        let config = entries(&path);
        let config: serde_json::Value = serde_json::from_str(entry(&config, "_config.json")).unwrap();
        let id = config["job_id"].as_str().unwrap().to_owned();
        let test_cluster = TestCluster::with(options());
        let run = test_cluster.import(&Binary::new(), &path, &[]);
        assert_eq!(run.code, 0, "{name}: {}", run.stderr);
        assert_eq!(run.stdout, format!("{id}\n"), "{name}");
        let categorizes = config["analysis_config"]["categorization_field_name"].is_string();
        assert_eq!(
            run.stderr.contains("the job starts without categories"),
            categorizes,
            "{name}: {}",
            run.stderr
        );
        if run.stderr.contains("a rule uses filter canary-hosts") {
            // Archives of the Python scripts do not contain filters; the plan reports it.
            test_cluster.call("PUT", "/_ml/filters/canary-hosts", r#"{"items":["x"]}"#);
        }
        let opened = test_cluster.call("POST", &format!("/_ml/anomaly_detectors/{id}/_open"), "");
        assert_eq!(opened.status, 200, "{name}: {opened:?}");
        let restored = test_cluster.ml.last_restored(&id).unwrap();
        assert!(restored.model_docs > 0 && restored.quantiles, "{name}");
        let inputs = entries(&path)
            .iter()
            .filter(|(name, _)| name.contains("_input"))
            .map(|(_, text)| text.lines().count() / 2)
            .sum::<usize>();
        assert_eq!(
            test_cluster.documents_of(&format!("{id}-input")).len(),
            inputs,
            "{name}"
        );
    }
}

#[test]
fn inspect_and_import_report_inputs_without_a_mapping() {
    let words = "field types are derived from the job and the data";
    let (archive, binary) = (from_python("complete"), Binary::new());
    let page = binary.run(["inspect", &archive.display().to_string()]).expect(0);
    assert!(page.stdout.contains(words), "{}", page.stdout);
    let plan = TestCluster::in_memory(options())
        .import(&binary, &archive, &["--dry-run"])
        .expect(0);
    assert!(plan.stdout.contains(words), "{}", plan.stdout);
}
