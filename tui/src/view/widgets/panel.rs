//! A titled frame around an area. Where there is no room for one, the title gives way first, then the frame.

use ratatui::{
    layout::Rect,
    symbols::border,
    widgets::{Block, Widget as _},
};

use super::{super::Canvas, width};
use crate::format::clip;

/// ASCII frame.
const PLAIN: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// Draws a frame with a title at its left and a remark at its right; returns what is inside.
pub(in crate::view) fn panel(canvas: &mut Canvas<'_>, area: Rect, title: &str, remark: &str) -> Rect {
    if area.height < 3 || area.width < 12 {
        return area;
    }
    let set = if canvas.ascii { PLAIN } else { border::ROUNDED };
    let block = Block::bordered().border_set(set).border_style(canvas.dim());
    let inner = block.inner(area);
    block.render(area, canvas.buf);
    let room = usize::from(area.width - 4);
    let title = clip(title, room.saturating_sub(2));
    let strong = canvas.strong();
    let used = canvas.text(area, 2, 0, &format!(" {title} "), strong);
    let left = room.saturating_sub(usize::from(used) + 2);
    if !remark.is_empty() && usize::from(width(remark)) + 2 <= left {
        let dim = canvas.dim();
        let inset = Rect { width: area.width - 2, ..area };
        canvas.text_right(inset, 0, &format!(" {remark} "), dim);
    }
    inner
}
