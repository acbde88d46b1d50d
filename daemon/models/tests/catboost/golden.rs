//! The recorded answers of Python's CatBoost, as MLflow 3.17.2 gave them.

use yummy_models::{LoadError, LoadOptions, Method, Model};

use crate::support::{check, fixtures};

#[test]
fn answers_equal_pythons_to_the_bit() {
    for fixture in fixtures().iter().filter(|fixture| fixture.support == "yes") {
        let model = Model::load(&fixture.dir, &LoadOptions::default());
        let model = model.unwrap_or_else(|error| panic!("{}: {error}", fixture.name));
        let golden = &fixture.golden;
        check(fixture, &model, Method::Predict, &golden["predictions"], &golden["kind"]);
        for (method, key) in [(Method::RawScore, "raw"), (Method::PredictProba, "predict_proba")] {
            let extra = &golden["extras"][key];
            // These were recorded before the model was saved, and JSON does not keep every bit.
            let was_saved_exactly = model.mlmodel().flavor_key("catboost", "save_format") != Some("json");
            if was_saved_exactly && !extra["values"].is_null() {
                check(fixture, &model, method, &extra["values"], &extra["kind"]);
            }
        }
    }
}

#[test]
fn text_and_embedding_features_are_refused_by_name() {
    for fixture in fixtures().iter().filter(|fixture| fixture.support == "expected_unsupported") {
        match Model::load(&fixture.dir, &LoadOptions::default()) {
            Err(LoadError::Unsupported { what }) => {
                assert!(what.contains("text features") || what.contains("embedding features"), "{what}");
            }
            other => panic!("{}: {other:?}", fixture.name),
        }
    }
}
