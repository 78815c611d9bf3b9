//! Ends long computations when the program is asked to stop: while they do not await, nothing else can end them.

use std::future::Future;
use std::io::{self, Write};
use std::sync::Arc;

/// Items between two checks.
const CHECK_INTERVAL: usize = 1024;

/// The computation was ended before its result was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Cancelled;

tokio::task_local! {
    static IS_CANCELLED: Arc<dyn Fn() -> bool + Send + Sync>;
}

/// Runs work whose computations end once `is_cancelled` returns true.
pub(crate) async fn cancellable<T>(
    is_cancelled: impl Fn() -> bool + Send + Sync + 'static,
    work: impl Future<Output = T>,
) -> T {
    IS_CANCELLED.scope(Arc::new(is_cancelled), work).await
}

/// Fails once the work was cancelled. Long computations call it between their steps.
pub(crate) fn check() -> Result<(), Cancelled> {
    match IS_CANCELLED.try_with(|is_cancelled| is_cancelled()) {
        Ok(true) => Err(Cancelled),
        Ok(false) | Err(_) => Ok(()),
    }
}

/// The items until the work is cancelled; callers call [`check`] afterwards.
pub(crate) fn until_cancelled<T>(items: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    let checked = |(number, item): (usize, T)| match number % CHECK_INTERVAL {
        0 => check().ok().map(|()| item),
        _ => Some(item),
    };
    items.enumerate().map_while(checked)
}

/// A sink that fails once the work was cancelled.
#[derive(Debug)]
pub(crate) struct Cancellable<W>(pub(crate) W);

impl<W: Write> Write for Cancellable<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        check().map_err(io::Error::other)?;
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
