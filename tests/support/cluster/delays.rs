//! Pauses at random: what a test expects must not hang on which of two requests is faster.

use std::sync::LazyLock;
use std::time::Duration;

/// How long they may be, in milliseconds (`ESML_TEST_DELAYS=15`); none without it.
const MAX_DELAY_VARIABLE: &str = "ESML_TEST_DELAYS";
/// One occasion in so many is a pause.
const ONE_IN: u8 = 4;

static MAX_DELAY_MILLIS: LazyLock<Option<u64>> = LazyLock::new(|| {
    let text = std::env::var(MAX_DELAY_VARIABLE).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{MAX_DELAY_VARIABLE} is no number: {text}")),
    )
});

/// Pauses, or not.
pub(super) async fn random_delay() {
    if let Some(millis) = *MAX_DELAY_MILLIS
        && fastrand::u8(..ONE_IN) == 0
    {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(..=millis))).await;
    }
}
