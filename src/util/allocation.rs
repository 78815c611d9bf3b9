//! Memory for documents of many MiB.

/// From here on a block is a large one, in bytes.
pub(crate) const FROM: usize = 1 << 20;
/// More than the 32 MiB up to which glibc keeps freed blocks for later, in pieces that no other document may fit in.
const APART: usize = 33 << 20;

/// The capacity to ask for where `bytes` are wanted: a large block is one that goes back to the system as soon as it is
/// freed. What is not written to takes no memory.
pub(crate) fn capacity(bytes: usize) -> usize {
    if bytes < FROM { bytes } else { bytes.max(APART) }
}
