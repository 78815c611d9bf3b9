//! Measures the computations of the tool separately. `cargo bench --bench parts -- NAME...` runs those whose names
//! contain one of these words.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub
)]

mod work;

use std::hint::black_box;
use std::time::{Duration, Instant};

use work::{DOCUMENTS, TestData};

/// Each computation is repeated for this long.
const TIME: Duration = Duration::from_secs(3);

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let run = |name: &str, bytes: u64, documents: usize, part: &dyn Fn() -> u64| {
        if words.is_empty() || words.iter().any(|word| name.contains(word)) {
            measure(name, bytes, documents, part);
        }
    };
    let material = TestData::load();
    println!(
        "{:<16} {:>12} {:>12} {:>11} {:>14}",
        "", "fastest", "median", "MB/s", "documents/s"
    );
    let cut = || material.cut() as u64;
    // Splitting the response of a search into documents.
    run("page_splitting", material.page_bytes() as u64, DOCUMENTS, &cut);
    let inputs = material.compress(0);
    for level in [0, 1, 5, 6, 9] {
        // Writing input documents to an entry of an archive, hashed and compressed.
        run(&format!("compression {level}"), inputs, DOCUMENTS, &|| {
            material.compress(level)
        });
    }
    // Decoding state documents. The bytes are those of the documents.
    run("chunk_decoding", material.state_bytes() as u64, 0, &|| {
        material.decode()
    });
    // Checking a complete archive. The bytes are those of its content.
    run("checking", material.archive_bytes() as u64, 0, &|| {
        material.check() as u64
    });
}

/// Prints the fastest and the median time, and the rates.
fn measure(name: &str, bytes: u64, documents: usize, part: &dyn Fn() -> u64) {
    let (began, mut times) = (Instant::now(), Vec::new());
    while began.elapsed() < TIME || times.len() < 3 {
        let start = Instant::now();
        black_box(part());
        times.push(start.elapsed());
    }
    times.sort();
    let median = times[times.len() / 2];
    let per_second = |amount: f64| amount / median.as_secs_f64();
    let (megabytes, documents) = (per_second(bytes as f64 / 1e6), per_second(documents as f64));
    let (fastest, middle) = (format!("{:.3?}", times[0]), format!("{median:.3?}"));
    println!("{name:<16} {fastest:>12} {middle:>12} {megabytes:>11.1} {documents:>14.0}");
}
