//! Entries that are one JSON text each.

use serde_json::value::RawValue;

use super::super::datafeed::Texts;
use super::super::read::Source;
use super::super::rewrite::{configuration_stays, is_clause, is_made_of_names, snapshot_stays};
use super::{Class, Search, leaked};
use crate::error::Result;
use crate::json::Leaf;
use crate::state::places::{Change, Place, read_quantiles};

impl Search<'_> {
    pub(super) fn small(&self, source: &Source<'_>) -> Result<()> {
        let contents = source.contents;
        let read = |raw: &Option<Box<RawValue>>, name: &'static str, class: &dyn Fn(&Leaf<'_>) -> Class| {
            let text = raw.as_deref().map_or("null", RawValue::get);
            self.leaves(text.as_bytes(), &|| name.to_owned(), class)
        };
        let texts = |leaf: &Leaf<'_>, stays: bool| {
            if stays || !leaf.quoted {
                Class::Stays
            } else {
                Class::Texts
            }
        };
        let texts_of_feed = Texts::new(Some(self.book()), &self.rewriter.names);
        let config = source.config.text().get().as_bytes();
        self.leaves(config, &|| "configuration".to_owned(), &|leaf| match leaf.path {
            path if configuration_stays(path) => Class::Stays,
            path if is_clause(path) && (!leaf.quoted || !texts_of_feed.in_text(&leaf.text)) => Class::Stays,
            path if is_clause(path) => Class::Texts,
            "analysis_config.detectors.detector_description" if is_made_of_names(&leaf.text, source.config) => {
                Class::Stays
            }
            _ => texts(leaf, false),
        })?;
        read(&contents.filters, "filters", &|leaf| match leaf.path {
            "items" => Class::Values,
            path => texts(leaf, path == "filter_id"),
        })?;
        read(&contents.calendars, "calendars", &|leaf| {
            texts(leaf, matches!(leaf.path, "calendar_id" | "job_ids"))
        })?;
        read(&contents.input_mapping, "input mapping", &|leaf| {
            let name = leaf.path.rsplit('.').next().unwrap_or_default();
            let held = ["value", "null_value", "synonyms", "stopwords", "pattern", "replacement"];
            texts(leaf, !held.contains(&name) && !leaf.path.contains(".meta."))
        })?;
        read(&contents.snapshot, "snapshot", &|leaf| {
            texts(
                leaf,
                leaf.path == "quantiles.quantile_state" || snapshot_stays(leaf.path, &leaf.text),
            )
        })?;
        let manifest = contents.manifest.as_ref();
        for name in manifest
            .iter()
            .flat_map(|manifest| [&manifest.source.cluster_name, &manifest.source.cluster_uuid])
        {
            if self.holds(name, Class::Values) {
                return Err(leaked("manifest"));
            }
        }
        self.quantiles(source)
    }

    fn quantiles(&self, source: &Source<'_>) -> Result<()> {
        #[derive(serde::Deserialize)]
        struct Snapshot {
            quantiles: Option<Quantiles>,
        }
        #[derive(serde::Deserialize)]
        struct Quantiles {
            quantile_state: Option<String>,
        }
        let snapshot = source.contents.snapshot.as_deref();
        let snapshot = snapshot.and_then(|text| serde_json::from_str::<Snapshot>(text.get()).ok());
        let Some(text) = snapshot.and_then(|snapshot| snapshot.quantiles?.quantile_state) else {
            return Ok(());
        };
        if text.is_empty() {
            return Ok(());
        }
        let mut found = false;
        let _ = read_quantiles(&text, source.state_limits(), |place: &Place<'_>, text: &str| {
            found |= self.leaks(place, text);
            Change::Keep
        })?;
        match found {
            true => Err(leaked("quantiles")),
            false => Ok(()),
        }
    }
}
