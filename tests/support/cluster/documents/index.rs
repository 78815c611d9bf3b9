//! An index: its settings, mappings, aliases and documents.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::{Arc, OnceLock};

use esml_state::json::replace_lone_surrogates;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::failure::{Failure, Outcome};
use super::mapping::{self, DynamicMapper};

/// A document with its source as received.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) id: String,
    pub(super) routing: Option<String>,
    pub(super) source: Box<RawValue>,
    parsed: OnceLock<Value>,
    version: u64,
    pub(super) seq_no: u64,
}

impl Document {
    pub(super) fn value(&self) -> &Value {
        self.parsed
            .get_or_init(|| serde_json::from_slice(&indexed(&self.source)).unwrap_or(Value::Null))
    }
}

/// Returns what Lucene indexes of a source. The source itself is returned as received.
fn indexed(source: &RawValue) -> Cow<'_, [u8]> {
    replace_lone_surrogates(source.get().as_bytes())
}

#[derive(Clone, Debug)]
pub(super) struct Index {
    pub(super) name: String,
    pub(super) uuid: String,
    /// By dotted name without `index.`.
    pub(super) settings: BTreeMap<String, Value>,
    pub(super) mappings: Arc<Value>,
    pub(super) aliases: BTreeMap<String, Value>,
    /// By shard and ID, since an ID is only unique within a shard.
    documents: HashMap<(usize, String), Arc<Document>>,
    /// The documents that searches find, in the order of shards and sequence numbers.
    pub(super) visible: Arc<Vec<Arc<Document>>>,
    dirty: bool,
    pub(super) closed: bool,
    /// How often the index was closed. Earlier search contexts are lost.
    pub(super) close_count: u64,
    next_seq_no: u64,
    /// The number of indexing operations and deletions.
    pub(super) indexed: u64,
    pub(super) deleted: u64,
}

/// The result of a write.
#[derive(Clone, Copy, Debug)]
pub(super) struct WriteResult {
    pub(super) version: u64,
    pub(super) seq_no: u64,
    pub(super) result: &'static str,
    pub(super) status: u16,
    /// The copies of the shard that was written to.
    pub(super) copies: usize,
}

impl Index {
    pub(super) fn new(
        name: &str,
        mut settings: BTreeMap<String, Value>,
        mappings: Value,
        aliases: BTreeMap<String, Value>,
    ) -> Self {
        let uuid: String = std::iter::repeat_with(fastrand::alphanumeric).take(22).collect();
        for setting in ["number_of_shards", "number_of_replicas"] {
            settings.entry(setting.to_owned()).or_insert_with(|| "1".into());
        }
        let now = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_millis();
        for (setting, value) in [
            ("routing.allocation.include._tier_preference", "data_content"),
            ("provided_name", name),
            ("creation_date", &now.to_string()),
            ("uuid", &uuid),
            ("version.created", "9039001"),
        ] {
            settings.insert(setting.to_owned(), value.into());
        }
        Self {
            name: name.to_owned(),
            uuid,
            settings,
            mappings: Arc::new(mappings),
            aliases,
            documents: HashMap::new(),
            visible: Arc::default(),
            dirty: false,
            closed: false,
            close_count: 0,
            next_seq_no: 0,
            indexed: 0,
            deleted: 0,
        }
    }

    fn number(&self, setting: &str, default: usize) -> usize {
        let value = self.settings.get(setting).and_then(Value::as_str);
        value.and_then(|text| text.parse().ok()).unwrap_or(default)
    }

    pub(super) fn shards(&self) -> usize {
        self.number("number_of_shards", 1).max(1)
    }

    pub(super) fn copies(&self) -> usize {
        1 + self.number("number_of_replicas", 1)
    }

    pub(super) fn result_window(&self) -> usize {
        self.number("max_result_window", 10_000)
    }

    pub(super) fn hidden(&self) -> bool {
        self.is_set("hidden")
    }

    fn is_set(&self, setting: &str) -> bool {
        self.settings.get(setting).and_then(Value::as_str) == Some("true")
    }

    /// Returns where a document is stored. The routing takes precedence over the ID.
    fn key(&self, id: &str, routing: Option<&str>) -> (usize, String) {
        let mut hasher = DefaultHasher::new();
        routing.unwrap_or(id).hash(&mut hasher);
        let shard = hasher.finish() % self.shards() as u64;
        (shard as usize, id.to_owned())
    }

    /// Stores a document. With `create`, only if the ID does not exist.
    pub(super) fn put(&mut self, id: &str, routing: Option<&str>, source: &[u8], create: bool) -> Outcome<WriteResult> {
        let (source, parsed) = self.parse_document(id, source)?;
        let key = self.key(id, routing);
        let old = self.documents.get(&key).map(|document| document.version);
        if let Some(version) = old.filter(|_| create) {
            let reason = format!("[{id}]: version conflict, document already exists (current version [{version}])");
            return Err(Failure::new(409, "version_conflict_engine_exception", reason));
        }
        let written = match old {
            Some(version) => self.write_result(version + 1, "updated", 200),
            None => self.write_result(1, "created", 201),
        };
        let document = Document {
            id: id.to_owned(),
            routing: routing.map(str::to_owned),
            source,
            parsed,
            version: written.version,
            seq_no: written.seq_no,
        };
        self.documents.insert(key, Arc::new(document));
        self.indexed += 1;
        Ok(written)
    }

    pub(super) fn delete(&mut self, id: &str, routing: Option<&str>) -> WriteResult {
        self.deleted += 1;
        match self.documents.remove(&self.key(id, routing)) {
            Some(old) => self.write_result(old.version + 1, "deleted", 200),
            None => self.write_result(1, "not_found", 404),
        }
    }

    fn write_result(&mut self, version: u64, result: &'static str, status: u16) -> WriteResult {
        self.dirty = true;
        self.next_seq_no += 1;
        WriteResult {
            version,
            seq_no: self.next_seq_no - 1,
            result,
            status,
            copies: self.copies(),
        }
    }

    /// Parses a document and adds its new fields to the mappings.
    fn parse_document(&mut self, id: &str, source: &[u8]) -> Outcome<(Box<RawValue>, OnceLock<Value>)> {
        let broken = |error: serde_json::Error| {
            let reason = format!("[{}:{}] failed to parse", error.line(), error.column());
            Failure::new(400, "document_parsing_exception", reason)
        };
        let raw: Box<RawValue> = serde_json::from_slice(source).map_err(broken)?;
        let parsed = OnceLock::new();
        if self.mappings["enabled"] == false {
            return Ok((raw, parsed));
        }
        let value: Value = serde_json::from_slice(&indexed(&raw)).map_err(broken)?;
        let added = DynamicMapper::fields(&self.mappings, id, &value)?;
        if !added.is_empty() {
            let mappings = Arc::make_mut(&mut self.mappings);
            added
                .into_iter()
                .for_each(|(path, field)| mapping::add(mappings, &path, field));
        }
        let _ = parsed.set(value);
        Ok((raw, parsed))
    }

    /// Refuses a write to a closed or blocked index.
    pub(super) fn check_writable(&self) -> Outcome<()> {
        self.check_open()?;
        self.check_block("read_only", 403, "FORBIDDEN/5/index read-only (api)")?;
        self.check_block("write", 403, "FORBIDDEN/8/index write (api)")?;
        let full =
            "TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block";
        self.check_block("read_only_allow_delete", 429, full)
    }

    pub(super) fn check_readable(&self) -> Outcome<()> {
        self.check_block("read", 403, "FORBIDDEN/7/index read (api)")
    }

    fn check_block(&self, block: &str, status: u16, words: &str) -> Outcome<()> {
        if !self.is_set(&format!("blocks.{block}")) {
            return Ok(());
        }
        let reason = format!("index [{}] blocked by: [{words}];", self.name);
        Err(Failure::new(status, "cluster_block_exception", reason))
    }

    pub(super) fn check_open(&self) -> Outcome<()> {
        match self.closed {
            true => Err(Failure::new(400, "index_closed_exception", "closed")),
            false => Ok(()),
        }
    }

    pub(super) fn close(&mut self) {
        self.close_count += 1;
        self.closed = true;
        self.settings.insert("verified_before_close".to_owned(), "true".into());
    }

    pub(super) fn open(&mut self) {
        self.closed = false;
        self.settings.remove("verified_before_close");
    }

    /// Makes writes visible to searches.
    pub(super) fn refresh(&mut self) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let mut documents: Vec<_> = self.documents.iter().collect();
        documents.sort_by_key(|((shard, _), document)| (*shard, document.seq_no));
        let visible = documents.into_iter().map(|(_, document)| Arc::clone(document));
        self.visible = Arc::new(visible.collect());
    }

    /// Returns settings as the API does: nested under `index`.
    pub(super) fn settings_json(&self) -> Value {
        nested_settings(&self.settings)
    }
}

/// Returns settings by dotted name without `index.`. Scalars become text; null removes a setting.
pub(super) fn flat_settings(settings: &Value) -> BTreeMap<String, Value> {
    let mut flat = BTreeMap::new();
    if let Value::Object(settings) = settings {
        flatten(settings, "", &mut flat);
    }
    flat
}

fn flatten(settings: &Map<String, Value>, prefix: &str, flat: &mut BTreeMap<String, Value>) {
    for (key, value) in settings {
        let name = format!("{prefix}{key}");
        let value = match value {
            Value::Object(inner) => {
                flatten(inner, &format!("{name}."), flat);
                continue;
            }
            Value::String(_) | Value::Null | Value::Array(_) => value.clone(),
            _ => value.to_string().into(),
        };
        flat.insert(name.strip_prefix("index.").unwrap_or(&name).to_owned(), value);
    }
}

/// Converts flat settings to nested ones.
pub(super) fn nested_settings(flat: &BTreeMap<String, Value>) -> Value {
    let mut nested = json!({});
    for (name, value) in flat {
        let mut at = &mut nested["index"];
        for part in name.split('.') {
            at = &mut at[part];
        }
        *at = value.clone();
    }
    nested
}
