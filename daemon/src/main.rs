//! `yummyd`'s binary.

fn main() {}
