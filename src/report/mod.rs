//! Pages of facts, tables and plots, rendered as text and as HTML.

mod axis;
mod html;
mod page;
mod text;

pub(crate) use html::render_html;
pub(crate) use page::{
    Block, Column, Histogram, Mark, Period, ReportPage, Section, SwimLanes, Table, Text, TextStyle, TimeColumns,
};
pub(crate) use text::{RenderOptions, render_text};

#[cfg(test)]
mod tests;
