//! A [`Booster`] as a [`Scorer`]: which outputs there are, and what they are made of.

use std::sync::Arc;

use super::{
    booster::{Booster, without_tiny},
    contributions,
    objective::Objective,
    sums::Sums,
};
use crate::{
    Feature, FeatureKind, Frame, LoadError, Method, Output, ScoreError, Scorer, Shape, Summary, Values, engine::Labels,
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
    engine: Engine,
}

/// What finds the scores.
#[derive(Debug)]
enum Engine {
    Native(Sums),
    #[cfg(feature = "reference-lightgbm")]
    Reference(super::reference::Reference),
}

/// What each method gives; `None` where the class has no such method.
#[derive(Debug)]
struct Outputs {
    predict: Output,
    predict_proba: Option<Output>,
    raw_score: Output,
    leaf_index: Option<Output>,
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
        let engine = Engine::Native(Sums::new(&booster));
        Ok(Self { booster, estimator, features, outputs, engine })
    }

    /// The same model scored by LightGBM's own library, which reads `text`. It has neither leaf indices nor
    /// contributions: the crate that binds it offers none that are safe.
    ///
    /// # Errors
    /// As [`LightGbm::new`], and what LightGBM says.
    #[cfg(feature = "reference-lightgbm")]
    pub fn reference(
        booster: Booster,
        estimator: Estimator,
        text_columns: &[usize],
        text: &str,
    ) -> Result<Self, LoadError> {
        let reference = super::reference::Reference::new(text, booster.iterations())
            .map_err(|reason| LoadError::invalid("LightGBM", reason))?;
        let mut scorer = Self::new(booster, estimator, text_columns)?;
        scorer.engine = Engine::Reference(reference);
        scorer.outputs.leaf_index = None;
        scorer.outputs.contributions = None;
        Ok(scorer)
    }

    fn class(&self) -> &str {
        match &self.estimator {
            Estimator::Booster => "lightgbm.Booster",
            Estimator::Regressor { class } => class,
            Estimator::Classifier { .. } => "LGBMClassifier",
        }
    }

    /// Raw scores of all rows, row-major.
    fn raw_scores(&self, frame: &Frame, out: &mut Vec<f64>) -> Result<(), ScoreError> {
        match &self.engine {
            Engine::Native(sums) => {
                out.clear();
                out.resize(frame.rows() * self.booster.outputs, 0.0);
                sums.add_scores(&self.booster, frame.cells(), out);
            }
            #[cfg(feature = "reference-lightgbm")]
            Engine::Reference(reference) => *out = reference.raw_scores(frame)?,
        }
        Ok(())
    }

    /// What `Booster.predict` gives.
    fn transformed(&self, frame: &Frame, out: &mut Vec<f64>) -> Result<(), ScoreError> {
        #[cfg(feature = "reference-lightgbm")]
        if let Engine::Reference(reference) = &self.engine {
            *out = reference.predict(frame)?;
            return Ok(());
        }
        self.raw_scores(frame, out)?;
        #[expect(clippy::cast_precision_loss, reason = "iterations are far below 2^53")]
        let iterations = self.booster.iterations() as f64;
        for scores in out.chunks_exact_mut(self.booster.outputs) {
            if self.booster.average_output {
                scores.iter_mut().for_each(|score| *score /= iterations);
            }
            self.booster.objective.convert(scores);
        }
        Ok(())
    }

    fn probabilities(&self, frame: &Frame, out: &mut Vec<f64>) -> Result<(), ScoreError> {
        self.transformed(frame, out)?;
        let width = self.outputs.predict_proba.as_ref().map_or(1, |output| output.shape.width());
        if width == 2 && self.booster.outputs == 1 {
            // One probability becomes two, from the last row to the first so that none is overwritten.
            out.resize(2 * frame.rows(), 0.0);
            for row in (0..frame.rows()).rev() {
                let of_second = out[row];
                out[2 * row] = 1.0 - of_second;
                out[2 * row + 1] = of_second;
            }
        }
        Ok(())
    }

    fn predictions(&self, frame: &Frame, out: &mut Vec<f64>) -> Result<(), ScoreError> {
        let Estimator::Classifier { custom_objective: false, labels } = &self.estimator else {
            return self.transformed(frame, out);
        };
        self.probabilities(frame, out)?;
        // A classifier of one class has two probabilities as well.
        let width = labels.len().max(2);
        for row in 0..frame.rows() {
            out[row] = first_maximum(&out[row * width..][..width]);
        }
        out.truncate(frame.rows());
        Ok(())
    }

    fn leaf_indices(&self, frame: &Frame, out: &mut Vec<f64>) {
        out.clear();
        out.resize(frame.rows() * self.booster.scored_trees().len(), 0.0);
        match &self.engine {
            Engine::Native(sums) => sums.leaf_indices(&self.booster, frame.cells(), out),
            #[cfg(feature = "reference-lightgbm")]
            Engine::Reference(_) => {}
        }
    }

    fn contributions(&self, frame: &Frame, out: &mut Vec<f64>) {
        let width = self.features.len() + 1;
        out.clear();
        out.resize(frame.rows() * width * self.booster.outputs, 0.0);
        let mut row = vec![0.0; frame.cols()];
        let mut path = Vec::new();
        for (index, phis) in out.chunks_exact_mut(width * self.booster.outputs).enumerate() {
            row.iter_mut().zip(frame.row(index)).for_each(|(cell, &given)| *cell = without_tiny(given));
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
            Method::LeafIndex => self.outputs.leaf_index.as_ref(),
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
            Method::Predict => self.predictions(frame, out)?,
            Method::PredictProba => self.probabilities(frame, out)?,
            Method::RawScore => self.raw_scores(frame, out)?,
            Method::LeafIndex => self.leaf_indices(frame, out),
            Method::Contributions => self.contributions(frame, out),
        }
        Ok(())
    }

    fn summary(&self) -> Summary {
        let (kernels, engine_bytes) = match &self.engine {
            Engine::Native(sums) => (sums.describe(), sums.memory_bytes()),
            #[cfg(feature = "reference-lightgbm")]
            Engine::Reference(_) => ("LightGBM's own library".to_owned(), 0),
        };
        let memory_bytes = engine_bytes + self.booster.memory_bytes();
        Summary { trees: self.booster.trees.len(), kernels, memory_bytes }
    }
}

impl Outputs {
    fn of(booster: &Booster, estimator: &Estimator) -> Result<Self, LoadError> {
        let scores = Output { shape: shape(booster.outputs), values: Values::Float };
        let trees = booster.scored_trees().len();
        let mut outputs = Self {
            predict: scores.clone(),
            predict_proba: probability_shape(booster).map(|shape| Output { shape, values: Values::Float }),
            raw_score: scores.clone(),
            leaf_index: Some(Output { shape: Shape::Matrix(trees), values: Values::Int }),
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
                let width = labels.len().max(2);
                if classes(booster, labels.len()) != Some(width) || (labels.len() == 1 && !always_first(booster)) {
                    return Err(LoadError::unsupported(format!(
                        "an LGBMClassifier of {} classes whose model has {} outputs",
                        labels.len(),
                        booster.outputs
                    )));
                }
                outputs.predict = Output { shape: Shape::Vector, values: Values::Labels(labels.clone()) };
                outputs.predict_proba = Some(Output { shape: Shape::Matrix(width), values: Values::Float });
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

/// Columns of an `LGBMClassifier`'s probabilities: it makes two of one output whatever the objective is, unless there
/// are more than two labels or the objective is one for many classes.
fn classes(booster: &Booster, labels: usize) -> Option<usize> {
    let multiclass = labels > 2 || matches!(booster.objective, Objective::OneVsAll { .. } | Objective::Softmax);
    if multiclass { Some(booster.outputs) } else { (booster.outputs == 1).then_some(2) }
}

/// Whether a model answers every row with a score that stands for the first class: what LightGBM makes of a target that
/// has only one. Where it could answer with the second, Python would raise an error.
fn always_first(booster: &Booster) -> bool {
    let trees = booster.scored_trees();
    let score: f64 = trees.iter().map(|tree| tree.leaf_values[0]).sum();
    trees.iter().all(|tree| tree.tree.nodes().is_empty()) && score <= 0.0
}

fn number_feature(name: &str) -> Feature {
    Feature { name: name.to_owned(), kind: FeatureKind::Number }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::lightgbm::text;

    fn one_class(leaf: &str) -> Result<LightGbm, LoadError> {
        let model = format!(
            "tree\nnum_class=1\nmax_feature_idx=0\nobjective=binary sigmoid:1\nfeature_names=a\nfeature_infos=none\n\n\
             Tree=0\nnum_leaves=1\nnum_cat=0\nleaf_value={leaf}\n\n\nend of trees\n"
        );
        let labels = Arc::new(Labels::Int(vec![5]));
        let estimator = Estimator::Classifier { labels, custom_objective: false };
        LightGbm::new(text::parse("model.lgb", &model)?, estimator, &[])
    }

    #[test]
    fn a_classifier_of_one_class_has_two_probabilities_and_one_answer() {
        let scorer = one_class("-34.5").unwrap();
        let frame = Frame::from_cells(vec![1.0, f64::NAN], 2, 1).unwrap();
        let mut out = Vec::new();
        scorer.score(Method::Predict, &frame, &mut out).unwrap();
        assert_eq!(out, [0.0, 0.0]);
        scorer.score(Method::PredictProba, &frame, &mut out).unwrap();
        assert_eq!(out.len(), 4);
        assert!(out[0] > out[1]);
    }

    /// Python's `inverse_transform` would raise for it.
    #[test]
    fn a_classifier_of_one_class_that_could_answer_another_is_unsupported() {
        assert!(one_class("0.5").unwrap_err().is_unsupported());
    }
}
