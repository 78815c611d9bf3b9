//! A batch of documents: filled, sent, split, and its items judged.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

use crate::cluster::bulk_request::{BulkReport, Target, Told, Written, delete_action, index_action, request};
use crate::cluster::{Cluster, Error, Refusal, Result};

/// Actions as JSON lines.
#[derive(Debug, Default)]
pub(in crate::cluster) struct Batch {
    body: Vec<u8>,
    items: Vec<Item>,
}

#[derive(Clone, Debug)]
struct Item {
    /// Where its lines end in the body; they begin where the one before ends.
    end: usize,
    /// Bytes of the document.
    source: usize,
    index: Option<String>,
    id: String,
}

#[derive(Deserialize)]
struct Answer {
    errors: Option<bool>,
    #[serde(default)]
    items: Vec<Answered>,
}

impl BulkReport {
    fn count(&mut self, items: &[Item]) {
        self.documents += items.len() as u64;
        self.bytes += items.iter().map(|item| item.source as u64).sum::<u64>();
    }
}

/// `{"<action>": {"status": …, "error": …}}`.
struct Answered {
    delete: bool,
    outcome: Outcome,
}

#[derive(Deserialize)]
struct Outcome {
    _index: Option<String>,
    status: u16,
    error: Option<Box<Value>>,
}

impl<'de> Deserialize<'de> for Answered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(AnsweredVisitor)
    }
}

struct AnsweredVisitor;

impl<'de> Visitor<'de> for AnsweredVisitor {
    type Value = Answered;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an action with its outcome")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> std::result::Result<Answered, A::Error> {
        let Some((action, outcome)) = members.next_entry::<Cow<'de, str>, Outcome>()? else {
            return Err(A::Error::custom("an item says nothing"));
        };
        Ok(Answered {
            delete: action == "delete",
            outcome,
        })
    }
}

impl Batch {
    pub(in crate::cluster) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Bytes of the body.
    pub(in crate::cluster) fn len(&self) -> usize {
        self.body.len()
    }

    /// Makes room, so that the body does not move while it grows.
    pub(in crate::cluster) fn reserve(&mut self, bytes: usize) {
        self.body.reserve_exact(bytes);
    }

    /// About how many bytes the document adds.
    pub(in crate::cluster) fn cost(id: &str, source: &[u8]) -> usize {
        id.len() + source.len() + 22
    }

    /// Adds a document. Line breaks can only stand between its tokens, and JSON lines cannot hold
    /// them: they become blanks.
    pub(in crate::cluster) fn index(&mut self, id: &str, source: &[u8]) {
        index_action(id, &mut self.body);
        self.body.push(b'\n');
        let begin = self.body.len();
        self.body.extend_from_slice(source);
        if source.contains(&b'\n') {
            self.body[begin..]
                .iter_mut()
                .filter(|byte| **byte == b'\n')
                .for_each(|byte| *byte = b' ');
        }
        self.body.push(b'\n');
        self.items.push(Item {
            end: self.body.len(),
            source: source.len(),
            index: None,
            id: id.to_owned(),
        });
    }

    /// Adds a deletion.
    pub(in crate::cluster) fn delete(&mut self, index: &str, id: &str) {
        self.body.extend_from_slice(delete_action(index, id).as_bytes());
        self.body.push(b'\n');
        let item = Item {
            end: self.body.len(),
            source: 0,
            index: Some(index.to_owned()),
            id: id.to_owned(),
        };
        self.items.push(item);
    }

    /// Sends all of it; smaller requests where one is too large, items again that were put off. `written` learns where
    /// each document went.
    pub(in crate::cluster) async fn send(
        self,
        cluster: &Cluster,
        target: &Target,
        written: Option<&dyn Written>,
    ) -> Result<BulkReport> {
        let mut report = BulkReport::default();
        let told = match written {
            Some(_) => Told::Items,
            None => Told::Errors,
        };
        let mut waiting = vec![(self, cluster.tries(), told)];
        while let Some((batch, mut tries, told)) = waiting.pop() {
            let body = Bytes::from(batch.body);
            let request = request(target, told).ndjson(body.clone());
            let what = request.what();
            let answer = match cluster.send(request).await {
                Err(error) if is_too_large(&error) && batch.items.len() > 1 => {
                    let middle = batch.items.len() / 2;
                    waiting.push((part(&body, &batch.items, |n| n >= middle), cluster.tries(), told));
                    waiting.push((part(&body, &batch.items, |n| n < middle), cluster.tries(), told));
                    continue;
                }
                Err(Error::Refused { refusal, .. }) if refusal.status == 413 => {
                    return Err(match batch.items.first() {
                        Some(item) => rejected(target, item, too_large(refusal, body.len())),
                        None => Error::Refused { what, refusal },
                    });
                }
                answer => answer?.parse::<Answer>(&what)?,
            };
            if answer.items.is_empty() && answer.errors == Some(false) {
                report.count(&batch.items);
                continue;
            }
            if answer.items.is_empty() && told == Told::Errors && answer.errors == Some(true) {
                // Written under fixed ids: sent again it tells which failed and why.
                waiting.push((part(&body, &batch.items, |_| true), tries, Told::Items));
                continue;
            }
            if let Some(written) = written {
                tell_places(&batch.items, &answer.items, written);
            }
            let Some((put_off, error)) = judge(target, &batch.items, answer, &what, &mut report)? else {
                continue;
            };
            if !tries.again(&error).await {
                return Err(error);
            }
            waiting.push((
                part(&body, &batch.items, |n| put_off.binary_search(&n).is_ok()),
                tries,
                told,
            ));
        }
        Ok(report)
    }
}

/// Before any item is judged: what was written beside a rejected item has to be undone too.
fn tell_places(items: &[Item], answered: &[Answered], written: &dyn Written) {
    for (item, answered) in items.iter().zip(answered) {
        if let Some(index) = answered
            .outcome
            ._index
            .as_deref()
            .filter(|_| answered.outcome.status < 300)
        {
            written.written(&item.id, index);
        }
    }
}

/// Whether the request is larger than the cluster takes, or its response larger than it may be.
fn is_too_large(error: &Error) -> bool {
    matches!(error, Error::TooLarge { .. }) || matches!(error, Error::Refused { refusal, .. } if refusal.status == 413)
}

/// The numbers of items to send again, in order, with the error of the first.
type PutOff = Option<(Vec<usize>, Error)>;

/// Looks at every item: counts those done, and returns the numbers of those to send again in order.
fn judge(target: &Target, items: &[Item], answer: Answer, what: &str, report: &mut BulkReport) -> Result<PutOff> {
    if answer.items.len() != items.len() {
        let why = format!("{} items sent, {} answered", items.len(), answer.items.len());
        return Err(Error::Unintelligible {
            what: what.to_owned(),
            why,
        });
    }
    let mut put_off = Vec::new();
    let mut reason = None;
    for (number, (item, answered)) in items.iter().zip(answer.items).enumerate() {
        let gone = answered.delete && answered.outcome.status == 404;
        let outcome = answered.outcome;
        if gone || (outcome.status < 300 && outcome.error.is_none()) {
            report.count(std::slice::from_ref(item));
            continue;
        }
        let refusal = Refusal::of_error(outcome.status, outcome.error.as_deref().unwrap_or(&Value::Null));
        if !refusal.is_passing() {
            return Err(rejected(target, item, refusal));
        }
        put_off.push(number);
        reason.get_or_insert_with(|| rejected(target, item, refusal));
    }
    Ok(reason.map(|error| (put_off, error)))
}

fn rejected(target: &Target, item: &Item, mut refusal: Refusal) -> Error {
    if target.alias && *refusal.kind == *"index_not_found_exception" {
        refusal.reason = match &target.refreshed {
            Some(index) => format!(
                "index {index} is not there any more, or is another one: it lacks the alias {}",
                target.name
            ),
            None => format!("there is no alias {} on this cluster", target.name),
        };
    }
    Error::ItemRejected {
        index: item.index.as_deref().unwrap_or(&target.name).into(),
        id: item.id.as_str().into(),
        refusal,
    }
}

fn too_large(refusal: Refusal, bytes: usize) -> Refusal {
    Refusal {
        reason: format!("a request with this document alone has {bytes} bytes, more than http.max_content_length"),
        ..refusal
    }
}

/// The batch of those items whose number is wanted.
fn part(body: &[u8], items: &[Item], wanted: impl Fn(usize) -> bool) -> Batch {
    let mut batch = Batch::default();
    let mut begin = 0;
    for (number, item) in items.iter().enumerate() {
        if wanted(number) {
            batch.body.extend_from_slice(&body[begin..item.end]);
            batch.items.push(Item {
                end: batch.body.len(),
                ..item.clone()
            });
        }
        begin = item.end;
    }
    batch
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn batch() -> Batch {
        let mut batch = Batch::default();
        batch.index("a", b"{\"n\": 1.10}");
        batch.index("b\"\n", b"{\n\"n\":2\n}");
        batch.index("c", b"{}");
        batch
    }

    fn target(alias: bool) -> Target {
        Target {
            name: ".ml-state-write".to_owned(),
            alias,
            refreshed: None,
        }
    }

    fn judged(items: &str, alias: bool) -> (Result<PutOff>, BulkReport) {
        let answer: Answer = serde_json::from_str(&format!(r#"{{"errors":true,"items":[{items}]}}"#)).unwrap();
        let mut report = BulkReport::default();
        (
            judge(&target(alias), &batch().items, answer, "POST /_bulk", &mut report),
            report,
        )
    }

    #[test]
    fn every_document_is_one_line() {
        let text = String::from_utf8(batch().body).unwrap();
        let lines: Vec<&str> = text.split_terminator('\n').collect();
        assert_eq!(lines[0..2], [r#"{"index":{"_id":"a"}}"#, r#"{"n": 1.10}"#]);
        assert_eq!(lines[2..4], [r#"{"index":{"_id":"b\"\n"}}"#, r#"{ "n":2 }"#]);
        assert_eq!(lines.len(), 6);
    }

    #[test]
    fn parts_hold_whole_items() {
        let whole = batch();
        let first = part(&whole.body, &whole.items, |n| n < 1);
        let rest = part(&whole.body, &whole.items, |n| n >= 1);
        assert_eq!([&first.body[..], &rest.body[..]].concat(), whole.body);
        assert_eq!(rest.items.last().unwrap().end, rest.body.len());
        let middle = part(&whole.body, &whole.items, |n| n == 1);
        assert_eq!(part(&rest.body, &rest.items, |n| n == 0).body, middle.body);
    }

    #[test]
    fn items_put_off_are_sent_again_and_others_counted() {
        let busy =
            r#"{"index":{"_id":"b","status":429,"error":{"type":"es_rejected_execution_exception","reason":"busy"}}}"#;
        let (result, report) = judged(
            &format!(r#"{{"index":{{"status":201}}}},{busy},{{"index":{{"status":200}}}}"#),
            false,
        );
        assert_eq!(result.unwrap().unwrap().0, [1]);
        assert_eq!(
            report,
            BulkReport {
                documents: 2,
                bytes: 13
            }
        );
    }

    #[test]
    fn a_missing_alias_is_said_so_and_a_missing_item_found() {
        let missing = r#"{"index":{"_id":"a","status":404,"error":{"type":"index_not_found_exception","reason":"no such index"}}}"#;
        let (result, _) = judged(&[missing; 3].join(","), true);
        assert!(result.unwrap_err().to_string().contains("no alias .ml-state-write"));
        let (result, _) = judged(missing, true);
        assert!(matches!(result, Err(Error::Unintelligible { .. })));
    }
}
