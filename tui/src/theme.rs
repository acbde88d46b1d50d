//! Colours and glyphs. Every state has a glyph or a word beside its colour, and selection is reversed, so that
//! nothing is lost without colours.

use clap::ValueEnum;
use ratatui::{
    buffer::Buffer,
    style::{Color, Modifier, Style},
};

/// Which colours are used. All but `off` draw on the terminal's own background.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Palette {
    /// The terminal's 16 colours, so that its own light or dark theme is kept.
    #[default]
    #[value(name = "16")]
    Basic,
    /// Soft 256-colour tones for dark backgrounds.
    Dark,
    /// Deep 256-colour tones for light backgrounds.
    Light,
    /// Blue and orange instead of green and red, for colour-blind eyes, on any background.
    Safe,
    /// No colours: bold, dim and reverse only. NO_COLOR has the same effect.
    Off,
}

impl Palette {
    /// The next one, for the key that goes round.
    pub(crate) fn next(self) -> Self {
        match self {
            Self::Basic => Self::Dark,
            Self::Dark => Self::Light,
            Self::Light => Self::Safe,
            Self::Safe => Self::Off,
            Self::Off => Self::Basic,
        }
    }

    /// Its name on the command line and on screen.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Basic => "16",
            Self::Dark => "dark",
            Self::Light => "light",
            Self::Safe => "safe",
            Self::Off => "off",
        }
    }
}

/// What a mark stands for; decides colour and glyph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Nothing special.
    Plain,
    /// Secondary: frames, units, hints.
    Dim,
    /// As it should be.
    Good,
    /// Needs a look.
    Warn,
    /// Broken.
    Bad,
    /// Names, selected tab, our own code.
    Accent,
    /// The median.
    P50,
    /// The 99th percentile.
    P99,
    /// Load made by ourselves.
    Load,
}

/// Styles by meaning.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Theme {
    palette: Palette,
}

impl Theme {
    /// The styles of a palette.
    pub(crate) fn new(palette: Palette) -> Self {
        Self { palette }
    }

    /// Style of a tone.
    pub(crate) fn style(self, tone: Tone) -> Style {
        let style = Style::new();
        match tone {
            Tone::Plain => return style,
            // DIM instead of a grey: bright black is invisible in some themes, e.g. solarized.
            Tone::Dim => return style.add_modifier(Modifier::DIM),
            _ => {}
        }
        let style = match tone {
            Tone::Bad | Tone::Accent => style.add_modifier(Modifier::BOLD),
            _ => style,
        };
        self.color(tone).map_or(style, |color| style.fg(color))
    }

    /// Bold default text: the values that a screen is about.
    pub(crate) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Style of what is selected.
    pub(crate) fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// Colour of a tone, where the palette has one.
    pub(crate) fn color(self, tone: Tone) -> Option<Color> {
        let column = match tone {
            Tone::Plain | Tone::Dim => return None,
            Tone::Good => 0,
            Tone::Warn => 1,
            Tone::Bad => 2,
            Tone::Accent => 3,
            Tone::P50 => 4,
            Tone::P99 => 5,
            Tone::Load => 6,
        };
        // good, warn, bad, accent, p50, p99, load; indices into the 256-colour cube.
        const DARK: [u8; 7] = [114, 179, 203, 110, 73, 179, 139];
        const LIGHT: [u8; 7] = [28, 130, 124, 25, 30, 130, 90];
        const SAFE: [u8; 7] = [32, 172, 166, 32, 32, 172, 133];
        const BASIC: [Color; 7] =
            [Color::Green, Color::Yellow, Color::Red, Color::Cyan, Color::Cyan, Color::Yellow, Color::Magenta];
        match self.palette {
            Palette::Off => None,
            Palette::Basic => Some(BASIC[column]),
            Palette::Dark => Some(Color::Indexed(DARK[column])),
            Palette::Light => Some(Color::Indexed(LIGHT[column])),
            Palette::Safe => Some(Color::Indexed(SAFE[column])),
        }
    }
}

/// Replaces all that is not ASCII by its nearest likeness, for fonts and links without UTF-8.
pub(crate) fn to_ascii(buffer: &mut Buffer) {
    for cell in &mut buffer.content {
        let symbol = cell.symbol();
        if symbol.is_ascii() {
            continue;
        }
        let c = symbol.chars().next().unwrap_or(' ');
        let mut text = [0; 4];
        cell.set_symbol(ascii_of(c).encode_utf8(&mut text));
    }
}

/// The ASCII likeness of one glyph.
fn ascii_of(c: char) -> char {
    match c {
        '─' | '━' | '╌' | '┄' | '–' | '—' => '-',
        '│' | '┃' | '▏' | '▕' | '┆' | '┊' => '|',
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' | '╭' | '╮' | '╰' | '╯' => '+',
        '▁' => '_',
        '▂' => '.',
        '▃' => ':',
        '▄' => '-',
        '▅' => '=',
        '▆' => '+',
        '▇' => '*',
        '█' => '#',
        '░' => '.',
        '●' => '*',
        '◐' => 'o',
        '○' => 'o',
        '✗' | '×' => 'x',
        '✓' => 'v',
        '▲' | '↑' => '^',
        '▼' | '↓' => 'v',
        '▶' | '→' | '›' => '>',
        '←' | '‹' => '<',
        '·' => '.',
        '…' => '~',
        '≤' => '<',
        '≥' => '>',
        '┈' => '.',
        '\u{2800}' => ' ',
        '\u{2801}'..='\u{28ff}' => '*',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colours_no_tone_has_one() {
        for tone in [Tone::Plain, Tone::Good, Tone::Warn, Tone::Bad, Tone::Accent, Tone::P50, Tone::P99, Tone::Load] {
            let style = Theme::new(Palette::Off).style(tone);
            assert_eq!((style.fg, style.bg), (None, None));
        }
    }

    #[test]
    fn the_round_of_palettes_visits_all() {
        let mut seen = vec![Palette::default()];
        while seen.len() < 6 {
            let next = seen[seen.len() - 1].next();
            if next == seen[0] {
                break;
            }
            seen.push(next);
        }
        assert_eq!(seen.len(), Palette::value_variants().len());
    }
}
