//! What is cut, changed, appended or blown up.

use super::*;

#[test]
fn truncation_is_found_wherever_it_is() {
    let whole = good().build();
    for length in 0..whole.len() {
        assert!(!read(&whole[..length]).importable(), "{length} of {}", whole.len());
    }
    let blocks = good().blocks();
    for end in [&[][..], &[0; 512]] {
        assert!(!read(&gzip(&[&blocks[..], end].concat())).importable());
    }
    // Exactly between gzip members: every block is whole, the end marker is not there.
    let members: Vec<u8> = blocks.chunks(512).flat_map(gzip).collect();
    assert!(
        fatal(&read(&members))
            .iter()
            .any(|finding| finding.contains("cut short"))
    );
    assert_eq!(read(&[members, gzip(&[0; 1024])].concat()).findings, []);
}

#[test]
fn what_follows_the_end_is_found() {
    let blocks = [good().blocks(), vec![0; 1024]].concat();
    assert!(!read(&gzip(&[&blocks[..], b"x"].concat())).importable());
    assert!(!read(&[good().build(), b"x".to_vec()].concat()).importable());
    assert!(read(&[good().build(), vec![0; 600]].concat()).importable());
    assert!(!read(&[good().build(), gzip(b"more")].concat()).importable());
    // Behind zeros, too, wherever the buffer of compressed bytes ends.
    for zeros in [1, 600, 200 << 10] {
        for more in [&b"x"[..], b"\x1f\x8b", &gzip(b"more")] {
            let contents = read(&[&good().build()[..], &vec![0; zeros], more].concat());
            let findings = fatal(&contents);
            assert!(
                findings.iter().any(|finding| finding.contains("follows")),
                "{zeros}, {more:?}: {findings:?}"
            );
        }
    }
    for more in [&b"\x1f"[..], b"\x1f\x8b", b"\x1f\x8b\x08", b"\n"] {
        assert!(!read(&[&good().build()[..], more].concat()).importable(), "{more:?}");
    }
}

#[test]
fn a_flipped_byte_is_found() {
    let whole = good().build();
    // The gzip header's time and system do not matter, nor do the bits that fill the last byte before the checksum.
    for at in (10..whole.len()).step_by(7).filter(|at| *at != whole.len() - 9) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        assert!(!read(&bytes).importable(), "{at}");
    }
}

#[test]
fn bounds_hold_while_reading() {
    let bomb = good().with("x", vec![0; 80 << 20]).build();
    assert!(fatal(&read(&bomb)).iter().any(|finding| finding.contains("200 times")));
    let small = Limits {
        entry: 100,
        ..Limits::default()
    };
    let contents = check(&good().build()[..], small, &mut (), &|_| {}).unwrap();
    assert!(fatal(&contents)[0].contains("--max-entry-size"));
    let little = Limits {
        state: 5,
        ..Limits::default()
    };
    let contents = check(&good().build()[..], little, &mut (), &|_| {}).unwrap();
    assert!(fatal(&contents)[0].contains("more than 5 bytes"));
    let mut long = good();
    long.entries
        .insert(0, ("l".to_owned(), vec![b'a'; 1 << 20], EntryType::GNULongName));
    assert!(fatal(&read(&long.build()))[0].contains("larger than 64 KiB"));
}
