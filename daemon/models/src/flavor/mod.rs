//! One file per MLflow flavor: which file holds the model, which engine reads it, what its `predict` answers.

mod catboost;
mod lightgbm;
mod lightgbm_estimator;
mod sklearn;

use std::path::Path;

use crate::{LoadError, MlModel, Scorer, model::LoadOptions};

/// Finds the flavor that can be served natively and loads it.
///
/// # Errors
/// [`LoadError::Unsupported`] with the flavor's name when there is none, else what reading the files met.
pub fn load(dir: &Path, mlmodel: &MlModel, options: &LoadOptions) -> Result<Box<dyn Scorer>, LoadError> {
    if mlmodel.flavors.contains_key(lightgbm::NAME) {
        return lightgbm::load(dir, mlmodel, options);
    }
    if mlmodel.flavors.contains_key(catboost::NAME) {
        return catboost::load(dir, mlmodel, options);
    }
    if mlmodel.flavors.contains_key(sklearn::NAME) {
        return sklearn::load(dir, mlmodel, options);
    }
    Err(LoadError::unsupported(format!("flavor {}", mlmodel.native_flavor().unwrap_or("python_function"))))
}
