//! Pauses at random: what a test expects must not hang on which of two requests is faster.

use std::sync::LazyLock;
use std::time::Duration;

/// How long they may be, in milliseconds (`ESML_TEST_DELAYS=15`); none without it.
const LONGEST: &str = "ESML_TEST_DELAYS";
/// One occasion in so many is a pause.
const SELDOM: u8 = 4;

static MILLIS: LazyLock<Option<u64>> = LazyLock::new(|| {
    let text = std::env::var(LONGEST).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{LONGEST} is no number: {text}")),
    )
});

/// Pauses, or not.
pub(super) async fn perhaps() {
    if let Some(millis) = *MILLIS
        && fastrand::u8(..SELDOM) == 0
    {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(..=millis))).await;
    }
}
