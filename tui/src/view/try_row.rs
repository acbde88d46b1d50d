//! Screen.
use ratatui::layout::Rect;
use super::Canvas;
use crate::app::App;
/// Draws the screen.
pub(super) fn draw(_app: &App, _area: Rect, _canvas: &mut Canvas<'_>) {}
