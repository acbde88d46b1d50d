//! CatBoost models through the public interface: answers equal to Python's, and damaged files refused.

mod compared;
mod damaged;
mod golden;
mod recorded;
mod support;
