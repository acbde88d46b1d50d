//! A [`Booster`] as a [`Scorer`]: which outputs there are, and what they are made of.

use std::sync::Arc;

use super::{booster::Booster, contributions, objective::Objective};
use crate::{
    Feature, FeatureKind, Frame, LoadError, Method, Output, ScoreError, Scorer, Shape, Summary, Values,
    engine::{Labels, forest::is_zero},
};

/// The Python class whose methods are meant.
#[derive(Clone, Debug, PartialEq)]
pub enum Estimator {
    /// `lightgbm.Booster`: a prediction is the transformed score.
    Booster,
    /// A class of `lightgbm.sklearn` without classes: as a booster.
    Regressor {
        /// Its name.
        class: String,
    },
    /// `lightgbm.LGBMClassifier`: a prediction is a label.
    Classifier {
        /// The labels, in the order of the outputs.
        labels: Arc<Labels>,
        /// Whether it was trained on an objective function of the user's: it then predicts raw scores.
        custom_objective: bool,
    },
}

/// A model of LightGBM.
#[derive(Debug)]
pub struct LightGbm {
    booster: Booster,
    estimator: Estimator,
    features: Vec<Feature>,
    outputs: Outputs,
}

/// What each method gives; `None` where the class has no such method.
#[derive(Debug)]
struct Outputs {
    predict: Output,
    predict_proba: Option<Output>,
    raw_score: Output,
    leaf_index: Output,
    contributions: Option<Output>,
}

impl LightGbm {
    /// A scorer for `booster` as `estimator` has it. `text_columns` are the places of the signature's string columns,
    /// which tell pandas category columns from others where the model does not.
    ///
    /// # Errors
    /// [`LoadError::Unsupported`] for a model whose category columns cannot be told, or that is not what the estimator
    /// can have.
    pub fn new(booster: Booster, estimator: Estimator, text_columns: &[usize]) -> Result<Self, LoadError> {
        let mut features: Vec<Feature> = booster.feature_names.iter().map(|name| number_feature(name)).collect();
        for (index, categories) in booster.pandas_categories.assign(text_columns)? {
            let feature = features.get_mut(index);
            feature.ok_or_else(|| LoadError::unsupported("a category column beyond the features"))?.kind =
                FeatureKind::ListedCategory(categories);
        }
        let outputs = Outputs::of(&booster, &estimator)?;
        Ok(Self { booster, estimator, features, outputs })
    }

    fn class(&self) -> &str {
        match &self.estimator {
            Estimator::Booster => "lightgbm.Booster",
            Estimator::Regressor { class } => class,
            Estimator::Classifier { .. } => "LGBMClassifier",
        }
    }

    /// Raw scores of all rows, row-major.
    fn raw_scores(&self, frame: &Frame, out: &mut Vec<f64>) {
        let booster = &self.booster;
        out.clear();
        out.resize(frame.rows() * booster.outputs, 0.0);
        let mut row = vec![0.0; frame.cols()];
        for (index, scores) in out.chunks_exact_mut(booster.outputs).enumerate() {
            clean(frame.row(index), &mut row);
            for iteration in booster.trees.chunks_exact(booster.outputs) {
                for (score, tree) in scores.iter_mut().zip(iteration) {
                    *score += tree.value(tree.tree.leaf(&row), &row);
                }
            }
        }
    }

    /// What `Booster.predict` gives.
    fn transformed(&self, frame: &Frame, out: &mut Vec<f64>) {
        self.raw_scores(frame, out);
        #[expect(clippy::cast_precision_loss, reason = "iterations are far below 2^53")]
        let iterations = self.booster.iterations() as f64;
        for scores in out.chunks_exact_mut(self.booster.outputs) {
            if self.booster.average_output {
                scores.iter_mut().for_each(|score| *score /= iterations);
            }
            self.booster.objective.convert(scores);
        }
    }

    fn probabilities(&self, frame: &Frame, out: &mut Vec<f64>) {
        self.transformed(frame, out);
        if self.outputs.predict_proba.as_ref().is_some_and(|output| output.shape == Shape::Matrix(2))
            && self.booster.outputs == 1
        {
            let of_second = std::mem::take(out);
            out.extend(of_second.into_iter().flat_map(|p| [1.0 - p, p]));
        }
    }

    fn predictions(&self, frame: &Frame, out: &mut Vec<f64>) {
        match &self.estimator {
            Estimator::Classifier { custom_objective: false, labels } => {
                self.probabilities(frame, out);
                let classes = std::mem::take(out);
                out.extend(classes.chunks_exact(labels.len()).map(first_maximum));
            }
            Estimator::Booster | Estimator::Regressor { .. } | Estimator::Classifier { .. } => {
                self.transformed(frame, out);
            }
        }
    }

    fn leaf_indices(&self, frame: &Frame, out: &mut Vec<f64>) {
        out.clear();
        let mut row = vec![0.0; frame.cols()];
        let trees = &self.booster.trees[..self.booster.iterations() * self.booster.outputs];
        for index in 0..frame.rows() {
            clean(frame.row(index), &mut row);
            out.extend(trees.iter().map(|tree| f64::from(tree.tree.leaf(&row))));
        }
    }

    fn contributions(&self, frame: &Frame, out: &mut Vec<f64>) {
        let width = self.features.len() + 1;
        out.clear();
        out.resize(frame.rows() * width * self.booster.outputs, 0.0);
        let mut row = vec![0.0; frame.cols()];
        let mut path = Vec::new();
        for (index, phis) in out.chunks_exact_mut(width * self.booster.outputs).enumerate() {
            clean(frame.row(index), &mut row);
            for iteration in self.booster.trees.chunks_exact(self.booster.outputs) {
                for (phi, tree) in phis.chunks_exact_mut(width).zip(iteration) {
                    contributions::add(tree, &row, phi, &mut path);
                }
            }
        }
    }
}

impl Scorer for LightGbm {
    fn features(&self) -> &[Feature] {
        &self.features
    }

    fn output(&self, method: Method) -> Option<&Output> {
        match method {
            Method::Predict => Some(&self.outputs.predict),
            Method::PredictProba => self.outputs.predict_proba.as_ref(),
            Method::RawScore => Some(&self.outputs.raw_score),
            Method::LeafIndex => Some(&self.outputs.leaf_index),
            Method::Contributions => self.outputs.contributions.as_ref(),
        }
    }

    fn score(&self, method: Method, frame: &Frame, out: &mut Vec<f64>) -> Result<(), ScoreError> {
        if frame.cols() != self.features.len() {
            return Err(ScoreError::Columns { expected: self.features.len(), got: frame.cols() });
        }
        if self.output(method).is_none() {
            return Err(ScoreError::NoSuchOutput { class: self.class().to_owned(), method: method.as_str() });
        }
        match method {
            Method::Predict => self.predictions(frame, out),
            Method::PredictProba => self.probabilities(frame, out),
            Method::RawScore => self.raw_scores(frame, out),
            Method::LeafIndex => self.leaf_indices(frame, out),
            Method::Contributions => self.contributions(frame, out),
        }
        Ok(())
    }

    fn summary(&self) -> Summary {
        Summary { trees: self.booster.trees.len(), kernels: "walk".into(), memory_bytes: 0 }
    }
}

impl Outputs {
    fn of(booster: &Booster, estimator: &Estimator) -> Result<Self, LoadError> {
        let scores = Output { shape: shape(booster.outputs), values: Values::Float };
        let trees = booster.iterations() * booster.outputs;
        let mut outputs = Self {
            predict: scores.clone(),
            predict_proba: probability_shape(booster).map(|shape| Output { shape, values: Values::Float }),
            raw_score: scores.clone(),
            leaf_index: Output { shape: Shape::Matrix(trees), values: Values::Int },
            contributions: contributions::available(booster).then(|| Output {
                shape: Shape::Matrix((booster.feature_names.len() + 1) * booster.outputs),
                values: Values::Float,
            }),
        };
        match estimator {
            Estimator::Booster => {}
            Estimator::Regressor { .. } => outputs.predict_proba = None,
            Estimator::Classifier { custom_objective: true, .. } => outputs.predict_proba = Some(scores),
            Estimator::Classifier { labels, custom_objective: false } => {
                let classes = outputs.predict_proba.as_ref().map(|output| output.shape.width());
                if classes != Some(labels.len()) {
                    return Err(LoadError::unsupported(format!(
                        "an LGBMClassifier of {} classes whose model has {} outputs",
                        labels.len(),
                        booster.outputs
                    )));
                }
                outputs.predict = Output { shape: Shape::Vector, values: Values::Labels(labels.clone()) };
            }
        }
        Ok(outputs)
    }
}

/// numpy's shape for this many values a row: LightGBM gives a flat array for one.
fn shape(width: usize) -> Shape {
    if width == 1 { Shape::Vector } else { Shape::Matrix(width) }
}

fn probability_shape(booster: &Booster) -> Option<Shape> {
    match booster.objective {
        Objective::Binary { .. } => Some(Shape::Matrix(2)),
        Objective::OneVsAll { .. } | Objective::Softmax => Some(Shape::Matrix(booster.outputs)),
        Objective::Identity | Objective::Square | Objective::Sigmoid | Objective::Exp | Objective::Log1pExp => None,
    }
}

fn number_feature(name: &str) -> Feature {
    Feature { name: name.to_owned(), kind: FeatureKind::Number }
}

/// LightGBM's C API takes only what is not zero into its row buffer: what counts as zero becomes zero.
fn clean(cells: &[f64], row: &mut [f64]) {
    for (cleaned, &cell) in row.iter_mut().zip(cells) {
        *cleaned = if is_zero(cell) { 0.0 } else { cell };
    }
}

/// `numpy.argmax`: the first of the largest; the first NaN if there is one.
#[expect(clippy::cast_precision_loss, reason = "classes are far below 2^53")]
fn first_maximum(values: &[f64]) -> f64 {
    let mut best = 0;
    for (index, value) in values.iter().enumerate().skip(1) {
        if !values[best].is_nan() && (value.is_nan() || *value > values[best]) {
            best = index;
        }
    }
    best as f64
}
