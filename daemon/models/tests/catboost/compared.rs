//! Rows with Python CatBoost's answers, as `scripts/compare_catboost.py` writes them, and how ours are compared.
//!
//! A folder has `model.cb`, `about.json` (class, kinds of columns, shapes of answers), `numbers.f64` and `categories.txt`
//! (by row), and `answers.f64` (one answer after the other).

use std::{fs, path::Path};

use serde_json::Value;
use yummy_models::{
    Frame, Labels, LoadError, Method, Output, Scorer, Shape, Values, category_hash,
    engine::catboost::{CatBoost, ModelType},
};

/// A folder, read.
pub(crate) struct Recorded {
    about: Value,
    frame: Frame,
    /// Bytes of the model file.
    pub(crate) bytes: Vec<u8>,
    pub(crate) model_type: ModelType,
}

/// How one answer compares.
#[derive(Debug)]
#[allow(dead_code)] // The tests print all of it, the example reads each field.
pub(crate) struct Comparison {
    pub(crate) method: Method,
    /// Values that differ by a bit; `None` when our model has no such output.
    pub(crate) differing: Option<usize>,
    /// The largest difference between two numbers.
    pub(crate) largest: f64,
}

impl Recorded {
    /// Reads a folder.
    pub(crate) fn read(folder: &Path) -> Self {
        let about: Value = serde_json::from_slice(&fs::read(folder.join("about.json")).unwrap()).unwrap();
        let model_type = ModelType::from_name(about["model_type"].as_str().unwrap()).unwrap();
        let bytes = fs::read(folder.join("model.cb")).unwrap();
        Self { frame: frame(folder, &about), about, bytes, model_type }
    }

    /// What the model is to be refused for, if it is.
    #[allow(dead_code)] // The example asks.
    pub(crate) fn refused(folder: &Path) -> Option<String> {
        let about: Value = serde_json::from_slice(&fs::read(folder.join("about.json")).unwrap()).unwrap();
        about["refused"].as_str().map(str::to_owned)
    }

    /// Our model of the file.
    pub(crate) fn load(&self) -> Result<CatBoost, LoadError> {
        CatBoost::read("model.cb", &self.bytes, self.model_type)
    }

    /// The first rows of the frame.
    pub(crate) fn rows(&self, count: usize) -> Frame {
        let cells = self.frame.cells()[..count * self.frame.cols()].to_vec();
        Frame::from_cells(cells, count, self.frame.cols()).unwrap()
    }

    /// Compares all answers.
    pub(crate) fn compare(&self, folder: &Path, model: &dyn Scorer) -> Vec<Comparison> {
        let answers = self.about["answers"].as_object().unwrap().iter();
        answers
            .map(|(name, expected)| {
                let method = Method::from_name(name).unwrap();
                match model.output(method) {
                    Some(output) => self.compare_one(folder, model, method, output, expected),
                    None => Comparison { method, differing: None, largest: 0.0 },
                }
            })
            .collect()
    }

    fn compare_one(
        &self,
        folder: &Path,
        model: &dyn Scorer,
        method: Method,
        output: &Output,
        expected: &Value,
    ) -> Comparison {
        let shape = expected["shape"].as_array().unwrap().iter().map(|size| size.as_u64().unwrap() as usize);
        let shape: Vec<usize> = shape.collect();
        let own_shape = match output.shape {
            Shape::Vector => vec![shape[0]],
            Shape::Matrix(width) => vec![shape[0], width],
        };
        assert_eq!(own_shape, shape, "{} of {}", method.as_str(), folder.display());
        let mut answer = Vec::new();
        model.score(method, &self.rows(shape[0]), &mut answer).unwrap();
        let Some(values) = expected["values"].as_array() else {
            let all = doubles(&fs::read(folder.join("answers.f64")).unwrap());
            let theirs = &all[expected["at"].as_u64().unwrap() as usize..][..shape.iter().product()];
            assert_eq!(answer.len(), theirs.len());
            let pairs = || answer.iter().zip(theirs);
            let differing = pairs().filter(|(own, theirs)| own.to_bits() != theirs.to_bits()).count();
            let largest = pairs().map(|(own, theirs)| (own - theirs).abs()).fold(0.0, f64::max);
            return Comparison { method, differing: Some(differing), largest };
        };
        assert_eq!(answer.len(), values.len());
        let same = |(&own, theirs): (&f64, &Value)| match &output.values {
            Values::Float => Some(own) == theirs.as_f64(),
            Values::Int => Some(own as i64) == theirs.as_i64(),
            Values::Labels(labels) => label(labels, own as usize) == *theirs,
        };
        let differing = answer.iter().zip(values).filter(|&pair| !same(pair)).count();
        Comparison { method, differing: Some(differing), largest: 0.0 }
    }
}

fn frame(folder: &Path, about: &Value) -> Frame {
    let rows = about["rows"].as_u64().unwrap() as usize;
    let is_number = |kind: &Value| kind.as_str() == Some("number");
    let columns: Vec<bool> = about["columns"].as_array().unwrap().iter().map(is_number).collect();
    let numbers = doubles(&fs::read(folder.join("numbers.f64")).unwrap());
    let texts = fs::read_to_string(folder.join("categories.txt")).unwrap_or_default();
    let mut numbers = numbers.into_iter();
    let mut categories = texts.split(['\n', '\t']).map(|text| category_hash(text.as_bytes()));
    let kinds = columns.iter().cycle().take(rows * columns.len());
    let cells = kinds.map(|&is_number| if is_number { numbers.next() } else { categories.next() }.unwrap()).collect();
    Frame::from_cells(cells, rows, columns.len()).unwrap()
}

fn doubles(bytes: &[u8]) -> Vec<f64> {
    bytes.chunks_exact(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect()
}

fn label(labels: &Labels, at: usize) -> Value {
    match labels {
        Labels::Int(labels) => labels[at].into(),
        Labels::Float(labels) => labels[at].into(),
        Labels::Bool(labels) => labels[at].into(),
        Labels::Text(labels) => labels[at].clone().into(),
    }
}
