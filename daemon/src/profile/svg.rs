//! Flame graphs as SVG, by `inferno` (CDDL-1.0, used unmodified), with a legend of our parts.

use std::{collections::BTreeMap, io};

use inferno::{differential, flamegraph, flamegraph::Options};

use super::{capture::Capture, heap::HeapProfile, palette};

/// Frames narrower than this share of the width, in percent, are left out: they could not be seen.
const MIN_WIDTH_PERCENT: f64 = 0.02;

/// Height of the strip that the legend stands in.
const LEGEND_HEIGHT: usize = 22;

/// The flame graph of one capture; of an idle process, an image that says so.
pub(crate) fn flamegraph(capture: &Capture, raw: bool) -> io::Result<String> {
    let folded = capture.folded(raw);
    if folded.is_empty() {
        return Ok(empty("0 samples: the process was idle", &capture.subtitle()));
    }
    // Widths are samples; what is read are milliseconds, of the measured on-CPU time.
    let unit = ("ms on CPU", capture.seconds_per_sample() * 1e3);
    coloured("yummyd · CPU", capture.subtitle(), unit, &folded)
}

/// The flame graph of the memory in use.
pub(crate) fn heap(profile: &HeapProfile, raw: bool) -> io::Result<String> {
    let folded = profile.folded(raw);
    if folded.is_empty() {
        return Ok(empty("0 samples: less is in use than one sample stands for", &profile.subtitle()));
    }
    coloured("yummyd · heap in use", profile.subtitle(), ("KiB in use", 1.0 / 1024.0), &folded)
}

/// Draws with a hue for each part of the daemon. The unit of what is read has a name, and a size in counts.
fn coloured(
    title: &str,
    subtitle: String,
    (unit, factor): (&str, f64),
    folded: &BTreeMap<String, u64>,
) -> io::Result<String> {
    let mut palette = palette::of(folded.keys().map(String::as_str));
    let lines: Vec<_> = folded.iter().map(|(stack, count)| format!("{stack} {count}")).collect();
    let mut options = options(title, subtitle);
    options.palette_map = Some(&mut palette);
    unit.clone_into(&mut options.count_name);
    options.factor = factor;
    let svg = draw(&mut options, lines.iter().map(String::as_str))?;
    Ok(with_legend(&svg))
}

/// How `after` differs from `before`: widths are `after`'s, red grew, blue shrank. Sample counts are made comparable
/// first, so that a capture under more load is not all red.
pub(crate) fn difference(before: &Capture, after: &Capture, raw: bool) -> io::Result<String> {
    let (a, b) = (super::folded::text(before, raw), super::folded::text(after, raw));
    let subtitle = format!("before: {}   after: {}", before.subtitle(), after.subtitle());
    if a.is_empty() || b.is_empty() {
        return Ok(empty("0 samples in one of the captures: the process was idle", &subtitle));
    }
    let mut both = Vec::new();
    let normalize = differential::Options { normalize: true, strip_hex: true };
    differential::from_readers(normalize, a.as_bytes(), b.as_bytes(), &mut both)?;
    let both = String::from_utf8(both).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let mut lines: Vec<_> = both.lines().collect();
    lines.sort_unstable();
    let title = match (before.id, after.id) {
        (Some(before), Some(after)) => {
            format!("yummyd · CPU · capture {after} against {before}: red grew, blue shrank")
        }
        _ => "yummyd · CPU · red grew, blue shrank".to_owned(),
    };
    draw(&mut options(&title, subtitle), lines.into_iter())
}

fn options<'a>(title: &str, subtitle: String) -> Options<'a> {
    let mut options = Options::default();
    title.clone_into(&mut options.title);
    options.subtitle = Some(subtitle);
    options.deterministic = true;
    options.min_width = MIN_WIDTH_PERCENT;
    options
}

fn draw<'a>(options: &mut Options<'_>, lines: impl Iterator<Item = &'a str>) -> io::Result<String> {
    let mut svg = Vec::new();
    flamegraph::from_lines(options, lines, &mut svg)?;
    String::from_utf8(svg).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Adds the legend in a strip below inferno's image, whose own parts stay as they are.
fn with_legend(svg: &str) -> String {
    let Some((height, taller)) = height(svg).map(|height| (height, height + LEGEND_HEIGHT)) else {
        return svg.to_owned();
    };
    let mut legend = String::from(r#"<g id="legend" font-family="monospace" font-size="11">"#);
    let mut x = 10;
    for (name, colour) in palette::legend() {
        legend += &format!(
            r##"<rect x="{x}" y="{}" width="10" height="10" fill="{colour}"/><text x="{}" y="{}" fill="#333">{name}</text>"##,
            height + 5,
            x + 14,
            height + 14,
        );
        // 7 units a letter at this size, and some air.
        x += 30 + 7 * name.len();
    }
    legend += "</g>";
    let svg = svg.replacen(&format!(r#" height="{height}""#), &format!(r#" height="{taller}""#), 1);
    let svg = svg.replacen(&format!(r#"viewBox="0 0 1200 {height}""#), &format!(r#"viewBox="0 0 1200 {taller}""#), 1);
    svg.rfind("</svg>").map_or_else(|| svg.clone(), |end| format!("{}{legend}{}", &svg[..end], &svg[end..]))
}

/// Height of inferno's image.
fn height(svg: &str) -> Option<usize> {
    svg.split_once(r#" height=""#)?.1.split_once('"')?.0.parse().ok()
}

/// The image of a profile without samples.
fn empty(why: &str, subtitle: &str) -> String {
    format!(
        concat!(
            r#"<?xml version="1.0" standalone="no"?>"#,
            r##"<svg version="1.1" width="1200" height="120" viewBox="0 0 1200 120" xmlns="http://www.w3.org/2000/svg">"##,
            r##"<rect width="100%" height="100%" fill="#f8f8f8"/>"##,
            r##"<g font-family="monospace" font-size="16" text-anchor="middle" fill="#222">"##,
            r#"<text x="600" y="50">{}</text>"#,
            r#"<text x="600" y="80" font-size="12">{}</text></g></svg>"#
        ),
        why, subtitle
    )
}
