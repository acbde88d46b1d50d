//! CatBoost models through the public interface: answers equal to Python's, and damaged files refused.

mod golden;
mod support;
