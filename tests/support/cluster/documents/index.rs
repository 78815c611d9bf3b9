//! One index: its settings, mapping, aliases and documents.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};

use esml_state::json::replace_lone_surrogates;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::failure::{Failure, Outcome};
use super::hash;
use super::mapping::{self, Arrival};

/// A document, its source as received.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) id: String,
    pub(super) routing: Option<String>,
    pub(super) source: Box<RawValue>,
    parsed: OnceLock<Value>,
    pub(super) version: u64,
    pub(super) seq_no: u64,
}

impl Document {
    pub(super) fn value(&self) -> &Value {
        self.parsed
            .get_or_init(|| serde_json::from_slice(&indexed(&self.source)).unwrap_or(Value::Null))
    }
}

/// What Lucene indexes of a source, which is returned as received.
fn indexed(source: &RawValue) -> Cow<'_, [u8]> {
    replace_lone_surrogates(source.get().as_bytes())
}

/// A document that searches see, and its place in its shard.
#[derive(Clone, Debug)]
pub(super) struct Slot {
    pub(super) document: Arc<Document>,
    pub(super) shard: usize,
    pub(super) place: usize,
}

#[derive(Clone, Debug)]
pub(super) struct Index {
    pub(super) name: String,
    pub(super) uuid: String,
    /// By dotted name without `index.`.
    pub(super) settings: BTreeMap<String, Value>,
    pub(super) mappings: Arc<Value>,
    pub(super) aliases: BTreeMap<String, Value>,
    /// By shard and ID: an ID is unique within a shard only.
    documents: HashMap<(usize, String), Arc<Document>>,
    pub(super) visible: Arc<Vec<Slot>>,
    dirty: bool,
    pub(super) closed: bool,
    /// How often it was closed: contexts from before do not survive that.
    pub(super) closings: u64,
    /// Per shard.
    next_seq_no: BTreeMap<usize, u64>,
    /// Writes carried out, and deletions.
    pub(super) indexed: u64,
    pub(super) deleted: u64,
}

/// What a write did.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub(super) version: u64,
    pub(super) seq_no: u64,
    pub(super) result: &'static str,
    pub(super) status: u16,
}

impl Index {
    pub(super) fn new(name: &str, uuid: String, settings: BTreeMap<String, Value>, mappings: Value) -> Self {
        let mut settings = settings;
        settings
            .entry("number_of_shards".to_owned())
            .or_insert_with(|| "1".into());
        settings
            .entry("number_of_replicas".to_owned())
            .or_insert_with(|| "1".into());
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        settings.insert(
            "routing.allocation.include._tier_preference".to_owned(),
            "data_content".into(),
        );
        settings.insert("provided_name".to_owned(), name.into());
        settings.insert("creation_date".to_owned(), now.to_string().into());
        settings.insert("uuid".to_owned(), uuid.as_str().into());
        settings.insert("version.created".to_owned(), "9039001".into());
        Self {
            name: name.to_owned(),
            uuid,
            settings,
            mappings: Arc::new(mappings),
            aliases: BTreeMap::new(),
            documents: HashMap::new(),
            visible: Arc::default(),
            dirty: false,
            closed: false,
            closings: 0,
            next_seq_no: BTreeMap::new(),
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
        self.settings.get("hidden").and_then(Value::as_str) == Some("true")
    }

    /// `_shards` of a write.
    pub(super) fn write_shards(&self) -> Value {
        json!({"total": self.copies(), "successful": 1, "failed": 0})
    }

    /// The shard of a document; the routing, where there is one, counts in place of the ID.
    fn shard(&self, id: &str, routing: Option<&str>) -> usize {
        hash::shard(routing.unwrap_or(id), self.shards())
    }

    pub(super) fn get(&self, id: &str, routing: Option<&str>) -> Option<&Arc<Document>> {
        self.documents.get(&(self.shard(id, routing), id.to_owned()))
    }

    pub(super) fn count(&self) -> usize {
        self.visible.len()
    }

    /// Takes a document in. `create`: only if there is none of that id.
    pub(super) fn put(&mut self, id: &str, routing: Option<&str>, source: &[u8], create: bool) -> Outcome<Written> {
        if id.len() > 512 {
            let reason = format!(
                "id [{id}] is too long, must be no longer than 512 bytes but was: {}",
                id.len()
            );
            return Err(Failure::illegal(reason));
        }
        let (raw, parsed) = self.accept(id, source)?;
        let shard = self.shard(id, routing);
        let old = self
            .get(id, routing)
            .map(|document| (document.version, document.seq_no));
        if let Some((version, _)) = old.filter(|_| create) {
            let reason = format!("[{id}]: version conflict, document already exists (current version [{version}])");
            let failure = Failure::new(409, "version_conflict_engine_exception", reason);
            return Err(failure
                .with("index_uuid", self.uuid.as_str())
                .with("shard", shard.to_string())
                .with("index", self.name.as_str()));
        }
        let version = old.map_or(1, |(version, _)| version + 1);
        let seq_no = self.next_seq_no(shard);
        let document = Document {
            id: id.to_owned(),
            routing: routing.map(str::to_owned),
            source: raw,
            parsed,
            version,
            seq_no,
        };
        self.documents.insert((shard, id.to_owned()), Arc::new(document));
        self.indexed += 1;
        let (result, status) = if old.is_some() {
            ("updated", 200)
        } else {
            ("created", 201)
        };
        Ok(Written {
            version,
            seq_no,
            result,
            status,
        })
    }

    /// Refuses an operation while one of these blocks is set.
    fn refuse_when(&self, blocks: &[(&str, u16, &str)]) -> Outcome<()> {
        let set = |name: &str| self.settings.get(name).and_then(Value::as_str) == Some("true");
        match blocks.iter().find(|(name, ..)| set(name)) {
            Some((_, status, words)) => {
                let reason = format!("index [{}] blocked by: [{words}];", self.name);
                Err(Failure::new(*status, "cluster_block_exception", reason))
            }
            None => Ok(()),
        }
    }

    /// Refuses a write to a closed or blocked index.
    pub(super) fn refuse_writes(&self) -> Outcome<()> {
        self.refuse_when_closed()?;
        self.refuse_when(&[
            ("blocks.read_only", 403, "FORBIDDEN/5/index read-only (api)"),
            ("blocks.write", 403, "FORBIDDEN/8/index write (api)"),
            (
                "blocks.read_only_allow_delete",
                429,
                "TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block",
            ),
        ])
    }

    pub(super) fn refuse_reads(&self) -> Outcome<()> {
        self.refuse_when(&[("blocks.read", 403, "FORBIDDEN/7/index read (api)")])
    }

    pub(super) fn refuse_when_closed(&self) -> Outcome<()> {
        if !self.closed {
            return Ok(());
        }
        let failure = Failure::new(400, "index_closed_exception", "closed");
        Err(failure
            .with("index_uuid", self.uuid.as_str())
            .with("index", self.name.as_str()))
    }

    /// True where it was open.
    pub(super) fn close(&mut self) -> bool {
        let was_open = !std::mem::replace(&mut self.closed, true);
        self.closings += u64::from(was_open);
        self.settings.insert("verified_before_close".to_owned(), "true".into());
        was_open
    }

    pub(super) fn open(&mut self) {
        self.closed = false;
        self.settings.remove("verified_before_close");
    }

    fn accept(&mut self, id: &str, source: &[u8]) -> Outcome<(Box<RawValue>, OnceLock<Value>)> {
        let broken = |error: &serde_json::Error| {
            let reason = format!("[{}:{}] failed to parse", error.line(), error.column());
            Failure::new(400, "document_parsing_exception", reason)
        };
        let raw: Box<RawValue> = serde_json::from_slice(source).map_err(|error| broken(&error))?;
        let parsed = OnceLock::new();
        if self.mappings.get("enabled") == Some(&Value::Bool(false)) {
            return Ok((raw, parsed));
        }
        let value: Value = serde_json::from_slice(&indexed(&raw)).map_err(|error| broken(&error))?;
        let mut arrival = Arrival {
            mappings: &self.mappings,
            id,
            text: raw.get(),
            added: Vec::new(),
        };
        arrival.check(&value)?;
        let added = arrival.added;
        if !added.is_empty() {
            let mappings = Arc::make_mut(&mut self.mappings);
            added
                .into_iter()
                .for_each(|(path, field)| mapping::add(mappings, &path, field));
        }
        let _ = parsed.set(value);
        Ok((raw, parsed))
    }

    fn next_seq_no(&mut self, shard: usize) -> u64 {
        self.dirty = true;
        let next = self.next_seq_no.entry(shard).or_default();
        *next += 1;
        *next - 1
    }

    pub(super) fn delete(&mut self, id: &str, routing: Option<&str>) -> Outcome<Written> {
        let shard = self.shard(id, routing);
        let old = self.documents.remove(&(shard, id.to_owned()));
        self.deleted += 1;
        let seq_no = self.next_seq_no(shard);
        Ok(match old {
            Some(old) => Written {
                version: old.version + 1,
                seq_no,
                result: "deleted",
                status: 200,
            },
            None => Written {
                version: 1,
                seq_no,
                result: "not_found",
                status: 404,
            },
        })
    }

    /// Lets searches see what was written.
    pub(super) fn refresh(&mut self) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let documents = self.documents.iter();
        let mut documents: Vec<_> = documents.map(|((shard, _), one)| (*shard, Arc::clone(one))).collect();
        documents.sort_by_key(|(shard, document)| (*shard, document.seq_no));
        let mut places = vec![0; self.shards()];
        let slots = documents.into_iter().map(|(shard, document)| {
            places[shard] += 1;
            Slot {
                document,
                shard,
                place: places[shard] - 1,
            }
        });
        self.visible = Arc::new(slots.collect());
    }

    /// Settings as they are shown: nested, under `index`.
    pub(super) fn shown_settings(&self) -> Value {
        let mut shown = json!({});
        for (name, value) in &self.settings {
            let mut at = &mut shown;
            for part in name.split('.') {
                at = &mut at[part];
            }
            *at = value.clone();
        }
        json!({"index": shown})
    }

    pub(super) fn shown_aliases(&self) -> Value {
        Value::Object(
            self.aliases
                .iter()
                .map(|(name, alias)| (name.clone(), alias.clone()))
                .collect(),
        )
    }
}

/// Settings by their dotted names without `index.`; scalars become text. Null means: take away.
pub(super) fn flat_settings(settings: &Value) -> BTreeMap<String, Value> {
    let mut flat = BTreeMap::new();
    if let Value::Object(settings) = settings {
        flatten(settings, "", &mut flat);
    }
    let named = flat
        .into_iter()
        .map(|(name, value)| (name.strip_prefix("index.").unwrap_or(&name).to_owned(), value));
    named.collect()
}

fn flatten(settings: &Map<String, Value>, prefix: &str, flat: &mut BTreeMap<String, Value>) {
    for (key, value) in settings {
        let name = format!("{prefix}{key}");
        match value {
            Value::Object(inner) => flatten(inner, &format!("{name}."), flat),
            Value::String(_) | Value::Null => {
                flat.insert(name, value.clone());
            }
            Value::Array(items) => {
                let texts = items
                    .iter()
                    .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
                flat.insert(name, texts.collect::<Vec<_>>().into());
            }
            _ => {
                flat.insert(name, value.to_string().into());
            }
        }
    }
}
