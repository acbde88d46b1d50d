//! Flavor `catboost`.

use std::path::Path;

use crate::{LoadError, MlModel, Scorer, model::LoadOptions};

/// Its name in `MLmodel`.
pub(super) const NAME: &str = "catboost";

pub(super) fn load(dir: &Path, mlmodel: &MlModel, options: &LoadOptions) -> Result<Box<dyn Scorer>, LoadError> {
    let _ = (dir, mlmodel, options);
    Err(LoadError::unsupported("flavor catboost"))
}
