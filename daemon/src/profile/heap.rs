//! Heap profiles: not in this build.

/// Why there are none.
pub(crate) const OFF: &str = "this build has no heap profiles: they need an allocator that samples";
