//! The way from a root to a node, as TreeSHAP keeps it: the groups met, and the weight of each number of known ones.

/// The groups met on the way, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct Path(Vec<Element>);

#[derive(Clone, Copy, Debug)]
struct Element {
    /// `None` for the root.
    group: Option<usize>,
    /// Share of the training that goes this way whatever the group is.
    zero: f64,
    /// 1 if the row goes this way, else 0.
    one: f64,
    weight: f64,
}

/// CatBoost's `FuzzyEquals(1 + x, 1 + 0)`.
pub(super) fn is_zero(x: f64) -> bool {
    const EPSILON: f64 = 1e-13;
    let shifted = 1.0 + x;
    (shifted - 1.0).abs() <= EPSILON * shifted.abs().min(1.0)
}

impl Path {
    /// The path one step on.
    pub(super) fn extended(&self, zero: f64, one: f64, group: Option<usize>) -> Self {
        let length = self.0.len();
        let mut path = Vec::with_capacity(length + 1);
        path.extend_from_slice(&self.0);
        path.push(Element { group, zero, one, weight: if length == 0 { 1.0 } else { 0.0 } });
        for at in (0..length).rev() {
            let weight = path[at].weight;
            path[at + 1].weight += one * weight * (at + 1) as f64 / (length + 1) as f64;
            path[at].weight = zero * weight * (length - at) as f64 / (length + 1) as f64;
        }
        Self(path)
    }

    /// The path without element `erased`.
    pub(super) fn unwound(&self, erased: usize) -> Self {
        let length = self.0.len();
        let mut path = self.0[..length - 1].to_vec();
        for (element, next) in path[erased..].iter_mut().zip(&self.0[erased + 1..]) {
            *element = Element { weight: element.weight, ..*next };
        }
        let Element { zero, one, .. } = self.0[erased];
        let total = length as f64;
        if is_zero(one) {
            for at in (0..length - 1).rev() {
                path[at].weight *= total / (zero * (length - at - 1) as f64);
            }
            return Self(path);
        }
        let mut rest = self.0[length - 1].weight;
        for at in (0..length - 1).rev() {
            let old = path[at].weight;
            path[at].weight = rest * total / (one * (at + 1) as f64);
            rest = old - path[at].weight * zero * (length - at - 1) as f64 / total;
        }
        Self(path)
    }

    /// The element of that group.
    pub(super) fn find(&self, group: usize) -> Option<usize> {
        self.0.iter().position(|element| element.group == Some(group))
    }

    /// An element's share of the training, and whether the row goes that way.
    pub(super) fn fractions(&self, at: usize) -> (f64, f64) {
        (self.0[at].zero, self.0[at].one)
    }

    /// By what each group multiplies the value of a leaf at the end of the path.
    pub(super) fn coefficients(&self) -> impl Iterator<Item = (usize, f64)> {
        self.0.iter().enumerate().filter_map(|(at, element)| {
            let weight = self.unwound(at).0.iter().fold(0.0, |sum, element| sum + element.weight);
            Some((element.group?, weight * (element.one - element.zero)))
        })
    }
}
