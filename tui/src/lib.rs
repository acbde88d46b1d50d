//! `yummy-tui`: the dashboard, and the load engine headless.

pub mod headless;
