//! Writes results to `docs`.

use std::path::PathBuf;

/// Replaces the text between the marks with this name in `docs/benchmarks.md`.
pub fn replace(mark: &str, text: &str) {
    let path = folder().join("benchmarks.md");
    let docs = std::fs::read_to_string(&path).expect("docs/benchmarks.md");
    let (begin, end) = (format!("<!-- {mark} -->\n"), format!("<!-- /{mark} -->"));
    let (head, rest) = docs.split_once(&begin).expect("the mark");
    let (_, tail) = rest.split_once(&end).expect("the mark");
    std::fs::write(&path, format!("{head}{begin}{text}{end}{tail}")).expect("docs/benchmarks.md");
}

pub fn write(name: &str, text: &str) {
    std::fs::write(folder().join(name), text).expect("a file in docs");
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs")
}
