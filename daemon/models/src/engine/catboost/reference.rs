//! The reference engine: CatBoost's own evaluation library, `libcatboostmodel`, loaded at run time.
//!
//! It is here to be compared with, and for whoever wants it (`--engine catboost=reference`). The functions are those
//! that the crate catboost-rs binds, but not by that crate (0.1.8, the newest): its result has one value per row, so models
//! of several classes or targets are errors, and so is a frame without rows; a row that is too short is read past its end;
//! categories are taken as text only; and it needs libclang to be built and the library to be linked. Of the other crates,
//! catboost2-sys carries the library but cannot be built twice, and catboost-rust downloads one while it is built.
//!
//! The library does not check what it reads: a damaged file can end the process, so a model is
//! read by our own reader first, which refuses such files. JSON models, leaf indices and SHAP values it does not have.

#![allow(unsafe_code)] // A C library.

use std::{
    env,
    ffi::{CStr, c_char, c_int, c_void},
    fmt,
    mem::ManuallyDrop,
};

use libloading::{Library, Symbol};

use super::{CatBoost, ModelType, cbm};
use crate::{Feature, FeatureKind, Frame, LoadError, Method, Output, ScoreError, Scorer, Summary};

/// Names the library's file; else the system's loader looks for [`DEFAULT_LIBRARY`].
pub const LIBRARY_VARIABLE: &str = "YUMMY_CATBOOST_LIBRARY";

const DEFAULT_LIBRARY: &str = "libcatboostmodel.so";

/// A model in CatBoost's own library.
pub struct CatBoostReference {
    /// Reads the file's features, and makes answers of sums.
    native: CatBoost,
    /// Never unloaded: its C++ keeps destructors for each thread, which would run after it is gone.
    library: ManuallyDrop<Library>,
    handle: *mut c_void,
    calculate: Calculate,
}

// SAFETY: a loaded model is only read by the library; catboost-rs declares the same.
unsafe impl Send for CatBoostReference {}
// SAFETY: as above.
unsafe impl Sync for CatBoostReference {}

type Create = unsafe extern "C" fn() -> *mut c_void;
type Delete = unsafe extern "C" fn(*mut c_void);
type LoadBuffer = unsafe extern "C" fn(*mut c_void, *const c_void, usize) -> bool;
type Count = unsafe extern "C" fn(*mut c_void) -> usize;
type ErrorText = unsafe extern "C" fn() -> *const c_char;
type Calculate =
    unsafe extern "C" fn(*mut c_void, usize, *mut *const f32, usize, *mut *const c_int, usize, *mut f64, usize) -> bool;

impl CatBoostReference {
    /// Reads a `.cbm` file with both engines; `name` is the file's name, for messages.
    ///
    /// # Errors
    /// [`LoadError::Unsupported`] for JSON models and where there is no library, else as [`CatBoost::read`].
    pub fn read(name: &str, bytes: &[u8], model_type: ModelType) -> Result<Self, LoadError> {
        let native = CatBoost::read(name, bytes, model_type)?;
        if !bytes.starts_with(cbm::MAGIC) {
            return Err(LoadError::unsupported("a CatBoost JSON model by the reference library"));
        }
        let path = env::var_os(LIBRARY_VARIABLE).unwrap_or_else(|| DEFAULT_LIBRARY.into());
        let no_library = |error: libloading::Error| {
            LoadError::unsupported(format!(
                "CatBoost's reference library ({error}); {LIBRARY_VARIABLE} may name its file"
            ))
        };
        // SAFETY: the user named this library; CatBoost's has no initialisation that could do harm.
        let library = ManuallyDrop::new(unsafe { Library::new(path) }.map_err(no_library)?);
        let calculate =
            *symbol::<Calculate>(&library, c"CalcModelPredictionWithHashedCatFeatures").map_err(no_library)?;
        let create = *symbol::<Create>(&library, c"ModelCalcerCreate").map_err(no_library)?;
        // SAFETY: takes nothing, gives a new handle.
        let handle = unsafe { create() };
        let reference = Self { native, library, handle, calculate };
        let load = *symbol::<LoadBuffer>(&reference.library, c"LoadFullModelFromBuffer").map_err(no_library)?;
        let dimensions = *symbol::<Count>(&reference.library, c"GetDimensionsCount").map_err(no_library)?;
        // SAFETY: the handle is live, the buffer has that many bytes, and our own reader has found the file sound.
        if !unsafe { load(handle, bytes.as_ptr().cast(), bytes.len()) } {
            return Err(LoadError::invalid(name, reference.error_text()));
        }
        // SAFETY: the handle is live and has a model.
        if unsafe { dimensions(handle) } != reference.native.built.forest.dimension() {
            return Err(LoadError::invalid(name, "the reference library finds another number of values per row"));
        }
        Ok(reference)
    }

    /// The first line of the library's message; the rest is a stack trace.
    fn error_text(&self) -> String {
        let Ok(error) = symbol::<ErrorText>(&self.library, c"GetErrorString") else { return String::new() };
        // SAFETY: after a failure it gives a text that lives until the next one on this thread.
        let text = unsafe { CStr::from_ptr(error()) }.to_string_lossy();
        text.lines().next().unwrap_or_default().to_owned()
    }

    /// The sums, scaled and shifted: row-major.
    fn raw(&self, frame: &Frame, out: &mut Vec<f64>) {
        let is_number: Vec<bool> = self.features().iter().map(|feature| feature.kind == FeatureKind::Number).collect();
        let (mut numbers, mut hashes) = (Vec::new(), Vec::new());
        for row in frame.cells().chunks_exact(frame.cols().max(1)) {
            for (&cell, &is_number) in row.iter().zip(&is_number) {
                if is_number { numbers.push(cell as f32) } else { hashes.push((cell as u32).cast_signed()) }
            }
        }
        let rows = frame.rows();
        let (number_count, hash_count) = (numbers.len() / rows.max(1), hashes.len() / rows.max(1));
        let mut number_rows: Vec<*const f32> = (0..rows).map(|row| numbers[row * number_count..].as_ptr()).collect();
        let mut hash_rows: Vec<*const c_int> = (0..rows).map(|row| hashes[row * hash_count..].as_ptr()).collect();
        out.clear();
        out.resize(rows * self.native.built.forest.dimension(), 0.0);
        if rows == 0 {
            return;
        }
        // SAFETY: each pointer is to a row of as many values as are announced, the result has the size that the library
        // checks for, and everything outlives the call.
        let done = unsafe {
            (self.calculate)(
                self.handle,
                rows,
                number_rows.as_mut_ptr(),
                number_count,
                hash_rows.as_mut_ptr(),
                hash_count,
                out.as_mut_ptr(),
                out.len(),
            )
        };
        assert!(done, "the reference library refused a frame of the model's own shape: {}", self.error_text());
    }
}

fn symbol<'a, T>(library: &'a Library, name: &CStr) -> Result<Symbol<'a, T>, libloading::Error> {
    // SAFETY: the types above are those of CatBoost's c_api.h.
    unsafe { library.get(name.to_bytes_with_nul()) }
}

impl Drop for CatBoostReference {
    fn drop(&mut self) {
        if let Ok(delete) = symbol::<Delete>(&self.library, c"ModelCalcerDelete") {
            // SAFETY: the handle is live and not used again.
            unsafe { delete(self.handle) };
        }
    }
}

impl fmt::Debug for CatBoostReference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("CatBoostReference").field("native", &self.native).finish_non_exhaustive()
    }
}

impl Scorer for CatBoostReference {
    fn features(&self) -> &[Feature] {
        self.native.features()
    }

    fn output(&self, method: Method) -> Option<&Output> {
        self.native.answers.answer(method).and_then(|_| self.native.output(method))
    }

    fn score(&self, method: Method, frame: &Frame, out: &mut Vec<f64>) -> Result<(), ScoreError> {
        self.native.check_columns(frame)?;
        let answer = self.native.answers.answer(method).ok_or_else(|| self.native.no_such_output(method))?;
        self.raw(frame, out);
        answer.apply(self.native.built.forest.dimension(), out);
        Ok(())
    }

    fn summary(&self) -> Summary {
        Summary { kernels: "CatBoost's own library".to_owned(), ..self.native.summary() }
    }
}
