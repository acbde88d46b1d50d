//! The engine's input: one row-major block of `f64`.
//!
//! A numeric cell holds the number as the Python library would get it (`f32` columns already rounded), NaN when it is
//! missing. A categorical cell holds the code that its [`crate::FeatureKind`] gives for the request's own text, so
//! that an engine never sees a string.

/// Rows by columns, row-major.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frame {
    cells: Vec<f64>,
    cols: usize,
    rows: usize,
}

impl Frame {
    /// An empty frame whose rows will have `cols` cells.
    #[must_use]
    pub fn new(cols: usize) -> Self {
        Self { cells: Vec::new(), cols, rows: 0 }
    }

    /// A frame of the given cells; `None` when they are not whole rows.
    #[must_use]
    pub fn from_cells(cells: Vec<f64>, rows: usize, cols: usize) -> Option<Self> {
        (rows.checked_mul(cols)? == cells.len()).then_some(Self { cells, cols, rows })
    }

    /// Number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Number of columns.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// All cells, row after row.
    #[must_use]
    pub fn cells(&self) -> &[f64] {
        &self.cells
    }

    /// One row.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn row(&self, row: usize) -> &[f64] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        &self.cells[row * self.cols..][..self.cols]
    }

    /// Takes all rows out and sets a new width; keeps the allocation.
    pub fn reset(&mut self, cols: usize) {
        self.cells.clear();
        self.cols = cols;
        self.rows = 0;
    }

    /// Adds a row of NaN and gives it to be filled in.
    pub fn push_row(&mut self) -> &mut [f64] {
        let start = self.cells.len();
        self.cells.resize(start + self.cols, f64::NAN);
        self.rows += 1;
        &mut self.cells[start..]
    }

    /// One row, to be filled in.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn row_mut(&mut self, row: usize) -> &mut [f64] {
        assert!(row < self.rows, "row {row} of {}", self.rows);
        &mut self.cells[row * self.cols..][..self.cols]
    }
}
