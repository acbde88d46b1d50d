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
        forest::{BLOCK, ROWS_FOR_BLOCK, ROWS_FOR_SMALL_BLOCK, SMALL_BLOCK},
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
        let dimension = self.built.forest.dimension();
        out.clear();
        out.resize(frame.rows() * dimension, 0.0);
        let (mut cells, mut sums) = (frame.cells(), out.as_mut_slice());
        let mut scratch = Scratch::default();
        while !sums.is_empty() {
            let rows = sums.len() / dimension;
            let block = if rows >= ROWS_FOR_BLOCK {
                BLOCK
            } else if rows >= ROWS_FOR_SMALL_BLOCK {
                SMALL_BLOCK
            } else {
                1
            };
            let rows = rows.min(block);
            let (own_cells, other_cells) = cells.split_at(rows * frame.cols());
            let (own_sums, other_sums) = sums.split_at_mut(rows * dimension);
            match block {
                BLOCK => self.sum_block::<BLOCK>(own_cells, frame.cols(), &mut scratch, own_sums),
                SMALL_BLOCK => self.sum_block::<SMALL_BLOCK>(own_cells, frame.cols(), &mut scratch, own_sums),
                _ => self.sum_row(own_cells, &mut scratch, own_sums),
            }
            (cells, sums) = (other_cells, other_sums);
        }
        self.built.scale.apply(out);
    }

    fn sum_block<const N: usize>(&self, cells: &[f64], width: usize, scratch: &mut Scratch, sums: &mut [f64]) {
        let Built { columns, forest, .. } = &self.built;
        let bins = scratch.bins.get(columns.count * N);
        columns.fill::<N>(cells, width, bins, scratch.values.get(columns.floats.len() * N));
        forest.sum_block::<N>(bins, sums);
    }

    fn sum_row(&self, row: &[f64], scratch: &mut Scratch, sums: &mut [f64]) {
        let Built { columns, forest, .. } = &self.built;
        let bins = scratch.bins.get(columns.count.max(forest.row_bins()));
        columns.fill::<1>(row, row.len(), bins, scratch.values.get(columns.floats.len()));
        forest.sum_row(bins, sums);
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
        mut each: impl FnMut(&[i8], usize, &mut [f64]),
    ) {
        out.clear();
        out.resize(frame.rows() * width, 0.0);
        if out.is_empty() {
            return;
        }
        let (columns, cols) = (&self.built.columns, frame.cols());
        let stride = if frame.rows() == 1 { 1 } else { BLOCK };
        let mut bins = vec![0; columns.count * stride];
        let mut values = vec![0.0; columns.floats.len() * stride];
        if stride == 1 {
            columns.fill::<1>(frame.cells(), cols, &mut bins, &mut values);
            return each(&bins, 1, out);
        }
        for (block, out) in out.chunks_mut(BLOCK * width).enumerate() {
            let rows = out.len() / width;
            let cells = &frame.cells()[block * BLOCK * cols..][..rows * cols];
            columns.fill::<BLOCK>(cells, cols, &mut bins, &mut values);
            each(&bins, BLOCK, out);
        }
    }
}

/// Room for what is known of the rows that are being scored.
#[derive(Default)]
struct Scratch {
    bins: Room<i8>,
    /// The numbers, feature by feature.
    values: Room<f32>,
}

/// Room on the stack for a single row of a usual model, so that it allocates nothing; on the heap for more.
struct Room<T> {
    small: [T; SMALL_ROOM],
    large: Vec<T>,
}

/// Columns or features of a usual model.
const SMALL_ROOM: usize = 256;

impl<T: Copy + Default> Default for Room<T> {
    fn default() -> Self {
        Self { small: [T::default(); SMALL_ROOM], large: Vec::new() }
    }
}

impl<T: Copy + Default> Room<T> {
    /// That many places, with anything in them.
    fn get(&mut self, count: usize) -> &mut [T] {
        if let Some(small) = self.small.get_mut(..count) {
            return small;
        }
        self.large.resize(count.max(self.large.len()), T::default());
        &mut self.large[..count]
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

/// Whether the processor has the vectors that the kernels are written for.
fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("popcnt");
    #[cfg(not(target_arch = "x86_64"))]
    false
}
