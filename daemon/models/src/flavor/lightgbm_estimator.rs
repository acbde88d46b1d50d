//! Estimators of `lightgbm.sklearn` in a skops archive or a pickle: the attributes that a prediction depends on.

use std::{borrow::Cow, sync::Arc};

use crate::{
    LoadError,
    container::{
        numpy,
        pickle::{Object, Pickle},
        skops::{Node, Skops},
    },
    engine::{
        Labels,
        lightgbm::{Booster, Estimator, text},
    },
};

/// What is read out of either container.
struct Attributes<'a> {
    module: String,
    class: String,
    model: Option<Cow<'a, str>>,
    best_iteration: Option<i64>,
    labels: Option<Labels>,
    /// Whether `_objective` is neither text nor `None`: a function of the user's.
    custom_objective: bool,
    /// Whether `predict` stops at the first trees that are sure enough.
    early_stop: bool,
}

/// What a file holds.
pub(super) struct Loaded<'a> {
    pub(super) booster: Booster,
    pub(super) estimator: Estimator,
    /// LightGBM's text, which the booster was read from.
    #[cfg_attr(not(feature = "reference-lightgbm"), expect(dead_code, reason = "only the library reads it again"))]
    pub(super) text: Cow<'a, str>,
}

/// Reads an estimator, or a `Booster` that was put into a container; `use_it` gets what it holds.
///
/// # Errors
/// [`LoadError::Invalid`] for a damaged container, [`LoadError::Unsupported`] for an object of another class.
pub(super) fn read<T>(
    file: &str,
    bytes: &[u8],
    use_it: impl FnOnce(Loaded<'_>) -> Result<T, LoadError>,
) -> Result<T, LoadError> {
    let invalid = |reason: String| LoadError::invalid(file, reason);
    if bytes.starts_with(b"PK") {
        let archive = Skops::open(bytes).map_err(invalid)?;
        let root = archive.root().map_err(invalid)?;
        return use_it(from_skops(&archive, &root).map_err(invalid)?.build(file)?);
    }
    let pickle = Pickle::parse(bytes).map_err(|error| invalid(error.to_string()))?;
    let attributes = from_pickle(pickle.root());
    use_it(attributes.ok_or_else(|| invalid("the pickle does not hold an object".into()))?.build(file)?)
}

fn from_skops<'a>(archive: &Skops<'_>, root: &Node<'_>) -> Result<Attributes<'a>, String> {
    let booster = if root.class == "Booster" { Some(root.clone()) } else { root.get("_Booster") };
    let in_booster = |name: &str| booster.as_ref().and_then(|booster| booster.get(name));
    let model = in_booster("_handle").or_else(|| in_booster("handle")).and_then(|node| node.json::<String>());
    let classes = root.get("_le").and_then(|encoder| encoder.get("classes_")).or_else(|| root.get("_classes"));
    let objective = root.get("_objective");
    Ok(Attributes {
        module: root.module.clone(),
        class: root.class.clone(),
        model: model.map(Cow::Owned),
        best_iteration: in_booster("best_iteration").and_then(|node| node.json()),
        labels: classes.map(|classes| archive.labels(&classes)).transpose()?.flatten(),
        custom_objective: objective.is_some_and(|objective| objective.json::<Option<String>>().is_none()),
        early_stop: root
            .get("_other_params")
            .and_then(|params| params.get("pred_early_stop"))
            .is_some_and(|value| value.json::<bool>() != Some(false)),
    })
}

fn from_pickle<'p>(root: Object<'p, '_>) -> Option<Attributes<'p>> {
    let (module, class) = class_of(root)?;
    let booster = if class == "Booster" { Some(root) } else { root.attribute("_Booster") };
    let in_booster = |name: &str| booster.and_then(|booster| booster.attribute(name));
    let model = in_booster("_handle").or_else(|| in_booster("handle")).and_then(Object::text);
    let classes = root.attribute("_le").and_then(|encoder| encoder.attribute("classes_"));
    let classes = classes.or_else(|| root.attribute("_classes"));
    let objective = root.attribute("_objective");
    Some(Attributes {
        module: module.to_owned(),
        class: class.to_owned(),
        model: model.map(Cow::Borrowed),
        best_iteration: in_booster("best_iteration").and_then(Object::int),
        labels: classes.and_then(numpy::labels_of_pickle),
        custom_objective: objective.is_some_and(|objective| objective.text().is_none() && !objective.is_none()),
        early_stop: root
            .attribute("_other_params")
            .and_then(|params| params.entry("pred_early_stop"))
            .is_some_and(|value| value.bool() != Some(false)),
    })
}

/// The class of an object. Protocols 0 and 1 make one by `copyreg._reconstructor(class, object, None)`.
fn class_of<'p>(object: Object<'p, '_>) -> Option<(&'p str, &'p str)> {
    match object.class()? {
        ("copy_reg" | "copyreg", "_reconstructor") => object.arguments().first()?.global(),
        class => Some(class),
    }
}

impl<'a> Attributes<'a> {
    fn build(self, file: &str) -> Result<Loaded<'a>, LoadError> {
        let estimator = self.estimator()?;
        let text = self.model.ok_or_else(|| {
            LoadError::unsupported(format!("{}.{} that has not been fitted", self.module, self.class))
        })?;
        if self.early_stop {
            return Err(LoadError::unsupported("prediction early stopping (pred_early_stop)"));
        }
        let mut booster = text::parse(file, &text)?;
        if let Some(best) = self.best_iteration.and_then(|best| usize::try_from(best).ok()).filter(|&best| best > 0) {
            booster.keep_iterations(best);
        }
        Ok(Loaded { booster, estimator, text })
    }

    fn estimator(&self) -> Result<Estimator, LoadError> {
        if !self.module.starts_with("lightgbm.") {
            return Err(LoadError::unsupported(format!("class {}.{}", self.module, self.class)));
        }
        match self.class.as_str() {
            "Booster" => Ok(Estimator::Booster),
            "LGBMRegressor" | "LGBMRanker" | "LGBMModel" => Ok(Estimator::Regressor { class: self.class.clone() }),
            "LGBMClassifier" => {
                let labels = self.labels.clone().filter(|labels| !labels.is_empty());
                let labels = labels.ok_or_else(|| {
                    LoadError::unsupported("an LGBMClassifier whose labels are not integers, floats, booleans or text")
                })?;
                Ok(Estimator::Classifier { labels: Arc::new(labels), custom_objective: self.custom_objective })
            }
            class => Err(LoadError::unsupported(format!("class {}.{class}", self.module))),
        }
    }
}
