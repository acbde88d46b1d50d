//! Predictions become the response body that Python's `json.dumps` would write.
//!
//! One buffer, no allocation per number. Labels are rendered once, when the model is loaded.

mod float;
mod text;

pub use float::push_float;
pub(crate) use text::push_text;

use yummy_models::{Labels, Method, Model, Output, Shape, Values};

use crate::decode::Style;

/// How numbers are written that JSON has no word for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NonFinite {
    /// `NaN`, `Infinity`, `-Infinity`: what MLflow answers, though it is not JSON.
    #[default]
    Python,
    /// `null`: valid JSON.
    Null,
}

/// Everything about a model's answers that can be decided when it is loaded.
#[derive(Debug)]
pub struct Encoder {
    outputs: Vec<(Method, Shape, Cells)>,
    non_finite: NonFinite,
}

/// How one value is written.
#[derive(Debug)]
enum Cells {
    Float,
    Int,
    Labels(Vec<Box<[u8]>>),
}

impl Encoder {
    /// The encoder of a loaded model.
    #[must_use]
    pub fn new(model: &Model, non_finite: NonFinite) -> Self {
        let output = |method| model.scorer().output(method).map(|output| (method, output.clone()));
        Self::for_outputs(METHODS.into_iter().filter_map(output), non_finite)
    }

    /// The encoder of the given outputs.
    pub fn for_outputs(outputs: impl IntoIterator<Item = (Method, Output)>, non_finite: NonFinite) -> Self {
        let outputs = outputs.into_iter().map(|(method, output)| (method, output.shape, cells(&output.values)));
        Self { outputs: outputs.collect(), non_finite }
    }

    /// Adds the body to `out`: `values` are `rows` times the output's width.
    ///
    /// With `single`, the one row is answered without its list (what CatBoost does for a request that is one flat
    /// list).
    pub fn encode(&self, answer: Answer, values: &[f64], rows: usize, out: &mut Vec<u8>) {
        let found = self.outputs.iter().find(|(method, ..)| *method == answer.method);
        // Unreachable for a request that the plan of the same model let pass.
        let Some((_, shape, cells)) = found else { return };
        if answer.style == Style::Wrapped {
            out.extend_from_slice(b"{\"predictions\": ");
        }
        // 20 bytes hold most numbers with their separator.
        out.reserve(values.len() * 20);
        match shape {
            Shape::Vector if answer.single => self.row(cells, values, out),
            Shape::Vector => {
                out.push(b'[');
                self.row(cells, values, out);
                out.push(b']');
            }
            Shape::Matrix(width) => self.matrix(cells, *width, answer.single, &values[..rows * width], out),
        }
        if answer.style == Style::Wrapped {
            out.push(b'}');
        }
    }

    fn matrix(&self, cells: &Cells, width: usize, single: bool, values: &[f64], out: &mut Vec<u8>) {
        if !single {
            out.push(b'[');
        }
        for (place, row) in values.chunks_exact(width.max(1)).enumerate() {
            if place > 0 {
                out.extend_from_slice(b", ");
            }
            out.push(b'[');
            self.row(cells, row, out);
            out.push(b']');
        }
        if !single {
            out.push(b']');
        }
    }

    fn row(&self, cells: &Cells, values: &[f64], out: &mut Vec<u8>) {
        for (place, &value) in values.iter().enumerate() {
            if place > 0 {
                out.extend_from_slice(b", ");
            }
            match cells {
                Cells::Float if !value.is_finite() && self.non_finite == NonFinite::Null => {
                    out.extend_from_slice(b"null");
                }
                Cells::Float => push_float(value, out),
                Cells::Int => out.extend_from_slice((value as i64).to_string().as_bytes()),
                // An index outside of the labels cannot come from an engine that counts them.
                Cells::Labels(labels) => {
                    out.extend_from_slice(labels.get(value as usize).map_or(b"null", |label| label));
                }
            }
        }
    }
}

/// What of a request decides how it is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The method that was asked for.
    pub method: Method,
    /// Whether the list is wrapped.
    pub style: Style,
    /// Whether the only row stands for itself.
    pub single: bool,
}

/// Every method, in the order in which they are documented.
pub(crate) const METHODS: [Method; 5] =
    [Method::Predict, Method::PredictProba, Method::RawScore, Method::LeafIndex, Method::Contributions];

fn cells(values: &Values) -> Cells {
    match values {
        Values::Float => Cells::Float,
        Values::Int => Cells::Int,
        Values::Labels(labels) => Cells::Labels((0..labels.len()).map(|class| label(labels, class)).collect()),
    }
}

fn label(labels: &Labels, class: usize) -> Box<[u8]> {
    let mut out = Vec::new();
    match labels {
        Labels::Int(labels) => out.extend_from_slice(labels[class].to_string().as_bytes()),
        Labels::Float(labels) => push_float(labels[class], &mut out),
        Labels::Bool(labels) => out.extend_from_slice(if labels[class] { b"true" } else { b"false" }),
        Labels::Text(labels) => push_text(&labels[class], &mut out),
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn body(output: Output, answer: Answer, values: &[f64], rows: usize, non_finite: NonFinite) -> String {
        let encoder = Encoder::for_outputs([(Method::Predict, output)], non_finite);
        let mut out = Vec::new();
        encoder.encode(answer, values, rows, &mut out);
        String::from_utf8(out).unwrap()
    }

    const WRAPPED: Answer = Answer { method: Method::Predict, style: Style::Wrapped, single: false };

    #[test]
    fn shapes_and_separators_are_pythons() {
        let vector = Output { shape: Shape::Vector, values: Values::Float };
        let matrix = Output { shape: Shape::Matrix(2), values: Values::Float };
        let bare = Answer { style: Style::Bare, ..WRAPPED };
        let single = Answer { single: true, ..WRAPPED };
        let python = NonFinite::Python;
        assert_eq!(body(vector.clone(), WRAPPED, &[0.5, 1.0], 2, python), "{\"predictions\": [0.5, 1.0]}");
        assert_eq!(body(vector.clone(), bare, &[], 0, python), "[]");
        assert_eq!(body(vector.clone(), single, &[2.0], 1, python), "{\"predictions\": 2.0}");
        assert_eq!(
            body(matrix.clone(), WRAPPED, &[1., 2., 3., 4.], 2, python),
            "{\"predictions\": [[1.0, 2.0], [3.0, 4.0]]}"
        );
        assert_eq!(body(matrix, single, &[1., 2.], 1, python), "{\"predictions\": [1.0, 2.0]}");
        let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
        assert_eq!(body(vector.clone(), bare, &odd, 3, python), "[NaN, Infinity, -Infinity]");
        assert_eq!(body(vector, bare, &odd, 3, NonFinite::Null), "[null, null, null]");
    }

    #[test]
    fn labels_keep_their_type() {
        let labelled = |labels, shape| Output { shape, values: Values::Labels(Arc::new(labels)) };
        let bare = Answer { style: Style::Bare, ..WRAPPED };
        let answer = |labels, shape| body(labelled(labels, shape), bare, &[1.0, 0.0], 2, NonFinite::Python);
        assert_eq!(answer(Labels::Int(vec![3, 7]), Shape::Vector), "[7, 3]");
        assert_eq!(answer(Labels::Float(vec![1.0, 3.0]), Shape::Matrix(1)), "[[3.0], [1.0]]");
        assert_eq!(answer(Labels::Bool(vec![false, true]), Shape::Vector), "[true, false]");
        assert_eq!(answer(Labels::Text(vec!["é\"".into(), "b".into()]), Shape::Vector), "[\"b\", \"\\u00e9\\\"\"]");
    }

    #[test]
    fn integers_have_no_point() {
        let output = Output { shape: Shape::Matrix(2), values: Values::Int };
        assert_eq!(body(output, WRAPPED, &[0.0, 12.0], 1, NonFinite::Python), "{\"predictions\": [[0, 12]]}");
    }
}
