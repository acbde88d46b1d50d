//! The call tree of one capture, or of two merged for comparison.

use std::collections::{BTreeMap, HashMap};

use yummy_api::profile::FoldedStack;

/// Frames deeper than this are cut: recursion in a broken capture must not make a tree without end.
const DEEPEST: usize = 256;

/// One frame within its callers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) parent: Option<usize>,
    /// Widest first.
    pub(crate) children: Vec<usize>,
    pub(crate) depth: usize,
    /// Samples with this frame on the stack.
    pub(crate) total: u64,
    /// Samples with this frame on top.
    pub(crate) own: u64,
    /// The same of the capture that is compared with.
    pub(crate) before: u64,
    pub(crate) before_own: u64,
}

/// All frames; index 0 is the root, which stands for all samples.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
    /// Whether `before` counts of another capture are in it.
    pub(crate) compared: bool,
}

impl Tree {
    /// The tree of a capture, and of the one before when they are compared.
    pub(crate) fn new(stacks: &[FoldedStack], before: Option<&[FoldedStack]>) -> Self {
        let root = Node {
            name: "all".into(),
            parent: None,
            children: Vec::new(),
            depth: 0,
            total: 0,
            own: 0,
            before: 0,
            before_own: 0,
        };
        let mut tree = Self { nodes: vec![root], compared: before.is_some() };
        let mut places = HashMap::new();
        for stack in stacks {
            let leaf = tree.walk(&mut places, stack, |node, count| node.total += count);
            tree.nodes[leaf].own += stack.count;
        }
        for stack in before.into_iter().flatten() {
            let leaf = tree.walk(&mut places, stack, |node, count| node.before += count);
            tree.nodes[leaf].before_own += stack.count;
        }
        tree.order_children();
        tree
    }

    /// Goes down a stack, making the frames that are missing, and counts it in each. Returns the leaf.
    fn walk(
        &mut self,
        places: &mut HashMap<(usize, String), usize>,
        stack: &FoldedStack,
        count: impl Fn(&mut Node, u64),
    ) -> usize {
        let mut at = 0;
        count(&mut self.nodes[0], stack.count);
        for name in stack.frames.iter().take(DEEPEST) {
            at = match places.get(&(at, name.clone())) {
                Some(&place) => place,
                None => {
                    let place = self.nodes.len();
                    let depth = self.nodes[at].depth + 1;
                    self.nodes.push(Node { name: name.clone(), parent: Some(at), depth, ..Node::empty() });
                    self.nodes[at].children.push(place);
                    places.insert((at, name.clone()), place);
                    place
                }
            };
            count(&mut self.nodes[at], stack.count);
        }
        at
    }

    /// Widest child first; by name among equals, so that the picture of one capture is always the same.
    fn order_children(&mut self) {
        for at in 0..self.nodes.len() {
            let mut children = std::mem::take(&mut self.nodes[at].children);
            children.sort_by(|&a, &b| {
                let (a, b) = (&self.nodes[a], &self.nodes[b]);
                b.total.cmp(&a.total).then(b.before.cmp(&a.before)).then_with(|| a.name.cmp(&b.name))
            });
            self.nodes[at].children = children;
        }
    }

    /// Share of all samples, 0 to 1.
    pub(crate) fn share(&self, count: u64) -> f64 {
        ratio(count, self.nodes[0].total)
    }

    /// By how much the frame's share grew since the capture before, in points of one; `None` without one.
    pub(crate) fn growth(&self, at: usize) -> Option<f64> {
        let node = &self.nodes[at];
        self.compared.then(|| self.share(node.total) - ratio(node.before, self.nodes[0].before))
    }

    /// Frames from the root down to this one.
    pub(crate) fn path(&self, at: usize) -> Vec<usize> {
        let mut path: Vec<_> = std::iter::successors(Some(at), |&n| self.nodes[n].parent).collect();
        path.reverse();
        path
    }
}

impl Node {
    fn empty() -> Self {
        Self {
            name: String::new(),
            parent: None,
            children: Vec::new(),
            depth: 0,
            total: 0,
            own: 0,
            before: 0,
            before_own: 0,
        }
    }
}

/// A share that is 0 of nothing. Sample counts stay far below 2^53, where f64 holds every integer.
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// One function over all its callers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// Shares of all samples, 0 to 1.
    pub(crate) own: f64,
    pub(crate) total: f64,
    /// By how much the own share grew, where another capture is compared with.
    pub(crate) growth: Option<f64>,
}

/// The functions of a tree: by growth when compared, else by own share, largest first.
pub(crate) fn functions(tree: &Tree) -> Vec<Function> {
    #[derive(Default)]
    struct Sum {
        own: u64,
        total: u64,
        before_own: u64,
    }
    let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
    for (at, node) in tree.nodes.iter().enumerate().skip(1) {
        let sum = sums.entry(&node.name).or_default();
        sum.own += node.own;
        sum.before_own += node.before_own;
        // A recursive call is inside its caller's total already.
        let recursive = tree.path(at)[..node.depth].iter().any(|&a| a != 0 && tree.nodes[a].name == node.name);
        if !recursive {
            sum.total += node.total;
        }
    }
    let before = tree.nodes[0].before;
    let mut list: Vec<_> = sums
        .into_iter()
        .map(|(name, sum)| Function {
            name: name.to_owned(),
            own: tree.share(sum.own),
            total: tree.share(sum.total),
            growth: tree.compared.then(|| tree.share(sum.own) - ratio(sum.before_own, before)),
        })
        .collect();
    list.sort_by(|a, b| {
        let weight = |f: &Function| f.growth.map_or(f.own, f64::abs);
        weight(b).total_cmp(&weight(a)).then(b.total.total_cmp(&a.total)).then_with(|| a.name.cmp(&b.name))
    });
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stacks(lines: &[(&str, u64)]) -> Vec<FoldedStack> {
        lines
            .iter()
            .map(|&(frames, count)| FoldedStack { frames: frames.split(';').map(str::to_owned).collect(), count })
            .collect()
    }

    #[test]
    fn totals_are_sums_of_what_is_below() {
        let tree = Tree::new(&stacks(&[("a;b", 3), ("a;c", 5), ("a", 2)]), None);
        let a = &tree.nodes[1];
        assert_eq!((tree.nodes[0].total, a.total, a.own), (10, 10, 2));
        let names: Vec<_> = a.children.iter().map(|&c| tree.nodes[c].name.as_str()).collect();
        assert_eq!(names, ["c", "b"], "widest first");
    }

    #[test]
    fn comparing_is_by_share_and_knows_what_came_and_went() {
        let tree = Tree::new(&stacks(&[("a", 1), ("new", 1)]), Some(&stacks(&[("a", 75), ("gone", 25)])));
        let growth = |name: &str| {
            let at = tree.nodes.iter().position(|n| n.name == name).expect(name);
            tree.growth(at).expect("compared")
        };
        assert_eq!((growth("a"), growth("new"), growth("gone")), (-0.25, 0.5, -0.25));
    }

    #[test]
    fn recursion_counts_once_in_a_functions_total() {
        let list = functions(&Tree::new(&stacks(&[("f;g;f", 4), ("f", 4)]), None));
        let f = list.iter().find(|f| f.name == "f").expect("f");
        assert_eq!((f.own, f.total), (1.0, 1.0));
    }

    #[test]
    fn nothing_is_a_tree_of_nothing() {
        let tree = Tree::new(&[], Some(&[]));
        assert_eq!((tree.nodes.len(), tree.share(0), tree.growth(0)), (1, 0.0, Some(0.0)));
        assert!(functions(&tree).is_empty());
    }
}
