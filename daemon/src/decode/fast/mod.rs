//! Fast.
use super::{Plan, Request};
use yummy_models::Frame;

#[derive(Debug)]
pub(crate) struct FastPlan;

impl FastPlan {
    pub(crate) fn new(_plan: &Plan) -> Option<Self> {
        None
    }
}

pub(crate) fn read(_plan: &Plan, _body: &[u8], _frame: &mut Frame) -> Option<Request> {
    None
}
