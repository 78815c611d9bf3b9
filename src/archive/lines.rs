//! Documents a line each, with or without an action line before them.

use std::io::{BufRead, Read};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::fault::Fault;
use super::inflate::Inflated;
use super::limits::{LONGEST_ACTION, longest_document};
use super::tarball::Tarball;
use crate::archive::Part;
use crate::json::{for_each_member, without_value};
use crate::util::allocation;

/// What is kept of a job id that a document names; no id of a job is that long.
const JOB_ID: usize = 100;
/// Stands for the job ID of a document whose `job_id` is not a string; no ID of a job.
const NO_STRING: &str = "(not a string)";
/// Job ids of one document that are kept.
const JOB_IDS: usize = 4;

/// The lines of one entry; the buffers are used again for each document.
#[derive(Debug, Default)]
pub(super) struct Lines {
    action: Vec<u8>,
    source: Vec<u8>,
    line: u64,
}

/// What the next line holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    Document(Action),
    End,
    /// Not as it must be; nothing behind it can be trusted to be paired rightly.
    Bad(String),
}

/// An action line's index and id; empty where the part has no action lines.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Action {
    #[serde(rename = "_index")]
    pub(super) index: Option<String>,
    #[serde(rename = "_id")]
    pub(super) id: Option<String>,
}

/// What a document says of whose it is.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Owner {
    /// Every `job_id` at its top level, with [`NO_STRING`] for those that are no string; the first of very many, and the
    /// beginning of a long one.
    pub(super) job_ids: Vec<String>,
}

impl Lines {
    /// Reads the next document; it stands in [`source`](Self::source) then.
    pub(super) fn next<I: Inflated>(&mut self, tar: &mut Tarball<I>, part: Part) -> Result<Next, Fault> {
        let mut action = Action::default();
        if has_actions(part) {
            match read_line(tar, LONGEST_ACTION, &mut self.action, &mut self.line)? {
                Line::End => return Ok(Next::End),
                Line::TooLong => return Ok(too_long(LONGEST_ACTION)),
                Line::Read => {}
            }
            match parse_action(&self.action) {
                Ok(parsed) => action = parsed,
                Err(why) => return Ok(Next::Bad(format!("not an action line: {why}"))),
            }
        }
        let longest = longest_document(part);
        match read_line(tar, longest, &mut self.source, &mut self.line)? {
            Line::Read => Ok(Next::Document(action)),
            Line::End if has_actions(part) => Ok(Next::Bad("an action line without its document".to_owned())),
            Line::End => Ok(Next::End),
            Line::TooLong => Ok(too_long(longest)),
        }
    }

    /// The document read last.
    pub(super) fn source(&self) -> &[u8] {
        &self.source
    }

    /// The same, given away.
    pub(super) fn take_source(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.source)
    }

    /// The number of the line read last, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }
}

/// Whether the part's documents come with action lines.
pub(super) fn has_actions(part: Part) -> bool {
    matches!(part, Part::State | Part::Inputs | Part::Categories)
}

enum Line {
    Read,
    End,
    TooLong,
}

fn too_long(longest: u64) -> Next {
    Next::Bad(format!("a line of more than {longest} bytes"))
}

fn read_line<I: Inflated>(
    tar: &mut Tarball<I>,
    longest: u64,
    line: &mut Vec<u8>,
    number: &mut u64,
) -> Result<Line, Fault> {
    line.clear();
    let begun = tar
        .by_ref()
        .take((allocation::FROM as u64).min(longest + 1))
        .read_until(b'\n', line)?;
    if begun == 0 {
        return Ok(Line::End);
    }
    if begun == allocation::FROM && line.last() != Some(&b'\n') {
        line.reserve_exact(allocation::capacity(begun) - begun);
        tar.by_ref()
            .take(longest + 1 - allocation::FROM as u64)
            .read_until(b'\n', line)?;
    }
    *number += 1;
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.len() as u64 > longest {
        return Ok(Line::TooLong);
    }
    trim(line);
    Ok(Line::Read)
}

/// Removes blanks around a line, and the carriage return of another system's line break: they are not part of the
/// document, and Elasticsearch does not return the latter.
fn trim(line: &mut Vec<u8>) {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
    let end = line.iter().rposition(|byte| !blank(byte)).map_or(0, |last| last + 1);
    line.truncate(end);
    let begin = line.iter().position(|byte| !blank(byte)).unwrap_or(0);
    if begin > 0 {
        line.drain(..begin);
    }
}

/// The action as exports print it: no blanks, nothing escaped. It is read for every document, and
/// reading it as any JSON takes longer than reading the document.
fn usual_action(line: &str) -> Option<Action> {
    // To the end without a way out: so many bytes are looked at together.
    let odd = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
    let plain = |text: &str| !text.bytes().fold(false, |any, byte| any | odd(byte));
    let names = line.strip_prefix(r#"{"index":{"_index":""#)?.strip_suffix(r#""}}"#)?;
    let (index, rest) = names.split_once('"')?;
    let id = rest.strip_prefix(r#","_id":""#)?;
    (plain(index) && plain(id)).then(|| Action {
        index: Some(index.to_owned()),
        id: Some(id.to_owned()),
    })
}

fn parse_action(line: &[u8]) -> Result<Action, String> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Operation<'a> {
        #[serde(borrow)]
        index: &'a RawValue,
    }
    let text = std::str::from_utf8(line).map_err(|cause| cause.to_string())?;
    if let Some(action) = usual_action(text) {
        return Ok(action);
    }
    // serde takes an array for a struct too.
    let object = |text: &str| text.trim_start().starts_with('{');
    let known = r#"`{"index":{"_index":…,"_id":…}}` is the only form"#;
    if !object(text) {
        return Err(known.to_owned());
    }
    let operation: Operation<'_> = serde_json::from_str(text).map_err(|cause| without_value(&cause))?;
    if !object(operation.index.get()) {
        return Err(known.to_owned());
    }
    serde_json::from_str(operation.index.get()).map_err(|cause| without_value(&cause))
}

/// Reads a document to its end: it must be a JSON object.
pub(super) fn parse_document(source: &[u8]) -> Result<Owner, String> {
    let text = std::str::from_utf8(source).map_err(|cause| format!("not UTF-8: {cause}"))?;
    let mut owner = Owner::default();
    let read = for_each_member(
        text,
        |name| name == "job_id",
        |_, value| {
            if owner.job_ids.len() < JOB_IDS {
                let text = job_id(value.get());
                if !owner.job_ids.contains(&text) {
                    owner.job_ids.push(text);
                }
            }
        },
    );
    match read {
        Ok(()) => Ok(owner),
        Err(cause) => Err(format!("not a JSON object: {}", without_value(&cause))),
    }
}

/// The text of a value, cut where it is too long to be an ID.
fn job_id(json: &str) -> String {
    if !json.starts_with('"') {
        return NO_STRING.to_owned();
    }
    // An escape has six characters at most.
    let read = (json.len() <= JOB_ID * 6)
        .then(|| serde_json::from_str(json).ok())
        .flatten();
    let text: String = read.unwrap_or_else(|| json.chars().take(JOB_ID).collect());
    text.chars().take(JOB_ID).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn an_action_has_the_known_form_only() {
        for known in [
            r#"{"index":{"_index":"a","_id":"b\u0022"}}"#,
            r#" {"index": {"_index": "a", "_id": "b\""}}"#,
        ] {
            let action = parse_action(known.as_bytes()).unwrap();
            let named = |text: &str| Some(text.to_owned());
            assert_eq!((action.index, action.id), (named("a"), named("b\"")), "{known}");
        }
        let usual = br#"{"index":{"_index":"a","_id":"b"}}"#;
        assert_eq!(
            parse_action(usual),
            parse_action(br#"{"index":{"_index":"a", "_id":"b"}}"#)
        );
        for bad in [
            "",
            "1",
            "{}",
            r#"[{"_id":"b"}]"#,
            r#"{"index":["a","b"]}"#,
            r#"{"delete":{"_id":"b"}}"#,
            r#"{"index":{"_id":"b","pipeline":"x"}}"#,
            r#"{"index":{"_id":"b"},"delete":{"_id":"b"}}"#,
            r#"{"index":{"_id":"b"}} {}"#,
            "{\"index\":{\"_index\":\"a\",\"_id\":\"b\tc\"}}",
            r#"{"index":{"_index":"a","_id":"b","_id":"c"}}"#,
        ] {
            assert!(parse_action(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_document_is_an_object() {
        let owner = parse_document(br#"{"a":[{"job_id":"x"}],"job_id":"a","job_id":"b"}"#).unwrap();
        assert_eq!(owner.job_ids, ["a", "b"]);
        for bad in [&b""[..], b"[]", b"1", b"{", b"{} {}", b"{\"a\":\"\xff\"}"] {
            assert!(parse_document(bad).is_err(), "{bad:?}");
        }
        let many: String = (0..100).map(|n| format!(r#","job_id":"{n}""#)).collect();
        let owner = parse_document(format!(r#"{{"job_id":"a"{many}}}"#).as_bytes()).unwrap();
        assert_eq!(owner.job_ids, ["a", "0", "1", "2"]);
        for long in ["x".repeat(500), "x".repeat(5000), "\u{1}".repeat(90)] {
            let document = serde_json::json!({"job_id": long}).to_string();
            let owner = parse_document(document.as_bytes()).unwrap();
            assert!(
                owner.job_ids[0].len() > 64 && owner.job_ids[0].len() <= JOB_ID,
                "{owner:?}"
            );
        }
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(5000), "]".repeat(5000));
        assert!(parse_document(deep.as_bytes()).is_ok());
    }
}
