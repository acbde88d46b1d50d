//! Colours of a flame graph: one hue for each part of the daemon, so that its stages are told apart at a glance.

use inferno::flamegraph::color::{Color, PaletteMap};

/// A part of the daemon, by the functions that belong to it.
struct Part {
    name: &'static str,
    /// Beginnings of function names.
    paths: &'static [&'static str],
    rgb: (u8, u8, u8),
}

/// The hues of Okabe and Ito, which people with colour blindness can tell apart, lightened for black text. The first
/// part that fits counts.
const PARTS: [Part; 6] = [
    Part { name: "decode", paths: &["yummyd::decode"], rgb: (86, 180, 233) },
    Part { name: "predict", paths: &["yummy_models::", "yummyd::execute"], rgb: (230, 159, 0) },
    Part { name: "encode", paths: &["yummyd::encode"], rgb: (60, 190, 140) },
    Part { name: "telemetry and profile", paths: &["yummyd::telemetry", "yummyd::profile"], rgb: (204, 121, 167) },
    Part { name: "serve and registry", paths: &["yummyd::"], rgb: (240, 228, 66) },
    Part {
        name: "HTTP and runtime",
        paths: &["hyper::", "tokio::", "mio::", "httparse::", "axum::", "hyper_util::", "tower::", "http::"],
        rgb: (150, 170, 205),
    },
];
/// All else: libraries, the C library, the kernel's entry points, thread names.
const OTHER: Part = Part { name: "other", paths: &[], rgb: (205, 205, 200) };
/// Colours of one part differ by this much at most, so that neighbours are told apart.
const SPREAD: u8 = 24;

/// A colour for each frame of the folded stacks.
pub(crate) fn of<'a>(folded: impl Iterator<Item = &'a str>) -> PaletteMap {
    let mut palette = PaletteMap::default();
    for frame in folded.flat_map(|line| line.split(';')) {
        palette.insert(frame, colour(frame));
    }
    palette
}

/// Names and colours for the legend, in the order of a request.
pub(crate) fn legend() -> impl Iterator<Item = (&'static str, String)> {
    PARTS.iter().chain([&OTHER]).map(|part| {
        let (r, g, b) = part.rgb;
        (part.name, format!("rgb({r},{g},{b})"))
    })
}

fn colour(frame: &str) -> Color {
    let part = PARTS.iter().find(|part| part.paths.iter().any(|path| frame.starts_with(path))).unwrap_or(&OTHER);
    // The same function has the same colour in every graph. FNV-1a: any mixing will do.
    let hash = frame.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let darker = (hash >> 16) as u8 % SPREAD;
    let (r, g, b) = part.rgb;
    Color { r: r.saturating_sub(darker), g: g.saturating_sub(darker), b: b.saturating_sub(darker) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_have_hues_of_their_own() {
        let hue = |frame: &str| {
            let Color { r, g, b } = colour(frame);
            PARTS.iter().position(|part| {
                let near = |have: u8, want: u8| want.saturating_sub(SPREAD) <= have && have <= want;
                near(r, part.rgb.0) && near(g, part.rgb.1) && near(b, part.rgb.2)
            })
        };
        assert_eq!(hue("yummyd::decode::split::read"), Some(0));
        assert_eq!(hue("yummy_models::engine::forest::predict"), Some(1));
        assert_eq!(hue("yummyd::encode::write"), Some(2));
        assert_eq!(hue("yummyd::serve::mlflow::score"), Some(4));
        assert_eq!(hue("hyper::proto::h1::dispatch::Dispatcher::poll_catch"), Some(5));
        assert_eq!(hue("__memmove_avx512_unaligned_erms"), None);
        assert_eq!(colour("yummyd::decode::a"), colour("yummyd::decode::a"));
    }
}
