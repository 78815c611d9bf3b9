//! Draws line charts as SVG, for light and dark pages.

use std::fmt::Write as _;

const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 220.0;
/// The margin around each panel.
const LEFT: f64 = 60.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 44.0;
const RIGHT: f64 = 20.0;

const STYLE: &str = "\
text{font:12px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}.axis{fill:#57606a}.end{text-anchor:end}\
.middle{text-anchor:middle}.grid{stroke:#d0d7de}.line{fill:none;stroke-width:2}.limit{stroke:#cf222e;stroke-dasharray:5 4}\
.over{fill:#cf222e}.a{stroke:#0969da}.b{stroke:#8250df}.dot.a,text.a{fill:#0969da}.dot.b,text.b{fill:#8250df}text.a,text.b{stroke:none}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.axis{fill:#9198a1}.grid{stroke:#3d444d}\
.a{stroke:#4493f8}.b{stroke:#ab7df8}.dot.a,text.a{fill:#4493f8}.dot.b,text.b{fill:#ab7df8}}";

/// One of the charts, which are arranged side by side.
pub struct Panel {
    pub title: &'static str,
    /// The grid lines, by values of y, with their labels.
    pub grid: Vec<(f64, String)>,
    pub scale: Scale,
    /// A limit, with its label.
    pub limit: Option<(f64, &'static str)>,
    /// At most two.
    pub series: Vec<(&'static str, Vec<(f64, f64)>)>,
}

/// The scale of the y axis. The first and last grid line are the bottom and the top.
#[derive(Clone, Copy)]
pub enum Scale {
    Linear,
    Logarithmic,
}

/// `ticks` are values of x with their labels.
pub fn svg(label: &str, ticks: &[(f64, String)], panels: &[Panel]) -> String {
    let width = panels.len() as f64 * (LEFT + WIDTH + RIGHT);
    let height = TOP + HEIGHT + BOTTOM;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{label}\">\n\
         <style>{STYLE}</style>\n"
    );
    for (number, panel) in panels.iter().enumerate() {
        let left = number as f64 * (LEFT + WIDTH + RIGHT) + LEFT;
        draw(&mut svg, panel, ticks, left);
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, panel: &Panel, ticks: &[(f64, String)], left: f64) {
    let (first, last) = (ticks[0].0.ln(), ticks[ticks.len() - 1].0.ln());
    let across = |x: f64| left + WIDTH * (x.ln() - first) / (last - first);
    let (bottom, top) = (panel.grid[0].0, panel.grid[panel.grid.len() - 1].0);
    let up = |y: f64| {
        let part = match panel.scale {
            Scale::Linear => (y - bottom) / (top - bottom),
            Scale::Logarithmic => (y / bottom).ln() / (top / bottom).ln(),
        };
        TOP + HEIGHT * (1.0 - part)
    };
    let right = left + WIDTH;
    let _ = writeln!(
        svg,
        "<text class=\"title\" x=\"{left}\" y=\"{:.1}\">{}</text>",
        TOP - 18.0,
        panel.title
    );
    for (y, text) in &panel.grid {
        let at = up(*y);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{left}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"axis end\" x=\"{:.1}\" y=\"{:.1}\">{text}</text>",
            left - 6.0,
            at + 4.0
        );
    }
    for (x, text) in ticks {
        let _ = writeln!(
            svg,
            "<text class=\"axis middle\" x=\"{:.1}\" y=\"{:.1}\">{text}</text>",
            across(*x),
            TOP + HEIGHT + 18.0
        );
    }
    if let Some((y, text)) = panel.limit {
        let at = up(y);
        let _ = writeln!(
            svg,
            "<line class=\"limit\" x1=\"{left}\" x2=\"{right}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
             <text class=\"over\" x=\"{:.1}\" y=\"{:.1}\">{text}</text>",
            left + 4.0,
            at - 5.0
        );
    }
    for (class, (name, points)) in ["a", "b"].into_iter().zip(&panel.series) {
        let line: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{:.1},{:.1}", across(*x), up(*y)))
            .collect();
        let _ = writeln!(svg, "<polyline class=\"line {class}\" points=\"{}\"/>", line.join(" "));
        for (x, y) in points {
            let _ = writeln!(
                svg,
                "<circle class=\"dot {class}\" r=\"3\" cx=\"{:.1}\" cy=\"{:.1}\"/>",
                across(*x),
                up(*y)
            );
        }
        // The names are at the top of the panel, since lines may overlap.
        let at = if class == "a" { right - 70.0 } else { right };
        let _ = writeln!(
            svg,
            "<text class=\"{class} end\" x=\"{at}\" y=\"{:.1}\">{name}</text>",
            TOP - 18.0
        );
    }
}
