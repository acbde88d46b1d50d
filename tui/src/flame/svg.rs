//! A capture as a self-contained SVG: the icicle that the screen shows, with a tooltip on each frame.

use std::fmt::Write as _;

use super::{Tree, place};

/// Width of the picture: what a browser window shows without scrolling.
const WIDTH: u16 = 1200;
/// Height of one frame.
const ROW: u16 = 18;
/// Width of one letter at 12 px in a monospaced font.
const LETTER: f64 = 7.2;

/// The picture of a whole tree.
pub(crate) fn svg(tree: &Tree, title: &str) -> String {
    let placed = place(tree, 0, WIDTH, u16::MAX, 0);
    let rows = placed.iter().map(|p| p.row).max().unwrap_or(0) + 1;
    let height = u32::from(ROW) * (u32::from(rows) + 2);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         font-family=\"monospace\" font-size=\"12\">\n<title>{0}</title>\n<text x=\"4\" y=\"14\">{0}</text>\n",
        escape(title)
    );
    for p in placed {
        let node = &tree.nodes[p.node];
        let share = tree.share(node.total) * 100.0;
        let y = u32::from(ROW) * (u32::from(p.row) + 1);
        let letters = (f64::from(p.width) / LETTER) as usize;
        let text = if letters >= 4 { crate::format::clip(&node.name, letters - 1) } else { String::new() };
        let growth = tree.growth(p.node).map(|g| format!(", {:+.1} points", g * 100.0)).unwrap_or_default();
        let _ = writeln!(
            out,
            "<g><title>{} ({} samples, {share:.1} %{growth})</title><rect x=\"{}\" y=\"{y}\" width=\"{}\" \
             height=\"{}\" rx=\"2\" fill=\"{}\"/><text x=\"{}\" y=\"{}\">{}</text></g>",
            escape(&node.name),
            node.total,
            p.x,
            f64::from(p.width) - 0.5,
            ROW - 1,
            fill(tree, p.node),
            p.x + 3,
            y + 13,
            escape(&text),
        );
    }
    out.push_str("</svg>\n");
    out
}

/// Grown frames orange, shrunk ones blue; without comparison one warm tone that varies by depth.
fn fill(tree: &Tree, at: usize) -> String {
    match tree.growth(at) {
        Some(growth) if growth.abs() < 0.001 => "#e8e8e8".into(),
        Some(growth) => {
            let strength = (growth.abs() * 4.0).min(1.0);
            let pale = (230.0 - 130.0 * strength) as u8;
            if growth > 0.0 { format!("#ff{pale:02x}80") } else { format!("#80{pale:02x}ff") }
        }
        None => format!("hsl({}, 75%, 68%)", 20 + (tree.nodes[at].depth * 7) % 35),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use yummy_api::profile::FoldedStack;

    use super::*;

    #[test]
    fn names_with_markup_stay_text() {
        let stack = FoldedStack { frames: vec!["Vec<T>::push & \"co\"".into()], count: 3 };
        let picture = svg(&Tree::new(&[stack], None), "a < b");
        assert!(picture.contains("Vec&lt;T&gt;::push &amp; &quot;co&quot; (3 samples, 100.0 %)"));
        assert!(picture.contains("a &lt; b") && picture.ends_with("</svg>\n"));
    }
}
