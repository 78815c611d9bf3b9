//! A row of characters as high as numbers are large.

const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const ASCII: [char; 9] = [' ', '.', ':', '-', '=', '+', '*', '#', '@'];

/// One character a number. Zero alone is blank: a single document must not look like none.
pub(super) fn bars(counts: &[u64], unicode: bool) -> String {
    let highest = counts.iter().copied().max().unwrap_or(0).max(1);
    let levels = if unicode { BLOCKS } else { ASCII };
    let steps = levels.len() as u128 - 1;
    let level = |count: u64| (u128::from(count) * steps).div_ceil(u128::from(highest)) as usize;
    counts.iter().filter_map(|count| levels.get(level(*count))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_is_full_and_only_nothing_is_blank() {
        assert_eq!(bars(&[0, 1, 40, 80], true), " ▁▄█");
        assert_eq!(bars(&[0, 1, 40, 80], false), " .=@");
        assert_eq!(bars(&[u64::MAX, 1], true), "█▁");
        assert_eq!(bars(&[0, 0], true), "  ");
        assert_eq!(bars(&[], true), "");
    }
}
