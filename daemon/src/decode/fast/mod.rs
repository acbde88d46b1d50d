//! The fast path: the usual shapes of a request are walked once, byte by byte, straight into the frame.
//!
//! It reads `dataframe_split`, `dataframe_records`, `inputs` and `instances` of numbers, booleans, nulls and plain
//! texts, with `params`, and CSV without quotes. At anything else it gives up, and the exact path reads the request from the start: no error is ever decided
//! here. What it does read, it reads as the exact path would.

mod cell;
mod csv;
mod cursor;
mod float;
mod forms;

use std::collections::HashMap;

use yummy_models::{
    FeatureKind, Frame, Method,
    signature::{ColumnSpec, DataType, Schema, TensorSpec},
};

use super::{
    Request, Style, params,
    plan::{Library, Plan},
};
use cell::Target;
use cursor::Cursor;

/// What of a model makes requests fast.
#[derive(Debug)]
pub(crate) enum FastPlan {
    /// Columns by name.
    Named(NamedPlan),
    /// Columns by position.
    Positional(PositionalPlan),
}

/// Columns by name, in the order of the signature.
#[derive(Debug)]
pub(crate) struct NamedPlan {
    columns: Vec<FastColumn>,
    places: HashMap<Box<[u8]>, usize>,
    /// Whether rows of `inputs` keep their types: numpy widens single numbers of the other types.
    all_double: bool,
    /// Whether moreover each column is at its place in the frame.
    plain_doubles: bool,
}

/// One column of the signature.
#[derive(Debug)]
struct FastColumn {
    name: Box<[u8]>,
    target: Target,
    /// Its place in the frame.
    feature: usize,
}

/// A matrix of numbers.
#[derive(Debug)]
pub(crate) struct PositionalPlan {
    width: usize,
    cells: PositionalCells,
}

/// How a matrix becomes numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PositionalCells {
    /// The signature says `double`.
    Double,
    /// The signature says `float`.
    Single,
    /// There is no signature: numpy and pandas look at the values.
    Unknown,
}

impl FastPlan {
    /// What can be fast for this model; `None` when nothing can.
    pub(crate) fn new(plan: &Plan) -> Option<Self> {
        match &plan.schema {
            Some(Schema::Columns(specs)) if !plan.names.is_empty() => named(specs, plan).map(Self::Named),
            Some(Schema::Columns(specs)) => {
                let double = specs.iter().all(|spec| spec.kind == DataType::Double);
                positional(plan, specs.len(), double.then_some(PositionalCells::Double)?)
            }
            Some(Schema::Tensors(specs)) => {
                let [TensorSpec { name: None, dtype, shape }] = specs.as_slice() else { return None };
                let &[-1, width] = shape.as_slice() else { return None };
                let cells = match dtype.as_str() {
                    "float64" => PositionalCells::Double,
                    "float32" => PositionalCells::Single,
                    _ => return None,
                };
                positional(plan, usize::try_from(width).ok()?, cells)
            }
            None => positional(plan, plan.features.len(), PositionalCells::Unknown),
        }
    }
}

fn positional(plan: &Plan, width: usize, cells: PositionalCells) -> Option<FastPlan> {
    let numbers = plan.features.iter().all(|feature| feature.kind == FeatureKind::Number);
    // CatBoost looks at the names of a table; the exact path does too.
    let served = plan.library != Library::CatBoost && numbers && width == plan.features.len() && width > 0;
    served.then_some(FastPlan::Positional(PositionalPlan { width, cells }))
}

fn is_category(plan: &Plan, place: usize) -> bool {
    plan.features[place].kind == FeatureKind::HashedCategory
}

fn named(specs: &[ColumnSpec], plan: &Plan) -> Option<NamedPlan> {
    if specs.len() != plan.features.len() || plan.names.len() != specs.len() {
        return None;
    }
    let by_name: HashMap<&str, usize> =
        plan.features.iter().enumerate().map(|(place, feature)| (feature.name.as_str(), place)).collect();
    let mut columns = Vec::with_capacity(specs.len());
    for (place, spec) in specs.iter().enumerate() {
        let name = spec.name.as_deref()?;
        let feature = match plan.library {
            Library::LightGbm | Library::LightGbmEstimator => place,
            Library::CatBoost if plan.demands.iter().all(|demand| demand.named) => *by_name.get(name)?,
            Library::CatBoost if plan.demands.iter().all(|demand| !demand.named) => place,
            Library::CatBoost => return None,
        };
        // CatBoost reads a column as a category where the model has one, before it looks at names.
        if plan.library == Library::CatBoost && is_category(plan, place) != is_category(plan, feature) {
            return None;
        }
        let target = Target::new(&spec.kind, &plan.features[feature].kind)?;
        columns.push(FastColumn { name: name.as_bytes().into(), target, feature });
    }
    let places = columns.iter().enumerate().map(|(place, column)| (column.name.clone(), place)).collect();
    let all_double = columns.iter().all(|column| column.target == Target::Double);
    let in_place = columns.iter().enumerate().all(|(place, column)| column.feature == place);
    Some(NamedPlan { columns, places, all_double, plain_doubles: all_double && in_place })
}

/// Reads a JSON body when it is of a usual shape.
pub(crate) fn read(plan: &Plan, body: &[u8], frame: &mut Frame) -> Option<Request> {
    let fast = plan.fast.as_ref()?;
    let mut cursor = Cursor::new(body);
    frame.reset(plan.features.len());
    let mut method = Method::Predict;
    let style = if cursor.peek() == b'[' {
        let FastPlan::Named(plan) = fast else { return None };
        forms::records(plan, &mut cursor, frame)?;
        Style::Bare
    } else {
        cursor.expect(b'{')?;
        let field = cursor.plain_text()?;
        if matches!(field, b"columns" | b"index") {
            // The form of 1.x is the value of `dataframe_split`.
            cursor = Cursor::new(body);
            table(fast, &mut cursor, frame)?;
            Style::Bare
        } else {
            method = envelope(plan, fast, field, &mut cursor, frame)?;
            Style::Wrapped
        }
    };
    cursor.end()?;
    let rows = frame.rows();
    (rows > 0).then_some(Request { rows, method, style, single: false })
}

/// Reads a CSV body when it is of a usual shape.
pub(crate) fn read_csv(plan: &Plan, body: &[u8], frame: &mut Frame) -> Option<Request> {
    let fast = plan.fast.as_ref()?;
    frame.reset(plan.features.len());
    csv::read(plan, fast, body, frame)?;
    let method = params::method(None, plan).ok()?;
    let rows = frame.rows();
    (rows > 0).then_some(Request { rows, method, style: Style::Wrapped, single: false })
}

/// The data and `params`, in any order; `field` is the first name. Further fields are the exact path's.
fn envelope<'a>(
    plan: &Plan,
    fast: &FastPlan,
    mut field: &'a [u8],
    cursor: &mut Cursor<'a>,
    frame: &mut Frame,
) -> Option<Method> {
    let (mut data, mut params) = (false, None);
    loop {
        cursor.expect(b':')?;
        match field {
            b"params" if params.is_none() => params = Some(cursor.value()?),
            field if !data => {
                field_value(fast, field, cursor, frame)?;
                data = true;
            }
            _ => return None,
        }
        if !cursor.more(b'}')? {
            break;
        }
        field = cursor.plain_text()?;
    }
    data.then(|| params::method(params.as_ref(), plan).ok()).flatten()
}

fn field_value(fast: &FastPlan, field: &[u8], cursor: &mut Cursor<'_>, frame: &mut Frame) -> Option<()> {
    match (fast, field) {
        (FastPlan::Positional(plan), b"dataframe_split") => forms::positional_split(plan, cursor, frame).map(|_| ()),
        (_, b"dataframe_split") => table(fast, cursor, frame),
        (FastPlan::Named(plan), b"dataframe_records" | b"instances") => forms::records(plan, cursor, frame),
        (FastPlan::Named(plan), b"inputs") => forms::inputs(plan, cursor, frame),
        (FastPlan::Positional(plan), b"inputs" | b"instances") => forms::array(plan, cursor, frame),
        _ => None,
    }
}

/// A table whose columns are listed.
fn table(fast: &FastPlan, cursor: &mut Cursor<'_>, frame: &mut Frame) -> Option<()> {
    match fast {
        FastPlan::Named(plan) => forms::split(plan, cursor, frame),
        FastPlan::Positional(plan) => forms::positional_split(plan, cursor, frame)?.then_some(()),
    }
}
