//! One-dimensional numpy arrays of labels: in `.npy` files and in pickles.

use super::pickle::Object;
use crate::engine::Labels;

/// The element type of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Dtype {
    /// numpy's letter: `b`, `i`, `u`, `f`, `U`.
    kind: u8,
    /// Bytes of an element; characters for `U`.
    size: usize,
    big_endian: bool,
}

/// Labels of a `.npy` file. `None`: it is not one, or not of labels.
#[must_use]
pub fn labels_of_npy(bytes: &[u8]) -> Option<Labels> {
    let version = *bytes.strip_prefix(b"\x93NUMPY")?.first()?;
    let (length, start): (usize, usize) = match version {
        1 => (usize::from(u16::from_le_bytes(bytes.get(8..10)?.try_into().ok()?)), 10),
        _ => (u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?) as usize, 12),
    };
    let header = std::str::from_utf8(bytes.get(start..start.checked_add(length)?)?).ok()?;
    let after = |key: &str| header.split_once(key).map(|(_, rest)| rest.trim_start_matches([' ', ':']));
    let descr = after("'descr'")?.strip_prefix('\'')?.split_once('\'')?.0;
    let shape = after("'shape'")?.strip_prefix('(')?.split_once(')')?.0;
    let count = shape.trim().strip_suffix(',')?.trim().parse().ok()?;
    Dtype::parse(descr)?.labels(bytes.get(start + length..)?, count)
}

/// Labels of a pickled array. `None`: it is not one, or not of labels.
#[must_use]
pub fn labels_of_pickle(array: Object<'_, '_>) -> Option<Labels> {
    let (module, function) = array.class()?;
    let (data, dtype, shape) = match (module, function) {
        ("numpy._core.numeric" | "numpy.core.numeric", "_frombuffer") => {
            let arguments = array.arguments();
            (*arguments.first()?, *arguments.get(1)?, *arguments.get(2)?)
        }
        ("numpy._core.multiarray" | "numpy.core.multiarray", "_reconstruct") => {
            let state = array.state()?.elements();
            (*state.get(4)?, *state.get(2)?, *state.get(1)?)
        }
        _ => return None,
    };
    let [count] = shape.elements()[..] else { return None };
    let count = usize::try_from(count.int()?).ok()?;
    if data.is_list() {
        let labels = data.elements();
        return (labels.len() == count).then(|| labels_of_objects(&labels)).flatten();
    }
    Dtype::of_pickle(dtype)?.labels(&data.bytes()?, count)
}

/// Labels that are Python objects: all text, all booleans, all integers, or numbers.
fn labels_of_objects(objects: &[Object<'_, '_>]) -> Option<Labels> {
    let texts = || objects.iter().map(|label| label.text().map(str::to_owned)).collect::<Option<_>>();
    let bools = || objects.iter().map(|label| label.bool()).collect::<Option<_>>();
    let ints = || objects.iter().map(|label| label.int()).collect::<Option<_>>();
    let floats = || objects.iter().map(|label| label.float()).collect::<Option<_>>();
    texts()
        .map(Labels::Text)
        .or_else(|| bools().map(Labels::Bool))
        .or_else(|| ints().map(Labels::Int))
        .or_else(|| floats().map(Labels::Float))
}

impl Dtype {
    /// `<i8`, `|b1`, `<U10`; the byte order may be missing.
    fn parse(text: &str) -> Option<Self> {
        let (order, rest) = match text.as_bytes().first()? {
            b'<' | b'>' | b'|' | b'=' => text.split_at(1),
            _ => ("<", text),
        };
        let kind = *rest.as_bytes().first()?;
        Some(Self { kind, size: rest.get(1..)?.parse().ok()?, big_endian: order == ">" })
    }

    /// `numpy.dtype('i8', …)` with the state `(3, '<', …)`.
    fn of_pickle(dtype: Object<'_, '_>) -> Option<Self> {
        if dtype.class() != Some(("numpy", "dtype")) {
            return None;
        }
        let parsed = Self::parse(dtype.arguments().first()?.text()?)?;
        let order = dtype.state().and_then(|state| state.elements().get(1)?.text());
        Some(Self { big_endian: order == Some(">"), ..parsed })
    }

    fn labels(self, bytes: &[u8], count: usize) -> Option<Labels> {
        let width = if self.kind == b'U' { self.size.checked_mul(4)? } else { self.size };
        let bytes = bytes.get(..count.checked_mul(width)?)?;
        if width == 0 {
            return None;
        }
        let elements = bytes.chunks_exact(width);
        match (self.kind, self.size) {
            (b'b', 1) => Some(Labels::Bool(elements.map(|element| element[0] != 0).collect())),
            (b'i' | b'u', 1 | 2 | 4 | 8) => {
                elements.map(|element| self.int(element)).collect::<Option<_>>().map(Labels::Int)
            }
            (b'f', 4 | 8) => elements.map(|element| self.float(element)).collect::<Option<_>>().map(Labels::Float),
            (b'U', _) => elements.map(|element| self.text(element)).collect::<Option<_>>().map(Labels::Text),
            _ => None,
        }
    }

    /// The bits of a number of up to eight bytes.
    fn bits(self, element: &[u8]) -> u64 {
        let push = |bits: u64, &byte: &u8| bits << 8 | u64::from(byte);
        if self.big_endian { element.iter().fold(0, push) } else { element.iter().rev().fold(0, push) }
    }

    fn int(self, element: &[u8]) -> Option<i64> {
        let bits = self.bits(element);
        if self.kind == b'u' {
            return i64::try_from(bits).ok();
        }
        let unused = 64 - 8 * element.len();
        Some((bits << unused).cast_signed() >> unused)
    }

    fn float(self, element: &[u8]) -> Option<f64> {
        let bits = self.bits(element);
        if element.len() == 8 {
            Some(f64::from_bits(bits))
        } else {
            Some(f64::from(f32::from_bits(u32::try_from(bits).ok()?)))
        }
    }

    /// UTF-32, padded with zeros.
    fn text(self, element: &[u8]) -> Option<String> {
        let chars = element.chunks_exact(4).map(|unit| u32::try_from(self.bits(unit)).ok().and_then(char::from_u32));
        let text: String = chars.collect::<Option<_>>()?;
        Some(text.trim_end_matches('\0').to_owned())
    }
}
