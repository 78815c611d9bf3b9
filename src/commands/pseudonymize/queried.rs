//! What became of the values of a field that the datafeed names.

use super::fields::{Fields, Input};
use super::rewrite::compare::{Kind, like};
use super::spelling::Spellings;

/// What stands under a name now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Queried {
    /// What stood there before, but for values of other fields in texts.
    Others,
    /// Tokens of the values of this field.
    Values { field: String, kind: Kind },
    /// Messages with tokens in the place of words.
    Messages(Kind),
    /// Something that nothing can be compared with, and why.
    Untold(&'static str),
}

impl Fields {
    /// What stands under a name of the datafeed, be it a field's, a multi-field's, an alias's or a pattern of names.
    pub(super) fn queried(&self, name: &str) -> Queried {
        if name.contains('*') {
            return self.queried_like(name);
        }
        let made = self.made(name);
        // What a script makes is seen to where it is made.
        if made.is_some_and(|made| made.get("script").is_some()) {
            return Queried::Others;
        }
        if self.mappings.kinds(name).contains("flattened") && self.is_inside(name) {
            return Queried::Untold("keys of it are fields whose values are replaced");
        }
        if self.is_chosen(name) {
            return self.values(name, name);
        }
        if self.messages.as_ref().is_some_and(|(message, _)| message == name) {
            return Queried::Messages(self.kind(name));
        }
        let mut known = name;
        let mut paths = self.mappings.source_paths(name);
        // Nobody maps it, but that is how Elasticsearch calls what it maps by itself.
        let keyword = name.strip_suffix(".keyword").filter(|_| paths.contains(name));
        if let Some(short) = keyword
            && self.mappings.kinds(name).is_empty()
        {
            known = short;
            paths = self.mappings.source_paths(short);
        }
        // Each key of such a field is one of its own.
        if self.mappings.kinds(name).contains("flattened") && !paths.contains(known) {
            return Queried::Others;
        }
        let inputs: Vec<Input<'_>> = paths.iter().map(|path| self.input(path)).collect();
        let replaced = |input: &&Input<'_>| matches!(input, Input::Value(_) | Input::Message);
        match (inputs.iter().find(replaced), inputs.len()) {
            (None, _) => Queried::Others,
            (Some(Input::Value(field)), 1) => self.values(field, name),
            (Some(Input::Message), 1) => Queried::Messages(self.kind(name)),
            (Some(_), _) => Queried::Untold("values of several fields stand in it"),
        }
    }

    fn queried_like(&self, pattern: &str) -> Queried {
        let holds = like(pattern, false);
        let names = self.mappings.names_like(pattern);
        let replaced = names.iter().any(|name| self.queried(name) != Queried::Others)
            || self.places().any(|(place, _)| holds(place))
            || self.message_places().any(holds);
        match replaced {
            true => Queried::Untold("fields whose values are replaced are among its names"),
            false => Queried::Others,
        }
    }

    /// Whether a field is one of those below this name.
    fn is_inside(&self, name: &str) -> bool {
        let below = |field: &str| field.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
        self.chosen().any(below)
    }

    fn values(&self, field: &str, name: &str) -> Queried {
        let here = Spellings::of(&self.mapping, [(name, name)].into_iter());
        match self.made(name).is_some() || self.spellings.alike(field, &here, name) {
            true => Queried::Values {
                field: field.to_owned(),
                kind: self.kind(name),
            },
            false => Queried::Untold("it spells values otherwise than the job sees them"),
        }
    }

    /// How values under a name are compared.
    pub(super) fn kind(&self, name: &str) -> Kind {
        let made = self.made(name).and_then(|made| made.get("type")?.as_str());
        let kinds = match made {
            Some(made) => [made].into(),
            None => self.mappings.kinds(name),
        };
        let mut kinds = kinds.into_iter().map(Kind::of);
        match kinds.next() {
            None if name.ends_with(".keyword") => Kind::Keyword,
            None => Kind::Unknown,
            Some(kind) if kinds.all(|other| other == kind) => kind,
            Some(_) => Kind::Other,
        }
    }

    /// The datafeed's own definition of a field.
    fn made(&self, name: &str) -> Option<&serde_json::Value> {
        let all = self.runtime.as_object()?;
        let inside = |made: &str| name.strip_prefix(made).is_some_and(|rest| rest.starts_with('.'));
        let composite = || {
            let mut all = all.iter();
            all.find(|(made, field)| inside(made) && field.get("fields").is_some())
        };
        all.get(name).or_else(|| composite().map(|(_, field)| field))
    }
}
