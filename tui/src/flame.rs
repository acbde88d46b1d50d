//! Folded stacks as a tree: parsing, merging two captures, laying out as an icicle, and writing back as folded text
//! and SVG. Knows nothing of terminals.

mod layout;
mod svg;
mod tree;

pub(crate) use layout::place;
pub(crate) use svg::svg;
pub(crate) use tree::{Function, Tree, functions};
