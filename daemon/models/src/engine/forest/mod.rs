//! Decision forests in a neutral form, and the kernels that find the leaves of many trees at once.
//!
//! A library's reader turns its model into [`Tree`]s; nothing here knows LightGBM or any other library. Every kernel
//! gives exactly the leaf that [`Tree::leaf`] gives. What a leaf is worth, and in which order leaves are added, is the
//! caller's business.

mod tree;

pub use tree::{Bitset, BuildError, Missing, Node, Split, Tree, is_zero};
