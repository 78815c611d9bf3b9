//! Numbers and moments as the page says them.

use std::time::Duration;

use crate::commands::inspect::gather::from_text;
use crate::report::Text;
use crate::report::TextStyle;
use crate::util::format::duration;

/// Several names as one line; nothing where there are none.
pub(in crate::commands::inspect) fn listed(items: &[String]) -> Option<String> {
    (!items.is_empty()).then(|| items.join(", "))
}

/// In the binary units of Elasticsearch's `512mb`, so that size and limit compare.
pub(in crate::commands::inspect) fn memory(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..0x10_0000 => (1 << 10, "KiB"),
        0x10_0000..0x4000_0000 => (1 << 20, "MiB"),
        _ => (1 << 30, "GiB"),
    };
    let text = format!("{:.1}", bytes as f64 / f64::from(unit));
    format!("{} {name}", text.strip_suffix(".0").unwrap_or(&text))
}

/// Part of a whole: `3.7 %`.
pub(super) fn share(part: u64, whole: u64) -> String {
    format!("{:.1} %", part as f64 * 100.0 / whole.max(1) as f64)
}

/// How long from one moment to another; nothing where one is not known.
pub(super) fn between(from: Option<&str>, to: Option<&str>) -> Option<String> {
    let millis = from_text(to?)?.0.checked_sub(from_text(from?)?.0)?;
    u64::try_from(millis)
        .ok()
        .map(|millis| duration(Duration::from_millis(millis)))
}

/// The day of a moment.
pub(super) fn day(moment: &str) -> &str {
    moment.split('T').next().unwrap_or(moment)
}

/// A moment to the second, or a dash for none.
pub(super) fn or_dash(moment: Option<&str>) -> Text {
    let Some(moment) = moment else {
        return Text::styled(TextStyle::Faint, "-");
    };
    match moment.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z").into(),
        None => moment.into(),
    }
}
