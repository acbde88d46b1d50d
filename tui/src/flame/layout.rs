//! Which cells a frame fills: an icicle, root on top, children side by side below their parent.

use super::Tree;

/// One frame's place, in cells from the left and rows from the top of the picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) node: usize,
    pub(crate) x: u16,
    pub(crate) width: u16,
    pub(crate) row: u16,
}

/// Places the frames of `tree` in `width` x `rows` cells, zoomed to `zoom`: its callers fill whole rows above it.
/// Frames that are narrower than half a cell are left out.
pub(crate) fn place(tree: &Tree, zoom: usize, width: u16, rows: u16, skip: u16) -> Vec<Placed> {
    let mut out = Vec::new();
    if width == 0 {
        return out;
    }
    let mut put = |node: usize, x: u16, wide: u16, depth: usize| {
        let Some(row) = u16::try_from(depth).ok().and_then(|d| d.checked_sub(skip)) else {
            return depth < usize::from(skip);
        };
        if row < rows {
            out.push(Placed { node, x, width: wide, row });
        }
        row < rows
    };
    let path = tree.path(zoom);
    for (depth, &node) in path.iter().enumerate() {
        put(node, 0, width, depth);
    }
    let mut todo = vec![(zoom, 0.0_f64, f64::from(width))];
    while let Some((at, left, wide)) = todo.pop() {
        let parent = &tree.nodes[at];
        let mut x: f64 = left;
        for &child in &parent.children {
            let child_wide = wide * tree.nodes[child].total as f64 / parent.total.max(1) as f64;
            // Rounding the edges, not the widths, keeps children within their parent.
            let (from, to) = (x.round() as u16, (x + child_wide).round() as u16);
            if to > from && put(child, from, to - from, tree.nodes[child].depth) {
                todo.push((child, x, child_wide));
            }
            x += child_wide;
        }
    }
    out.sort_by_key(|p| (p.row, p.x));
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use yummy_api::profile::FoldedStack;

    use super::*;

    proptest! {
        #[test]
        fn frames_lie_within_their_parents_and_never_overlap(
            stacks in prop::collection::vec((prop::collection::vec("[a-d]", 1..6), 1_u64..1000), 0..40),
            width in 1_u16..200,
            zoom in 0_usize..30,
        ) {
            let stacks: Vec<_> = stacks.into_iter().map(|(frames, count)| FoldedStack { frames, count }).collect();
            let tree = Tree::new(&stacks, None);
            let placed = place(&tree, zoom.min(tree.nodes.len() - 1), width, 50, 0);
            for pair in placed.windows(2) {
                if pair[0].row == pair[1].row {
                    prop_assert!(pair[0].x + pair[0].width <= pair[1].x);
                }
            }
            for p in &placed {
                prop_assert!(p.width > 0 && p.x + p.width <= width);
                if let Some(parent) = tree.nodes[p.node].parent {
                    let above = placed.iter().find(|q| q.node == parent).expect("parents are placed first");
                    prop_assert!(above.x <= p.x && p.x + p.width <= above.x + above.width);
                }
            }
        }
    }
}
