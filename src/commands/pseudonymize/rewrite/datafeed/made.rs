//! Fields that scripts of the datafeed make.

use serde_json::{Map, Value};

use super::painless::Looks;
use super::{Made, Rewriter};
use crate::job::{JobConfig, reads_made_field};
use crate::pseudonym::Error;

impl Rewriter {
    /// `runtime_mappings` or `script_fields`. A script that looks into values and whose field is read by nobody loses its
    /// texts.
    pub(super) fn made_fields(&mut self, fields: &Value, config: &JobConfig) -> Made {
        let Some(fields) = fields.as_object() else {
            return Ok(fields.clone());
        };
        let mut new = Map::new();
        for (name, field) in fields {
            let Some(script) = field.get("script") else {
                new.insert(name.clone(), self.looked_up(name, field)?);
                continue;
            };
            let inside = |chosen: &str| chosen.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
            if self.fields.is_chosen(name) || self.fields.chosen().any(inside) {
                self.unfollowed("script", name, "it makes the values that are replaced");
            }
            match self.painless(script)? {
                Ok(script) => {
                    let mut field = self.options(field.as_object().unwrap_or(&Map::new()));
                    field.insert("script".to_owned(), script);
                    new.insert(name.clone(), field.into());
                }
                Err(Looks { field, why }) if reads_made_field(config, name) => {
                    self.unfollowed(&format!("script of `{name}`"), &field, why);
                }
                Err(_) => match self.without_literals(script)? {
                    Some(script) => {
                        let mut field = self.options(field.as_object().unwrap_or(&Map::new()));
                        field.insert("script".to_owned(), script);
                        new.insert(name.clone(), field.into());
                        self.note(
                            "a script of the datafeed looks into replaced values to make a field that nothing reads: \
                             tokens stand in the place of its texts, and the field says something else from now on",
                        );
                    }
                    None => self.note(
                        "a script of the datafeed looks into replaced values to make a field that nothing reads: it is \
                         left out",
                    ),
                },
            }
        }
        Ok(new.into())
    }

    /// Remembers the runtime fields of the sources' own mapping that the datafeed or the job reads and tokens cannot follow.
    pub(super) fn refuse_mapped_scripts(&mut self, config: &JobConfig) -> Result<(), Error> {
        let mapping = self.fields.mapping.clone();
        for (name, field) in runtime_fields(&mapping) {
            if let Some(Err(Looks { field, why })) = self.mapped(name, field)?
                && config.datafeed().is_some()
                && reads_made_field(config, name)
            {
                self.unfollowed(&format!("script of `{name}` in the mapping"), &field, why);
            }
        }
        Ok(())
    }

    /// Leaves the runtime fields out of a source's mapping that look into values.
    pub(in super::super) fn leave_out_scripts(&mut self, mappings: &mut Value) -> Result<(), Error> {
        let Some(runtime) = mappings.get_mut("runtime").and_then(Value::as_object_mut) else {
            return Ok(());
        };
        let mut gone = Vec::new();
        for (name, field) in runtime.iter_mut() {
            match self.mapped(name, field)? {
                None => {}
                Some(Ok(script)) => field["script"] = script,
                Some(Err(_)) => gone.push(name.clone()),
            }
        }
        for name in gone {
            runtime.shift_remove(&name);
            self.note("a runtime field of the mapping that looks into replaced values is left out");
        }
        Ok(())
    }

    /// The script of a runtime field of the mapping, or why it cannot be followed.
    fn mapped(&mut self, name: &str, field: &Value) -> Result<Option<Result<Value, Looks>>, Error> {
        let Some(script) = field.get("script") else {
            return Ok(None);
        };
        if self.fields.is_chosen(name) {
            let (field, why) = (name.to_owned(), "it makes the values that are replaced");
            return Ok(Some(Err(Looks { field, why })));
        }
        self.painless(script).map(Some)
    }

    /// A field that is read as it is mapped here, or looked up in another index.
    fn looked_up(&mut self, name: &str, field: &Value) -> Made {
        let clause = format!("runtime field `{name}`");
        match field.get("target_index") {
            Some(_) => self.unknown(&clause, field).map(|_| field.clone()),
            None => Ok(self.scrubbed_json(field)),
        }
    }
}

/// Runtime fields of all sources.
fn runtime_fields(mapping: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let sources = mapping.as_object().into_iter().flat_map(Map::values);
    let runtime = sources.filter_map(|source| source.pointer("/mappings/runtime")?.as_object());
    runtime.flatten()
}
