//! `--html FILE`: one self-contained page.

use crate::support::archive::{blocks, gzip, members};
use crate::support::binary::Binary;
use crate::support::cluster::ml::MlVersion;
use crate::support::fixtures::Fixture;
use crate::support::fixtures::from_python;
use crate::support::test_cluster::TestCluster;

fn complete() -> String {
    from_python("complete").display().to_string()
}

fn files(binary: &Binary) -> Vec<String> {
    let entries = std::fs::read_dir(binary.directory()).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn html_page_is_readable_by_its_owner_only() {
    let binary = Binary::new();
    let run = binary.run(["inspect", &complete(), "--html", "page.html"]).expect(0);
    assert_eq!(run.stdout, "page.html\n");
    assert_eq!(files(&binary), ["page.html"]);
    let page = std::fs::read_to_string(binary.path("page.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(binary.path("page.html"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn html_page_replaces_a_file_only_with_overwrite() {
    let binary = Binary::new();
    std::fs::write(binary.path("page.html"), "mine").unwrap();
    let arguments = ["inspect", &complete(), "--html", "page.html"];
    binary
        .run(arguments)
        .expect(3)
        .expect_stderr("page.html already exists")
        .expect_stderr("--overwrite");
    assert_eq!(std::fs::read_to_string(binary.path("page.html")).unwrap(), "mine");
    binary.run(arguments.into_iter().chain(["--overwrite"])).expect(0);
    assert_ne!(std::fs::read_to_string(binary.path("page.html")).unwrap(), "mine");
    assert_eq!(files(&binary), ["page.html"]);
}

#[test]
fn missing_archive_leaves_no_html_page() {
    let binary = Binary::new();
    binary.run(["inspect", "none.tar.gz", "--html", "page.html"]).expect(1);
    assert_eq!(files(&binary), Vec::<String>::new());
    binary
        .run(["inspect", &complete(), "--html", "no/such/folder.html"])
        .expect(1);
}

#[test]
fn invalid_archive_has_an_html_page() {
    let binary = Binary::new();
    let broken = from_python("without-snapshot-document").display().to_string();
    binary.run(["inspect", &broken, "--html", "page.html"]).expect(4);
    let page = std::fs::read_to_string(binary.path("page.html")).unwrap();
    assert!(page.contains("Cannot be imported"));
}

#[test]
fn json_is_printed_beside_the_html_page() {
    let binary = Binary::new();
    let run = binary
        .run(["inspect", &complete(), "--html", "page.html", "--json"])
        .expect(0);
    assert_eq!(run.json()["importable"], true);
    assert_eq!(files(&binary), ["page.html"]);
    binary.run(["inspect", &complete(), "--html", "-", "--json"]).expect(2);
    let piped = binary.run(["inspect", &complete(), "--html", "-"]).expect(0);
    assert_eq!(piped.stdout, std::fs::read_to_string(binary.path("page.html")).unwrap());
}

#[test]
fn html_page_loads_and_runs_nothing() {
    let binary = Binary::new();
    let archive = super::with_results(&binary);
    for arguments in [
        &["inspect", &archive][..],
        &["inspect", &archive, "--values"],
        &["inspect", &archive, &archive],
    ] {
        let run = binary.run(arguments.iter().chain(&["--html", "-"])).expect(0);
        let page = &run.stdout;
        assert!(page.contains("default-src 'none'; style-src 'sha256-"));
        let tags = page.split('<').skip(1).filter_map(|rest| rest.split_once('>'));
        let (mut opened, mut closed) = (0, 0);
        for (tag, _) in tags {
            let name = tag.trim_start_matches('/').split([' ', '/']).next().unwrap();
            let known = "!DOCTYPE html head meta title style body main h1 h2 section dl dt dd div span ul li p table thead \
                         tbody tr th td pre details summary figure figcaption svg rect line text footer";
            assert!(known.split_whitespace().any(|known| known == name), "<{tag}>");
            for word in ["src", "href", "style", "on"] {
                let attribute = tag
                    .split([' ', '\n'])
                    .skip(1)
                    .any(|part| part.starts_with(&format!("{word}=")));
                assert!(!attribute, "<{tag}>");
            }
            let alone = ["!DOCTYPE", "meta"].contains(&name) || tag.ends_with('/');
            match tag.starts_with('/') {
                true => closed += 1,
                false if !alone => opened += 1,
                false => {}
            }
        }
        assert_eq!(opened, closed, "every element is closed");
    }
}

#[test]
fn html_page_is_titled_by_job_cluster_and_date() {
    let binary = Binary::new();
    let fixture = Fixture::load("web-latency");
    let cluster = TestCluster::seeded(MlVersion::new(9, 2, 0), &fixture);
    let archive = cluster.export(&binary, "web-latency", "job", &[]).display().to_string();
    let run = binary.run(["inspect", &archive, "--json"]).expect(0);
    let written = run.json()["archive"]["written"].clone();
    let [name, at] = ["cluster_name", "at"].map(|member| written[member].as_str().unwrap().to_owned());
    let title = format!("Job web-latency, cluster {name}, {}", &at[..10]);
    let page = binary.run(["inspect", &archive, "--html", "-"]).expect(0).stdout;
    assert!(page.contains(&format!("<title>{title}</title>")), "{title}");
    assert!(page.contains(&format!("<h1>{title}</h1>")), "{title}");
    assert!(page.contains("<dt>Archive</dt><dd>job.tar.gz, "), "{page}");
}

#[test]
fn configuration_annotations_and_notifications_are_in_the_page_only_with_values() {
    let binary = Binary::new();
    let archive = complete();
    let [without, with] = [&[][..], &["--values"]].map(|more| {
        let arguments = [&["inspect", &archive, "--html", "-"], more].concat();
        binary.run(arguments).expect(0).stdout
    });
    for (text, label) in [
        ("emit(doc[", "the script of the datafeed"),
        ("&quot;exists&quot;: {", "the query"),
        (">mueller</td>", "the author of an annotation"),
        (">Load test by the platform team</td>", "an annotation"),
        (">Detected trend</td>", "an annotation of the job"),
        (">Job created</td>", "a notification"),
    ] {
        assert!(!without.contains(text), "{label}");
        assert!(with.contains(text), "{label}");
    }
    let rule = "<dd><span class=\"faint\">rule: </span>skip result if host is in filter canary-hosts</dd>";
    assert!(without.contains(rule) && with.contains(rule), "{without}");
}

#[test]
fn annotations_are_drawn_over_the_input_documents_with_text_only_with_values() {
    let binary = Binary::new();
    let mut entries = members(&from_python("complete"));
    for entry in &mut entries {
        if entry.name.ends_with("_annotations.ndjson") {
            let text = String::from_utf8(std::mem::take(&mut entry.content)).unwrap();
            let lines = text.lines().map(|line| {
                let mut document: serde_json::Value = serde_json::from_str(line).unwrap();
                if document.get("timestamp").is_some() {
                    // Within the 48 minutes of input documents.
                    document["timestamp"] = 1_704_068_400_000_u64.into();
                }
                format!("{document}\n")
            });
            entry.content = lines.collect::<String>().into_bytes();
        }
    }
    std::fs::write(binary.path("job.tar.gz"), gzip(&blocks(&entries))).unwrap();
    let [without, with] = [&[][..], &["--values"]].map(|more| {
        let arguments = [&["inspect", "job.tar.gz", "--html", "-"], more].concat();
        binary.run(arguments).expect(0).stdout
    });
    assert!(without.contains("<rect class=\"annotation\""), "{without}");
    assert!(without.contains("<span class=\"key annotation\">"), "{without}");
    assert!(!without.contains("Load test"), "{without}");
    let tooltip = "<title>2024-01-01T00:20:00Z Load test by the platform team</title>";
    assert!(with.contains(tooltip), "{with}");
    let unchanged = binary.run(["inspect", &complete(), "--html", "-"]).expect(0).stdout;
    assert!(
        !unchanged.contains("key annotation"),
        "no annotation is in the range of the plot"
    );
}
