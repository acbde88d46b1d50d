//! From sums of leaves to what was asked for: labels, probabilities, exponents, or the sums themselves.

use std::sync::Arc;

use super::{
    error::{Fault, invalid, unsupported},
    fast_exp::{exp, exp_each},
    meta::{Classes, Meta},
};
use crate::{Labels, Method, Output, Shape, Values};

/// The Python class that MLflow loads the file with: it decides what `predict` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelType {
    /// `CatBoost`: sums.
    Base,
    /// `CatBoostClassifier`: labels.
    Classifier,
    /// `CatBoostRegressor`: sums, or what the loss function makes of them.
    Regressor,
    /// `CatBoostRanker`: sums.
    Ranker,
}

impl ModelType {
    /// The class of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Base, Self::Classifier, Self::Regressor, Self::Ranker].into_iter().find(|kind| kind.class_name() == name)
    }

    /// Its name in Python.
    #[must_use]
    pub fn class_name(self) -> &'static str {
        match self {
            Self::Base => "CatBoost",
            Self::Classifier => "CatBoostClassifier",
            Self::Regressor => "CatBoostRegressor",
            Self::Ranker => "CatBoostRanker",
        }
    }
}

/// The outputs of a model.
#[derive(Debug)]
pub(super) struct Answers {
    predict: (Output, Answer),
    probability: Option<(Output, Answer)>,
    raw: (Output, Answer),
    leaf_index: Output,
    contributions: Option<Output>,
}

impl Answers {
    /// The outputs of a model with `dimension` sums and `trees` leaves per row, and with `contributions` SHAP values if
    /// there are any.
    pub(super) fn new(
        model_type: ModelType,
        meta: &Meta,
        dimension: usize,
        trees: usize,
        contributions: Option<usize>,
    ) -> Result<Self, Fault> {
        let raw = raw(meta, dimension);
        let classes = meta.classes.as_ref();
        let probability = classes.map(|classes| probability(meta, classes, dimension)).transpose()?;
        let predict = match (model_type, classes) {
            (ModelType::Classifier, Some(classes)) => class(meta, classes, dimension)?,
            (ModelType::Classifier, None) => return Err(unsupported("a CatBoostClassifier whose file has no classes")),
            (ModelType::Regressor, _) => regression(meta, dimension, &raw)?,
            (ModelType::Base | ModelType::Ranker, _) => raw.clone(),
        };
        let leaf_index = Output { shape: Shape::Matrix(trees), values: Values::Int };
        let contributions = contributions.map(|width| floats(Shape::Matrix(width)));
        Ok(Self { predict, probability, raw, leaf_index, contributions })
    }

    /// Shape and meaning of what `method` answers.
    pub(super) fn output(&self, method: Method) -> Option<&Output> {
        match method {
            Method::LeafIndex => Some(&self.leaf_index),
            Method::Contributions => self.contributions.as_ref(),
            _ => self.made_of_sums(method).map(|(output, _)| output),
        }
    }

    /// How sums become what `method` answers; `None` when it is not made of sums.
    pub(super) fn answer(&self, method: Method) -> Option<&Answer> {
        self.made_of_sums(method).map(|(_, answer)| answer)
    }

    fn made_of_sums(&self, method: Method) -> Option<&(Output, Answer)> {
        match method {
            Method::Predict => Some(&self.predict),
            Method::PredictProba => self.probability.as_ref(),
            Method::RawScore => Some(&self.raw),
            Method::LeafIndex | Method::Contributions => None,
        }
    }
}

/// How sums become an answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// They are it.
    Raw,
    /// The sum of each class of the training in its place among all classes; minus infinity for the others.
    Spread { trained: Vec<usize>, classes: usize },
    /// `exp`.
    Exponent,
    /// Mean and variance of two sums.
    MeanAndVariance,
    /// 1 above the border, else 0.
    Above(f64),
    /// Number of the class with the largest sum, the first of equal ones.
    Largest { trained: Vec<usize> },
    /// Probabilities of the first and of the second class.
    TwoClasses,
    /// Of each sum on its own.
    Sigmoids,
    /// Of all classes together, after [`Answer::Spread`].
    Softmax { trained: Vec<usize>, classes: usize },
}

fn floats(shape: Shape) -> Output {
    Output { shape, values: Values::Float }
}

/// One sum is answered as a vector, several as a matrix.
fn sums(dimension: usize) -> Shape {
    if dimension == 1 { Shape::Vector } else { Shape::Matrix(dimension) }
}

/// Losses whose sums are one per label, each with a yes and a no.
fn is_multi_label(meta: &Meta) -> bool {
    matches!(meta.loss.as_str(), "MultiLogloss" | "MultiCrossEntropy")
}

fn raw(meta: &Meta, dimension: usize) -> (Output, Answer) {
    match meta.classes.as_ref().and_then(|classes| spread(meta, classes, dimension)) {
        Some((trained, classes)) => (floats(Shape::Matrix(classes)), Answer::Spread { trained, classes }),
        None => (floats(sums(dimension)), Answer::Raw),
    }
}

/// Where the sums of a multi-class model go when that is not where they are.
fn spread(meta: &Meta, classes: &Classes, dimension: usize) -> Option<(Vec<usize>, usize)> {
    let in_place = classes.trained.iter().copied().eq(0..classes.labels.len());
    let fits = dimension > 1 && classes.trained.len() == dimension;
    (fits && !in_place && !is_multi_label(meta)).then(|| (classes.trained.clone(), classes.labels.len()))
}

fn class(meta: &Meta, classes: &Classes, dimension: usize) -> Result<(Output, Answer), Fault> {
    let border = if meta.threshold == 0.5 { 0.0 } else { -(1.0 / meta.threshold - 1.0).ln() };
    if is_multi_label(meta) {
        return Ok((Output { shape: sums(dimension), values: Values::Int }, Answer::Above(border)));
    }
    let labels = |labels: &Labels| Values::Labels(Arc::new(labels.clone()));
    let needed = if dimension == 1 { 2 } else { dimension };
    if classes.trained.len() != needed {
        return Err(invalid(format!("it has {} classes where its trees have {needed}", classes.trained.len())));
    }
    if dimension == 1 {
        // Answers are 0 and 1: the labels in the training's order.
        let two = pick(&classes.labels, &classes.trained);
        return Ok((Output { shape: Shape::Vector, values: labels(&two) }, Answer::Above(border)));
    }
    let answer = Answer::Largest { trained: classes.trained.clone() };
    Ok((Output { shape: Shape::Matrix(1), values: labels(&classes.labels) }, answer))
}

fn pick(labels: &Labels, which: &[usize]) -> Labels {
    match labels {
        Labels::Int(labels) => Labels::Int(which.iter().map(|&at| labels[at]).collect()),
        Labels::Float(labels) => Labels::Float(which.iter().map(|&at| labels[at]).collect()),
        Labels::Bool(labels) => Labels::Bool(which.iter().map(|&at| labels[at]).collect()),
        Labels::Text(labels) => Labels::Text(which.iter().map(|&at| labels[at].clone()).collect()),
    }
}

fn probability(meta: &Meta, classes: &Classes, dimension: usize) -> Result<(Output, Answer), Fault> {
    if dimension == 1 {
        return Ok((floats(Shape::Matrix(2)), Answer::TwoClasses));
    }
    if is_multi_label(meta) || meta.loss == "MultiClassOneVsAll" {
        return Ok((floats(Shape::Matrix(dimension)), Answer::Sigmoids));
    }
    let (trained, classes) = spread(meta, classes, dimension).unwrap_or_else(|| ((0..dimension).collect(), dimension));
    Ok((floats(Shape::Matrix(classes)), Answer::Softmax { trained, classes }))
}

fn regression(meta: &Meta, dimension: usize, raw: &(Output, Answer)) -> Result<(Output, Answer), Fault> {
    Ok(match meta.loss.as_str() {
        "Poisson" | "Tweedie" => (floats(sums(dimension)), Answer::Exponent),
        "RMSEWithUncertainty" if dimension == 2 => (floats(Shape::Matrix(2)), Answer::MeanAndVariance),
        "RMSEWithUncertainty" => return Err(invalid("RMSEWithUncertainty needs two values per leaf")),
        _ => raw.clone(),
    })
}

impl Answer {
    /// Turns all sums into answers, in place; `dimension` sums per row.
    pub(super) fn apply(&self, dimension: usize, out: &mut Vec<f64>) {
        match self {
            Self::Raw => {}
            Self::Exponent => out.iter_mut().for_each(|sum| *sum = exp(*sum)),
            Self::Above(border) => out.iter_mut().for_each(|sum| *sum = f64::from(u8::from(*sum > *border))),
            Self::Sigmoids => out.iter_mut().for_each(|sum| *sum = sigmoid(*sum)),
            Self::MeanAndVariance => {
                out.chunks_exact_mut(2).for_each(|pair| pair[1] = exp(pair[1] * 2.0));
            }
            Self::TwoClasses => per_row(out, dimension, 2, |sums, answer| {
                let second = sigmoid(sums[0]);
                answer.copy_from_slice(&[1.0 - second, second]);
            }),
            Self::Largest { trained } => per_row(out, dimension, 1, |sums, answer| {
                let mut best = 0;
                for (class, sum) in sums.iter().enumerate() {
                    if *sum > sums[best] {
                        best = class;
                    }
                }
                answer[0] = trained[best] as f64;
            }),
            Self::Spread { trained, classes } => {
                per_row(out, dimension, *classes, |sums, answer| spread_row(sums, trained, answer));
            }
            Self::Softmax { trained, classes } => per_row(out, dimension, *classes, |sums, answer| {
                spread_row(sums, trained, answer);
                softmax(answer);
            }),
        }
    }
}

/// Calls `each` with the sums of a row and the place for its answer, filled with minus infinity.
fn per_row(out: &mut Vec<f64>, dimension: usize, width: usize, each: impl Fn(&[f64], &mut [f64])) {
    let rows = out.len() / dimension;
    let sums = std::mem::replace(out, vec![f64::NEG_INFINITY; rows * width]);
    for (sums, answer) in sums.chunks_exact(dimension).zip(out.chunks_exact_mut(width)) {
        each(sums, answer);
    }
}

fn spread_row(sums: &[f64], trained: &[usize], answer: &mut [f64]) {
    for (sum, &class) in sums.iter().zip(trained) {
        answer[class] = *sum;
    }
}

fn sigmoid(sum: f64) -> f64 {
    1.0 / (1.0 + (-sum).exp())
}

fn softmax(sums: &mut [f64]) {
    let largest = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for sum in &mut *sums {
        *sum -= largest;
    }
    exp_each(sums);
    let total: f64 = sums.iter().sum();
    for sum in sums {
        *sum /= total;
    }
}
