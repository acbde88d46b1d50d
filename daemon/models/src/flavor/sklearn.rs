//! Flavor `sklearn`, as far as it holds an estimator of LightGBM; and its `predict_fn`.

use std::path::Path;

use super::{lightgbm, lightgbm_estimator};
use crate::{
    Feature, Frame, LoadError, Method, MlModel, Output, ScoreError, Scorer, Summary, mlmodel, model::LoadOptions,
};

/// Its name in `MLmodel`.
pub(super) const NAME: &str = "sklearn";

pub(super) fn load(dir: &Path, mlmodel: &MlModel, options: &LoadOptions) -> Result<Box<dyn Scorer>, LoadError> {
    let named = mlmodel.flavor_key(NAME, "pickled_model");
    let named = named.or_else(|| mlmodel.flavor_key("python_function", "model_path")).unwrap_or("model.pkl");
    let bytes = mlmodel::read_bounded(&mlmodel::resolve(dir, named)?, lightgbm::MAX_MODEL_BYTES)?;
    let scorer = lightgbm_estimator::read(named, &bytes, |loaded| lightgbm::scorer(loaded, mlmodel, options))?;
    match mlmodel.flavor_key("python_function", "predict_fn").unwrap_or("predict") {
        "predict" => Ok(scorer),
        "predict_proba" if scorer.output(Method::PredictProba).is_some() => Ok(Box::new(PredictsProbabilities(scorer))),
        other => Err(LoadError::unsupported(format!("predict_fn {other} of this class"))),
    }
}

/// A model logged with `pyfunc_predict_fn="predict_proba"`.
#[derive(Debug)]
struct PredictsProbabilities(Box<dyn Scorer>);

impl PredictsProbabilities {
    fn meant(method: Method) -> Method {
        if method == Method::Predict { Method::PredictProba } else { method }
    }
}

impl Scorer for PredictsProbabilities {
    fn features(&self) -> &[Feature] {
        self.0.features()
    }

    fn output(&self, method: Method) -> Option<&Output> {
        self.0.output(Self::meant(method))
    }

    fn score(&self, method: Method, frame: &Frame, out: &mut Vec<f64>) -> Result<(), ScoreError> {
        self.0.score(Self::meant(method), frame, out)
    }

    fn summary(&self) -> Summary {
        self.0.summary()
    }
}
