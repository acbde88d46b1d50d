//! Everything about a model's requests that can be decided when it is loaded.

use std::collections::HashMap;

use yummy_models::{
    Demand, Feature, Method, MlModel, Model, Signature,
    signature::{ParamSpec, Schema},
};

use super::fast::FastPlan;
use crate::encode::METHODS;

/// Whose `predict` the data is given to: the two packages bind columns in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// By position.
    LightGbm,
    /// By position, after scikit-learn's checks of arrays.
    LightGbmEstimator,
    /// By name.
    CatBoost,
}

/// How requests of one model become frames.
#[derive(Debug)]
pub struct Plan {
    pub(super) schema: Option<Schema>,
    /// Places of the names in `schema`; none when it has no names.
    pub(super) names: HashMap<Box<str>, usize>,
    pub(super) params: Option<Vec<ParamSpec>>,
    pub(super) features: Vec<Feature>,
    /// What CatBoost asks of the column of each feature.
    pub(super) demands: Vec<Demand>,
    pub(super) library: Library,
    pub(super) methods: Vec<Method>,
    pub(super) fast: Option<FastPlan>,
}

impl Plan {
    /// The plan of a loaded model.
    #[must_use]
    pub fn new(model: &Model) -> Self {
        let scorer = model.scorer();
        let methods = METHODS.into_iter().filter(|&method| scorer.output(method).is_some()).collect();
        let library = library(model.mlmodel());
        let features = scorer.features().to_vec();
        Self::build(&model.mlmodel().signature, library, features, scorer.demands(), methods)
    }

    /// The plan of a signature and an engine's columns, all of them named and used.
    #[must_use]
    pub fn of_parts(signature: &Signature, library: Library, features: Vec<Feature>, methods: Vec<Method>) -> Self {
        let demands = vec![Demand { named: true, used: true }; features.len()];
        Self::build(signature, library, features, demands, methods)
    }

    /// The plan of a signature, an engine's columns and what CatBoost asks of each.
    #[must_use]
    pub fn build(
        signature: &Signature,
        library: Library,
        features: Vec<Feature>,
        demands: Vec<Demand>,
        methods: Vec<Method>,
    ) -> Self {
        let schema = signature.inputs.clone();
        let names: Vec<Option<&str>> = match &schema {
            Some(Schema::Columns(specs)) => specs.iter().map(|spec| spec.name.as_deref()).collect(),
            Some(Schema::Tensors(specs)) => specs.iter().map(|spec| spec.name.as_deref()).collect(),
            None => Vec::new(),
        };
        let named = |(place, name): (usize, Option<&str>)| Some((name?.into(), place));
        let names = names.into_iter().enumerate().filter_map(named).collect();
        let params = signature.params.clone();
        let mut plan = Self { schema, names, params, features, demands, library, methods, fast: None };
        plan.fast = FastPlan::new(&plan);
        plan
    }
}

fn library(mlmodel: &MlModel) -> Library {
    let class = mlmodel.flavor_key("lightgbm", "model_class");
    if mlmodel.flavors.contains_key("catboost") {
        Library::CatBoost
    } else if mlmodel.flavors.contains_key("sklearn") || class.is_some_and(|name| name.contains(".sklearn.")) {
        Library::LightGbmEstimator
    } else {
        Library::LightGbm
    }
}
