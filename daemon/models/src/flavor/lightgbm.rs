//! Flavor `lightgbm`: a `Booster` in LightGBM's text, or an estimator of `lightgbm.sklearn` in a container.

use std::path::Path;

use super::lightgbm_estimator::{self, Loaded};
use crate::{
    LoadError, MlModel, Scorer,
    engine::lightgbm::{Estimator, LightGbm, text},
    mlmodel,
    model::LoadOptions,
    signature::{ColumnSpec, DataType, Schema},
};

/// Its name in `MLmodel`.
pub(super) const NAME: &str = "lightgbm";

/// Larger than any model that could be served: 1 GiB of text is about 40,000 trees of 255 leaves.
pub(super) const MAX_MODEL_BYTES: u64 = 1 << 30;

/// What `log_model` calls the file where `MLmodel` does not say.
const DEFAULT_FILE: &str = "model.lgb";

pub(super) fn load(dir: &Path, mlmodel: &MlModel, options: &LoadOptions) -> Result<Box<dyn Scorer>, LoadError> {
    let named = mlmodel.flavor_key(NAME, "data").unwrap_or(DEFAULT_FILE);
    let bytes = mlmodel::read_bounded(&mlmodel::resolve(dir, named)?, MAX_MODEL_BYTES)?;
    if !bytes.starts_with(b"tree") {
        return lightgbm_estimator::read(named, &bytes, |loaded| scorer(loaded, mlmodel, options));
    }
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| LoadError::invalid(named, format!("not UTF-8 at byte {}", error.valid_up_to())))?;
    let booster = text::parse(named, text)?;
    scorer(Loaded { booster, estimator: Estimator::Booster, text: text.into() }, mlmodel, options)
}

/// The scorer of a model that has been read.
pub(super) fn scorer(
    loaded: Loaded<'_>,
    mlmodel: &MlModel,
    options: &LoadOptions,
) -> Result<Box<dyn Scorer>, LoadError> {
    let text_columns = text_columns(mlmodel);
    if options.lightgbm_reference {
        return reference(loaded, &text_columns);
    }
    Ok(Box::new(LightGbm::new(loaded.booster, loaded.estimator, &text_columns)?))
}

#[cfg(feature = "reference-lightgbm")]
fn reference(loaded: Loaded<'_>, text_columns: &[usize]) -> Result<Box<dyn Scorer>, LoadError> {
    Ok(Box::new(LightGbm::reference(loaded.booster, loaded.estimator, text_columns, &loaded.text)?))
}

#[cfg(not(feature = "reference-lightgbm"))]
fn reference(_: Loaded<'_>, _: &[usize]) -> Result<Box<dyn Scorer>, LoadError> {
    Err(LoadError::unsupported("the reference engine of LightGBM in a build without the feature reference-lightgbm"))
}

/// Places of the signature's string columns.
fn text_columns(mlmodel: &MlModel) -> Vec<usize> {
    let Some(Schema::Columns(columns)) = &mlmodel.signature.inputs else { return Vec::new() };
    let is_text = |(_, column): &(usize, &ColumnSpec)| column.kind == DataType::String;
    columns.iter().enumerate().filter(is_text).map(|(index, _)| index).collect()
}
