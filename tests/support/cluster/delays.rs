//! Random delays, so that tests do not depend on which of two requests is faster.

use std::sync::LazyLock;
use std::time::Duration;

/// The maximum delay in milliseconds (`ESML_TEST_DELAYS=15`). There are no delays without it.
const MAX_DELAY_VARIABLE: &str = "ESML_TEST_DELAYS";
/// One of this many calls is delayed.
const ONE_IN: u8 = 4;

static MAX_DELAY_MILLIS: LazyLock<Option<u64>> = LazyLock::new(|| {
    let text = std::env::var(MAX_DELAY_VARIABLE).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{MAX_DELAY_VARIABLE} is not a number: {text}")),
    )
});

/// Delays the task at random.
pub(super) async fn random_delay() {
    if let Some(millis) = *MAX_DELAY_MILLIS
        && fastrand::u8(..ONE_IN) == 0
    {
        tokio::time::sleep(Duration::from_millis(fastrand::u64(..=millis))).await;
    }
}
