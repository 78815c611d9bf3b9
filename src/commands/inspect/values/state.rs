//! The values in the decoded state, as it streams by.

use std::cell::RefCell;
use std::io::{self, Sink, Write};
use std::rc::Rc;

use super::gather::ValueGatherer;
use super::other::Other;
use super::part::Part;
use crate::state::StateKind;
use crate::state::schema::{Change, StateRewriter, StateStream, ValueKind, ValueLocation, Visitor};

/// Takes the decoded state of a kind. A form that is not known is noted: what follows is passed over.
pub(in crate::commands::inspect) fn sink(kind: StateKind, values: Rc<RefCell<ValueGatherer>>) -> Box<dyn Write> {
    let (stream, part) = match kind {
        StateKind::Model => (StateStream::Model, Part::ModelState),
        StateKind::Categorizer => (StateStream::Categorizer, Part::CategorizerState),
    };
    let visitor = Gather {
        part,
        values: Rc::clone(&values),
    };
    Box::new(StateSink {
        part,
        texts: Some(StateRewriter::new(stream, visitor, io::sink())),
        begun: false,
        values,
    })
}

struct StateSink {
    part: Part,
    texts: Option<StateRewriter<Gather, Sink>>,
    begun: bool,
    values: Rc<RefCell<ValueGatherer>>,
}

struct Gather {
    part: Part,
    values: Rc<RefCell<ValueGatherer>>,
}

impl Write for StateSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.begun = true;
        if let Some(texts) = &mut self.texts
            && let Err(why) = texts.write_all(bytes)
        {
            self.values.borrow_mut().unread(self.part, &why.to_string());
            self.texts = None;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for StateSink {
    fn drop(&mut self) {
        let texts = self.texts.take().filter(|_| self.begun);
        if let Some(Err(why)) = texts.map(StateRewriter::finish) {
            self.values.borrow_mut().unread(self.part, &why.to_string());
        }
    }
}

impl Visitor for Gather {
    fn found(&mut self, location: &ValueLocation<'_>, text: &str) -> Change {
        let given_up = location.registered && text == "-";
        if !text.is_empty() && !given_up {
            self.values.borrow_mut().state(self.part, location, text);
        }
        Change::Keep
    }
}

impl ValueGatherer {
    fn state(&mut self, part: Part, location: &ValueLocation<'_>, text: &str) {
        match (location.kind, location.field) {
            (
                ValueKind::Partition | ValueKind::By | ValueKind::Over | ValueKind::Influencer | ValueKind::Counted,
                Some(field),
            ) => {
                self.data(field, part, text);
            }
            (ValueKind::CategoryToken, _) => self.other(Other::CategoryTokens, part, text),
            (ValueKind::CategoryMessage | ValueKind::CategoryExample, _) => {
                self.other(Other::CategorizedMessages, part, text)
            }
            (ValueKind::Partition, None) => self.other(Other::CategorizedPartitions, part, text),
            (ValueKind::ValueHash, _) => self.hashes.word(text),
            (ValueKind::ScopeHash, _) => self.hashes.scope(text),
            (ValueKind::RuleChecksums, _) => self.hashes.checksums(text),
            (ValueKind::FieldName | ValueKind::FieldNames, _) | (_, None) => {}
        }
    }
}
