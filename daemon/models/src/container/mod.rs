//! Python's containers, read as data: pickles, skops archives and the numpy arrays within them.
//!
//! Nothing of what a container asks for is ever called or imported. Every reader has bounds, so that a hostile file ends
//! in an error rather than in memory.

pub mod numpy;
pub mod pickle;
mod pickle_machine;
pub mod skops;
