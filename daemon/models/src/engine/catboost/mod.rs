//! CatBoost models, read and evaluated without CatBoost: the same bits for the same row.
//!
//! * [`cbm`] (with [`wire`]) and [`json`] (with [`number`]): the two save formats, into the plain lists of [`file`].
//! * [`build`]: checks those lists and lays them out for scoring.
//! * [`columns`] (with [`search`] and [`ctr`]): a row becomes one byte per column. [`hash`]: a category becomes a number.
//! * [`forest`]: the bytes become sums of leaves.
//! * [`answer`] (with [`fast_exp`]): sums become labels, probabilities and whatever else was asked for.
//! * [`shap`]: what each feature contributed.
//! * [`meta`]: what the file says about its loss function and classes.
//! * `reference`: CatBoost's own library, behind the cargo feature `reference-catboost`.
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
#[cfg(feature = "reference-catboost")]
mod reference;
mod search;
mod shap;
mod wire;

pub use answer::ModelType;
pub use hash::category_hash;
#[cfg(feature = "reference-catboost")]
pub use reference::{CatBoostReference, LIBRARY_VARIABLE};

use crate::{
    Demand, Feature, Frame, LoadError, Method, Output, ScoreError, Scorer, Summary,
    engine::catboost::{
        answer::Answers,
        build::Built,
        forest::BLOCK,
        shap::{Known, Row, Shap},
    },
};

/// A CatBoost model that scores.
#[derive(Debug)]
pub struct CatBoost {
    features: Vec<Feature>,
    demands: Vec<Demand>,
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
            let (built, features) = build::build(&file, bytes.len(), &meta.loss)?;
            let (dimension, trees) = (built.forest.dimension(), built.forest.trees());
            let contributions = built.shap.as_ref().map(Shap::width);
            let answers = Answers::new(model_type, &meta, dimension, trees, contributions)?;
            let demands = build::demands(&file, features.len());
            Ok(Self { features, demands, built, answers, model_type })
        };
        read().map_err(|fault: error::Fault| fault.in_file(name))
    }

    fn check_columns(&self, frame: &Frame) -> Result<(), ScoreError> {
        let (expected, got) = (self.features.len(), frame.cols());
        if expected == got { Ok(()) } else { Err(ScoreError::Columns { expected, got }) }
    }

    fn no_such_output(&self, method: Method) -> ScoreError {
        ScoreError::NoSuchOutput { class: self.model_type.class_name().to_owned(), method: method.as_str() }
    }

    /// The sums of all trees, scaled and shifted: row-major, one per dimension.
    fn raw(&self, frame: &Frame, out: &mut Vec<f64>) {
        let Built { columns, forest, scale, .. } = &self.built;
        let (dimension, cols) = (forest.dimension(), frame.cols());
        out.clear();
        out.resize(frame.rows() * dimension, 0.0);
        let mut bins = Scratch::new();
        for (block, sums) in out.chunks_mut(BLOCK * dimension).enumerate() {
            let rows = sums.len() / dimension;
            let cells = &frame.cells()[block * BLOCK * cols..][..rows * cols];
            if forest.prefers_block(rows) {
                let bins = bins.get(columns.count * BLOCK);
                columns.fill(cells, cols, BLOCK, bins);
                forest.sum_block(bins, sums);
                continue;
            }
            let bins = bins.get(columns.count);
            for (row, sums) in sums.chunks_exact_mut(dimension).enumerate() {
                columns.fill(&cells[row * cols..][..cols], cols, 1, bins);
                forest.sum_row(bins, sums);
            }
        }
        scale.apply(out);
    }

    /// The number of each row's leaf in each tree.
    fn leaf_indices(&self, frame: &Frame, out: &mut Vec<f64>) {
        let forest = &self.built.forest;
        let trees = forest.trees();
        self.each_block(frame, trees, out, |bins, stride, indices| {
            forest.each_leaf(bins, stride, indices.len() / trees, |row, tree, place| {
                indices[row * trees + tree] = forest.leaf_number(tree, place) as f64;
            });
        });
    }

    fn contributions(&self, shap: &Shap, frame: &Frame, out: &mut Vec<f64>) {
        let forest = &self.built.forest;
        let width = shap.width();
        self.each_block(frame, width, out, |bins, stride, sums| {
            let mut known = (usize::MAX, Known::default());
            forest.each_leaf(bins, stride, sums.len() / width, |row, tree, leaf_place| {
                if known.0 != tree {
                    known = (tree, Known::default());
                }
                let seen = Row { bins: &bins[row..], stride, leaf_values: forest.leaf_values(), leaf_place };
                shap.add(tree, &seen, &mut known.1, &mut sums[row * width..][..width]);
            });
            sums.chunks_exact_mut(width).for_each(|sums| shap.add_bias(sums));
        });
    }

    /// Calls `each` with the bins of each block of rows, their stride, and the block's part of `out`: zeros, `width` per
    /// row.
    fn each_block(
        &self,
        frame: &Frame,
        width: usize,
        out: &mut Vec<f64>,
        mut each: impl FnMut(&[u8], usize, &mut [f64]),
    ) {
        out.clear();
        out.resize(frame.rows() * width, 0.0);
        if out.is_empty() {
            return;
        }
        let (columns, cols) = (&self.built.columns, frame.cols());
        let stride = frame.rows().min(BLOCK);
        let mut bins = vec![0; columns.count * stride];
        for (block, out) in out.chunks_mut(BLOCK * width).enumerate() {
            let rows = out.len() / width;
            columns.fill(&frame.cells()[block * BLOCK * cols..][..rows * cols], cols, stride, &mut bins);
            each(&bins, stride, out);
        }
    }
}

/// Room for bins: on the stack for a row of a usual model, so that a single row allocates nothing.
struct Scratch {
    small: [u8; Self::SMALL],
    large: Vec<u8>,
}

impl Scratch {
    const SMALL: usize = 512;

    fn new() -> Self {
        Self { small: [0; Self::SMALL], large: Vec::new() }
    }

    /// That many bytes, with anything in them.
    fn get(&mut self, bytes: usize) -> &mut [u8] {
        if bytes > Self::SMALL {
            self.large.resize(bytes.max(self.large.len()), 0);
        }
        if bytes > Self::SMALL { &mut self.large[..bytes] } else { &mut self.small[..bytes] }
    }
}

impl Scorer for CatBoost {
    fn features(&self) -> &[Feature] {
        &self.features
    }

    fn demands(&self) -> Vec<Demand> {
        self.demands.clone()
    }

    fn output(&self, method: Method) -> Option<&Output> {
        self.answers.output(method)
    }

    fn score(&self, method: Method, frame: &Frame, out: &mut Vec<f64>) -> Result<(), ScoreError> {
        self.check_columns(frame)?;
        match (method, self.answers.answer(method), &self.built.shap) {
            (_, Some(answer), _) => {
                self.raw(frame, out);
                answer.apply(self.built.forest.dimension(), out);
            }
            (Method::LeafIndex, ..) => self.leaf_indices(frame, out),
            (Method::Contributions, _, Some(shap)) => self.contributions(shap, frame, out),
            _ => return Err(self.no_such_output(method)),
        }
        Ok(())
    }

    fn summary(&self) -> Summary {
        Summary {
            trees: self.built.forest.trees(),
            kernels: self.built.forest.kernels(),
            memory_bytes: self.built.memory_bytes(),
        }
    }
}
