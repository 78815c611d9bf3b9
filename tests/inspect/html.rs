//! `--html FILE`: one self-contained page.

use crate::support::binary::Binary;
use crate::support::fixtures::from_python;

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
    let archive = complete();
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
                         tbody tr th td details summary figure figcaption svg rect line text footer";
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
