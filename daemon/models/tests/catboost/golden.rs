//! The recorded answers of Python's CatBoost, as MLflow 3.17.2 gave them.

use yummy_models::{Frame, LoadError, LoadOptions, Method, Model};

use crate::support::{check, fixtures, frame};

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
fn answers_do_not_depend_on_how_rows_are_grouped() {
    for fixture in fixtures().iter().filter(|fixture| fixture.support == "yes") {
        let model = Model::load(&fixture.dir, &LoadOptions::default()).unwrap();
        let scorer = model.scorer();
        let all = frame(scorer, fixture.golden["rows"].as_array().unwrap());
        for method in [Method::RawScore, Method::LeafIndex] {
            let mut together = Vec::new();
            scorer.score(method, &all, &mut together).unwrap();
            let width = together.len() / all.rows();
            // Sizes around those from which rows are scored together.
            for size in [1, 2, 7, 8, 9, 31, 32, 33, 100, 127, 128, 129, 161] {
                let cells = all.cells()[..size * all.cols()].to_vec();
                let mut few = Vec::new();
                scorer.score(method, &Frame::from_cells(cells, size, all.cols()).unwrap(), &mut few).unwrap();
                let same = few.iter().zip(&together).all(|(few, all)| few.to_bits() == all.to_bits());
                assert!(same && few.len() == size * width, "{} {} {size} rows", fixture.name, method.as_str());
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
