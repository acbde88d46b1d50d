//! `yummy`
