//! Numbers as lengths of characters.

const UPWARDS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const UPWARDS_ASCII: [char; 4] = [' ', '.', ':', '#'];
const ACROSS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// Rows of characters, the topmost first, one column a number. Zero alone is blank: a single document must not look
/// like none.
pub(super) fn heights(counts: &[u64], rows: usize, unicode: bool) -> Vec<String> {
    let levels: &[char] = if unicode { &UPWARDS } else { &UPWARDS_ASCII };
    let steps = levels.len() - 1;
    let highest = counts.iter().copied().max().unwrap_or(0).max(1);
    let height = |count: u64| scaled(count, highest, (rows * steps) as u64);
    (0..rows)
        .rev()
        .map(|row| {
            let below = row * steps;
            let cell = |count: &u64| levels.get(height(*count).saturating_sub(below).min(steps));
            counts.iter().filter_map(cell).collect()
        })
        .collect()
}

/// A bar of at most `columns`; zero alone is empty.
pub(super) fn across(value: u64, largest: u64, columns: u64, unicode: bool) -> String {
    let steps = if unicode { ACROSS.len() as u64 } else { 1 };
    let length = scaled(value, largest.max(1), columns * steps);
    let (full, rest) = (length / steps as usize, length % steps as usize);
    let mut bar = if unicode { "█" } else { "#" }.repeat(full);
    bar.extend(ACROSS.get(rest).filter(|_| rest > 0));
    bar
}

/// `value` of `largest` as so many of `steps`, rounded up.
fn scaled(value: u64, largest: u64, steps: u64) -> usize {
    let part = (u128::from(value) * u128::from(steps)).div_ceil(u128::from(largest));
    usize::try_from(part.min(u128::from(steps))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_is_full_and_only_nothing_is_blank() {
        assert_eq!(heights(&[0, 1, 40, 80], 1, true), [" ▁▄█"]);
        assert_eq!(heights(&[0, 1, 40, 80], 1, false), [" .:#"]);
        assert_eq!(heights(&[0, 1, 40, 80], 2, true), ["   █", " ▁██"]);
        assert_eq!(heights(&[u64::MAX, 1], 1, true), ["█▁"]);
        assert_eq!(heights(&[0, 0], 1, true), ["  "]);
        assert_eq!(heights(&[], 2, true), ["", ""]);
    }

    #[test]
    fn bars_are_as_long_as_numbers_are_large() {
        assert_eq!(across(80, 80, 4, true), "████");
        assert_eq!(across(30, 80, 4, true), "█▌");
        assert_eq!(across(1, u64::MAX, 4, true), "▏");
        assert_eq!(across(1, 80, 4, false), "#");
        assert_eq!(across(0, 0, 4, false), "");
        assert_eq!(across(90, 80, 2, true), "██");
    }
}
