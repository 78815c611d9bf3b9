//! A picture of a terminal: text with colors, as a command prints it, as SVG.

use std::fmt::Write as _;

const LINE_HEIGHT: usize = 18;
/// Width of a character in tenths of a pixel, at a font size of 13 pixels.
const CHARACTER_WIDTH: usize = 78;
const MARGIN: usize = 16;

/// The classes of a text after a "select graphic rendition" sequence.
fn class(codes: &str) -> &'static str {
    match codes {
        "1" => "bold",
        "2" => "dim",
        "31" => "red",
        "32" => "green",
        "33" => "yellow",
        "36" => "cyan",
        _ => "",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn line(text: &str) -> String {
    let mut svg = String::new();
    for (number, part) in text.split("\u{1b}[").enumerate() {
        let (codes, text) = match number {
            0 => ("", part),
            _ => part.split_once('m').expect("only colors"),
        };
        match class(codes) {
            _ if text.is_empty() => {}
            "" => svg.push_str(&escaped(text)),
            class => write!(svg, r#"<tspan class="{class}">{}</tspan>"#, escaped(text)).unwrap(),
        }
    }
    svg
}

/// The picture of a command with the lines that it prints.
pub fn svg(command: &str, output: &str, columns: usize) -> String {
    let prompt = format!("\u{1b}[32m$\u{1b}[0m {command}");
    let lines: Vec<&str> = [prompt.as_str(), ""].into_iter().chain(output.lines()).collect();
    let (width, height) = (
        columns * CHARACTER_WIDTH / 10 + 2 * MARGIN,
        lines.len() * LINE_HEIGHT + 2 * MARGIN,
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-label=\"{}\">\n<style>text {{ font: 13px ui-monospace, Menlo, Consolas, monospace; fill: #d6deeb; \
         white-space: pre }} .bold {{ font-weight: bold; fill: #fff }} .dim {{ fill: #8a97a6 }} .green {{ fill: #7ee787 }} \
         .red {{ fill: #ff7b72 }} .yellow {{ fill: #e3b341 }} .cyan {{ fill: #56d4dd }}</style>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#101820\"/>\n",
        escaped(command)
    );
    for (number, text) in lines.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
        let y = MARGIN + number * LINE_HEIGHT + LINE_HEIGHT * 3 / 4;
        writeln!(
            svg,
            r#"<text x="{MARGIN}" y="{y}" xml:space="preserve">{}</text>"#,
            line(text)
        )
        .unwrap();
    }
    svg + "</svg>\n"
}
