//! One tree as a library's file describes it, its validation, and the plain walk that all kernels are tested against.

/// Which values are missing at a numeric split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Missing {
    /// None; NaN is compared as zero.
    None,
    /// Zero, and NaN, which counts as zero.
    Zero,
    /// NaN.
    Nan,
}

/// Codes of categories, one bit each.
pub type Bitset = Box<[u32]>;

/// What a node asks. A yes goes left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Split {
    /// Is the value at most this?
    AtMost {
        /// The threshold; never NaN.
        threshold: f64,
        /// Which values are not compared.
        missing: Missing,
        /// Where those go.
        missing_left: bool,
    },
    /// Is the value, cut to an integer, in the tree's set of this number? NaN and negative values are in no set.
    In(u32),
}

/// An inner node. Children below zero are leaves: `!child` is the leaf's number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Node {
    /// Column of the row.
    pub feature: u32,
    /// The question.
    pub split: Split,
    /// Where yes goes.
    pub left: i32,
    /// Where no goes.
    pub right: i32,
}

/// A tree whose shape has been checked: every node and every leaf is reached from the root by exactly one path.
#[derive(Clone, Debug, PartialEq)]
pub struct Tree {
    nodes: Vec<Node>,
    sets: Vec<Bitset>,
    order: LeafOrder,
}

/// Leaves from left to right, and how deep they lie.
#[derive(Clone, Debug, PartialEq)]
struct LeafOrder {
    leaves: Vec<u32>,
    depth: u32,
}

/// Why nodes do not make a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// More nodes than child numbers can name.
    #[error("it has too many nodes")]
    TooLarge,
    /// A child that is neither a node nor a leaf.
    #[error("node {0} has a child that does not exist")]
    Child(usize),
    /// A node or leaf with two parents, or a cycle.
    #[error("node {0} leads to a node or leaf that has another parent")]
    Shared(usize),
    /// Nodes that no path from the root reaches.
    #[error("not all of its nodes can be reached")]
    Unreachable,
    /// A column that the model does not have.
    #[error("node {0} splits on a feature that the model does not have")]
    Feature(usize),
    /// A threshold that is not a number.
    #[error("node {0} has a threshold that is not a number")]
    Threshold(usize),
    /// A set that the tree does not have.
    #[error("node {0} splits on a set of categories that the tree does not have")]
    Set(usize),
}

impl Tree {
    /// A tree of these nodes, root first, over rows of `features` columns. Without nodes it is a single leaf.
    ///
    /// # Errors
    /// [`BuildError`] names the first node that does not fit.
    pub fn new(nodes: Vec<Node>, sets: Vec<Bitset>, features: usize) -> Result<Self, BuildError> {
        if i32::try_from(nodes.len()).is_err() {
            return Err(BuildError::TooLarge);
        }
        for (index, node) in nodes.iter().enumerate() {
            if node.feature as usize >= features {
                return Err(BuildError::Feature(index));
            }
            match node.split {
                Split::AtMost { threshold, .. } if threshold.is_nan() => return Err(BuildError::Threshold(index)),
                Split::In(set) if set as usize >= sets.len() => return Err(BuildError::Set(index)),
                Split::AtMost { .. } | Split::In(_) => {}
            }
        }
        let order = LeafOrder::of(&nodes)?;
        Ok(Self { nodes, sets, order })
    }

    /// Its inner nodes, root first.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Its sets of categories.
    #[must_use]
    pub fn sets(&self) -> &[Bitset] {
        &self.sets
    }

    /// Its leaves' numbers, from left to right.
    #[must_use]
    pub fn leaves_in_order(&self) -> &[u32] {
        &self.order.leaves
    }

    /// Splits on the longest path.
    #[must_use]
    pub fn depth(&self) -> u32 {
        self.order.depth
    }

    /// Bytes that it holds.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let sets: usize = self.sets.iter().map(|set| set.len() * 4).sum();
        size_of::<Self>() + self.nodes.len() * size_of::<Node>() + self.order.leaves.len() * 4 + sets
    }

    /// The leaf that a row ends in: the reference that every kernel must equal.
    #[must_use]
    pub fn leaf(&self, row: &[f64]) -> u32 {
        let mut at = if self.nodes.is_empty() { !0 } else { 0 };
        while let Ok(index) = usize::try_from(at) {
            at = self.next(index, row);
        }
        (!at).unsigned_abs()
    }

    /// The child of node `index` that a row goes to.
    #[must_use]
    pub fn next(&self, index: usize, row: &[f64]) -> i32 {
        let node = &self.nodes[index];
        let value = row[node.feature as usize];
        let yes = match node.split {
            Split::AtMost { threshold, missing, missing_left } => at_most(value, threshold, missing, missing_left),
            Split::In(set) => contains(&self.sets[set as usize], value),
        };
        if yes { node.left } else { node.right }
    }
}

fn at_most(value: f64, threshold: f64, missing: Missing, missing_left: bool) -> bool {
    match missing {
        Missing::Nan if value.is_nan() => missing_left,
        Missing::Zero if value.is_nan() || is_zero(value) => missing_left,
        Missing::None | Missing::Zero | Missing::Nan => (if value.is_nan() { 0.0 } else { value }) <= threshold,
    }
}

/// LightGBM's `kZeroThreshold`: what is no further from zero counts as zero. It is an `f32` there.
pub const ZERO_THRESHOLD: f64 = 1e-35_f32 as f64;

/// Whether a value counts as zero.
#[must_use]
pub fn is_zero(value: f64) -> bool {
    value.abs() <= ZERO_THRESHOLD
}

/// Whether a set contains a value: it is cut to an `i32`; what does not fit is in no set.
#[must_use]
pub(super) fn contains(set: &[u32], value: f64) -> bool {
    category(value).is_some_and(|code| has_bit(set, code))
}

/// The category code of a value.
#[must_use]
pub(super) fn category(value: f64) -> Option<u32> {
    let cut = value.trunc();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    (cut >= 0.0 && cut <= f64::from(i32::MAX)).then_some(cut as u32)
}

/// Whether bit `code` is set.
#[must_use]
pub(super) fn has_bit(set: &[u32], code: u32) -> bool {
    set.get(code as usize / 32).is_some_and(|word| (word >> (code % 32)) & 1 == 1)
}

impl LeafOrder {
    /// Walks the whole tree from left to right, with a stack of its own: a file may describe a tree as deep as it is
    /// large.
    fn of(nodes: &[Node]) -> Result<Self, BuildError> {
        let mut order = Self { leaves: Vec::with_capacity(nodes.len() + 1), depth: 0 };
        if nodes.is_empty() {
            order.leaves.push(0);
            return Ok(order);
        }
        let mut node_seen = vec![false; nodes.len()];
        let mut leaf_seen = vec![false; nodes.len() + 1];
        let mut stack = vec![(0_i32, 0_usize, 0_u32)];
        let mut visited = 0;
        while let Some((at, parent, depth)) = stack.pop() {
            order.depth = order.depth.max(depth);
            let (seen, index) = match usize::try_from(at) {
                Ok(index) => (&mut node_seen, index),
                Err(_) => (&mut leaf_seen, (!at).unsigned_abs() as usize),
            };
            let seen = seen.get_mut(index).ok_or(BuildError::Child(parent))?;
            if std::mem::replace(seen, true) {
                return Err(BuildError::Shared(parent));
            }
            if at < 0 {
                order.leaves.push((!at).unsigned_abs());
                continue;
            }
            visited += 1;
            stack.push((nodes[index].right, index, depth + 1));
            stack.push((nodes[index].left, index, depth + 1));
        }
        if visited == nodes.len() { Ok(order) } else { Err(BuildError::Unreachable) }
    }
}
