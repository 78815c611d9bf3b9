//! The values in the decoded state, as it streams by.

use std::cell::RefCell;
use std::io::{self, Sink, Write};
use std::rc::Rc;

use super::gather::ValueGatherer;
use super::other::Other;
use super::part::Part;
use crate::state::StateKind;
use crate::state::places::{Change, Place, Subject, Texts, Visitor, What};

/// Takes the decoded state of a kind. A form that is not known is noted: what follows is passed over.
pub(in crate::commands::inspect) fn sink(kind: StateKind, values: Rc<RefCell<ValueGatherer>>) -> Box<dyn Write> {
    let (subject, part) = match kind {
        StateKind::Model => (Subject::Model, Part::ModelState),
        StateKind::Categorizer => (Subject::Categorizer, Part::CategorizerState),
    };
    let visitor = Gather {
        part,
        values: Rc::clone(&values),
    };
    Box::new(StateSink {
        part,
        texts: Some(Texts::new(subject, visitor, io::sink())),
        begun: false,
        values,
    })
}

struct StateSink {
    part: Part,
    texts: Option<Texts<Gather, Sink>>,
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
        if let Some(Err(why)) = texts.map(Texts::finish) {
            self.values.borrow_mut().unread(self.part, &why.to_string());
        }
    }
}

impl Visitor for Gather {
    fn found(&mut self, place: &Place<'_>, text: &str) -> Change {
        let given_up = place.registered && text == "-";
        if !text.is_empty() && !given_up {
            self.values.borrow_mut().state(self.part, place, text);
        }
        Change::Keep
    }
}

impl ValueGatherer {
    fn state(&mut self, part: Part, place: &Place<'_>, text: &str) {
        match (place.what, place.field) {
            (What::Partition | What::By | What::Over | What::Influencer | What::Counted, Some(field)) => {
                self.data(field, part, text);
            }
            (What::CategoryToken, _) => self.other(Other::CategoryTokens, part, text),
            (What::CategoryMessage | What::CategoryExample, _) => self.other(Other::CategorizedMessages, part, text),
            (What::Partition, None) => self.other(Other::CategorizedPartitions, part, text),
            (What::Word, _) => self.hashes.word(text),
            (What::ScopeKey, _) => self.hashes.scope(text),
            (What::RuleChecksums, _) => self.hashes.checksums(text),
            (What::FieldName | What::FieldNames, _) | (_, None) => {}
        }
    }
}
