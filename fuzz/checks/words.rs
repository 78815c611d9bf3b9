//! Parses any word as a date, an ID, a name or a size.

use esml_state::archive::EntryKind;
use esml_state::job::{FilterId, IndexName, JobId, SnapshotId};
use esml_state::state::StateDocId;
use esml_state::util::format::parse_size;
use esml_state::util::format::{escape, escape_json, indented};
use esml_state::util::timestamp::EpochMillis;

/// Checks the properties of accepted words.
pub fn check(data: &[u8]) {
    let word = String::from_utf8_lossy(data);
    let word = word.as_ref();
    if let Ok(date) = word.parse::<EpochMillis>() {
        let millis = date.0.to_string();
        // Ten digits are refused, since they are nearly always seconds.
        assert!(millis.len() == 10 || millis.parse() == Ok(date), "{word}");
        let _ = date.to_string();
    }
    if let Ok(id) = word.parse::<JobId>() {
        assert!(id.as_str().len() <= 64 && !id.as_str().contains(['/', '%', '*', ',', ' ']));
        assert!(!id.safe().contains('.'));
    }
    if let Ok(name) = word.parse::<IndexName>() {
        assert!(!name.as_str().contains(['/', '*', ',', ':', '<']));
    }
    let _ = word.parse::<FilterId>();
    let _ = word.parse::<SnapshotId>();
    let _ = parse_size(word);
    let _ = EntryKind::of_path(word);
    if let (Ok(job), Ok(snapshot)) = ("a_model_state_1".parse(), "1".parse())
        && let Some(id) = StateDocId::parse(word, &job, &snapshot)
    {
        assert_eq!(id.format(&job, &snapshot), word);
    }
    let has_control = |text: &str| text.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
    assert!(!has_control(&escape(word)) && !has_control(&indented(word)));
    let json = serde_json::to_string(word).expect("text");
    let harmless = escape_json(&json);
    assert!(!has_control(&harmless));
    assert_eq!(serde_json::from_str::<String>(&harmless).expect("JSON"), word);
}
