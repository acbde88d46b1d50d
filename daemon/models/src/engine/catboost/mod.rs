//! CatBoost models, read and evaluated without CatBoost: the same bits for the same row.
//!
//! * [`cbm`] (with [`wire`]) and [`json`] (with [`number`]): the two save formats, into the plain lists of [`file`].
//! * [`build`]: checks those lists and lays them out for scoring.
//! * [`columns`] (with [`ctr`]): a row becomes one byte per column. [`hash`]: a category becomes a number.
//! * [`forest`]: the bytes become sums of leaves.
//! * [`answer`] (with [`fast_exp`]): sums become labels, probabilities and whatever else was asked for.
//! * [`meta`]: what the file says about its loss function and classes.
//!
//! Text and embedding features are not served: a model with them is refused by name.

mod answer;
mod build;
mod cbm;
mod columns;
mod ctr;
mod error;
mod fast_exp;
mod file;
mod forest;
mod hash;
mod json;
mod meta;
mod number;
mod wire;

pub use answer::ModelType;
pub use hash::category_hash;

use crate::{
    Feature, Frame, LoadError, Method, Output, ScoreError, Scorer, Summary,
    engine::catboost::{answer::Answers, build::Built, forest::BLOCK},
};

/// A CatBoost model that scores.
#[derive(Debug)]
pub struct CatBoost {
    features: Vec<Feature>,
    built: Built,
    answers: Answers,
    model_type: ModelType,
}

impl CatBoost {
    /// Reads a model file, `.cbm` or JSON; `model_type` decides what its `predict` answers. `name` is the file's name,
    /// for messages.
    ///
    /// # Errors
    /// [`LoadError::Invalid`] for a damaged file, [`LoadError::Unsupported`] for what is not served.
    pub fn read(name: &str, bytes: &[u8], model_type: ModelType) -> Result<Self, LoadError> {
        let read = || {
            let file = if bytes.starts_with(cbm::MAGIC) { cbm::read(bytes)? } else { json::read(bytes)? };
            let meta = meta::Meta::read(&file.info)?;
            let (built, features) = build::build(file, bytes.len())?;
            let answers = Answers::new(model_type, &meta, built.forest.dimension())?;
            Ok(Self { features, built, answers, model_type })
        };
        read().map_err(|fault: error::Fault| fault.in_file(name))
    }

    /// The sums of all trees, scaled and shifted: row-major, one per dimension.
    fn raw(&self, frame: &Frame, out: &mut Vec<f64>) {
        let dimension = self.built.forest.dimension();
        out.clear();
        out.resize(frame.rows() * dimension, 0.0);
        let width = frame.cols();
        let stride = frame.rows().min(BLOCK);
        let mut bins = vec![0; self.built.columns.count * stride];
        let blocks = out.chunks_mut(BLOCK * dimension).enumerate();
        for (block, sums) in blocks {
            let rows = sums.len() / dimension;
            let cells = &frame.cells()[block * BLOCK * width..][..rows * width];
            self.built.columns.fill(cells, width, stride, &mut bins);
            self.built.forest.sum(&bins, stride, sums);
        }
        self.built.scale.apply(out);
    }
}

impl Scorer for CatBoost {
    fn features(&self) -> &[Feature] {
        &self.features
    }

    fn output(&self, method: Method) -> Option<&Output> {
        self.answers.output(method)
    }

    fn score(&self, method: Method, frame: &Frame, out: &mut Vec<f64>) -> Result<(), ScoreError> {
        if frame.cols() != self.features.len() {
            return Err(ScoreError::Columns { expected: self.features.len(), got: frame.cols() });
        }
        let no_such_output =
            || ScoreError::NoSuchOutput { class: self.model_type.class_name().to_owned(), method: method.as_str() };
        let answer = self.answers.get(method).ok_or_else(no_such_output)?;
        self.raw(frame, out);
        answer.apply(self.built.forest.dimension(), out);
        Ok(())
    }

    fn summary(&self) -> Summary {
        Summary { trees: self.built.forest.trees(), kernels: String::new(), memory_bytes: self.built.memory_bytes() }
    }
}
