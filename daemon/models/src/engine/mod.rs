//! The one interface that every engine offers, and the words for what it takes and gives.
//!
//! An engine knows nothing of MLflow: a flavor (see [`crate::flavor`]) chooses one, and says what its plain `predict`
//! means. All engines give the same bits whatever kernel they choose, and however rows are grouped.

pub mod catboost;
mod categories;
pub mod forest;
pub mod lightgbm;

use std::{fmt, sync::Arc};

pub use categories::Categories;

use crate::{Frame, ScoreError};

/// What a caller wants from a model. [`Predict`](Method::Predict) is what MLflow's pyfunc does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// What the Python class's `predict` returns.
    Predict,
    /// Probability of each class: `[n, classes]`, as `predict_proba` returns them.
    PredictProba,
    /// Sum of the leaves, before any transformation.
    RawScore,
    /// The leaf that each tree ends in: `[n, trees]`.
    LeafIndex,
    /// TreeSHAP contributions, the expected value last: `[n, (features + 1) * outputs]`.
    Contributions,
}

impl Method {
    /// The name that a request uses for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Predict => "predict",
            Self::PredictProba => "predict_proba",
            Self::RawScore => "raw_score",
            Self::LeafIndex => "leaf_index",
            Self::Contributions => "contributions",
        }
    }

    /// The method of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Predict, Self::PredictProba, Self::RawScore, Self::LeafIndex, Self::Contributions]
            .into_iter()
            .find(|method| method.as_str() == name)
    }
}

/// One column of the engine's input.
#[derive(Clone, Debug, PartialEq)]
pub struct Feature {
    /// Name in the model file (LightGBM's are sanitised: `sepal_length_(cm)`), or its number where there is none.
    pub name: String,
    /// How a cell is filled.
    pub kind: FeatureKind,
}

/// How a cell is filled.
#[derive(Clone, Debug, PartialEq)]
pub enum FeatureKind {
    /// The number itself; NaN is missing.
    Number,
    /// CatBoost: the 32-bit hash of the category's text.
    HashedCategory,
    /// LightGBM trained on a pandas `category` column: the category's place in the list; NaN for one that is not there.
    ListedCategory(Arc<Categories>),
}

/// What the library asks of a request's column for one feature, when it binds columns by name (CatBoost does).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// Whether the model file names it: without a name it is bound by its place.
    pub named: bool,
    /// Whether a tree uses it: else its column may be missing.
    pub used: bool,
}

/// Shape of an answer for `n` rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// `[n]`.
    Vector,
    /// `[n, k]`, `k` may be 1.
    Matrix(usize),
}

impl Shape {
    /// Values per row.
    #[must_use]
    pub fn width(self) -> usize {
        match self {
            Self::Vector => 1,
            Self::Matrix(width) => width,
        }
    }
}

/// What the `f64`s of an answer stand for.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// Themselves; printed as Python prints a float.
    Float,
    /// Integers, exactly; printed without a point.
    Int,
    /// An index into these labels.
    Labels(Arc<Labels>),
}

/// Class labels in the type that Python returns.
#[derive(Clone, Debug, PartialEq)]
pub enum Labels {
    /// `int`.
    Int(Vec<i64>),
    /// `float`.
    Float(Vec<f64>),
    /// `bool`.
    Bool(Vec<bool>),
    /// `str`.
    Text(Vec<String>),
}

impl Labels {
    /// Number of classes.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Int(labels) => labels.len(),
            Self::Float(labels) => labels.len(),
            Self::Bool(labels) => labels.len(),
            Self::Text(labels) => labels.len(),
        }
    }

    /// Whether there is no class.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Shape and meaning of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Shape for `n` rows.
    pub shape: Shape,
    /// What the numbers stand for.
    pub values: Values,
}

/// What a scorer is made of, for people.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Number of trees.
    pub trees: usize,
    /// Kernels that were chosen, e.g. `k11 below 24 rows, k9 avx512 above`.
    pub kernels: String,
    /// Bytes that the engine holds.
    pub memory_bytes: usize,
}

/// A model that scores frames. Calls may come from any number of threads at once.
pub trait Scorer: Send + Sync + fmt::Debug {
    /// The columns that a frame must have, in order.
    fn features(&self) -> &[Feature];

    /// What each of [`features`](Self::features) asks of a request's columns.
    fn demands(&self) -> Vec<Demand> {
        vec![Demand { named: true, used: true }; self.features().len()]
    }

    /// What `method` answers; `None` when this model has no such output.
    fn output(&self, method: Method) -> Option<&Output>;

    /// Writes the answer for all rows of `frame` to `out`, replacing what was there: row-major,
    /// `frame.rows() * output(method).shape.width()` values.
    ///
    /// # Errors
    /// [`ScoreError`] when the frame does not have the engine's columns, or the model has no such output.
    fn score(&self, method: Method, frame: &Frame, out: &mut Vec<f64>) -> Result<(), ScoreError>;

    /// What it is made of.
    fn summary(&self) -> Summary;
}
