//! Flavor `catboost`: a `.cbm` or JSON file, loaded as one of CatBoost's four classes.

use std::path::Path;

use crate::{
    LoadError, MlModel, Scorer,
    engine::catboost::{CatBoost, ModelType},
    mlmodel::{read_bounded, resolve},
    model::LoadOptions,
};

/// Its name in `MLmodel`.
pub(super) const NAME: &str = "catboost";

/// The file, where `MLmodel` does not say.
const DEFAULT_FILE: &str = "model.cb";

/// CatBoost's own limit for what one flatbuffer can hold.
const MAX_MODEL_BYTES: u64 = 2 << 30;

pub(super) fn load(dir: &Path, mlmodel: &MlModel, options: &LoadOptions) -> Result<Box<dyn Scorer>, LoadError> {
    let file = mlmodel.flavor_key(NAME, "data").unwrap_or(DEFAULT_FILE);
    let class = mlmodel.flavor_key(NAME, "model_type").unwrap_or(ModelType::Base.class_name());
    let model_type =
        ModelType::from_name(class).ok_or_else(|| LoadError::unsupported(format!("CatBoost model type {class}")))?;
    let bytes = read_bounded(&resolve(dir, file)?, MAX_MODEL_BYTES)?;
    if options.catboost_reference {
        return reference(file, &bytes, model_type);
    }
    Ok(Box::new(CatBoost::read(file, &bytes, model_type)?))
}

#[cfg(feature = "reference-catboost")]
fn reference(file: &str, bytes: &[u8], model_type: ModelType) -> Result<Box<dyn Scorer>, LoadError> {
    Ok(Box::new(crate::engine::catboost::CatBoostReference::read(file, bytes, model_type)?))
}

#[cfg(not(feature = "reference-catboost"))]
fn reference(_: &str, _: &[u8], _: ModelType) -> Result<Box<dyn Scorer>, LoadError> {
    Err(LoadError::unsupported("CatBoost's reference engine (this build lacks the cargo feature reference-catboost)"))
}
