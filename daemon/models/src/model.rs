//! A loaded model: what `MLmodel` says and the scorer behind it.

use std::path::Path;

use crate::{LoadError, MlModel, Scorer, flavor};

/// Choices that the daemon's configuration may make.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Use the reference library for LightGBM (needs the cargo feature `reference-lightgbm`).
    pub lightgbm_reference: bool,
    /// Use the reference library for CatBoost (needs the cargo feature `reference-catboost`).
    pub catboost_reference: bool,
}

/// A model that can score.
#[derive(Debug)]
pub struct Model {
    mlmodel: MlModel,
    scorer: Box<dyn Scorer>,
}

impl Model {
    /// Reads the model directory `dir` (the one that holds `MLmodel`). Nothing outside of it is read, nothing in it is
    /// run.
    ///
    /// # Errors
    /// [`LoadError`] says which file is at fault and why, or what is not served natively.
    pub fn load(dir: &Path, options: &LoadOptions) -> Result<Self, LoadError> {
        let mlmodel = MlModel::read(dir)?;
        let scorer = flavor::load(dir, &mlmodel, options)?;
        Ok(Self { mlmodel, scorer })
    }

    /// What `MLmodel` says.
    #[must_use]
    pub fn mlmodel(&self) -> &MlModel {
        &self.mlmodel
    }

    /// The scorer.
    #[must_use]
    pub fn scorer(&self) -> &dyn Scorer {
        &*self.scorer
    }
}
