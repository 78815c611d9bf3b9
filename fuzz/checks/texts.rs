//! Reads any bytes as decoded state, to find and change values.

use std::io::Write;

use esml_state::state::schema::{Change, StateRewriter, StateStream, ValueLocation, Visitor, read_quantiles};

struct NoChange;

impl Visitor for NoChange {
    fn found(&mut self, _: &ValueLocation<'_>, _: &str) -> Change {
        Change::Keep
    }
}

/// If nothing is changed, the output is equal to the input, regardless of how it is split.
pub fn check(data: &[u8]) {
    let Some((first, state)) = data.split_first() else {
        return;
    };
    let stream = match first % 3 {
        0 => StateStream::Model,
        1 => StateStream::Categorizer,
        _ => StateStream::Quantiles,
    };
    let piece = usize::from(first / 3) + 1;
    let mut texts = StateRewriter::new(stream, NoChange, Vec::new());
    let taken = state.chunks(piece).try_for_each(|piece| texts.write_all(piece));
    if taken.is_ok()
        && let Ok((_, written)) = texts.finish()
    {
        assert_eq!(written, state);
    }
    let text = String::from_utf8_lossy(state);
    let _ = read_quantiles(&text, 1 << 16, NoChange);
}
