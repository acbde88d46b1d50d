//! Tests of the whole: screens as text, behaviour by keys, and anything at any size.

mod behaviour;
mod fuzz;
mod screens;
mod stage;
