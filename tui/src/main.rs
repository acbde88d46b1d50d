//! `yummy-tui`'s binary.

fn main() {}
