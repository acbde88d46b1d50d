//! No bytes make the decoder panic, and its fast path never differs from its exact one.
//!
//! `cargo +nightly fuzz run decode -- -max_total_time=600`

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use yummy_models::{
    Feature, FeatureKind, Frame, Method, Signature,
    signature::{ColumnSpec, DataType, Schema, TensorSpec},
};
use yummyd::decode::{Library, Plan, Request, decode, decode_csv_fast, decode_exactly, decode_fast};

static PLANS: LazyLock<Vec<Plan>> = LazyLock::new(|| {
    let named = |kinds: [DataType; 2]| {
        let column = |(name, kind): (&str, DataType)| ColumnSpec { name: Some(name.into()), kind, required: true };
        Some(Schema::Columns(["a", "b"].into_iter().zip(kinds).map(column).collect()))
    };
    let tensor = Some(Schema::Tensors(vec![TensorSpec { name: None, dtype: "float32".into(), shape: vec![-1, 2] }]));
    let plan = |inputs: Option<Schema>, library, kinds: [FeatureKind; 2]| {
        let features = ["a", "b"].into_iter().zip(kinds).map(|(name, kind)| Feature { name: name.into(), kind }).collect();
        Plan::of_parts(&Signature { inputs, ..Signature::default() }, library, features, vec![Method::Predict])
    };
    use DataType::{Any, Binary, Boolean, Datetime, Double, Float, Integer, Long, String as Text};
    use FeatureKind::{HashedCategory, Number};
    vec![
        plan(named([Double, Double]), Library::LightGbm, [Number, Number]),
        plan(named([Float, Long]), Library::LightGbm, [Number, Number]),
        plan(named([Integer, Boolean]), Library::LightGbm, [Number, Number]),
        plan(named([Text, Long]), Library::CatBoost, [HashedCategory, HashedCategory]),
        plan(tensor, Library::LightGbm, [Number, Number]),
        plan(named([Binary, Datetime]), Library::CatBoost, [HashedCategory, Number]),
        plan(named([DataType::Array(Box::new(Double)), Any]), Library::CatBoost, [Number, Number]),
        plan(None, Library::LightGbm, [Number, Number]),
        plan(None, Library::CatBoost, [Number, Number]),
    ]
});

fuzz_target!(|data: &[u8]| {
    let Some((&first, body)) = data.split_first() else { return };
    let plan = &PLANS[usize::from(first & 0x0F) % PLANS.len()];
    match first >> 6 {
        0 => compare(plan, "text/csv", body, decode_csv_fast),
        1 => drop(decode(plan, Some("application/json; format=pandas-split"), body, &mut Frame::new(0))),
        _ => compare(plan, "application/json", body, decode_fast),
    }
});

/// The exact path must give what the fast one gives, to the bit.
fn compare(plan: &Plan, kind: &str, body: &[u8], decode_fast: fn(&Plan, &[u8], &mut Frame) -> Option<Request>) {
    let (mut exact, mut fast) = (Frame::new(0), Frame::new(0));
    let expected = decode_exactly(plan, Some(kind), body, &mut exact);
    if let Some(request) = decode_fast(plan, body, &mut fast) {
        assert_eq!(expected, Ok(request));
        let bits = |frame: &Frame| frame.cells().iter().map(|cell| cell.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&fast), bits(&exact));
    }
}
